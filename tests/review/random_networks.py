"""Random networks of `tests/differential` under other names, in another order of the file, with one edit."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import netspec
from netspec.graph.model import Graph, Node, Ref
from tests.differential.draw import draw, text_of


def drawn(seed: int) -> tuple[dict[str, Any], Graph] | None:
    """A network that netspec takes."""
    document = draw(seed)
    try:
        return document, netspec.load(text_of(document))
    except netspec.NetspecError:
        return None


def renamed(graph: Graph, rng: random.Random) -> tuple[Graph, dict[str, str]]:
    """The same network with another name for every layer, container, input and output; and name -> new name."""
    labels: dict[str, str] = {}

    def other(path: str) -> str:
        parts = path.split(".")
        for part in parts:
            if not part.isdigit() and part not in labels:
                labels[part] = f"n{len(labels)}_{rng.randrange(1000)}"
        return ".".join(labels.get(part, part) for part in parts)

    names = {node.name: other(node.name) for node in graph.nodes()}
    return rewritten(graph, list(graph.nodes()), names, other), names


def rewritten(graph: Graph, nodes: list[Node], names: Mapping[str, str], other: Callable[[str], str]) -> Graph:
    """These nodes under other names."""
    new = replace(
        graph,
        inputs={names[name]: type_ for name, type_ in graph.inputs.items()},
        outputs={f"o{other(name)}": Ref(names[ref.node], ref.port) for name, ref in graph.outputs.items()},
        scopes={other(path): replace(scope, name=other(path)) for path, scope in graph.scopes.items() if path},
        _nodes={},
        _readers={},
    )
    for node in nodes:
        inputs = tuple(Ref(names[ref.node], ref.port) for ref in node.inputs)
        scope, share = other(node.scope) if node.scope else "", names[node.share] if node.share else ""
        new.add(replace(node, name=names[node.name], inputs=inputs, scope=scope, share=share))
    return new


def shuffled(graph: Graph, rng: random.Random) -> Graph:
    """The same network with its layers in another order of the file, each still behind what it reads and shares."""
    new = replace(graph, _nodes={}, _readers={})
    waiting = list(graph.layers())
    for node in graph.nodes():
        if node.name in graph.inputs:
            new.add(node)
    while waiting:
        ready = [
            node
            for node in waiting
            if all(ref.node in new for ref in node.inputs) and (not node.share or node.share in new)
        ]
        node = rng.choice(ready)
        waiting.remove(node)
        new.add(node)
    return new


def rewired(graph: Graph, rng: random.Random) -> Graph | None:
    """Another input of one layer, its inputs in another order, or the weights of another layer; None: there is none."""
    nodes = list(graph.nodes())
    i = rng.randrange(len(nodes))
    node, earlier = nodes[i], nodes[:i]
    choices: list[Node] = []
    for position, ref in enumerate(node.inputs):
        for other in earlier:
            for port, type_ in other.outputs.items():
                if type_ == graph.type_of(ref) and Ref(other.name, port) != ref:
                    inputs = (*node.inputs[:position], Ref(other.name, port), *node.inputs[position + 1 :])
                    choices.append(replace(node, inputs=inputs))
    if len({str(type_) for type_ in graph.input_types(node)}) == 1 and len(node.inputs) > 1:
        choices.append(replace(node, inputs=tuple(rng.sample(node.inputs, len(node.inputs)))))
    weights = graph.weights_of(node)
    if weights and not node.share:
        same = [other for other in earlier if graph.weights_of(other) == weights]
        choices += [replace(node, share=other.name) for other in same]
    if not choices:
        return None
    nodes[i] = rng.choice(choices)
    return with_nodes(graph, nodes)


def with_nodes(graph: Graph, nodes: list[Node], outputs: dict[str, Ref] | None = None) -> Graph:
    """The network of these nodes."""
    new = replace(graph, outputs=outputs or graph.outputs, _nodes={}, _readers={})
    for node in nodes:
        new.add(node)
    return new
