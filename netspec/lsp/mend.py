"""A text that is broken half-way through a word, with as little taken out as lets the rest be read.

Nothing moves: lines keep their numbers, and what is left in a line its columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from netspec.source.errors import NetspecError, Problem
from netspec.source.text import LINE_BREAK, Source
from netspec.source.tree import MAX_BYTES, Map, Tree, parse

MAX_REPAIRS = 12
LONG = 100_000  # characters: reading more of them takes too long to be done often
_KEY = re.compile(r"\s*(- )?[\w.\"'$-]+\s*:(\s|$)")
_BARE = re.compile(r"\s*[A-Za-z_][\w.]*\s*")
_PAIRS = {"{": "}", "[": "]"}


def mended(source: Source) -> Map | None:
    """The text as a mapping, a broken part of it left out; None where nothing can be read."""
    tree = _tree(source)
    if tree is not None:
        return tree if isinstance(tree, Map) else None
    if len(source.text) > MAX_BYTES:
        return None
    lines, ends = _split(source.text)
    _close_brackets(lines)
    _drop_orphans(lines)
    for _ in range(MAX_REPAIRS if len(source.text) < LONG else 2):
        text = "".join(line + end for line, end in zip(lines, ends, strict=True))
        tree = _tree(Source(source.name, text))
        if tree is not None:
            return tree if isinstance(tree, Map) else None
        line = next(_suspects(Source(source.name, text), lines), None)
        if line is None:
            return None
        _leave_out(lines, line)
    return None


def _drop_orphans(lines: list[str]) -> None:
    """Take out what stands below no key any more: indented further than an entry that has its value on its own line, or
    than what follows allows."""
    open_at: list[tuple[int, int, int]] = []  # of the mappings that are open: indentation, first and latest line
    for number, line in enumerate(lines):
        match = _KEY.match(line)
        if not match or line.lstrip().startswith("#"):
            continue
        indent, last = _indent(line), None
        while open_at and open_at[-1][0] > indent:
            last = open_at.pop()
        if last is not None and (not open_at or open_at[-1][0] < indent):
            lines[last[1] : number] = [""] * (number - last[1])
        if open_at and open_at[-1][0] < indent and _has_value(lines[open_at[-1][2]]):
            lines[number] = ""
        elif open_at and open_at[-1][0] == indent:
            open_at[-1] = (indent, open_at[-1][1], number)
        else:
            open_at.append((indent, number, number))


def _has_value(line: str) -> bool:
    """Whether nothing can stand below an entry: its value is on its line, and whole."""
    match = _KEY.match(line)
    value = line[match.end() :].partition(" #")[0].strip() if match else ""
    return bool(value) and not value.startswith(("|", ">", "#")) and not open_brackets(line)[0]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _leave_out(lines: list[str], number: int) -> None:
    """Take a broken line out.  A word becomes a key, so that what stands below it keeps its place; an entry that cannot
    stand where it does goes with all that is indented as far."""
    line = lines[number]
    if _BARE.fullmatch(line):
        lines[number] = f"{line.rstrip()}:"
        return
    lines[number] = ""
    if not _is_complete(line):
        return
    indent = _indent(line)
    for i in range(number + 1, len(lines)):
        if lines[i].strip() and _indent(lines[i]) < indent:
            break
        lines[i] = ""


def _tree(source: Source) -> Tree | None:
    try:
        return parse(source)
    except NetspecError:
        return None


def _split(text: str) -> tuple[list[str], list[str]]:
    """TextLines, and what ends each."""
    lines, ends, start = [], [], 0
    for match in LINE_BREAK.finditer(text):
        lines.append(text[start : match.start()])
        ends.append(match[0])
        start = match.end()
    return [*lines, text[start:]], [*ends, ""]


def _close_brackets(lines: list[str]) -> None:
    """Close the brackets that a line leaves open, where an entry of its own follows."""
    follows = ""
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        missing, end = open_brackets(line)
        goes_on = follows and (not _KEY.match(follows) or _indent(follows) > _indent(line))
        if missing and not goes_on:
            closing = "".join(_PAIRS[bracket] for bracket in reversed(missing))
            lines[number] = f"{line[:end].rstrip().removesuffix(',')} {closing}"
        follows = line


def open_brackets(line: str) -> tuple[list[str], int]:
    """The `{` and `[` that a line leaves open, and where its comment begins; quotes and comments do not count."""
    stack: list[str] = []
    quote = ""
    for i, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and (i == 0 or line[i - 1] in " \t{[,:"):
            quote = char
        elif char == "#" and (i == 0 or line[i - 1] in " \t"):
            return stack, i
        elif char in _PAIRS:
            stack.append(char)
        elif stack and char == _PAIRS[stack[-1]]:
            stack.pop()
    return stack, len(line)


def _suspects(source: Source, lines: list[str]) -> Iterator[int]:
    """TextLines that may be the broken one, likely ones first: no entries, near to where the parser stopped."""
    named = []
    for problem in refused_at(source):
        named += [line for line in problem if line < len(lines)]
        above = [i for i in range(min(problem[-1], len(lines)) - 1, -1, -1) if lines[i].strip()]
        named += above[:2]
    near = [line for line in dict.fromkeys(named) if lines[line].strip()]
    yield from (line for line in near if not _is_complete(lines[line]))
    yield from near


def refused_at(source: Source) -> Iterator[tuple[int, ...]]:
    """The lines, from 0, that a refusal is about: where what is broken begins, and where the parser stopped."""
    try:
        for _ in yaml.parse(source.text, Loader=yaml.CSafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        yield tuple(mark.line for mark in (error.context_mark, error.problem_mark) if mark is not None)
        return
    except (yaml.YAMLError, ValueError):
        pass
    problems: list[Problem] = []
    try:
        parse(source)
    except NetspecError as refusal:
        problems = list(refusal.problems)
    yield from ((problem.span.line - 1,) for problem in problems if problem.span)


def _is_complete(line: str) -> bool:
    """Whether a line could be an entry as it is."""
    text = line.strip()
    quotes = text.count('"') % 2 or (text.count("'") % 2 and not re.search(r"\w'\w", text))
    return bool(text.startswith("#") or ((_KEY.match(line) or text.startswith("- ")) and not quotes))
