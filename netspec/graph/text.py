"""A network as one block of text: what `repr` of a graph shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netspec.shapes.tensor import TensorType

FIRST, LAST = 12, 8  # lines of layers that are shown of a longer network


class LayerLine(NamedTuple):
    """One line: what stands in the file and what follows from it."""

    name: str
    kind: str
    types: Mapping[str, TensorType]
    params: int


def network_text(name: str, inputs: int, lines: Sequence[LayerLine], outputs: Mapping[str, str]) -> str:
    """The first `inputs` of the lines are the network's inputs; `outputs` are what each output is of, by its name."""
    layers, params = len(lines) - inputs, sum(line.params for line in lines)
    hidden = layers - FIRST - LAST
    cut = inputs + FIRST
    shown = list(lines) if hidden <= 1 else [*lines[:cut], *lines[-LAST:]]
    cells = [
        (line.name, line.kind, types_text(line.types), f"{line.params:,}" if line.params else "") for line in shown
    ]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(4)]
    rows = [
        f"  {name:{widths[0]}}  {kind:{widths[1]}}  {types:{widths[2]}}  {count:>{widths[3]}}".rstrip()
        for name, kind, types, count in cells
    ]
    if hidden > 1:
        rows.insert(cut, f"  … {hidden:,} layers more")
    made = ", ".join(name if name == ref else f"{name} = {ref}" for name, ref in outputs.items())
    plural = "" if layers == 1 else "s"
    return "\n".join(
        [f"{name or 'network'}: {layers:,} layer{plural}, {params:,} parameters", *rows, f"  outputs: {made or 'none'}"]
    )


def types_text(types: Mapping[str, TensorType]) -> str:
    """`(B, T, 8)`, `(B, T) int64`; several by their ports: `(B, T, 8), state (B, 1, 8)`."""
    return ", ".join(
        f"{port} {type_}".lstrip() + ("" if type_.dtype == "float32" else f" {type_.dtype}")
        for port, type_ in types.items()
    )
