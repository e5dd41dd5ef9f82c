"""From the text of a file to layers with full names, wired and in the order of the data; shapes are not yet known.

In the order in which a file goes through them:

    document.py     the sections of a file; files.py: `include` and `extends`, overlay.py: one tree laid over another,
                    assign.py: `--set`; resolved.py: the document as one text again, and its hash
    fmt/            a file in canonical form, with its comments
    expression.py   `$name` and `$(…)` in values; formula.py: their arithmetic
    check.py        every entry against the schema of its kind, before anything is expanded; read_layer.py: a layer,
                    containers.py: residual, highway, branches, sequence, blocks.py: the file's own kinds,
                    cells.py: its own cells, wiring.py: `from`, `repeat`, `when`, …, identifiers.py: what may be a name
    expand.py       blocks, repeats and containers become calls.py; expansion/ has a file for each of them
    names.py        what the names in a body stand for; lookup.py: what a reference stands for, unknown_name.py: what is
                    wrong with one that stands for nothing
"""
