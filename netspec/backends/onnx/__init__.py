"""A graph as an ONNX model: `model.py` emits it, `streaming.py` gives it the states of sequences in pieces."""
