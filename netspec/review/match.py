"""Which layer, input, output and container of one network is which of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netspec.graph.meaning import Meanings, weight_names
from netspec.graph.model import Graph
from netspec.review.flow import Flow, flows
from netspec.review.isomorphism import isomorphism
from netspec.review.pairs import pair
from netspec.review.scopes import match_containers


@dataclass(frozen=True)
class Matching:
    """Two networks side by side: one-to-one maps of names, from the older to the newer."""

    before: Graph
    after: Graph
    names: Mapping[str, str]  # of the layers that are in both
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    containers: Mapping[str, str]  # dotted paths of blocks, containers, repeats and their copies
    same_function: bool  # proven: see isomorphism.py


def match(before: Graph, after: Graph) -> Matching:
    """What is the same in both, whatever it is called."""
    old, new = flows(before, after)
    same = isomorphism(old, new)
    if same is not None:
        nodes, outputs = same
        inputs = {name: nodes[name] for name in before.inputs}
        names = {a: b for a, b in nodes.items() if a not in before.inputs}
        for node in before.layers():  # those that no output needs
            if node.name not in names and node.name in after and node.name not in set(names.values()):
                names[node.name] = node.name
    else:
        inputs = _pair_interface(before.inputs, after.inputs, old.meaning, new.meaning)
        outputs = _pair_interface(before.outputs, after.outputs, _types(old), _types(new))
        names = {a.name: b.name for a, b in pair(before, after)}
    return Matching(before, after, names, inputs, outputs, match_containers(before, after, names), same is not None)


def _types(flow: Flow) -> dict[str, str]:
    return {name: flow.meanings.type(type_) for name, type_ in flow.graph.output_types().items()}


def _pair_interface(
    before: Mapping[str, object], after: Mapping[str, object], old: Mapping[str, str], new: Mapping[str, str]
) -> dict[str, str]:
    """Inputs or outputs: equal names; of the others equal types, in order; then a last one on each side."""
    pairs = {name: name for name in before if name in after}
    free = [name for name in after if name not in pairs]
    rest = [name for name in before if name not in pairs]
    for name in list(rest):
        alike = next((other for other in free if old[name] == new[other]), None)
        if alike is not None:
            pairs[name] = alike
            free.remove(alike)
            rest.remove(name)
    if len(rest) == len(free) == 1:
        pairs[rest[0]] = free[0]
    return pairs


def weight_pairs(matching: Matching, layer: str) -> dict[str, str]:
    """Of a layer that is in both: the short names of its weights before -> after.

    In cells that compute the same, weights are the same that are used alike, whatever their names.
    """
    before, after = matching.before, matching.after
    x, y = before[layer], after[matching.names[layer]]
    mine, its = weight_names(before, x), weight_names(after, y)
    if Meanings().of(before, x) == Meanings().of(after, y):
        return dict(zip(mine, its, strict=True))
    return {name: name for name in mine if name in its}
