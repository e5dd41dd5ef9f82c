"""Recurrent layers in ONNX: native operators, and Scan for every other cell."""
