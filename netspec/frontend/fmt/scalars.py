"""One value as text: numbers as they are written, text in quotes where YAML 1.2 would read something else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from netspec.frontend.resolved import dump
from netspec.source.text import Span
from netspec.source.tree import Scalar, parse_scalar

_WORDS = {None: "null", True: "true", False: "false"}
_INDICATORS = tuple(",[]{}#&*!|>'\"%@`")
_IN_FLOW = re.compile(r"[,\[\]{}]|^[:?]|:\?|:$")  # what the parser takes apart between braces
_BRACKETS = re.compile(r"[,\[\]{}]")
_ENDS_PLAIN = re.compile(r":(\s|$)|\s#|^[-?:](\s|$)|^(---|\.\.\.)")
_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")
_ESCAPED = re.compile('[\x00-\x1f"\\\\\x7f-\x9f\u2028\u2029\ufeff]')
_SIMPLE_ESCAPES = re.compile(r'\\["\\]')
_HEADER = re.compile(r"([|>])([-+0-9]*)")
_YAML_1_1 = yaml.SafeLoader.yaml_implicit_resolvers  # first character -> tags and expressions


def source_lines(span: Span) -> list[str]:
    """The text of a span as it is written, line by line."""
    lines = span.source.lines[span.line - 1 : span.end_line]
    if not lines:
        return [""]
    lines = [*lines[:-1], lines[-1][: span.end_column - 1]]
    return [lines[0][span.column - 1 :], *lines[1:]]


def block_parts(span: Span) -> tuple[Span, ...]:
    """Of a text block (`|` and `>`) the sign and the lines, without empty lines that do not count; else nothing."""
    first = span.source.lines[span.line - 1] if span.line <= len(span.source.lines) else ""
    header = _HEADER.match(first, span.column - 1)
    if header is None:
        return ()
    sign = Span(span.source, span.line, span.column, span.line, header.end() + 1)
    last = span.end_line
    while last > span.line and "+" not in header[2] and not span.source.lines[last - 1].strip(" "):
        last -= 1
    if last == span.line:
        return (sign,)
    return sign, Span(span.source, span.line + 1, 1, last, len(span.source.lines[last - 1]) + 1)


def key_text(name: str, *, flow: bool) -> str | None:
    """A name before its colon; None: it has no place between braces."""
    if flow and _BRACKETS.search(name):
        return None
    return name if _is_plain(name, flow=flow) and name != "<<" else quoted(name)


def line_text(scalar: Scalar, *, flow: bool) -> str | None:
    """A value on one line, between braces or not; None where only several lines can hold it."""
    lines, value = source_lines(scalar.span), scalar.value
    written = lines[0].strip(" \t")
    if not isinstance(value, str):
        return _word(value, written if len(lines) == 1 else "")
    if written[:1] == '"' and "\\" in _SIMPLE_ESCAPES.sub("", "\n".join(lines)):  # the escape was meant
        return written if len(lines) == 1 else None if _keeps_lines(value, lines) else quoted(value)
    if "\n" in value:
        return None if _keeps_lines(value, lines) else quoted(value)
    plain = written == value if len(lines) == 1 else written[:1] not in "\"'|>"
    if plain and value and not (flow and _IN_FLOW.search(value)):
        return value
    if written[:1] in ("'", '"') and _is_other_in_yaml_1_1(value):
        return quoted(value)
    return value if _is_plain(value, flow=flow) and isinstance(parse_scalar(value), str) else quoted(value)


def flow_text(value: Any) -> str:
    """A plain value between braces: `{type: normal, std: 0.02}`."""
    if isinstance(value, Mapping):
        keys = (key_text(str(key), flow=True) or quoted(str(key)) for key in value)
        entries = (f"{key}: {flow_text(v)}" for key, v in zip(keys, value.values(), strict=True))
        return f"{{{', '.join(entries)}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(flow_text, value))}]"
    if not isinstance(value, str):
        return _word(value, "") or "null"
    plain = _is_plain(value, flow=True) and isinstance(parse_scalar(value), str)
    return quoted(value) if not plain or _is_other_in_yaml_1_1(value) else value


def several_lines(scalar: Scalar, indent: int) -> list[str]:
    """A value that needs more lines than one: what follows the colon, and the lines below, which are indented."""
    lines, value = source_lines(scalar.span), str(scalar.value)
    if not _keeps_lines(value, lines):
        return [quoted(value)]
    header, margin = _HEADER.match(lines[0]), " " * indent
    if header is None:
        ends = [*(_without_end(line) for line in lines[:-1]), lines[-1]]
        return [ends[0], *(margin + line if line else "" for line in (end.lstrip(" \t") for end in ends[1:]))]
    folded = _folded(scalar.span, margin) if header[1] == ">" else None
    return folded or _literal(value, margin)


def _keeps_lines(value: str, lines: Sequence[str]) -> bool:
    """Whether text that is written on several lines stays on them: not empty lines alone, nor ends of lines of a kind
    that only an escape keeps."""
    return len(lines) > 1 and bool(value.strip("\n")) and not any(_BREAKS.search(text) for text in (value, *lines))


def _without_end(line: str) -> str:
    """A line without the spaces behind it; one that is escaped is a part of the text."""
    stripped = line.rstrip(" \t")
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return line[: len(stripped) + 1] if backslashes % 2 and len(stripped) < len(line) else stripped


def _folded(span: Span, margin: str) -> list[str] | None:
    """A `>` block, its lines as they are; None where its indentation is not that of its first line."""
    sign, *body = (source_lines(part) for part in block_parts(span))
    lines = body[0] if body else []
    depth = next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip(" ")), 0)
    if any(c.isdigit() for c in sign[0]) or any(len(line) > depth and not line.strip(" ") for line in lines):
        return None
    return [sign[0], *(margin + line[depth:] if line[depth:] else "" for line in lines)]


def _literal(value: str, margin: str) -> list[str]:
    """A `|` block; a digit says how far it is indented where its first line begins with a space."""
    text = value.rstrip("\n")
    ends = len(value) - len(text)
    lines = text.split("\n")
    digit = "2" if next(line for line in lines if line)[0] in " \t" else ""
    sign = "|" + digit + ("-" if ends == 0 else "" if ends == 1 else "+")
    return [sign, *(margin + line if line else "" for line in lines), *[""] * (ends - 1)]


def quoted(value: str) -> str:
    """Text between quotes: double ones, single ones where it holds double quotes or backslashes."""
    escapes = _ESCAPED.findall(value)
    if not escapes:
        return f'"{value}"'
    if set(escapes) <= {'"', "\\"}:
        return "'" + value.replace("'", "''") + "'"
    return '"' + _ESCAPED.sub(lambda match: _ESCAPES.get(match[0]) or f"\\u{ord(match[0]):04X}", value) + '"'


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


def _word(value: Any, written: str) -> str:
    """A number as it is written; a word of YAML in its first spelling, and nothing where nothing is written."""
    if value is None or isinstance(value, bool):
        return "" if value is None and not written else _WORDS[value]
    other = parse_scalar(written)
    return written if type(other) is type(value) and repr(other) == repr(value) else dump(value).split("\n")[0]


def _is_plain(text: str, *, flow: bool) -> bool:
    """Whether YAML reads the characters as they are, without quotes."""
    if not text or text != text.strip(" ") or text.startswith(_INDICATORS) or _ENDS_PLAIN.search(text):
        return False
    if _ESCAPED.search(text.replace('"', "").replace("\\", "")):
        return False
    return not (flow and _IN_FLOW.search(text))


def _is_other_in_yaml_1_1(text: str) -> bool:
    """`on`, `1:30`, `2001-01-01`: what older readers take for no text."""
    return any(pattern.match(text) for _, pattern in _YAML_1_1.get(text[:1], ()))
