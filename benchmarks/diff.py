"""Two networks compared, in process: which layer is which, in a chain of 5,000 layers and one of half as many."""

from __future__ import annotations

import netspec
from benchmarks.command import main
from benchmarks.measure import Figure, figure, in_turn
from netspec.graph.model import Graph
from netspec.review.match import match

LAYERS = 5_000
# What is done to the chain: the name of a layer, every 20th of another kind, one more in front.
EDITS: dict[str, tuple[str, bool, bool]] = {
    "with itself": ("l{}", False, False),
    "all renamed": ("m{}", False, False),
    "every 20th of another kind": ("l{}", True, False),
    "all renamed, every 20th of another kind": ("m{}", True, False),
    "one inserted in front": ("l{}", False, True),
}


def chain(layers: int, name: str = "l{}", other_kinds: bool = False, in_front: bool = False) -> Graph:
    """So many layers, linear and relu in turn."""
    lines = ["netspec: 1", "inputs: {x: [8]}", "layers:", *(["  first: tanh"] if in_front else [])]
    for i in range(layers):
        kind = "relu" if i % 2 else "{type: linear, out_features: 8}"
        lines.append(f"  {name.format(i)}: {'gelu' if other_kinds and i % 20 == 19 else kind}")
    return netspec.load("\n".join(lines) + "\n")


def measure(quick: bool) -> list[Figure]:
    return [_figure(edit, *EDITS[edit], rounds=3 if quick else 15) for edit in EDITS]


def _figure(edit: str, name: str, other_kinds: bool, in_front: bool, rounds: int) -> Figure:
    pairs = {count: (chain(count), chain(count, name, other_kinds, in_front)) for count in (LAYERS, LAYERS // 2)}
    for count, (before, after) in pairs.items():
        assert len(match(before, after).names) == count
    times = in_turn({str(count): lambda pair=pair: match(*pair) for count, pair in pairs.items()}, rounds)
    what = f"`match` of a chain of {LAYERS:,} layers, {edit}"
    return figure(what, f"{LAYERS // 2:,} layers", times, ours=str(LAYERS), theirs=str(LAYERS // 2), bound=2.3)


if __name__ == "__main__":
    main("diff", measure)
