"""The lengths that a network allows, in its ONNX file: a runtime knows the names of axes, and no bounds of them."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from typing import Any

from netspec.frontend.formula import WrongError, evaluate, parse
from netspec.graph.model import Graph
from netspec.shapes.lengths import Condition

META = "netspec.lengths"  # the key in a model's metadata_props: a list such as ["T >= 5", "T <= 512"]

Shapes = Mapping[str, tuple[int, ...]]


def lengths_meta(graph: Graph) -> str:
    """The conditions as JSON, those that a formula can say."""
    return json.dumps([str(c) for c in graph.lengths.conditions if _readable(c)])


def _readable(condition: Condition) -> bool:
    try:
        parse(str(condition))
    except WrongError:  # hundreds of parts
        return False
    return True


def lengths_check(proto: Any) -> Callable[[Shapes], str]:
    """A function that says what is wrong with the lengths of inputs, by name; nothing when nothing is.

    Raises ValueError where the metadata are no list of conditions on the axes of the inputs.
    """
    text = next((entry.value for entry in proto.metadata_props if entry.key == META), "[]")
    written = json.loads(text)
    if not isinstance(written, list) or not all(isinstance(c, str) for c in written):
        raise ValueError(META)
    axes = {v.name: [d.dim_param for d in v.type.tensor_type.shape.dim] for v in proto.graph.input}
    names = {name for dims in axes.values() for name in dims if name.isidentifier()}
    try:
        conditions = {text: parse(text) for text in written}
        for tree in conditions.values():
            evaluate(tree, dict.fromkeys(names, 1))
    except WrongError as error:
        raise ValueError(META) from error

    def wrong(shapes: Shapes) -> str:
        lengths: dict[str, int] = {}
        for key, shape in shapes.items():
            for name, size in zip(axes.get(key, ()), shape, strict=False):
                if name in names and lengths.setdefault(name, size) != size:
                    return f"`{name}` has one length, received {lengths[name]} and {size}"
        for text, tree in conditions.items():
            if set(_names(tree)) <= lengths.keys() and not evaluate(tree, lengths):
                return f"it takes {text}, received {', '.join(f'{n} = {lengths[n]}' for n in sorted(_names(tree)))}"
        short = next((name for name, size in lengths.items() if size < 1), None)
        return f"`{short}` is at least 1, received 0" if short else ""

    return wrong


def _names(tree: Any) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
