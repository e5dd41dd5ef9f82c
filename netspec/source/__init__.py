"""Text, places in it, and what is said about them; files, memory and locks, whose failures are said the same way.

text.py       a text and a span of it; caret.py: the line with carets under a span
tree.py       YAML as a tree of located values; refusals.py: what of YAML is refused, and what its parser means
errors.py     a problem, the error that carries all of a stage, the nearest of known words
records/      typed records: what fits a field, how a tree is read into one, its JSON schema
written.py    records that keep the tree they were read from
registry.py   what is declared by a file of a folder
files.py      how files are written; input_files.py: how those of others are opened
memory.py     too little memory as an error; lock.py: who else works in a folder; garbage.py: none is collected
"""
