"""Recurrent layers in torch.

module.py      `Recurrent`, a cell in layers and directions; carry.py, state_memory.py: states that go on between calls
direction.py   one direction over a sequence, by the way that paths.py names: native.py (torch's own layer), fused.py
               (the compiled loop), plain.py (torch's operations; plain_only.py asks for them)
operation.py   the compiled loop as one operation of torch; recurrence.py: its forward pass, gradient.py: its backward
               pass, gemm.py: their products, sequence.py: what stands before and after it, precision.py: its types
"""

from netspec.cells.run.plain_only import plain_only

__all__ = ["plain_only"]
