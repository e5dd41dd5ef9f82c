"""A language server for netspec files: what an editor asks, answered from the front end and the compiled network.

In the order in which a change of a text goes through them:

    buffers.py      texts as they are now, of open files what the editor has; lines.py: places as the protocol counts
    check.py        a text checked as `validate` does, and its network; diagnostics.py: its problems for the editor
    mend.py         a text that is broken half-way through a word, as far as it can be read
    family.py       a file with all that it extends and includes, valid or not
    scope.py        what has a name, and what a reference stands for; symbols.py: every place where a name is written
    instances.py    from an entry of the text to the layers that it became
    trees.py        what stands at a place of a text that can be read; cursor.py: around one of a text that cannot, from
                    its lines alone; keys.py: what may stand there; documentation.py: what there is to read about it
    hover.py, hints.py, outline.py, navigation.py, completion.py, actions.py, rename.py, formatting.py   an answer each
    session.py      the files of one client and what is known of them
    server.py       the protocol: requests in, answers out, no error ever

A network is compiled once a change; every answer comes from the last one that compiled.
"""
