"""An ONNX model held against its module: `compare.py` runs both, `trials.py` says at which lengths."""
