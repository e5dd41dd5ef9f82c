"""`extends` and `--set`: one tree laid over another by name."""

from __future__ import annotations

from netspec.source.errors import NetspecError
from netspec.source.text import Source, Span
from netspec.source.tree import Items, Map, Scalar, Tree, parse

# What the entries of a mapping under this key are: layers by name, or lists of layers by name.
_INSIDE = {"layers": "layers", "branches": "branches"}


def overlay(parent: Map, child: Map, holds: str = "") -> Map:
    """The parent with the child's keys laid over it: mappings merge, `null` removes, the rest replaces.

    A new name stands right after the name above it in the child (at the end, when there is none), so that a
    variant can put a layer in the middle of its parent.
    """
    order = list(parent.entries)
    entries, spans = dict(parent.entries), dict(parent.key_spans)
    above = ""
    for key, value in child.entries.items():
        old = entries.get(key)
        if isinstance(value, Scalar) and value.value is None and key not in parent:
            known = ", ".join(order[:12])
            raise NetspecError("NS303", f"`{key}: null` removes nothing: the parent has no `{key}`",
                               child.key_span(key), hint=f"it has {known}" if known else "")  # fmt: skip
        if isinstance(value, Scalar) and value.value is None:
            del entries[key]
            order.remove(key)
            continue
        if old is None:
            order.insert(order.index(above) + 1 if above in order else len(order), key)
        entries[key] = value if old is None else _over(old, value, key, holds)
        spans[key] = child.key_span(key)
        above = key
    return Map({k: entries[k] for k in order}, child.span, spans)


def _over(old: Tree, new: Tree, key: str, holds: str) -> Tree:
    if not isinstance(new, Map):
        return new
    if holds == "layers" and isinstance(old, Scalar):  # `relu: relu` is short for `relu: {type: relu}`
        old = Map({"type": old}, old.span, {"type": old.span})
    if not isinstance(old, Map):
        return new
    return overlay(old, new, {"layers": "", "branches": "layers"}.get(holds, _INSIDE.get(key, "")))


def set_path(root: Map, assignment: str) -> Map:
    """The document with one `--set path=value` put in; a bare name that is no section is a variable."""
    source = Source("--set", assignment)
    path, equals, text = assignment.partition("=")
    whole = Span(source, 1, 1, 1, len(assignment) + 1)
    if not equals or not path.strip():
        raise NetspecError("NS304", f"`--set {assignment}` is not `path=value`", hint="for example `--set width=32`, "
                           "`--set train.epochs=5`")  # fmt: skip
    keys = path.strip().split(".")
    if len(keys) == 1:
        variables = root.get("vars")
        if not isinstance(variables, Map) or keys[0] not in variables:
            known = ", ".join(variables.entries) if isinstance(variables, Map) else ""
            raise NetspecError("NS304", f"`--set {path}`: the file has no variable `{keys[0]}`", whole,
                               hint=f"its `vars` are {known}" if known else "a path goes through a section: "
                               "`--set train.epochs=5`")  # fmt: skip
        keys = ["vars", *keys]
    tree: Tree = _set_value(source, len(path) + 1, text)
    end = len(path)
    for key in reversed(keys):
        place = Span(source, 1, max(1, end - len(key) + 1), 1, end + 1)
        tree = Map({key: tree}, whole, {key: place})
        end -= len(key) + 1
    assert isinstance(tree, Map)  # there is at least one key
    return overlay(root, tree)


def _set_value(source: Source, offset: int, text: str) -> Tree:
    # The value is parsed in its place on the line, so that an error points into what was typed.
    tree = parse(Source(source.name, " " * offset + text)) if text.strip() else Scalar("", Span(source, 1, 1, 1, 1))
    return _moved(tree, source)


def _moved(tree: Tree, source: Source) -> Tree:
    span = Span(source, tree.span.line, tree.span.column, tree.span.end_line, tree.span.end_column)
    if isinstance(tree, Scalar):
        return Scalar(tree.value, span, tree.inset)
    if isinstance(tree, Items):
        return Items([_moved(t, source) for t in tree.items], span)
    return Map({k: _moved(v, source) for k, v in tree.entries.items()}, span)
