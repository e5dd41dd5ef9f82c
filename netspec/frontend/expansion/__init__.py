"""How the layers of a text become calls with full names; `frontend/expand.py` walks over them, each part has a file.

state.py      what all parts share: the expansion so far, its problems; size.py: how large it may become
use.py        one occurrence of an entry: its path, text, wires, surroundings
repeat.py     the copies of a `repeat`; chain.py: what a copy reads of the one before it
wires.py      `from`: which tensors an entry reads
weights.py    `share`, `init` and `freeze`, handed down to the layers inside
layer.py      a layer: its record, its number of inputs
block.py      an instance of a block: its parameters, inputs and outputs
container.py  residual, highway, branches, sequence: their bodies and how they end
outputs.py    the outputs of the network
"""
