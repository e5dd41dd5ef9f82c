"""Loops as Triton kernels, and their replay as CUDA graphs."""
