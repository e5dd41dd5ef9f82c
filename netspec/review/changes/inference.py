"""Whether what changed is the identity at inference, as dropout is: outputs are the same for a network in use."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.graph.model import Graph, Ref
from netspec.review.changes.interface import same_types
from netspec.review.difference import Difference


def same_at_inference(difference: Difference) -> bool:
    """Whether every layer that changed does something in training alone, and all else reads what it read."""
    matching = difference.matching
    before, after = matching.before, matching.after
    nodes = [node for layer in difference.layers for node in (layer.before, layer.after) if node is not None]
    if not same_types(matching) or not all(node.layer.trained_only for node in nodes):
        return False
    kept = [(before[a], after[b]) for a, b in matching.names.items()]
    reads = [(old.inputs, new.inputs) for old, new in kept if not old.layer.trained_only]
    reads += [((before.outputs[a],), (after.outputs[b],)) for a, b in matching.outputs.items()]
    names = {**matching.inputs, **matching.names}
    return all([_behind(before, r, names) for r in old] == [_behind(after, r, {}) for r in new] for old, new in reads)


def _behind(graph: Graph, ref: Ref, names: Mapping[str, str]) -> Ref:
    """What is read in the end, past layers that do nothing at inference; `names` says what it is called there."""
    while ref.node not in graph.inputs and graph[ref.node].layer.trained_only:
        [ref] = graph[ref.node].inputs
    return Ref(names.get(ref.node, ref.node), ref.port)
