"""Blocks: layer kinds of the file's own, as they are declared."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from netspec.frontend.containers import CONTAINERS, WIRING, bodies
from netspec.frontend.expression import VALUE, has_expression, is_value
from netspec.frontend.identifiers import check_name
from netspec.layers import kinds
from netspec.layers.torch_names import explain_key
from netspec.source.errors import Problem, Problems, nearest
from netspec.source.records import offered, unknown_key
from netspec.source.text import Span, show
from netspec.source.tree import Items, Map, Scalar, Tree

KEYS = ("params", "inputs", "layers", "outputs")


@dataclass
class Block:
    """A layer kind of the file's own: parameters, inputs, layers, outputs."""

    name: str
    span: Span
    params: Map
    inputs: tuple[str, ...]
    layers: Map
    outputs: Map | None

    def required(self) -> list[str]:
        """The parameters that have no default."""
        return [name for name, tree in self.params.entries.items() if isinstance(tree, Scalar) and tree.value is None]


def read_block(name: str, tree: Tree, span: Span, problems: Problems) -> Block | None:
    """One entry of `blocks`; None when it is reported."""
    owner = f"block {name}"
    if not isinstance(tree, Map):
        problems.append(
            Problem(
                "NS203",
                f"{owner} expects a mapping, received {show(tree.plain())}",
                tree.span,
                "write `{params: …, layers: …}`",
            )
        )
        return None
    before = len(problems)
    if name in CONTAINERS or name in kinds():
        problems.append(Problem("NS207", f"`{name}` is a kind that netspec has already", span, "choose another name"))
    else:
        check_name(name, span, "a block", problems, module=False)
    for key in tree.entries:
        if key not in KEYS:
            problems.append(unknown_key(key, tree.key_span(key), offered(key, KEYS, tree), owner))
    layers = _layers(tree, owner, span, problems)
    params = _params(tree, owner, problems)
    inputs = _inputs(tree, owner, problems)
    outputs = tree.get("outputs")
    if outputs is not None and not (isinstance(outputs, Map) and outputs.entries):
        problems.append(
            Problem(
                "NS203",
                f"`outputs` of {owner} expects a mapping of name to layer, received {show(outputs.plain())}",
                outputs.span,
                "for example `outputs: {out: fc}`",
            )
        )
    if len(problems) > before or layers is None:
        return None
    return Block(name, span, params, inputs, layers, outputs if isinstance(outputs, Map) else None)


def _layers(tree: Map, owner: str, span: Span, problems: Problems) -> Map | None:
    layers = tree.get("layers")
    if isinstance(layers, Map) and layers.entries:
        return layers
    if layers is not None:
        problems.append(
            Problem(
                "NS203",
                f"`layers` of {owner} expects a mapping of name to layer, received {show(layers.plain())}",
                tree.key_span("layers"),
                "for example `relu: relu`",
            )
        )
    elif not any(nearest(key, KEYS) == "layers" for key in tree.entries):
        problems.append(
            Problem("NS204", f"{owner} needs `layers`, a mapping of name to layer", span, "add `layers: …`")
        )
    return None


def _params(tree: Map, owner: str, problems: Problems) -> Map:
    params = tree.get("params") or Map({}, tree.span)
    if not isinstance(params, Map):
        problems.append(
            Problem(
                "NS203",
                f"`params` of {owner} expects a mapping of name to default, received {show(params.plain())}",
                params.span,
                "for example `params: {channels: , stride: 1}`",
            )
        )
        return Map({}, tree.span)
    for name, default in params.entries.items():
        span = params.key_span(name)
        if name in WIRING:
            problems.append(
                Problem(
                    "NS207",
                    f"parameter `{name}` of {owner} is a wiring key of every layer",
                    span,
                    "choose another name",
                )
            )
        else:
            check_name(name, span, f"a parameter of {owner}", problems, module=False)
        value = default.plain()
        if value is not None and not has_expression(default) and not is_value(value):
            problems.append(
                Problem("NS203", f"parameter `{name}` of {owner} expects {VALUE}, received {show(value)}", default.span)
            )
    return params


def _inputs(tree: Map, owner: str, problems: Problems) -> tuple[str, ...]:
    inputs = tree.get("inputs")
    if inputs is None:
        return ("in",)
    names: Any = inputs.plain()
    if not isinstance(inputs, Items) or not names or not all(isinstance(name, str) for name in names):
        problems.append(
            Problem(
                "NS203",
                f"`inputs` of {owner} expects a list of names, received {show(names)}",
                inputs.span,
                "for example `inputs: [query, memory]`",
            )
        )
        return ()
    for i, (name, item) in enumerate(zip(names, inputs.items, strict=True)):
        if name in names[:i]:
            problems.append(Problem("NS206", f"`{name}` is an input of {owner} already", item.span))
        elif name != "in":
            check_name(name, item.span, f"an input of {owner}", problems, module=False)
    return tuple(names)


def check_arguments(tree: Map, block: Block, owner: str, span: Span, problems: Problems) -> None:
    """Report unknown and missing parameters of one use (NS202, NS204)."""
    meant = set()
    for key in tree.entries:
        if key not in WIRING and key not in block.params:
            known = offered(key, (*block.params.entries, *WIRING), tree)
            problems.append(unknown_key(key, tree.key_span(key), known, owner, explain=explain_key))
            meant.add(nearest(key, known))
    for name in block.required():
        if name not in tree and name not in meant:
            problems.append(
                Problem(
                    "NS204",
                    f"{owner} needs `{name}`",
                    span,
                    f"add `{name}: …`",
                    route=f"block {block.name} is defined at {line_of(block.span, span)}",
                )
            )


def line_of(span: Span, seen_from: Span) -> str:
    """`line 31`, with the file's name when it is another one."""
    return f"line {span.line}" if span.source is seen_from.source else f"{span.source.name}:{span.line}"


def check_cycles(blocks: Mapping[str, Block], problems: Problems) -> None:
    """Report blocks that use themselves, directly or through others (NS310), each circle once."""
    used = {name: dict(_blocks_in(block.layers, blocks)) for name, block in blocks.items()}
    try:
        TopologicalSorter(used).prepare()
    except CycleError:
        _report_cycles(used, problems)


def _report_cycles(used: Mapping[str, Mapping[str, Span]], problems: Problems) -> None:
    import networkx as nx  # the import takes longer than checking a file

    uses: nx.DiGraph[str] = nx.DiGraph()
    uses.add_nodes_from(used)
    for name, others in used.items():
        for other, span in others.items():
            uses.add_edge(name, other, span=span)
    for group in nx.strongly_connected_components(uses):
        first = next(name for name in used if name in group)
        inside = uses.subgraph(group)
        if inside.number_of_edges():
            edges = nx.find_cycle(inside, first)
            circle = " -> ".join([a for a, _ in edges] + [edges[0][0]])
            problems.append(
                Problem(
                    "NS310",
                    f"block {edges[0][0]} uses itself: {circle}",
                    uses.edges[edges[0]]["span"],
                    "a network of this language has no recursion: use `repeat`",
                )
            )


def _blocks_in(layers: Map, blocks: Collection[str]) -> Iterator[tuple[str, Span]]:
    """The blocks that layers are of, with the place of each, containers searched through."""
    for tree in layers.entries.values():
        tag = tree.get("type") if isinstance(tree, Map) else tree
        if isinstance(tag, Scalar) and tag.value in blocks:
            yield tag.value, tag.span
        for inner in bodies(tree):
            yield from _blocks_in(inner, blocks)
