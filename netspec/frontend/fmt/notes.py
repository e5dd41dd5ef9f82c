"""Comments and blank lines of a text, each kept beside the name or the item that it belongs to.

A comment is whatever begins with `#` between two scalars.  One with a line of its own belongs to what follows; where
what follows is further out than the comment, to the end of the mapping or list in whose column it stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from netspec.frontend.fmt.scalars import block_parts
from netspec.source.text import Source, Span
from netspec.source.tree import Items, Map, Scalar, Tree

Position = tuple[int, int]  # line and column
_END = (1 << 60, 0)


@dataclass(frozen=True, slots=True)
class Comment:
    """`# text` and where it stood; `alone`: nothing else is on its line; `blank`: the line above is empty."""

    text: str
    line: int
    column: int
    alone: bool
    blank: bool

    @property
    def position(self) -> Position:
        return self.line, self.column


@dataclass(slots=True)
class Notes:
    """Comments above an entry, behind it, and (of a mapping or list) below its last one; a blank line right above."""

    above: list[Comment] = field(default_factory=list)
    behind: list[Comment] = field(default_factory=list)
    below: list[Comment] = field(default_factory=list)
    blank: bool = False

    def __bool__(self) -> bool:
        return bool(self.above or self.behind or self.below or self.blank)


def notes_of(source: Source, tree: Map) -> dict[Span, Notes]:
    """The notes of a parsed text.

    Those of an entry stand under the span of its name, those of an item and what is below a collection under its own
    span; what stands above the first name of a file under the file's.
    """
    reader = _CommentReader(source, tree)
    reader.read_map(tree, _END, 0)
    first = next((tree.key_spans[key] for key in tree.entries), tree.span)
    head = reader.notes.pop(first, Notes())
    reader.notes[first] = Notes(behind=head.behind)
    end = reader.notes.setdefault(tree.span, Notes())
    end.above, end.blank = head.above, head.blank
    end.below += reader.waiting
    return {span: notes for span, notes in reader.notes.items() if notes}


class _CommentReader:
    """Goes through a tree in the order of the text, and hands out the comments as it passes them."""

    def __init__(self, source: Source, tree: Map) -> None:
        self.lines = source.lines
        self.blank_lines: set[int] = set()
        self.waiting = deque(self._comments(tree))
        self.notes: dict[Span, Notes] = {}

    def read_map(self, tree: Map, limit: Position, outer: int) -> None:
        """`limit`: where what follows the mapping begins; `outer`: the column of what holds it."""
        starts = [tree.key_spans[key] for key in tree.entries]
        for i, (span, value) in enumerate(zip(starts, tree.entries.values(), strict=True)):
            follows = _start(starts[i + 1]) if i + 1 < len(starts) else limit
            notes = self.notes[span] = self._above(span, first=i == 0)
            self._read_value(value, notes, follows, tree.span.column)
        self._below(tree, limit, outer)

    def _read_items(self, tree: Items, limit: Position, outer: int) -> None:
        for i, item in enumerate(tree.items):
            follows = _start(tree.items[i + 1].span) if i + 1 < len(tree.items) else limit
            notes = self._above(item.span, first=i == 0)
            self._read_value(item, notes, follows, tree.span.column)
            end = self.notes.get(item.span)
            notes.below = end.below if end else []
            self.notes[item.span] = notes
        self._below(tree, limit, outer)

    def _read_value(self, value: Tree, notes: Notes, follows: Position, outer: int) -> None:
        in_block = not isinstance(value, Scalar) and not _is_flow(value)
        while self.waiting and self.waiting[0].position < _start(value.span):
            if in_block and self.waiting[0].alone:
                break  # it is above the first entry
            notes.behind.append(self.waiting.popleft())
        limit = follows if in_block else (value.span.end_line, value.span.end_column)
        if isinstance(value, Map):
            self.read_map(value, limit, outer)
        elif isinstance(value, Items):
            self._read_items(value, limit, outer)
        lines = (value.span.end_line, value.span.line if isinstance(value, Scalar) else 0)  # `|` has one behind it
        while self.waiting and not self.waiting[0].alone and self.waiting[0].line in lines:
            if self.waiting[0].position > follows:
                break
            notes.behind.append(self.waiting.popleft())

    def _above(self, span: Span, *, first: bool) -> Notes:
        above: list[Comment] = []
        while self.waiting and self.waiting[0].position < _start(span):
            comment = self.waiting.popleft()
            unled = Comment(comment.text, comment.line, comment.column, comment.alone, blank=False)
            above.append(unled if first and not above else comment)
        begins_line = not self.lines[span.line - 1][: span.column - 1].strip(" \t-?")
        blank = begins_line and span.line - 1 in self.blank_lines and (not first or bool(above))
        return Notes(above, blank=blank)

    def _below(self, tree: Map | Items, limit: Position, outer: int) -> None:
        below = []
        while self.waiting and self.waiting[0].position < limit:
            column = self.waiting[0].column
            if not _is_flow(tree) and (column < tree.span.column or column <= outer or not self.waiting[0].alone):
                break
            below.append(self.waiting.popleft())
        if below:
            self.notes.setdefault(tree.span, Notes()).below = below

    def _comments(self, tree: Map) -> Iterator[Comment]:
        """All of them, found in what is between the scalars; takes note of the lines that are blank."""
        line, column = 1, 1
        for start, end in (*_scalars(tree), ((len(self.lines) + 1, 1), _END)):
            while (line, column) < start:
                text = self.lines[line - 1]
                between = text[column - 1 : start[1] - 1] if line == start[0] else text[column - 1 :]
                if column == 1 and line < start[0] and not between.strip(" \t"):
                    self.blank_lines.add(line)
                if (at := between.find("#")) >= 0:
                    sign = column + at
                    alone = not text[: sign - 1].strip(" \t")
                    blank = alone and line - 1 in self.blank_lines
                    yield Comment(text[sign - 1 :].rstrip(" \t"), line, sign, alone, blank)
                line, column = (line + 1, 1) if line < start[0] else start
            line, column = end


def _scalars(tree: Tree) -> Iterator[tuple[Position, Position]]:
    """Start and end of every scalar in the order of the text; of a text block the sign and the lines."""
    stack: list[Tree | Span] = [tree]
    while stack:
        part = stack.pop()
        if isinstance(part, Map):
            for key in reversed(part.entries):
                stack += (part.entries[key], part.key_spans[key])
        elif isinstance(part, Items):
            stack += reversed(part.items)
        else:
            span = part if isinstance(part, Span) else part.span
            for piece in block_parts(span) or (span,):
                yield _start(piece), (piece.end_line, piece.end_column)


def _start(span: Span) -> Position:
    return span.line, span.column


def _is_flow(tree: Map | Items) -> bool:
    span = tree.span
    return span.source.lines[span.line - 1][span.column - 1 : span.column] in ("{", "[")
