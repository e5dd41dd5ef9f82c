"""Located trees as values: whether two mean the same, how alike they are, and how one is written in short."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from netspec.frontend.holds import inside, is_short, spelled_out
from netspec.source.text import printable, show
from netspec.source.tree import Items, Map, Scalar, Tree

Path = tuple[str, ...]
Leaf = tuple[Path, object]
_LISTS = ("from", "include", "metrics")  # one name is short for a list of it


def leaves(tree: Tree, holds: str = "other", path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every value with the way to it, short forms spelled out, in no order of keys."""
    if isinstance(tree, Map):
        if not tree.entries:
            yield path, "{}"
        for key, value in tree.entries.items():
            yield from leaves(written_out(value, holds, key), inside(holds, key), (*path, key))
    elif isinstance(tree, Items):
        if not tree.items:
            yield path, "[]"
        for i, item in enumerate(tree.items):
            yield from leaves(item, "other", (*path, str(i)))
    else:
        yield path, (type(tree.value) is bool, tree.value)  # 1 and true are two values, 1 and 1.0 are one


def written_out(tree: Tree, holds: str, key: str) -> Tree:
    """The value under a key without its short form: `relu` is `{type: relu}`, `from: a` is `from: [a]`."""
    if isinstance(tree, Scalar) and key in _LISTS and isinstance(tree.value, str):
        return Items([tree], tree.span)
    return spelled_out(tree) if is_short(holds, key) else tree


def same(a: Tree, b: Tree, holds: str = "other") -> bool:
    """Whether two trees mean the same value."""
    if isinstance(a, Map) and isinstance(b, Map):
        return a.entries.keys() == b.entries.keys() and all(
            same(written_out(value, holds, key), written_out(b.entries[key], holds, key), inside(holds, key))
            for key, value in a.entries.items()
        )
    if isinstance(a, Items) and isinstance(b, Items):
        return len(a.items) == len(b.items) and all(same(x, y) for x, y in zip(a.items, b.items, strict=True))
    if isinstance(a, Scalar) and isinstance(b, Scalar):
        nan = a.value != a.value and b.value != b.value
        return (type(a.value) is bool) == (type(b.value) is bool) and (nan or a.value == b.value)
    return False


def likeness(a: Tree, b: Tree, holds: str = "other") -> float:
    """The share of values that two trees have in common, 0 to 1."""
    left, right = Counter(leaves(a, holds)), Counter(leaves(b, holds))
    return 2 * (left & right).total() / (left.total() + right.total())


def short(tree: Tree, holds: str = "other") -> str:
    """A value in one line of YAML, its numbers as they are written; of layers inside of it the names."""
    if isinstance(tree, Map) and holds in ("layers", "branches"):
        return f"{{{', '.join(tree.entries)}}}"
    if isinstance(tree, Map):
        inner = (f"{key}: {short(value, inside(holds, key))}".rstrip() for key, value in tree.entries.items())
        return f"{{{', '.join(inner)}}}"
    if isinstance(tree, Items):
        return f"[{', '.join(map(short, tree.items))}]"
    return _scalar(tree)


def _scalar(tree: Scalar) -> str:
    span = tree.span
    if tree.value is None:
        return ""
    if span.line == span.end_line:
        written = span.source.lines[span.line - 1][span.column - 1 : span.end_column - 1]
        resolved = "$" in written and not (isinstance(tree.value, str) and "$" in tree.value)
        if not resolved:
            return printable(written)
    return printable(" ".join(tree.value.split())) if isinstance(tree.value, str) else show(tree.value)
