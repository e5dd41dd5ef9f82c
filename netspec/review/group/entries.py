"""The changes of layers as a reviewer thinks of them: one entry for one idea, with its places folded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from netspec.graph.model import Graph, Node
from netspec.review.difference import Entry, LayerChange, Matching
from netspec.review.group.edits import edits
from netspec.review.group.fold import fold, fold_like, siblings
from netspec.review.group.renames import renames
from netspec.review.group.unmatched import alike, chains, describe_chain, effect, parts, wiring

SIGNS = {"added": "+", "removed": "-"}


def entries(matching: Matching, layers: Sequence[LayerChange]) -> list[Entry]:
    """What was removed, added, changed and renamed; every layer of `layers` is in one entry at least."""
    both = [layer for layer in layers if layer.before is not None and layer.after is not None]
    return [
        *_unmatched("removed", matching.before, layers),
        *_unmatched("added", matching.after, layers),
        *_edits(matching, both),
        *_outputs(matching, layers),
        *_renames(matching, [layer for layer in both if layer.status == "renamed"]),
    ]


def _unmatched(status: str, graph: Graph, layers: Iterable[LayerChange]) -> Iterator[Entry]:
    by_name = {layer.name: layer for layer in layers if layer.status == status}
    names = [node.name for node in graph.layers()]
    for chain in chains(alike(parts(graph, [_only(layer) for layer in by_name.values()]))):
        group = [part for link in zip(*chain, strict=True) for part in link]
        paths = [part.path for part in group]
        yield Entry(
            status,
            describe_chain(chain, graph),
            fold(paths, siblings(paths, names)),
            len(chain[0]),
            tuple(by_name[node.name] for part in group for node in part.nodes),
            group[0].label if len(chain) == 1 else "",
            wiring(group, graph),
            effect(group, graph, SIGNS[status]),
        )


def _only(layer: LayerChange) -> Node:
    node = layer.after or layer.before
    assert node is not None  # a change has at least one side
    return node


def _edits(matching: Matching, layers: Sequence[LayerChange]) -> Iterator[Entry]:
    names = [node.name for node in matching.after.layers()]
    kinds: dict[str, list[str]] = {}
    for old, new in matching.names.items():
        kinds.setdefault(matching.before[old].kind, []).append(new)
    counted: set[str] = set()  # whose parameters an entry has said
    for text, changed in edits(matching, layers):
        before = dict.fromkeys(layer.before.kind for layer in changed if layer.before)
        after = dict.fromkeys(layer.after.kind for layer in changed if layer.after)
        like = [name for kind in before for name in kinds[kind]]
        places = fold_like([layer.name for layer in changed], like, names)
        kind = next(iter(after)) if len(after) == 1 else ""
        if before != after:
            kind = ""  # the text says it
        yield Entry("changed", text, places, len(changed), tuple(changed), kind, "", _effect(changed, counted))
        counted |= {layer.name for layer in changed}


def _effect(changed: Sequence[LayerChange], counted: Collection[str]) -> str:
    """What follows of a change: of one layer the shape, of all the parameters, each layer's in one entry alone."""
    shapes = [f"{e.before} -> {e.after}" for e in changed[0].effects if e.what == "shape" and len(changed) == 1]
    grown = parameters_effect(layer for layer in changed if layer.name not in counted)
    return ", ".join([*shapes, *([f"{grown:+,} parameters"] if grown else [])])


def parameters_effect(layers: Iterable[LayerChange]) -> int:
    """By how many parameters layers that are in both networks grow."""
    return sum(e.after - e.before for layer in layers for e in layer.effects if e.what == "params")


def _outputs(matching: Matching, layers: Iterable[LayerChange]) -> Iterator[Entry]:
    """Outputs that show another layer, where that follows from no layer that was added or removed."""
    names = {**matching.inputs, **matching.names}
    matched = set(names.values())
    for old_name, new_name in matching.outputs.items():
        old, new = matching.before.outputs[old_name], matching.after.outputs[new_name]
        if old.node in names and new.node in matched and (names[old.node], old.port) != new:
            yield Entry("changed", f"shows {old} -> {new}", f"output {new_name}", 1)


def _renames(matching: Matching, layers: Sequence[LayerChange]) -> Iterator[Entry]:
    names = [node.name for node in matching.after.layers()]
    for rename in renames(matching, layers):
        places = fold([layer.name for layer in rename.layers], names) if rename.scattered else ""
        yield Entry("renamed", rename.text, places, len(rename.layers), tuple(rename.layers))
