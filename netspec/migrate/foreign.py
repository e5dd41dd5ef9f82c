"""Weights under other names: which tensors of a file are which layer's, found from kinds, shapes, order and names.

Layers of the same name are settled first, then containers that hold the same layers, then layers that one place of the
file fits alone, then layers of equal shapes: in the order of numbers in their names, by what stands beside what is
settled, and by likeness of names.  Where two ways fit equally well and are not the same numbers, the file is refused.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import torch
from torch import Tensor

from netspec.graph.model import Graph, Node
from netspec.migrate.foreign_fit import (
    OPTIONAL,
    TURNED,
    Candidate,
    Groups,
    candidates,
    is_product,
    turned,
)
from netspec.migrate.foreign_paths import common_parts, common_path, containers, in_numbered_order, within
from netspec.migrate.weights_file import WeightsFile
from netspec.source.errors import NetspecError

MARGIN = 0.1  # by which one name has to be more alike than another


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
        above = common_path(prefix for prefix in self.groups.by_prefix)
        for name in list(self.open):
            if same := [c for c in self.open.get(name, ()) if c.prefix.removeprefix(above) == name]:
                self._settle(name, same[0])
        self._by_containers()
        while self.open:
            steps = (self._single, self._numbered, self._beside, self._alike, self._equal)
            if not any(step() for step in steps):
                name = min(self.open, key=self.order.__getitem__)
                prefixes = sorted(c.prefix for c in self.open[name])
                layers = [other for other in self.open if {c.prefix for c in self.open[other]} & set(prefixes)]
                reason = f"{_listed(prefixes)} fit {_listed(layers)} equally well"
                raise self._refused(
                    f"{reason}, and neither order nor names say which is which",
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
            prefixes = [self.settled[name].prefix for name in squares]
            reason = f"{_listed(prefixes)} may be (out, in) or (in, out): both are among the other layers"
            raise self._refused(reason, "transpose all weights that are (in, out) in the file")
        if others[True]:
            self.settled |= {name: turned(self.settled[name]) for name in squares}

    def _settle(self, name: str, candidate: Candidate) -> None:
        del self.open[name]
        self.settled[name] = candidate
        for other, fitting in self.open.items():
            self.open[other] = [c for c in fitting if not c.groups & candidate.groups]
            if not self.open[other]:
                reason = f"`{candidate.prefix}` fits `{name}` and `{other}`, and nothing else fits the other"
                raise self._refused(reason, HINT)

    def _leave_to_attention(self) -> None:
        """What is a part of an attention is no layer by itself, where there are as many as the network has."""
        taken = [c for fitting in self.open.values() for c in fitting if len(c.groups) > 1]
        parts = {group for candidate in taken for group in candidate.groups}
        for name, fitting in self.open.items():
            apart = [c for c in fitting if len(c.groups) > 1 or not c.groups & parts]
            self.open[name] = apart or fitting

    def _by_containers(self) -> None:
        """Containers that hold the same layers are the same: one alone, or several in the order of their numbers."""
        sorts = {name: frozenset(c.prefix for c in fitting) for name, fitting in self.open.items()}
        sort_of = {prefix: sort for sort in set(sorts.values()) for prefix in sort}
        if sum(map(len, set(sorts.values()))) != len(sort_of):
            return  # a place that fits layers of two sorts
        of_network = containers(sorts)
        of_file = containers(sort_of)
        for content, paths in of_network.items():
            others = in_numbered_order(of_file[content]) if len(of_file.get(content, ())) > 1 else of_file.get(content)
            if not others or len(others) != len(paths):
                continue
            in_order = sorted(paths, key=lambda path: min(self.order[n] for n in self.open if within(n, path)))
            for path, other in zip(in_order, others, strict=True):
                for name in self.open:
                    inside = [c for c in self.open[name] if within(c.prefix, other) == within(name, path)]
                    self.open[name] = inside or self.open[name]

    def _single(self) -> bool:
        """Layers that one place fits."""
        for name, fitting in self.open.items():
            if len(fitting) == 1:
                self._settle(name, fitting[0])
                return True
        return False

    def _sorts(self) -> list[list[str]]:
        """Layers that the same places fit, as many as there are places."""
        by_prefixes: dict[frozenset[str], list[str]] = defaultdict(list)
        for name, fitting in self.open.items():
            by_prefixes[frozenset(c.prefix for c in fitting)].append(name)
        return [names for prefixes, names in by_prefixes.items() if len(prefixes) == len(names)]

    def _candidate(self, name: str, prefix: str) -> Candidate:
        return next(c for c in self.open[name] if c.prefix == prefix)

    def _numbered(self) -> bool:
        """Layers of equal shapes whose places have numbers."""
        for names in self._sorts():
            ordered = in_numbered_order({c.prefix for c in self.open[names[0]]})
            if ordered is not None:
                in_order = sorted(names, key=self.order.__getitem__)
                chosen = [(name, self._candidate(name, prefix)) for name, prefix in zip(in_order, ordered, strict=True)]
                for name, candidate in chosen:
                    self._settle(name, candidate)
                return True
        return False

    def _beside(self) -> bool:
        """A layer whose place shares more of its path than others with that of the layer before or behind it."""
        for names in self._sorts():
            scores = {
                (name, c.prefix): float(
                    max((common_parts(c.prefix, other) for other in self._neighbours(name)), default=0)
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
            for name, fitting in self.open.items()
            for c in fitting
        }
        return self._settle_best(scores, MARGIN)

    def _settle_best(self, scores: Mapping[tuple[str, str], float], margin: float) -> bool:
        """Settle a pair that is better than every other of its layer, and of its place."""
        for (name, prefix), score in sorted(scores.items(), key=lambda item: -item[1]):
            rivals = [s for (n, p), s in scores.items() if (n == name) != (p == prefix)]
            if all(score >= rival + margin for rival in rivals):
                self._settle(name, self._candidate(name, prefix))
                return True
        return False

    def _equal(self) -> bool:
        """Places that hold the same numbers."""
        for name, fitting in self.open.items():
            first = fitting[0].make()
            if all(_same(first, c.make()) for c in fitting[1:]):
                self._settle(name, fitting[0])
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

    def _refused(self, reason: str, hint: str) -> NetspecError:
        return NetspecError("NS641", reason, name=str(self.file.path), hint=hint)


HINT = "if the weights are of another network than the new one, name its file with --of"


def _same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def _shown(graph: Graph, node: Node) -> str:
    shapes = (f"{n} {'×'.join(map(str, w.shape))}" for n, w in graph.weights_of(node).items() if w.shape)
    return f"{node.kind}: {', '.join(shapes)}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:4])
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown
