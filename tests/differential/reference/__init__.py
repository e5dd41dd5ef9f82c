"""What a network means, written by hand from the documentation: torch's own layers and plain tensor algebra.

Nothing here imports netspec.  `network.py` reads the YAML as docs/language.md says; the other files hold one function
a layer kind, which takes the YAML fields, the weights by their documented names, and the inputs.
"""
