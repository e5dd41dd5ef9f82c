"""The wiring keys of an entry, read and checked: `repeat`, `when`, `freeze`, `share`, `init`, `from`."""

from __future__ import annotations

from netspec.frontend.expansion.size import MAX_LAYERS
from netspec.frontend.expression import has_expression, whole
from netspec.layers.init import read_init
from netspec.source.errors import NetspecError, Problem, Problems
from netspec.source.text import show
from netspec.source.tree import Items, Map, Scalar, Tree


def read_flag(tree: Tree, key: str) -> bool:
    """`when` or `freeze`.  Raises NS203."""
    value = tree.plain()
    if isinstance(value, bool):
        return value
    hint = "`yes`, `no`, `on` and `off` are text in YAML 1.2" if value in ("yes", "no", "on", "off") else ""
    raise NetspecError("NS203", f"`{key}` expects true or false, received {show(value)}", tree.span, hint=hint)


def read_repeat(tree: Tree) -> int:
    """`repeat`.  Raises NS203 and NS309."""
    value = whole(tree.plain())
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise NetspecError("NS203", f"`repeat` expects a whole number of at least 0, received {show(value)}", tree.span)
    if value > MAX_LAYERS:
        raise NetspecError("NS309", f"`repeat: {value}` makes more than {MAX_LAYERS:,} layers", tree.span)
    return value


def read_share(tree: Tree) -> Scalar:
    """`share`: the name of a layer.  Raises NS308."""
    if isinstance(tree, Scalar) and isinstance(tree.value, str):
        return tree
    raise NetspecError("NS308", f"`share` expects the name of a layer, received {show(tree.plain())}", tree.span)


def check_wiring(fields: Map, problems: Problems) -> None:
    """Report the wiring keys whose values are written out and wrong."""
    for key in ("repeat", "when", "freeze", "share", "init", "from"):
        tree = fields.get(key)
        if tree is None or has_expression(tree):
            continue
        try:
            if key == "repeat":
                read_repeat(tree)
            elif key in ("when", "freeze"):
                read_flag(tree, key)
            elif key == "share":
                read_share(tree)
            elif key == "init":
                read_init(tree)
            else:
                check_from(tree, problems)
        except NetspecError as error:
            problems += error.problems


def check_from(tree: Tree, problems: Problems) -> None:
    """Report what cannot be a reference (NS308): references are names."""
    targets = (
        tree.items if isinstance(tree, Items) else list(tree.entries.values()) if isinstance(tree, Map) else [tree]
    )
    if not targets:
        problems.append(Problem("NS308", "`from` names nothing", tree.span, "for example `from: [a, b]`"))
    for target in targets:
        if not isinstance(target, Scalar) or not isinstance(target.value, str):
            value = target.plain()
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            problems.append(
                Problem(
                    "NS308",
                    f"`from` expects the name of a layer, received {show(value)}",
                    target.span,
                    "references are names, never numbers" if number else "",
                )
            )
