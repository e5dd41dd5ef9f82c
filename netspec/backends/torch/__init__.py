"""A graph as an `nn.Module`: `module.py` builds and initialises it, `code.py` records its layers' code."""
