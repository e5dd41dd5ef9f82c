"""What YAML's parser refuses, and what this language refuses of YAML, in words and with a place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from netspec.source.errors import Problem, Problems
from netspec.source.text import LINE_BREAK, Source, Span

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NOT_TEXT = re.compile("[^\\t\\n\\r -~\\x85\\xa0-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]")

# A part of the parser's message, what it means, and what to do.  {found}: the character there; {line}: where
# what it belongs to begins; {open} and {close}: its brackets.
_MEANINGS = (
    ("cannot start any token", "a tab in the indentation", "indent with spaces", "\t"),
    ("cannot start any token", "text cannot begin with `{found}`", "put the text in quotes", ""),
    (
        "mapping values are not allowed",
        "a `:` where no key can stand",
        "a colon inside text wants quotes; a key wants its own line, in the column of its neighbours",
        "",
    ),
    ("unexpected end of stream", "a quote that nothing closes", "close it with `{found}`", ""),
    (
        "',' or '",
        "expected `,` or `{close}`",
        "the `{open}` of line {line} is still open here: close it, with a comma between entries",
        "",
    ),
    (
        "expected key",
        "expected a key of the mapping that begins at line {line}",
        "check the indentation of this line and the quotes and brackets above it",
        "",
    ),
    (
        "'-' indicator",
        "expected an item of the list that begins at line {line}",
        "begin it with `- `, in the column of the other items",
        "",
    ),
    ("expected node content", "expected a value, received `{found}`", "write the value, or put the text in quotes", ""),
    (
        "unknown escape character",
        "an escape that YAML does not know: `{escape}`",
        "write `\\\\` for a backslash, or put the text in single quotes",
        "",
    ),
    ("<document start>", "text below the end of the document", "one file holds one architecture", ""),
    ("incompatible YAML document", "a `%YAML` line of another version", "remove it", ""),
    ("a block scalar", "expected the end of the line behind `|` or `>`", "begin the text on the next line", ""),
    ("an alias", "text cannot begin with `*`", "put the text in quotes", ""),
    ("an anchor", "text cannot begin with `&`", "put the text in quotes", ""),
)
_AT_THE_START = ("unexpected end of stream", "an alias", "an anchor")  # where the context says more than the place


def events(source: Source, problems: Problems) -> Iterator[Any]:
    """The parser's events, up to the first place that it cannot read: NS102."""
    if bad := _NOT_TEXT.search(source.text):
        before = LINE_BREAK.split(source.text[: bad.start()])
        span = Span(source, len(before), len(before[-1]) + 1, len(before), len(before[-1]) + 2)
        problems.append(Problem("NS102", f"a character that is no text: U+{ord(bad[0]):04X}", span, "remove it"))
        return
    try:
        yield from yaml.parse(source.text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        problems.append(_explain(source, error))
    except yaml.YAMLError as error:
        problems.append(Problem("NS102", f"not YAML: {' '.join(str(error).split())}", name=source.name))


def _explain(source: Source, error: yaml.MarkedYAMLError) -> Problem:
    message = " ".join(part for part in (error.context, error.problem) if part)
    start = error.context_mark or error.problem_mark
    at = start if any(part in message for part in _AT_THE_START) else error.problem_mark or start
    line, column = (at.line + 1, at.column + 1) if at else (1, 1)
    if line > len(source.lines) and source.lines:  # at the end of the file: point behind its last character
        line, column = len(source.lines), len(source.lines[-1]) + 1
    text = source.lines[line - 1] if source.lines else ""
    span = Span(source, line, column, line, column + 1)
    square = "sequence" in (error.context or "")
    words = {
        "found": text[column - 1 : column] or "the end of the line",
        "escape": text[column - 1 : column + 1],
        "line": start.line + 1 if start else line,
        "open": "[" if square else "{",
        "close": "]" if square else "}",
    }
    for part, meaning, hint, only in _MEANINGS:
        if part in message and (not only or only == words["found"]):
            return Problem("NS102", f"not YAML: {meaning.format(**words)}", span, hint.format(**words))
    return Problem("NS102", f"not YAML: {message}", span, "check the indentation and the quotes above this line")


def refuse_features(event: Any, span: Span, anchors: set[str], problems: Problems) -> None:
    """Report anchors, aliases (once an anchor) and tags: NS103."""
    anchor = getattr(event, "anchor", None)
    if anchor and anchor not in anchors:
        anchors.add(anchor)
        alias = isinstance(event, yaml.AliasEvent)
        sign = f"the alias `*{anchor}` is" if alias else f"the anchor `&{anchor}` is"
        place = span if alias else _written(span, "&")
        problems.append(refused(sign, place, "use `vars` for a value and `blocks` for layers used twice"))
    if getattr(event, "tag", None):
        place = _written(span, "!")
        tag = place.source.lines[place.line - 1][place.column - 1 : place.end_column - 1]
        problems.append(refused(f"the tag `{tag[:40]}` is", place, "remove it: a layer's kind is named by `type`"))


def _written(span: Span, sign: str) -> Span:
    """The word that begins with this sign at the start of a span: an anchor or a tag before a value."""
    text = span.source.lines[span.line - 1]
    start = text.find(sign, span.column - 1)
    if start < 0:
        return span
    length = len(re.split(r"[\s,\[\]{}]", text[start:], maxsplit=1)[0])
    return Span(span.source, span.line, start + 1, span.line, start + 1 + max(1, length))


def refused(what: str, span: Span, hint: str) -> Problem:
    """A part of YAML that the language leaves out."""
    return Problem("NS103", f"{what} not part of the language", span, hint)
