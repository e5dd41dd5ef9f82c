"""Layers that are in one network alone: containers as a whole, then layers, equal ones together, and their wiring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from netspec.frontend.containers import CONTAINERS
from netspec.graph.cost import cost_of
from netspec.graph.model import Graph, Node
from netspec.review.changes.layer_changes import set_fields
from netspec.review.group.edits import kind_text
from netspec.review.group.fold import fold, numbered

JOINING = {"residual": ("shortcut",), "highway": ("shortcut", "gate")}  # what containers have beside their layers
MANY = 4  # single layers of one kind and one stem
MAX_LISTED = 4  # layers of a container that are written out
MAX_VALUES = 3  # of a field that differs from layer to layer
MAX_WIRING = 60  # characters


@dataclass(frozen=True)
class Part:
    """A layer, or a container with all its layers, that one of the networks does not have."""

    path: str
    label: str  # `conv2d`, `block basic`, `residual`
    nodes: tuple[Node, ...]

    @property
    def is_layer(self) -> bool:
        return len(self.nodes) == 1 and self.nodes[0].name == self.path

    def holds(self, name: str) -> bool:
        return name == self.path or name.startswith(f"{self.path}.")


def parts(graph: Graph, nodes: Sequence[Node]) -> list[Part]:
    """The largest containers of `graph` that hold none but these nodes, and the nodes that are in none."""
    in_network, in_nodes = (Counter(_paths(group)) for group in (graph.layers(), nodes))
    by_path: dict[str, list[Node]] = {}
    for node in nodes:
        unmatched = (p for p in _paths([node]) if p in graph.scopes and in_nodes[p] == in_network[p])
        by_path.setdefault(next(unmatched, node.name), []).append(node)
    return [Part(path, _label(graph, path, held), tuple(held)) for path, held in by_path.items()]


def _paths(nodes: Iterable[Node]) -> Iterator[str]:
    """The path of every node, and of all that hold it, the outermost first."""
    for node in nodes:
        names = node.name.split(".")
        yield from (".".join(names[:i]) for i in range(1, len(names) + 1))


def _label(graph: Graph, path: str, nodes: Sequence[Node]) -> str:
    if len(nodes) == 1 and nodes[0].name == path:
        return nodes[0].kind
    kind, parent, name = graph.scopes[path].kind, graph.scopes.get(_parent(path)), path.rpartition(".")[2]
    if parent is not None and parent.kind == "branches":
        return "branch"
    if parent is not None and parent.kind in JOINING and name in JOINING[parent.kind]:
        return name
    return kind if kind in CONTAINERS else f"block {kind}"


def alike(unmatched: Iterable[Part]) -> list[list[Part]]:
    """Equal parts together: blocks of one name, containers of the same layers, layers of one kind and name."""
    groups: dict[tuple[object, ...], list[Part]] = {}
    for part in unmatched:
        local = next(name for name in reversed(part.path.split(".")) if not name.isdigit())
        inside = () if part.label.startswith("block ") else tuple((_inner(part, n), n.kind) for n in part.nodes)
        groups.setdefault((part.label, inside or "", local if part.is_layer else ""), []).append(part)
    return _counted_on(list(groups.values()))


def _counted_on(groups: list[list[Part]]) -> list[list[Part]]:
    """Many single layers of one kind whose names count on (`act0`, `act20`, …) together."""
    stems: dict[tuple[str, str], list[Part]] = {}
    for group in groups:
        if len(group) == 1 and group[0].is_layer:
            stems.setdefault(_stem(group[0]), []).append(group[0])
    merged: list[list[Part]] = []
    for group in groups:
        together = stems.get(_stem(group[0]), []) if len(group) == 1 else []
        if len(together) < MANY:
            merged.append(group)
        elif together[0] is group[0]:
            merged.append(together)
    return merged


def _stem(part: Part) -> tuple[str, str]:
    name = numbered(part.path.rpartition(".")[2])[0] if part.is_layer else part.path
    return part.label, name


def _inner(part: Part, node: Node) -> str:
    return node.name[len(part.path) :]


def chains(groups: Iterable[list[Part]]) -> list[list[list[Part]]]:
    """Groups of layers that stand behind each other in the same places: what was put in, or taken out, at once."""
    linked: list[list[list[Part]]] = []
    for group in groups:
        if linked and group[0].is_layer and linked[-1][-1][0].is_layer and _follows(linked[-1][-1], group):
            linked[-1].append(group)
        else:
            linked.append([group])
    return linked


def _follows(group: Sequence[Part], other: Sequence[Part]) -> bool:
    """Whether every layer of one group is read by its neighbour in the other."""
    return len(group) == len(other) and all(
        _parent(a.path) == _parent(b.path) and a.path in (ref.node for ref in b.nodes[0].inputs)
        for a, b in zip(group, other, strict=True)
    )


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def describe_chain(chain: Sequence[Sequence[Part]], graph: Graph) -> str:
    """What the groups of a chain are: `16 × relu, conv2d {kernel_size: 1}`, `8 blocks basic`."""
    if len(chain) == 1:
        return _description(chain[0], graph)
    count = len(chain[0])
    each = ", ".join(kind_text(group[0].label, _fields([part.nodes[0] for part in group])) for group in chain)
    if len(chain) > MAX_LISTED:
        kinds = Counter(group[0].label for group in chain)
        each = ", ".join(f"{number} {kind}" if number > 1 else kind for kind, number in kinds.items())
    return f"{count} × {each}" if count > 1 else each


def _description(group: Sequence[Part], graph: Graph) -> str:
    """What equal parts are: `10 × dropout {p: 0.1}`, `8 blocks basic`, `residual of linear, relu`."""
    first, count = group[0], len(group)
    number = f"{count} × " if count > 1 else ""
    if first.is_layer:
        wrapped = graph.scopes.get(first.path)
        if wrapped is not None:
            return f"{number}{wrapped.kind} around {fold(_held(graph, first.path), ())}"
        return f"{number}{kind_text(first.label, _fields([part.nodes[0] for part in group]))}"
    if first.label.startswith("block "):
        return f"{count} blocks {first.label.removeprefix('block ')}" if count > 1 else first.label
    inside = _held(graph, first.path)
    if len(inside) <= MAX_LISTED:
        return f"{number}{first.label} of {', '.join(_item(graph, f'{first.path}.{name}', count) for name in inside)}"
    return f"{number}{first.label} of {len(first.nodes)} layers"


def _held(graph: Graph, path: str) -> list[str]:
    """What stands directly inside of a container."""
    inside = (node.name[len(path) + 1 :] for node in graph.layers() if node.name.startswith(f"{path}."))
    return list(dict.fromkeys(name.split(".")[0] for name in inside))


def _item(graph: Graph, path: str, count: int) -> str:
    """A layer or a container inside of one; of one container alone, the fields of its layers."""
    if path in graph.scopes or path not in graph:
        return graph.scopes[path].kind if path in graph.scopes else "copies"
    return kind_text(graph[path].kind, list(set_fields(graph[path]).items()) if count == 1 else [])


def _fields(nodes: Sequence[Node]) -> list[tuple[str, object]]:
    """The fields of layers of one kind; of one that differs, its values."""
    values = [set_fields(node) for node in nodes]
    fields: list[tuple[str, object]] = []
    for name in dict.fromkeys(name for each in values for name in each):
        different = list(dict.fromkeys(str(each.get(name)) for each in values))
        shown = values[0].get(name) if len(different) == 1 else _several(different)
        fields.append((name, shown))
    return fields


def _several(values: list[str]) -> str:
    return "/".join(values) if len(values) <= MAX_VALUES else f"{values[0]}…{values[-1]}"


def wiring(group: Sequence[Part], graph: Graph) -> str:
    """`reads pool, read by fc`: what stands around the parts, each by the name of its outermost container there."""
    inside = {node.name for part in group for node in part.nodes}
    reads: dict[str, None] = {}
    readers: dict[str, None] = {}
    for part in group:
        for node in part.nodes:
            names = [str(ref) for ref in node.inputs if ref.node not in inside and not part.holds(ref.node)]
            reads |= {_beside(part.path, name): None for name in names}
            names = [name for name in graph.consumers(node.name) if name not in inside and not part.holds(name)]
            readers |= {_beside(part.path, name): None for name in names}
            readers |= {f"output {name}": None for name, ref in graph.outputs.items() if ref.node == node.name}
    texts = [f"{verb} {text}" for verb, text in (("reads", _shinside(reads)), ("read by", _shinside(readers))) if text]
    return ", ".join(texts)


def _beside(path: str, name: str) -> str:
    """Another layer as one sees it from a path: the outermost container that holds the one and not the other."""
    mine, theirs = path.split("."), name.split(".")
    shared = 0
    while shared < min(len(mine), len(theirs)) - 1 and mine[shared] == theirs[shared]:
        shared += 1
    return ".".join(theirs[: shared + 1])


def _shinside(names: Collection[str]) -> str:
    text = fold(names, ())
    return text if len(text) <= MAX_WIRING else f"{len(names)} layers"


def effect(group: Sequence[Part], graph: Graph, sign: str) -> str:
    """The shape of a single layer, and the parameters of all."""
    nodes = [node for part in group for node in part.nodes]
    params = sum(cost_of(graph, node).params for node in nodes)
    shape = ", ".join(f"{port} {t}" if port else str(t) for port, t in nodes[0].outputs.items())
    texts = [shape if len(nodes) == 1 else "", f"{sign}{params:,} parameters" if params else ""]
    return ", ".join(text for text in texts if text)
