"""Which layer, input, output and container of one network is which of another.

Networks that compute the same are paired by the proof of it (`isomorphism.py`).  Else what is beyond doubt comes first
(`neighbours.anchors`), then what stands at one place in the containers that hold it (`nested.py`), then what was moved;
then what has matched neighbours or its old name.  What has another kind under its old name and at its old place is one
layer; so is what has another name and another field at once.
"""

from __future__ import annotations

from collections.abc import Callable

from netspec.graph.meaning import Meanings, weight_names
from netspec.graph.model import Graph, Node
from netspec.layers.recurrent import CellLayer
from netspec.review.difference import Matching
from netspec.review.match.ends import pair_inputs, pair_outputs
from netspec.review.match.flow import Flow, flows
from netspec.review.match.isomorphism import isomorphism
from netspec.review.match.neighbours import anchors, spread, stand_alike
from netspec.review.match.nested import align_containers, align_moved
from netspec.review.match.pairing import Pairs
from netspec.review.match.scopes import copy_of, match_containers, match_copies, tree_of
from netspec.source.garbage import collecting_later


def match(before: Graph, after: Graph) -> Matching:
    """What is the same in both, whatever it is called.  `match(b, a)` is `match(a, b)` mirrored."""
    with collecting_later():
        if _comes_first(after, before):  # where two answers are as good, one is chosen whichever network is the newer
            return _match(after, before).mirrored()
        return _match(before, after)


def _comes_first(a: Graph, b: Graph) -> bool:
    """One order of any two networks that differ in names, layers, inputs or outputs."""
    for x, y in zip(a.nodes(), b.nodes(), strict=False):
        if x.name != y.name or x.inputs != y.inputs or x.layer != y.layer or x.outputs != y.outputs:
            return _text(x) < _text(y)
    rest_a, rest_b = (
        (len(graph), [f"{name} {ref}" for name, ref in graph.outputs.items()], [node.share for node in graph.nodes()])
        for graph in (a, b)
    )
    return rest_a < rest_b


def _text(node: Node) -> str:
    cell = node.layer.the_cell.text if isinstance(node.layer, CellLayer) else ""
    return f"{node.name} {node.inputs} {node.layer} {cell} {node.outputs}"


def _match(before: Graph, after: Graph) -> Matching:
    old, new = flows(before, after)
    same = isomorphism(old, new)
    outputs: dict[str, str] = {}
    if same is not None:
        pairs, outputs = same
    else:
        pairs = _alike(old, new)
    inputs = pair_inputs(old, new, pairs)
    for a, b in inputs.items():
        pairs.put(a, b)
    _pair_the_rest(old, new, pairs)
    inputs = pair_inputs(old, new, pairs)
    outputs = outputs or pair_outputs(old, new, pairs)
    names = {node.name: pairs.after[node.name] for node in before.layers() if node.name in pairs.after}
    return Matching(before, after, names, inputs, outputs, match_containers(before, after, names), same is not None)


def _alike(old: Flow, new: Flow) -> Pairs[str]:
    """The layers of two networks that do not compute the same."""
    pairs = anchors(old, new)
    alike = _can_replace(old, new)
    own_names = {name: name for name in pairs.before}
    trees = (tree_of(old.graph, old.meaning, pairs.after), tree_of(new.graph, new.meaning, own_names))
    align_containers(*trees, pairs, alike)
    align_moved(*trees, pairs, alike)
    return pairs


def _can_replace(old: Flow, new: Flow) -> Callable[[str, str], bool]:
    """Whether one layer can have taken the place of another: as many inputs, weights of the same names or none."""

    def trained(graph: Graph, node: Node) -> set[str]:
        return {name for name, weight in graph.weights_of(node).items() if weight.trainable}

    def alike(a: str, b: str) -> bool:
        x, y = old[a], new[b]
        return len(x.inputs) == len(y.inputs) and trained(old.graph, x) == trained(new.graph, y)

    return alike


def _pair_the_rest(old: Flow, new: Flow, pairs: Pairs[str]) -> None:
    """Layers with a neighbour that is paired, and equal; with name and kind as before; with a neighbour and of a kind;
    with the old name; between the same neighbours.

    A layer of one copy of a repeat is a layer of its partner, so that an edit of all copies is the same in each.
    """
    copies = match_copies(pairs)
    alike = _can_replace(old, new)

    def in_one_copy(a: str, b: str) -> bool:
        x, y = copy_of(a), copy_of(b)
        return copies.free(x, y) or copies.after.get(x) == y

    layers = (node for node in old.graph.layers() if node.name in new.graph and node.name not in new.graph.inputs)
    same_name = [(node, new[node.name]) for node in layers if in_one_copy(node.name, node.name)]
    spread(old, new, pairs, lambda a, b: old.meaning[a] == new.meaning[b] and in_one_copy(a, b))
    for x, y in same_name:
        if x.kind == y.kind and pairs.free(x.name, y.name):
            pairs.put(x.name, y.name)
    spread(old, new, pairs, lambda a, b: old[a].kind == new[b].kind and in_one_copy(a, b))
    for x, y in same_name:
        if pairs.free(x.name, y.name):
            pairs.put(x.name, y.name)
    spread(old, new, pairs, lambda a, b: stand_alike(old, new, pairs, a, b) and alike(a, b) and in_one_copy(a, b))


def weight_pairs(matching: Matching, layer: str) -> dict[str, str]:
    """Of a layer that is in both: the short names of its weights before -> after.

    In cells that compute the same, weights are the same that are used alike, whatever their names.
    """
    before, after = matching.before, matching.after
    x, y = before[layer], after[matching.names[layer]]
    mine, its = weight_names(before, x), weight_names(after, y)
    if isinstance(x.layer, CellLayer) and isinstance(y.layer, CellLayer):
        meanings = Meanings()
        if meanings.of(before, x) == meanings.of(after, y):
            return dict(zip(mine, its, strict=True))
    return {name: name for name in mine if name in its}
