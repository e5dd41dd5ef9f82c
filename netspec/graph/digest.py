"""Digests of a network: what it takes and gives, what it computes, under which names, and what begins its training.

    node      what it computes; upstream: that, and what flows into it (a Merkle tree over ordered inputs and ports);
              downstream: that, and what reads it, at which input
    network   interface, function, names, training: 256 bits each, equal in every process and on every platform

The function of a network is a text: its nodes in the order in which the outputs lead to them, each with what it
computes, the numbers of the nodes that it reads, and the numbers of the weights that it shares.  So two layers of equal
weights are not one layer that is read twice, and equal texts are equal networks.  Layers that no output needs count
among the names alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from netspec.graph.meaning import Meanings, weight_names
from netspec.graph.model import Graph, Input, Node, Ref
from netspec.layers.recurrent import CellLayer
from netspec.shapes.dim import Dim
from netspec.shapes.tensor import TensorType

VERSION = 1  # of the texts below: another one gives other digests


@dataclass(frozen=True)
class Digests:
    """Each as `1:` and 64 hexadecimal digits, 1 the version of what is digested."""

    interface: str  # inputs and outputs: names, order, types
    function: str  # what is computed of given inputs and weights, whatever their names
    names: str  # of layers and weights, also of layers that no output needs
    training: str  # init and freeze


def digests(graph: Graph) -> Digests:
    """The digests of a network; `function` and `interface` equal: it can stand in the other's place."""
    meanings = Meanings(axis_numbers(graph.inputs.values()))
    meaning = meanings.of_all(graph)
    numbers = {name: i for i, name in enumerate((*graph.inputs, *_outputs_first(graph, meaning)))}
    return Digests(
        _digest("interface", _interface(graph, meanings)),
        _digest("function", _function(graph, meaning, numbers)),
        _digest("names", _names(graph, meaning, numbers)),
        _digest("training", _training(graph, numbers)),
    )


def axis_numbers(types: Iterable[TensorType]) -> dict[str, str]:
    """Named axes of the inputs -> one name for all networks that differ in these names alone."""
    names = [str(size) for type_ in types for size in type_.shape[1:] if isinstance(size, Dim)]
    return {name: f"axis{i}" for i, name in enumerate(dict.fromkeys(names))}


def upstream(graph: Graph, meaning: Mapping[str, str], inputs: Mapping[str, str]) -> dict[str, bytes]:
    """Node -> digest of what it computes of the inputs of the network, which are known by what `inputs` calls them."""
    up: dict[str, bytes] = {}
    for node in graph.nodes():
        reads = [up[ref.node] + ref.port.encode() for ref in node.inputs] or [inputs.get(node.name, "").encode()]
        up[node.name] = _short(meaning[node.name], *(sorted(reads) if is_commutative(node) else reads))
    return up


def downstream(graph: Graph, meaning: Mapping[str, str], outputs: Mapping[str, str]) -> dict[str, bytes]:
    """Node -> digest of what is done with it up to the outputs, which are known by what `outputs` calls them.

    What the readers read beside it does not count.
    """
    uses: dict[str, list[bytes]] = defaultdict(list)
    for name, ref in graph.outputs.items():
        uses[ref.node].append(f"{outputs.get(name, '')} {ref.port}".encode())
    down: dict[str, bytes] = {}
    for node in reversed(list(graph.nodes())):
        down[node.name] = _short(meaning[node.name], *sorted(uses[node.name]))
        for position, ref in enumerate(node.inputs):
            uses[ref.node].append(down[node.name] + f"{0 if is_commutative(node) else position} {ref.port}".encode())
    return down


def is_commutative(node: Node) -> bool:
    """Whether its inputs can be exchanged, to the last bit."""
    return node.layer.commutative and len(node.inputs) == 2


def shared_weights(graph: Graph) -> set[tuple[str, str]]:
    """(node, weight) of all weights that several nodes use, by the node that owns them."""
    return {
        (owner, weight)
        for node in graph.nodes()
        if node.share
        for weight in graph.weights_of(node)
        if (owner := graph.owner(node, weight)) != node.name
    }


def _short(*parts: str | bytes) -> bytes:
    digest = sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.digest()


def _digest(what: str, lines: Iterable[str]) -> str:
    text = "\n".join((f"netspec {what} {VERSION}", *lines))
    return f"{VERSION}:{sha256(text.encode()).hexdigest()}"


def _outputs_first(graph: Graph, meaning: Mapping[str, str]) -> list[str]:
    """The layers that outputs need, each behind what it reads, in the order in which the outputs lead to them.

    Where the order of two inputs does not count, what flows into them orders them, then what is done with them.
    """
    up = upstream(graph, meaning, {name: str(i) for i, name in enumerate(graph.inputs)})
    down: dict[str, bytes] = {}
    order: dict[str, None] = {}
    stack = [(ref.node, False) for ref in reversed(graph.outputs.values())]
    while stack:
        name, inputs_done = stack.pop()
        node = graph[name]
        if name in order or isinstance(node.layer, Input):
            continue
        if inputs_done:
            order[name] = None
            continue
        reads = [ref.node for ref in node.inputs]
        if is_commutative(node) and reads[0] != reads[1]:
            if up[reads[0]] == up[reads[1]] and not down:
                down = downstream(graph, meaning, {name: str(i) for i, name in enumerate(graph.outputs)})
            reads.sort(key=lambda name: (up[name], down.get(name, b"")))
        stack.append((name, True))
        stack += [(read, False) for read in reversed(reads)]
    return list(order)


def _interface(graph: Graph, meanings: Meanings) -> Iterator[str]:
    for name, type_ in graph.inputs.items():
        yield f"input {name} {meanings.type(type_)}"
    for name, type_ in graph.output_types().items():
        yield f"output {name} {meanings.type(type_)}"


def _function(graph: Graph, meaning: Mapping[str, str], numbers: Mapping[str, int]) -> Iterator[str]:
    shared = shared_weights(graph)
    groups: dict[tuple[str, str], int] = {}

    def reads(ref: Ref) -> str:
        return f"{numbers[ref.node]}.{ref.port}"

    for name in numbers:
        node = graph[name]
        if isinstance(node.layer, Input):
            yield f"input {meaning[name]}"
            continue
        inputs = [reads(ref) for ref in node.inputs]
        uses = []
        for i, weight in enumerate(weight_names(graph, node) if shared else ()):
            owner = (graph.owner(node, weight), weight)
            if owner in shared:
                uses.append(f"{i}={groups.setdefault(owner, len(groups))}")
        yield f"{meaning[name]} {sorted(inputs) if is_commutative(node) else inputs} {uses}"
    for ref in graph.outputs.values():
        yield f"output {reads(ref)}"


def _names(graph: Graph, meaning: Mapping[str, str], numbers: Mapping[str, int]) -> Iterator[str]:
    for name, number in numbers.items():
        if name not in graph.inputs:
            node = graph[name]
            yield f"{number} {name} {weight_names(graph, node)}"
    for node in sorted(graph.layers(), key=lambda node: node.name):
        if node.name not in numbers:
            reads = [numbers.get(ref.node, ref.node) for ref in node.inputs]
            yield f"unused {node.name} {meaning[node.name]} {reads} {weight_names(graph, node)} {node.share}"


def _training(graph: Graph, numbers: Mapping[str, int]) -> Iterator[str]:
    for name, number in numbers.items():
        node = graph[name]
        inits = {weight: repr(init) for weight, init in node.init.items()}
        of_cell = node.layer.cell_inits() if isinstance(node.layer, CellLayer) else {}
        inits |= {weight: repr(init) for weight, init in of_cell.items() if weight not in inits}
        if inits or node.freeze:
            yield f"{number} {sorted(inits.items())} {node.freeze}"
