"""YAML text to a tree of located values.

The tree is built from PyYAML's events, not from its composed nodes: the positions are the same, and depth,
anchors, aliases, tags and further documents are refused at the place where they begin, before anything is
built from them and without recursion.  Scalars follow the YAML 1.2 core schema (`1e-3` is a number, `on` is
text), not PyYAML's 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from netspec.source.errors import NetspecError, Problem, Problems, nearest, raise_all
from netspec.source.netspec_file import LOCK_SUFFIX, is_lock
from netspec.source.refusals import events, refuse_features, refused
from netspec.source.text import Source, Span

MAX_BYTES = 1 << 20
MAX_DEPTH = 100
_TOO_LARGE = "use blocks and `repeat`, or split the file with `include`"
MAX_DIGITS = 300  # what a float can hold; Python refuses to read more than 4,300

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


class Located:
    """What every part of a tree can: say where it stands, and where what is below it stands."""

    __slots__ = ()
    span: Span

    def below(self, key: str | int) -> Tree | None:
        """The value under a key, or the item of a number; None where there is none."""
        return None

    def span_at(self, *path: str | int) -> Span:
        """The place of the value at a path of keys and item numbers; of the nearest above it where it is missing."""
        value = self.below(path[0]) if path else None
        return self.span if value is None else value.span_at(*path[1:])


@dataclass(eq=False, slots=True)
class Scalar(Located):
    """A number, text, bool or null, with its place; `inset` is where its text begins within the span."""

    value: Any
    span: Span
    inset: int = 0

    def plain(self) -> Any:
        return self.value


@dataclass(eq=False, slots=True)
class Items(Located):
    """A YAML sequence."""

    items: list[Tree]
    span: Span

    def below(self, key: str | int) -> Tree | None:
        return self.items[key] if isinstance(key, int) and key < len(self.items) else None

    def plain(self) -> list[Any]:
        return [item.plain() for item in self.items]


@dataclass(eq=False, slots=True)
class Map(Located):
    """A YAML mapping: name -> value, with the place of each name."""

    entries: dict[str, Tree]
    span: Span
    key_spans: dict[str, Span] = field(default_factory=dict)

    def below(self, key: str | int) -> Tree | None:
        return self.entries.get(str(key))

    def plain(self) -> dict[str, Any]:
        return {key: value.plain() for key, value in self.entries.items()}

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def get(self, key: str) -> Tree | None:
        return self.entries.get(key)

    def key_span(self, key: str) -> Span:
        return self.key_spans.get(key, self.span)


Tree: TypeAlias = Scalar | Items | Map


def read_text(path: Path, shown: str | None = None) -> Source:
    """The text of a file, or NS101 with what is wrong with it (missing, a folder, too large, binary)."""
    name = shown or str(path)

    def bad(message: str, hint: str = "") -> NetspecError:
        return NetspecError("NS101", message, name=name, hint=hint)

    try:
        if path.is_dir():
            inside = [file for suffix in ("yaml", "yml") for file in path.glob(f"*.{suffix}")]
            hint = f"name the file in it, {inside[0]}" if len(inside) == 1 else "name one .yaml file in it"
            raise bad("a folder, expected a netspec file", hint)
        if path.is_fifo():  # it would be waited for without end
            raise bad("a pipe, expected a netspec file")
        with path.open("rb") as file:  # not more than the limit: a device or a pipe may have no end
            data = file.read(MAX_BYTES + 1)
        if path.suffix == LOCK_SUFFIX and is_lock(data):
            raise bad(
                "the lock of a network, expected a netspec file", f"name the file that it is beside: {path.stem}.yaml"
            )
    except FileNotFoundError:
        near = near_file(path)
        raise bad("no such file", f"did you mean `{near}`?" if near else "check the path") from None
    except (OSError, ValueError) as error:
        raise bad(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return text_of(data, name)


def text_of(data: bytes, name: str) -> Source:
    """The bytes of a file as text.  Raises NS101 for more than MAX_BYTES, and for what is no text."""
    if len(data) > MAX_BYTES:
        raise NetspecError("NS101", "larger than 1 MiB", name=name, hint=_TOO_LARGE)
    if b"\0" in data:
        raise NetspecError("NS101", "not text: it holds a zero byte", name=name, hint="expected YAML in UTF-8")
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"not UTF-8 text (byte {error.start}, line {line})"
        raise NetspecError("NS101", message, name=name, hint="save the file as UTF-8") from None


def near_file(path: Path) -> Path | None:
    """The YAML file in the same folder whose name is most like a path's that is not there."""
    try:
        return nearest_yaml(path, (p.name for p in path.parent.iterdir()))
    except OSError:
        return None


def nearest_yaml(path: Path, names: Iterable[str]) -> Path | None:
    """Of the names in a path's folder the YAML file that is most like it."""
    near = nearest(path.name, [name for name in names if name.endswith((".yaml", ".yml"))])
    return path.parent / near if near else None


def parse_scalar(text: str) -> Any:
    """The value of a plain scalar under the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "+-.0123456789":
        if _INT.fullmatch(text) and len(text) <= MAX_DIGITS:
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text, 10)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text


def parse(source: Source, most: int = MAX_BYTES) -> Tree:
    """The whole text as one tree.

    Raises NS101 (more than `most` characters), NS102 (not YAML), NS103 (a refused feature), NS104 (duplicate key).
    """
    if len(source.text) > most:
        raise NetspecError("NS101", "larger than 1 MiB", name=source.name, hint=_TOO_LARGE)
    problems = Problems()
    root: Tree | None = None
    anchors: set[str] = set()
    # One entry an open collection: the collection, and for a mapping the key that waits for its value.
    stack: list[tuple[Items | Map, Scalar | None]] = []

    for event in events(source, problems):
        span = _span(source, event)
        refuse_features(event, span, anchors, problems)
        node: Tree
        if isinstance(event, yaml.ScalarEvent):
            plain = bool(event.implicit[0])
            node = Scalar(parse_scalar(event.value) if plain else event.value, span, 0 if plain else 1)
        elif isinstance(event, yaml.AliasEvent):
            node = Scalar(None, span)
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            node = Items([], span) if isinstance(event, yaml.SequenceStartEvent) else Map({}, span)
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            done = stack.pop()[0]
            done.span = _closed(done, span)
            continue
        else:
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                problems.append(refused("a second document is", span, "one file holds one architecture"))
                break
            continue

        if not stack:
            root = node
        else:
            _attach(stack, node, problems)
        if isinstance(node, (Items, Map)):
            stack.append((node, None))
            if len(stack) > MAX_DEPTH:
                problems.append(refused(f"nesting deeper than {MAX_DEPTH} is", span, "use `blocks` and `repeat`"))
                break
    raise_all(problems)
    if root is None:
        raise NetspecError("NS105", "the file is empty", name=source.name, hint="begin with `netspec: 1`")
    return root


def _attach(stack: list[tuple[Items | Map, Scalar | None]], node: Tree, problems: Problems) -> None:
    parent, key = stack[-1]
    if isinstance(parent, Items):
        parent.items.append(node)
    elif key is None:
        if not isinstance(node, Scalar):
            raise NetspecError(
                "NS103",
                "a list or mapping cannot be a name",
                node.span,
                hint="a name is plain text; text that begins with a bracket wants quotes",
            )
        stack[-1] = (parent, node)
    else:
        name = key.value if isinstance(key.value, str) else _key_text(key)
        if name == "<<" and not key.inset:
            problems.append(refused("the merge key `<<` is", key.span, "use `vars`, `blocks` and `extends`"))
        elif name in parent.entries:
            first = parent.key_spans[name]
            problems.append(
                Problem("NS104", f"`{name}` is given twice", key.span, f"first given at line {first.line}; keep one")
            )
        else:
            parent.entries[name] = node
            parent.key_spans[name] = key.span
        stack[-1] = (parent, None)


def _key_text(key: Scalar) -> str:
    """A name that YAML reads as a number or a word (`1`, `null`) is the text that was written."""
    span = key.span
    return span.source.lines[span.line - 1][span.column - 1 : span.end_column - 1] or "null"


def _span(source: Source, event: Any) -> Span:
    start, end = event.start_mark, event.end_mark
    if end.column == 0 and end.line > start.line:  # a text block ends where the next line begins
        return Span(source, start.line + 1, start.column + 1, end.line, len(source.lines[end.line - 1]) + 1)
    return Span(source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _closed(node: Items | Map, end: Span) -> Span:
    """A collection's span ends with its bracket, or in block style with its last entry."""
    start = node.span
    if end.column != end.end_column or end.line != end.end_line:  # a bracket or brace
        return Span(start.source, start.line, start.column, end.end_line, end.end_column)
    last = (list(node.entries.values()) if isinstance(node, Map) else node.items)[-1:]
    tail = last[0].span if last else start
    return Span(start.source, start.line, start.column, tail.end_line, tail.end_column)
