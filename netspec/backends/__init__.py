"""What a network becomes: a PyTorch module (`torch/`), an ONNX model (`onnx/`), the proof that both agree (`parity/`),
and the file that is kept only then (`export.py`)."""
