"""What becomes of a checkpoint of the network before: two answers, kept apart.

*By structure* a tensor belongs to the layer that its own was matched with.  *By name* it loads where a tensor of its
name and shape is, as `load_state_dict` does; where that is another place, the network computes something else without
a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

from netspec.graph.model import Graph
from netspec.layers.base import Weight
from netspec.layers.recurrent import CellLayer
from netspec.review.difference import Matching, WeightFates
from netspec.review.match.networks import weight_pairs


def weight_fates(matching: Matching) -> WeightFates:
    """Every tensor of both networks, under all of its names in `state_dict`."""
    before, after = _tensors(matching.before), _tensors(matching.after)
    by_structure: dict[str, str] = {}
    sliced: dict[str, str] = {}
    for name, new_name in matching.names.items():
        if name not in before or new_name not in after:
            continue
        old, new = before[name], after[new_name]
        for weight, its in _pairs(matching, name):
            if len(old[weight].shape) == len(new[its].shape):
                fates = by_structure if old[weight] == new[its] else sliced
                fates[f"{name}.{weight}"] = f"{new_name}.{its}"
    old_tensors, new_tensors = _flat(before), _flat(after)
    by_name = [n for n, weight in old_tensors.items() if n in new_tensors and new_tensors[n].shape == weight.shape]
    own_place = {**by_structure, **sliced}
    reached = set(own_place.values())
    return WeightFates(
        by_structure,
        sliced,
        new=tuple(name for name in new_tensors if name not in reached),
        lost=tuple(name for name in old_tensors if name not in own_place),
        by_name=tuple(by_name),
        misplaced={name: own_place.get(name, "") for name in by_name if _leaves(name, matching, own_place)},
    )


def trained(graph: Graph) -> dict[str, int]:
    """Trained tensor -> how many values it has; 0 under the further names of one that layers share."""
    return {
        f"{node.name}.{name}": prod(weight.shape) if graph.owner(node, name) == node.name else 0
        for node in graph.layers()
        for name, weight in graph.weights_of(node).items()
        if weight.trainable
    }


def _tensors(graph: Graph) -> dict[str, Mapping[str, Weight]]:
    """layer -> its weights; layers without any are left out."""
    weights = ((node.name, graph.weights_of(node)) for node in graph.layers())
    return {name: tensors for name, tensors in weights if tensors}


def _flat(tensors: Mapping[str, Mapping[str, Weight]]) -> dict[str, Weight]:
    return {f"{layer}.{name}": weight for layer, weights in tensors.items() for name, weight in weights.items()}


def _pairs(matching: Matching, layer: str) -> Iterable[tuple[str, str]]:
    """The weights that a layer has before and after, by their short names, if both layers are of one kind, or of two
    that give their weights one meaning."""
    old, new = matching.before[layer], matching.after[matching.names[layer]]
    related = all(isinstance(node.layer, CellLayer) for node in (old, new)) or all(
        node.layer.batch_norm for node in (old, new)
    )
    return weight_pairs(matching, layer).items() if old.kind == new.kind or related else ()


def _leaves(name: str, matching: Matching, own_place: Mapping[str, str]) -> bool:
    """Whether a tensor that loads under its name comes into another layer than its own."""
    if name in own_place:
        return own_place[name] != name
    layer = name.rpartition(".")[0]
    return matching.names.get(layer) != layer
