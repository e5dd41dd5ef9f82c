"""Text to the same document in canonical form, with its comments.

notes.py: comments and blank lines, each beside the name that it belongs to.  places.py: what a mapping holds, and from
it the order of its keys and whether each has a line.  scalars.py: one value as text.  write.py: a tree as lines.
canonical.py: a file, with the check that it means what it meant.
"""
