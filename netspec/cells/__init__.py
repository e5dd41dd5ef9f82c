"""Recurrent cells by their equations: text to a located tree, to one expression graph, to the kernels that run it."""
