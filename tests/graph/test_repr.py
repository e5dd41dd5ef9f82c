"""`repr` of a graph is one readable block; the text is exact."""

from __future__ import annotations

import subprocess
import sys

import netspec
from netspec.graph.model import Graph

TAGGER = """netspec: 1
name: tagger
inputs: {x: [T, 7], lengths: {shape: [], dtype: int64}}
layers:
  lstm: {type: lstm, hidden: 16, from: {input: x, lengths: lengths}}
  fc: {type: linear, out_features: 7}
  again: {type: linear, from: x, out_features: 7}
  tied: {type: linear, from: again, out_features: 7, share: again}
outputs: {next: fc, tied: tied, state: lstm.state}
"""
SHOWN = """tagger: 4 layers, 1,711 parameters
  x        input   (B, T, 7)
  lengths  input   (B,) int64
  lstm     lstm    (B, T, 16), state (B, 1, 32)  1,536
  fc       linear  (B, T, 7)                       119
  again    linear  (B, T, 7)                        56
  tied     linear  (B, T, 7)
  outputs: next = fc, tied, state = lstm.state"""

LONG = """
import sys
import netspec

layers = "".join(f"  fc{i}: {{type: linear, out_features: 4}}\\n" for i in range(30))
print(repr(netspec.load("netspec: 1\\nname: long\\ninputs: {x: [4]}\\nlayers:\\n" + layers)))
assert not {"torch", "numpy", "networkx"} & sys.modules.keys()
"""
LONG_SHOWN = "\n".join(
    [
        "long: 30 layers, 600 parameters",
        "  x     input   (B, 4)",
        *[f"  fc{i:<2}  linear  (B, 4)  20" for i in range(12)],
        "  … 10 layers more",
        *[f"  fc{i:<2}  linear  (B, 4)  20" for i in range(22, 30)],
        "  outputs: fc29",
    ]
)


def test_inputs_layers_and_outputs_in_columns() -> None:
    assert repr(netspec.load(TAGGER)) == SHOWN


def test_a_long_network_is_shortened_in_the_middle_and_no_library_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", LONG], capture_output=True, text=True, check=True)
    assert done.stdout == LONG_SHOWN + "\n"


def test_one_layer_and_none() -> None:
    one = "netspec: 1\nname: one\ninputs: {x: [4]}\nlayers: {fc: relu}\n"
    assert repr(netspec.load(one)) == (
        "one: 1 layer, 0 parameters\n  x   input  (B, 4)\n  fc  relu   (B, 4)\n  outputs: fc"
    )
    assert repr(Graph()) == "network: 0 layers, 0 parameters\n  outputs: none"
