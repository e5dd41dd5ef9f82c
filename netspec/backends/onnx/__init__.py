"""A graph as an ONNX model: `nodes.py` is what layers write their nodes with, `draft.py` the model
in the making, `model.py` the whole; `streaming.py` says which networks take sequences in pieces, with what states."""
