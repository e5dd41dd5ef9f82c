"""An ONNX model held against its module: `compare.py` runs both, `inputs.py` draws what they are given, `trials.py`
says at which lengths, `pieces.py` cuts sequences, `rounding.py` says what rounding alone can do."""
