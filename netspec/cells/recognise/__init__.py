"""Cells that torch and ONNX have as a whole, found from their graphs, never from their names."""
