"""Weights under other names: which tensors of a file are which layer's, found from kinds, shapes, order and names.

Layers of the same name are settled first, then containers that hold the same layers, then layers that one place of the
file fits alone, then layers of equal shapes: in the order of numbers in their names, by what stands beside what is
settled, and by likeness of names.  Where two ways fit equally well and are not the same numbers, the file is refused.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

import torch
from torch import Tensor

from netspec.graph.model import Graph, Node
from netspec.migrate.foreign_fit import (
    OPTIONAL,
    TURNED,
    Candidate,
    Groups,
    candidates,
    common_parts,
    is_product,
    turned,
)
from netspec.migrate.weights_file import WeightsFile
from netspec.source.errors import NetspecError

MARGIN = 0.1  # by which one name has to be more alike than another
Key = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Renamed:
    """A layer, the prefix of its tensors in the file, and what was done with them besides."""

    layer: str
    file: str
    how: str = ""


def named_by_structure(
    file: WeightsFile, graph: Graph
) -> tuple[Mapping[str, Tensor], tuple[Renamed, ...], tuple[str, ...]]:
    """The network's tensors by its names, what went where, and the file's tensors that nothing was made of.

    Raises NS641.
    """
    alignment = _Alignment(file, graph)
    alignment.run()
    tensors: dict[str, Tensor] = {}
    renamed = []
    for name in sorted(alignment.settled, key=alignment.order.__getitem__):
        candidate = alignment.settled[name]
        tensors |= {f"{name}.{short}": tensor for short, tensor in candidate.make().items()}
        renamed.append(Renamed(name, candidate.prefix, candidate.how))
    for node in graph.layers():
        for short, weight in graph.weights_of(node).items():
            if short == OPTIONAL and graph.owner(node, short) == node.name:
                tensors.setdefault(f"{node.name}.{short}", torch.zeros(weight.shape, dtype=torch.int64))
    used = {group for candidate in alignment.settled.values() for group in candidate.groups}
    unused = tuple(name for name in file.tensors if name.rpartition(".")[0] not in used)
    return tensors, tuple(renamed), unused


def key_of(name: str) -> Key:
    """A name as words and numbers: `layer10.bn2` stands behind `layer9.bn3`."""
    parts = re.findall(r"\d+|[^\d.]+|\.", name)
    return tuple(("", int(part)) if part.isdigit() else (part, -1) for part in parts)


def in_numbered_order(names: Iterable[str]) -> list[str] | None:
    """Names in the order of the numbers in them; None where two differ in a word before they differ in a number."""
    ordered = sorted(names, key=key_of)
    for a, b in pairwise(ordered):
        first = next(((x, y) for x, y in zip(key_of(a), key_of(b), strict=False) if x != y), None)
        if first is None or first[0][0] or first[1][0]:
            return None
    return ordered


class _Alignment:
    def __init__(self, file: WeightsFile, graph: Graph) -> None:
        self.file, self.graph = file, graph
        self.groups = groups = Groups.of(file.tensors)
        self.nodes = [
            node
            for node in graph.layers()
            if any(graph.owner(node, name) == node.name for name in graph.weights_of(node))
        ]
        self.open = {node.name: candidates(graph, node, groups) for node in self.nodes}
        self.settled: dict[str, Candidate] = {}
        self.order = {node.name: i for i, node in enumerate(self.nodes)}
        for node in self.nodes:
            if not self.open[node.name]:
                raise self._refused(f"no tensors fit `{node.name}` ({_shown(graph, node)})", HINT)
        self._leave_to_attention()

    def run(self) -> None:
        """Settle every layer, or raise NS641."""
        above = _common_path(prefix for prefix in self.groups.by_prefix)
        for name in list(self.open):
            if same := [c for c in self.open.get(name, ()) if c.prefix.removeprefix(above) == name]:
                self._settle(name, same[0])
        self._by_containers()
        while self.open:
            steps = (self._single, self._numbered, self._beside, self._alike, self._equal)
            if not any(step() for step in steps):
                name = min(self.open, key=self.order.__getitem__)
                places = sorted(c.prefix for c in self.open[name])
                layers = [other for other in self.open if {c.prefix for c in self.open[other]} & set(places)]
                what = f"{_listed(places)} fit {_listed(layers)} equally well"
                raise self._refused(
                    f"{what}, and neither order nor names say which is which",
                    "call the layers of the netspec file as the file calls them",
                )

        self._turn_squares()

    def _turn_squares(self) -> None:
        """Shapes do not say whether a square weight is (in, out): it is as those of all others are."""
        squares, others = [], Counter[bool]()
        for name, candidate in self.settled.items():
            node = self.graph[name]
            if is_product(self.graph, node) and f"{name}.weight" == f"{self.graph.owner(node, 'weight')}.weight":
                rows, columns = self.graph.weights_of(node)["weight"].shape
                if rows == columns:
                    squares.append(name)
                else:
                    others[candidate.how == TURNED] += 1
        if others[True] and others[False] and squares:
            places = [self.settled[name].prefix for name in squares]
            what = f"{_listed(places)} may be (out, in) or (in, out): both are among the other layers"
            raise self._refused(what, "transpose all weights that are (in, out) in the file")
        if others[True]:
            self.settled |= {name: turned(self.settled[name]) for name in squares}

    def _settle(self, name: str, candidate: Candidate) -> None:
        del self.open[name]
        self.settled[name] = candidate
        for other, places in self.open.items():
            self.open[other] = [c for c in places if not c.groups & candidate.groups]
            if not self.open[other]:
                what = f"`{candidate.prefix}` fits `{name}` and `{other}`, and nothing else fits the other"
                raise self._refused(what, HINT)

    def _leave_to_attention(self) -> None:
        """What is a part of an attention is no layer by itself, where there are as many as the network has."""
        taken = [c for places in self.open.values() for c in places if len(c.groups) > 1]
        parts = {group for candidate in taken for group in candidate.groups}
        for name, places in self.open.items():
            apart = [c for c in places if len(c.groups) > 1 or not c.groups & parts]
            self.open[name] = apart or places

    def _by_containers(self) -> None:
        """Containers that hold the same layers are the same: one alone, or several in the order of their numbers."""
        sorts = {name: frozenset(c.prefix for c in places) for name, places in self.open.items()}
        sort_of = {prefix: sort for sort in set(sorts.values()) for prefix in sort}
        if sum(map(len, set(sorts.values()))) != len(sort_of):
            return  # a place that fits layers of two sorts
        mine = _containers(sorts)
        its = _containers(sort_of)
        for content, places in mine.items():
            others = in_numbered_order(its[content]) if len(its.get(content, ())) > 1 else its.get(content)
            if not others or len(others) != len(places):
                continue
            in_order = sorted(places, key=lambda place: min(self.order[n] for n in self.open if _within(n, place)))
            for place, other in zip(in_order, others, strict=True):
                for name in self.open:
                    inside = [c for c in self.open[name] if _within(c.prefix, other) == _within(name, place)]
                    self.open[name] = inside or self.open[name]

    def _single(self) -> bool:
        """Layers that one place fits."""
        for name, places in self.open.items():
            if len(places) == 1:
                self._settle(name, places[0])
                return True
        return False

    def _sorts(self) -> list[list[str]]:
        """Layers that the same places fit, as many as there are places."""
        by_places: dict[frozenset[str], list[str]] = defaultdict(list)
        for name, places in self.open.items():
            by_places[frozenset(c.prefix for c in places)].append(name)
        return [names for places, names in by_places.items() if len(places) == len(names)]

    def _place(self, name: str, prefix: str) -> Candidate:
        return next(c for c in self.open[name] if c.prefix == prefix)

    def _numbered(self) -> bool:
        """Layers of equal shapes whose places have numbers."""
        for names in self._sorts():
            ordered = in_numbered_order({c.prefix for c in self.open[names[0]]})
            if ordered is not None:
                in_order = sorted(names, key=self.order.__getitem__)
                chosen = [(name, self._place(name, prefix)) for name, prefix in zip(in_order, ordered, strict=True)]
                for name, place in chosen:
                    self._settle(name, place)
                return True
        return False

    def _beside(self) -> bool:
        """A layer whose place shares more of its path than others with that of the layer before or behind it."""
        for names in self._sorts():
            scores = {
                (name, c.prefix): float(
                    max((common_parts(c.prefix, place) for place in self._neighbours(name)), default=0)
                )
                for name in names
                for c in self.open[name]
            }
            if self._settle_best(scores, 0.5):
                return True
        return False

    def _alike(self) -> bool:
        """A layer whose name is more like one place than like any other."""
        scores = {
            (name, c.prefix): SequenceMatcher(None, name.lower(), c.prefix.lower()).ratio()
            for name, places in self.open.items()
            for c in places
        }
        return self._settle_best(scores, MARGIN)

    def _settle_best(self, scores: Mapping[tuple[str, str], float], margin: float) -> bool:
        """Settle a pair that is better than every other of its layer, and of its place."""
        for (name, prefix), score in sorted(scores.items(), key=lambda item: -item[1]):
            rivals = [s for (n, p), s in scores.items() if (n == name) != (p == prefix)]
            if all(score >= rival + margin for rival in rivals):
                self._settle(name, self._place(name, prefix))
                return True
        return False

    def _equal(self) -> bool:
        """Places that hold the same numbers."""
        for name, places in self.open.items():
            first = places[0].make()
            if all(_same(first, c.make()) for c in places[1:]):
                self._settle(name, places[0])
                return True
        return False

    def _neighbours(self, name: str) -> list[str]:
        """The places of the settled layers with weights right before and behind a layer."""
        near = []
        for step in (lambda n: [ref.node for ref in self.graph[n].inputs], self.graph.consumers):
            queue, seen = list(step(name)), {name}
            while queue:
                other = queue.pop()
                if other in seen:
                    continue
                seen.add(other)
                if other in self.settled:
                    near.append(self.settled[other].prefix)
                elif other not in self.order:
                    queue += step(other)
        return near

    def _refused(self, what: str, hint: str) -> NetspecError:
        return NetspecError("NS641", what, name=str(self.file.path), hint=hint)


HINT = "if the weights are of another network than the new one, name its file with --of"


def _containers(sorts: Mapping[str, frozenset[str]]) -> dict[frozenset[tuple[frozenset[str], int]], list[str]]:
    """What a container holds, as sorts and how many of each -> the containers that hold it, the innermost of each."""
    inside: dict[str, list[str]] = defaultdict(list)
    for name in sorts:
        parts = name.split(".")
        for i in range(1, len(parts)):
            inside[".".join(parts[:i])].append(name)
    innermost: dict[frozenset[str], str] = {}
    for place, names in inside.items():
        if len(names) > 1:
            innermost[frozenset(names)] = max(innermost.get(frozenset(names), ""), place, key=len)
    by_content: dict[frozenset[tuple[frozenset[str], int]], list[str]] = defaultdict(list)
    for names_inside, place in innermost.items():
        content = Counter(sorts[name] for name in names_inside)
        by_content[frozenset(content.items())].append(place)
    return by_content


def _common_path(prefixes: Iterable[str]) -> str:
    """What all paths begin with, up to a point: `model.`."""
    parts = [prefix.split(".") for prefix in prefixes]
    same = [words[0] for words in zip(*parts, strict=False) if len(set(words)) == 1]
    shared = next((i for i, words in enumerate(zip(*parts, strict=False)) if len(set(words)) > 1), len(same))
    return "".join(f"{word}." for word in same[:shared])


def _within(name: str, place: str) -> bool:
    return name.startswith(f"{place}.")


def _same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def _shown(graph: Graph, node: Node) -> str:
    shapes = (f"{n} {'×'.join(map(str, w.shape))}" for n, w in graph.weights_of(node).items() if w.shape)
    return f"{node.kind}: {', '.join(shapes)}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:4])
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown
