"""`inputs`: names, shapes and element types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netspec.frontend.document import Document
from netspec.frontend.expression import resolve, whole
from netspec.frontend.identifiers import IDENTIFIER, check_name
from netspec.shapes.dim import Size, symbol
from netspec.shapes.tensor import BATCH, DTYPES, TensorType
from netspec.source.errors import NetspecError, Problems, did_you_mean
from netspec.source.records import MAX_SIZE, offered, unknown_key
from netspec.source.text import Span, show
from netspec.source.tree import Items, Map, Scalar, Tree

MAX_RANK = 16
_KEYS = ("shape", "dtype")


def read_inputs(document: Document, problems: Problems) -> dict[str, TensorType]:
    """Input name -> type, the batch axis put in front.  Reports NS202 to NS206 and what is wrong with expressions."""
    section = document.section("inputs")
    assert section is not None  # document.py refused a file without
    types = {}
    for name, tree in section.entries.items():
        span = section.key_span(name)
        check_name(name, span, "an input", problems, module=False)
        try:
            types[name] = _input(name, tree, span, document.vars, problems)
        except NetspecError as error:
            problems += error.problems
    return types


def _input(name: str, tree: Tree, span: Span, variables: Mapping[str, Any], problems: Problems) -> TensorType:
    declared, dtype = resolve(tree, variables), "float32"
    if isinstance(declared, Map):
        for key in declared.entries:
            if key not in _KEYS:
                known = offered(key, _KEYS, declared)
                problems.append(unknown_key(key, declared.key_span(key), known, f"input `{name}`"))
        dtype = _dtype(name, declared.get("dtype"))
        shape = declared.get("shape")
        if shape is None:
            raise NetspecError(
                "NS204", f"input `{name}` needs `shape`", declared.span, hint="for example `shape: [3, 32, 32]`"
            )
    else:
        shape = declared
    if not isinstance(shape, Items) or len(shape.items) >= MAX_RANK:
        value = shape.plain()
        expected = (
            f"at most {MAX_RANK - 1} axes, received {len(value)}"
            if isinstance(value, list)
            else f"a shape, received {show(value)}"
        )
        raise NetspecError(
            "NS203",
            f"input `{name}` expects {expected}",
            span if value is None else shape.span,
            hint="a list without the batch axis, for example `[3, 32, 32]`",
        )
    return TensorType((BATCH, *(_axis(name, axis) for axis in shape.items)), dtype)


def _dtype(name: str, tree: Tree | None) -> str:
    if tree is None:
        return "float32"
    dtype = tree.value if isinstance(tree, Scalar) else None
    if isinstance(dtype, str) and dtype in DTYPES:
        return dtype
    raise NetspecError(
        "NS203",
        f"`dtype` of input `{name}` expects one of {', '.join(DTYPES)}, received {show(tree.plain())}",
        tree.span,
        hint=did_you_mean(str(dtype), DTYPES),
    )


def _axis(name: str, tree: Tree) -> Size:
    value = whole(tree.plain())
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < MAX_SIZE:
        return value
    if isinstance(value, str) and IDENTIFIER.fullmatch(value) and len(value) <= 40:
        if value == "B":
            raise NetspecError(
                "NS203",
                f"`B` is the batch axis, which input `{name}` has already",
                tree.span,
                hint="leave it out, or give the axis another name",
            )
        return symbol(value)
    raise NetspecError(
        "NS203",
        f"an axis of input `{name}` expects a whole number of at least 1, or a name such as `T`, "
        f"received {show(value)}",
        tree.span,
    )
