"""What changed between two networks: layers added, removed, renamed, changed, and those that are affected by it."""

from __future__ import annotations

from collections import deque

from netspec.graph.cost import cost_of, total
from netspec.graph.model import Graph
from netspec.review.changes import (
    cost_changes,
    effects,
    interface_changes,
    reads,
    reads_past_others,
    same_reads,
    written_changes,
)
from netspec.review.difference import Diff, LayerDiff
from netspec.review.pairs import pair


def diff(before: Graph, after: Graph) -> Diff:
    """Compare two networks.  Layers come in the order of `after`, each removed one before what it stood before."""
    pairs = pair(before, after)
    new_name = {a.name: b.name for a, b in pairs}
    old_node = {b.name: a for a, b in pairs}
    removed = deque(n for n in before.layers() if n.name not in new_name)
    position = {node.name: i for i, node in enumerate(before.nodes())}
    result = Diff(before, after)
    for node in after.layers():
        old = old_node.get(node.name)
        while removed and old is not None and position[removed[0].name] < position[old.name]:
            result.layers.append(LayerDiff("removed", removed.popleft(), None))
        if old is None:
            result.layers.append(LayerDiff("added", None, node))
            continue
        changes = list(written_changes(old, node, new_name))
        follows = list(effects(old, node, cost_of(before, old), cost_of(after, node)))
        if not same_reads(old, node, new_name) and reads_past_others(old, node, before, after, new_name):
            changes.remove(reads(old, node))
            follows.insert(0, reads(old, node))
        status = "renamed" if old.name != node.name else "changed" if changes else "ripple" if follows else ""
        if status:
            result.layers.append(LayerDiff(status, old, node, tuple(changes), tuple(follows)))
    result.layers += [LayerDiff("removed", n, None) for n in removed]
    result.interface = list(interface_changes(before, after, new_name))
    result.totals = list(cost_changes(total(before), total(after)))
    return result
