"""A migration: what became of each tensor, the tensors, and whether the network still computes what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import prod

import torch
from torch import Tensor, nn

from netspec.backends.torch.module import to_torch
from netspec.graph.model import Graph
from netspec.migrate.axes import Axes, is_identity
from netspec.migrate.compare import Comparison, compare, expected_outputs
from netspec.migrate.correspond import correspond
from netspec.migrate.correspondence import Correspondence, Made, UnitSpan
from netspec.migrate.values import value_of
from netspec.review.difference import Matching


class Fate(StrEnum):
    """What became of a tensor."""

    CARRIED = "carried"  # as it was
    SLICED = "sliced"  # a part of it, or it is a part of the new one
    WIDENED = "widened"  # units repeated, and divided where they are summed
    INITIALISED = "initialised"
    DROPPED = "dropped"


@dataclass(frozen=True)
class TensorFate:
    """`name`: in the new network, of a dropped one in the old; `old`: what it is made from; `how`: in a few words.

    `sizes`: `10×64 -> 12×64`, where they are others.
    """

    fate: Fate
    name: str
    kind: str
    size: int
    trainable: bool
    old: str = ""
    how: str = ""
    sizes: str = ""


@dataclass
class Migration:
    """`tensors` are the new network's whole state by name; `comparison` is None where nothing can be compared."""

    before: Graph
    after: Graph
    fates: list[TensorFate]
    tensors: dict[str, Tensor]
    comparison: Comparison | None
    breaks: Mapping[str, str]  # layer -> why the function ends there, as far as it is known
    doubts: Mapping[str, str] = field(default_factory=dict)  # layer -> what it may compute otherwise
    otherwise: Mapping[str, str] = field(default_factory=dict)  # layer -> what it computes otherwise of some inputs

    @property
    def keeps_function(self) -> bool:
        """Whether it was seen to, and no layer is known to compute otherwise of inputs that were not tried."""
        return self.comparison is not None and self.comparison.agrees and not self.otherwise and not self.breaks

    def of(self, fate: Fate) -> list[TensorFate]:
        return [tensor for tensor in self.fates if tensor.fate is fate]


def migrate(matching: Matching, tensors: Mapping[str, Tensor], *, seed: int = 0, noise: float = 0.0) -> Migration:
    """The weights of the older network in the newer; what has none begins as `to_torch` begins it from `seed`.

    `tensors`: all of the older network's weights, by name.
    """
    walked = correspond(matching)
    trials = expected_outputs(walked, _with_weights(walked.before, tensors))
    module = to_torch(walked.after, seed)
    state: dict[str, Tensor] = module.state_dict()
    with torch.no_grad():
        for name, made in walked.made.items():
            state[name].copy_(value_of(made, tensors[made.old], state[name], walked.axes, noise))
        for name, (fill, _) in walked.filled.items():
            fill(state[name])
    fates = [*_fates(walked), *_dropped(walked)]
    comparison = compare(walked, trials, module)
    return Migration(
        walked.before, walked.after, fates, state, comparison, walked.breaks, walked.doubts, walked.otherwise
    )


def _with_weights(graph: Graph, tensors: Mapping[str, Tensor]) -> nn.Module:
    """The older network with its weights; it is let go before the newer one is made."""
    module = to_torch(graph)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name in tensors:
                tensor.copy_(tensors[name])
    return module


def _owned(graph: Graph) -> dict[str, tuple[str, tuple[int, ...], bool]]:
    """Every tensor once: name -> kind of its layer, shape, trained or not."""
    return {
        f"{node.name}.{name}": (node.kind, weight.shape, weight.trainable)
        for node in graph.layers()
        for name, weight in graph.weights_of(node).items()
        if graph.owner(node, name) == node.name
    }


def _fates(walked: Correspondence) -> list[TensorFate]:
    """A tensor without axes, such as a count of batches, has the fate of what its layer has."""
    old, new = _owned(walked.before), _owned(walked.after)
    fates: list[TensorFate] = []
    of_layer: dict[str, TensorFate] = {}
    filled = {name: how for name, (_, how) in walked.filled.items()}
    filled |= {name.rpartition(".")[0]: how for name, how in filled.items()}
    for name in sorted(new, key=lambda name: not new[name][1]):
        kind, shape, trainable = new[name]
        layer = name.rpartition(".")[0]
        made = walked.made.get(name)
        fate, how, sizes = Fate.INITIALISED, filled.get(name) or (filled.get(layer, "") if not trainable else ""), ""
        if made is not None and not shape and layer in of_layer:
            fate, how, sizes = of_layer[layer].fate, of_layer[layer].how, of_layer[layer].sizes
        elif made is not None:
            fate, how, sizes = _made(made, old[made.old][1], shape, walked.axes)
        tensor = TensorFate(fate, name, kind, prod(shape), trainable, made.old if made else "", how, sizes)
        fates.append(tensor)
        of_layer.setdefault(layer, tensor)
    order = {name: i for i, name in enumerate(new)}
    return sorted(fates, key=lambda tensor: order[tensor.name])


def _dropped(walked: Correspondence) -> list[TensorFate]:
    used = {made.old for made in walked.made.values()}
    return [
        TensorFate(Fate.DROPPED, name, kind, prod(shape), trainable, name)
        for name, (kind, shape, trainable) in _owned(walked.before).items()
        if name not in used
    ]


def _made(made: Made, old: tuple[int, ...], new: tuple[int, ...], axes: Axes) -> tuple[Fate, str, str]:
    """What became of a tensor, how, and the sizes along the axes."""
    moved = repeated = missing = False
    for along, a, b in zip(made.along, old, new, strict=True):
        missing |= along is None and b > a
        for span in along or ():
            if isinstance(span, UnitSpan):
                positions = axes.positions(span.axis)
                moved |= not is_identity(positions, span.old.size)
                missing |= bool((positions < 0).any())
                repeated |= len(positions) > len(set(positions.tolist()))
        moved |= a != b
    if not moved:
        return Fate.CARRIED, "", ""
    sizes = f"{_shape(old)} -> {_shape(new)}"
    if repeated and not missing:
        return Fate.WIDENED, "", sizes
    if all(b >= a for a, b in zip(old, new, strict=True)):
        return Fate.SLICED, "as a part of the new one", sizes
    return Fate.SLICED, "a part of it", sizes


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "1"
