"""YAML text to a tree of located values.

The tree is built from PyYAML's events, not from its composed nodes: the positions are the same, and depth,
anchors, aliases, tags and further documents are refused at the place where they begin, before anything is
built from them and without recursion.  Scalars follow the YAML 1.2 core schema (`1e-3` is a number, `on` is
text), not PyYAML's 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from netspec.source.errors import NetspecError, Problem
from netspec.source.text import Source, Span

MAX_BYTES = 1 << 20
MAX_DEPTH = 100
MAX_DIGITS = 400  # more is no size of anything, and Python refuses to read more than 4,300

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

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


@dataclass(eq=False, slots=True)
class Scalar:
    """A number, text, bool or null, with its place; `inset` is where its text begins within the span."""

    value: Any
    span: Span
    inset: int = 0

    def plain(self) -> Any:
        return self.value


@dataclass(eq=False, slots=True)
class Items:
    """A YAML sequence."""

    items: list[Tree]
    span: Span

    def plain(self) -> list[Any]:
        return [item.plain() for item in self.items]


@dataclass(eq=False, slots=True)
class Map:
    """A YAML mapping: name -> value, with the place of each name."""

    entries: dict[str, Tree]
    span: Span
    key_spans: dict[str, Span] = field(default_factory=dict)

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
            raise bad("is a folder, expected a netspec file", "name one .yaml file in it")
        with path.open("rb") as file:  # not more than the limit: a device or a pipe may have no end
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        near = _near_files(path)
        raise bad("no such file", f"did you mean `{near}`?" if near else "check the path") from None
    except (OSError, ValueError) as error:
        raise bad(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MAX_BYTES:
        raise bad("is larger than 1 MiB", "use blocks and `repeat`, or split the file with `include`")
    if b"\0" in data:
        raise bad("is not text: it holds a zero byte", "expected YAML in UTF-8")
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise bad(f"is not UTF-8 text (byte {error.start}, line {line})", "save the file as UTF-8") from None


def _near_files(path: Path) -> str:
    import difflib

    try:
        names = [p.name for p in path.parent.iterdir() if p.suffix in (".yaml", ".yml")]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, n=1)
    return str(path.parent / near[0]) if near else ""


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


def parse(source: Source) -> Tree:
    """The whole text as one tree.  Raises NS102 (not YAML), NS103 (a refused feature), NS104 (duplicate key)."""
    problems: list[Problem] = []
    root: Tree | None = None
    # One entry an open collection: the collection, and for a mapping the key that waits for its value.
    stack: list[tuple[Items | Map, Scalar | None]] = []

    for event in _events(source, problems):
        span = _span(source, event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused("anchors and aliases", span, "use `vars` for a value and `blocks` for layers used twice")
        if getattr(event, "tag", None):
            raise _refused("tags", span, f"remove `{event.tag}`; a kind is named by `type`")
        node: Tree
        if isinstance(event, yaml.ScalarEvent):
            plain = bool(event.implicit[0])
            node = Scalar(parse_scalar(event.value) if plain else event.value, span, 0 if plain else 1)
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            node = Items([], span) if isinstance(event, yaml.SequenceStartEvent) else Map({}, span)
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            done = stack.pop()[0]
            done.span = _closed(done, span)
            continue
        else:
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise _refused("more than one document", span, "one file holds one architecture")
            continue

        if not stack:
            root = node
        else:
            _attach(stack, node, problems)
        if isinstance(node, (Items, Map)):
            stack.append((node, None))
            if len(stack) > MAX_DEPTH:
                raise _refused(f"nesting deeper than {MAX_DEPTH}", span, "use `blocks` and `repeat`")
    if problems:
        raise NetspecError.of(problems)
    if root is None:
        raise NetspecError("NS105", "is empty", name=source.name, hint="begin with `netspec: 1`")
    return root


def _events(source: Source, problems: list[Problem]) -> Iterator[Any]:
    try:
        yield from yaml.parse(source.text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        before = source.text[: error.position] if isinstance(error.position, int) else ""
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        span = Span(source, line, column, line, column + 1)
        problems.append(Problem("NS102", "a character that YAML does not allow", span, "remove the control character"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if line > len(source.lines) and source.lines:  # at the end of the file: point at the last character
            line, column = len(source.lines), len(source.lines[-1]) + 1
        message = " ".join(part for part in (error.context, error.problem) if part)
        span = Span(source, line, column, line, column + 1)
        problems.append(Problem("NS102", f"not YAML: {message}", span, _yaml_hint(message)))


def _yaml_hint(message: str) -> str:
    if "\\t" in message or "cannot start any token" in message:
        return "indent with spaces, and quote text that begins with a special character"
    if "mapping values are not allowed" in message:
        return "a colon inside text wants quotes; a new key wants a new line"
    if "flow" in message or "']'" in message or "'}'" in message:
        return "close every bracket and brace, with a comma between entries"
    return "check the indentation and the quotes above this line"


def _refused(what: str, span: Span, hint: str) -> NetspecError:
    verb = "is" if what.startswith(("more", "nesting")) else "are"
    return NetspecError("NS103", f"{what} {verb} not part of the language", span, hint=hint)


def _attach(stack: list[tuple[Items | Map, Scalar | None]], node: Tree, problems: list[Problem]) -> None:
    parent, key = stack[-1]
    if isinstance(parent, Items):
        parent.items.append(node)
    elif key is None:
        if not isinstance(node, Scalar):
            raise NetspecError("NS103", "a list or mapping cannot be a name", node.span, hint="a name is plain text")
        stack[-1] = (parent, node)
    else:
        name = key.value if isinstance(key.value, str) else _key_text(key)
        if name in parent.entries:
            first = parent.key_spans[name]
            problems.append(Problem("NS104", f"`{name}` is given twice", key.span,
                                    f"first given at line {first.line}; keep one"))  # fmt: skip
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
    return Span(source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _closed(node: Items | Map, end: Span) -> Span:
    """A collection's span ends with its bracket, or in block style with its last entry."""
    start = node.span
    if end.column != end.end_column or end.line != end.end_line:  # a bracket or brace
        return Span(start.source, start.line, start.column, end.end_line, end.end_column)
    last = (list(node.entries.values()) if isinstance(node, Map) else node.items)[-1:]
    tail = last[0].span if last else start
    return Span(start.source, start.line, start.column, tail.end_line, tail.end_column)
