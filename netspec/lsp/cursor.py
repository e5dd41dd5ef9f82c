"""What stands around a place of a text, from its lines alone: completion is asked for in texts that are broken.

The path of keys above comes from the indentation; inside `{…}` and `[…]` from the brackets that are open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from netspec.source.text import LINE_BREAK

MAX_FLOW = 50  # lines that a bracket may lie above the cursor
_ENTRY = re.compile(
    r"""(?P<indent>[ ]*)(?P<item>-\s+)?(?P<key>"[^"]*"|'[^']*'|[^\s#:{}\[\],'"][^#:{}\[\],]*?)\s*:(?=\s|$)"""
)
_CLOSING = {"}": "{", "]": "["}


@dataclass
class Level:
    """One mapping that the cursor stands in: the key it is under, and the plain values of its entries."""

    key: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cursor:
    """`word` is what is written of a key or value up to the cursor; `key` the key whose value it is, if it is one."""

    levels: tuple[Level, ...]  # from the whole file, with the key "", to the innermost mapping
    key: str | None
    word: str
    flow: bool  # between brackets
    item: bool  # in a list
    colon: bool  # a colon follows already

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(level.key for level in self.levels[1:])

    @property
    def values(self) -> dict[str, str]:
        return self.levels[-1].values


def cursor_at(text: str, offset: int) -> Cursor | None:
    """None in a comment."""
    start = max((m.end() for m in LINE_BREAK.finditer(text, 0, offset)), default=0)
    end = next((m.start() for m in LINE_BREAK.finditer(text, offset)), len(text))
    above = LINE_BREAK.split(text[:start])[:-1] if start else []
    below = LINE_BREAK.split(text[end:])[1:]
    before, after = text[start:offset], text[offset:end]
    first = _first_of_flow(above, before)
    scan = _scan("\n".join([*above[first:], before]))
    if scan.comment:
        return None
    rest = _scan_after(after)
    if not scan.brackets:
        return _block_cursor(above, before, after, below)
    opening = above[first] if first < len(above) else before
    outer = _block_cursor(above[:first], opening[: _entry_end(opening)], "", below)
    if outer is None:
        return None
    levels = list(outer.levels)
    key = outer.key
    item = False
    for bracket in scan.brackets:
        if bracket.sign == "{":
            levels.append(Level(key or "", dict(bracket.values)))
            key = bracket.key
            item = False
        else:
            item = True
    if scan.brackets[-1].sign == "{":
        levels[-1].values.update(rest)
    return Cursor(tuple(levels), key, scan.word, True, item, bool(re.match(r"[\w.]*\s*:", after)))


@dataclass
class _Bracket:
    sign: str
    values: dict[str, str] = field(default_factory=dict)
    key: str | None = None  # whose value is being written


@dataclass
class _Open:
    """What a text leaves open at its end."""

    brackets: list[_Bracket] = field(default_factory=list)
    word: str = ""
    comment: bool = False


def _scan(text: str) -> _Open:
    scan = _Open()
    quote, round_ = "", 0
    for i, char in enumerate(text):
        inside = scan.brackets[-1] if scan.brackets else None
        if scan.comment:
            scan.comment = char != "\n"
        elif quote:
            scan.word += char
            quote = "" if char == quote else quote
        elif char in "'\"" and not scan.word.strip():
            quote = char
            scan.word += char
        elif char == "#" and (i == 0 or text[i - 1] in " \t\n"):
            scan.comment = True
        elif round_ or (char == "(" and scan.word.endswith("$")):  # of `$(min(a, b))`
            round_ += (char == "(") - (char == ")")
            scan.word += char
            if char == "\n":
                round_ = 0
        elif char in "{[":
            scan.brackets.append(_Bracket(char))
            scan.word = ""
        elif inside and char in _CLOSING:
            _end_of_value(inside, scan.word)
            if inside.sign == _CLOSING[char]:
                scan.brackets.pop()
            scan.word = ""
        elif inside and char == ",":
            _end_of_value(inside, scan.word)
            scan.word = ""
        elif inside and inside.sign == "{" and char == ":" and inside.key is None and text[i + 1 : i + 2] in " \n,}[{":
            inside.key = _bare(scan.word)
            scan.word = ""
        elif not inside and char == "\n":
            scan.word = ""
        else:
            scan.word += char
    scan.word = scan.word.lstrip()
    return scan


def _end_of_value(bracket: _Bracket, word: str) -> None:
    if bracket.sign == "{" and (bracket.key or word.strip()):
        bracket.values[bracket.key or _bare(word)] = _bare(word) if bracket.key else ""
        bracket.key = None


def _scan_after(text: str) -> dict[str, str]:
    """The entries of the innermost flow mapping that stand behind the cursor, on its line."""
    depth, end = 0, len(text)
    for i, char in enumerate(text):
        depth += (char in "{[") - (char in "}]")
        if depth < 0:
            end = i
            break
    _, comma, rest = text[:end].partition(",")
    if not comma:
        return {}
    bracket = _scan("{" + rest + ", ").brackets
    return bracket[0].values if bracket else {}


def _first_of_flow(above: list[str], before: str) -> int:
    """The line that the brackets around the cursor begin on; the cursor's own where there are none."""
    if _scan(before).brackets or _ENTRY.match(before):
        return len(above)
    for first in range(len(above) - 1, max(-1, len(above) - 1 - MAX_FLOW), -1):
        line = above[first]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if _scan("\n".join([*above[first:], before])).brackets:
            return first
        if _ENTRY.match(line) and not _scan(line).brackets and not line.rstrip().endswith((",", "]", "}")):
            break
    return len(above)


def _entry_end(line: str) -> int:
    """Where the value of a line begins."""
    match = _ENTRY.match(line)
    return match.end() + 1 if match else 0


def _block_cursor(above: list[str], before: str, after: str, below: list[str]) -> Cursor | None:
    """The cursor in block style."""
    match = _ENTRY.match(before)
    item = bool(re.match(r"\s*-(\s|$)", before))
    indent = len(before) - len(before.lstrip(" "))
    if match and match["item"]:
        indent += len(match["item"])
    levels, key = _levels(above, below, indent, item and not match)
    if match:
        value = before[match.end() :].lstrip()
        return Cursor(levels, _bare(match["key"]), value, False, False, False)
    if item:
        return Cursor(levels, key, before.lstrip().removeprefix("-").lstrip(), False, True, False)
    colon = bool(re.match(r"[\w.]*\s*:(\s|$)", after))
    return Cursor(levels, None, before.strip(), False, False, colon)


def _levels(above: list[str], below: list[str], indent: int, item: bool) -> tuple[tuple[Level, ...], str | None]:
    """The mappings around a line of this indentation; for an item of a list, the key that the list is under."""
    levels: list[Level] = []
    current = Level("")
    limit = indent
    listed: str | None = None
    for line in reversed(above):
        match = _ENTRY.match(line)
        if match is None or line.lstrip().startswith("#"):
            continue
        entry_column = len(match["indent"]) + len(match["item"] or "")
        if item and listed is None and entry_column <= limit:
            listed, limit = _bare(match["key"]), entry_column
            item = False
            current.values[listed] = ""
        elif entry_column == limit:
            current.values.setdefault(_bare(match["key"]), _value(line[match.end() :]))
        elif entry_column < limit:
            current.key = _bare(match["key"])
            levels.append(current)
            current, limit = Level(""), entry_column
            current.values[_bare(match["key"])] = _value(line[match.end() :])
    levels.append(current)
    levels.reverse()
    if limit > 0:  # the top is indented, or there is nothing above
        levels[0].key = ""
    for line in below:
        match = _ENTRY.match(line)
        if match is None or line.lstrip().startswith("#"):
            continue
        entry_column = len(match["indent"]) + len(match["item"] or "")
        if entry_column < indent:
            break
        if entry_column == indent and not listed:
            levels[-1].values.setdefault(_bare(match["key"]), _value(line[match.end() :]))
    return tuple(levels), listed


def _value(text: str) -> str:
    """A plain value; of anything else nothing, but the `type` of a mapping between brackets."""
    text = text.strip()
    if text.startswith(("{", "[", "|", ">", "&", "*", "!")):
        return ""
    return _bare(text.partition(" #")[0])


def _bare(word: str) -> str:
    word = word.strip()
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"" else word
