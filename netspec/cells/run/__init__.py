"""Recurrent layers in torch: `Recurrent` (module.py), and the ways to run one direction (direction.py)."""

from netspec.cells.run.plain_only import plain_only

__all__ = ["plain_only"]
