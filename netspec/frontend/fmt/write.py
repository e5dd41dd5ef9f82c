"""A tree as lines of text in canonical form, with the notes of the texts that it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from netspec.frontend.fmt.notes import Comment, Notes
from netspec.frontend.fmt.places import a_line_each, held_by, in_order
from netspec.frontend.fmt.scalars import key_text, line_text, several_lines
from netspec.frontend.holds import is_short
from netspec.source.text import Span
from netspec.source.tree import Items, Map, Scalar, Tree

WIDTH = 120
_NOTHING = Notes()


def write(tree: Map, notes: Mapping[Span, Notes], head: Span) -> str:
    """The whole text.  Keys of layers are ordered as their kinds declare them, sections as `SECTION_ORDER` has them.

    `head`: the span of the file whose first comments, and last ones, stand above and below all.
    """
    writer = _Writer(tree, {span: n for span, n in notes.items() if span != head})
    file = notes.get(head, _NOTHING)
    writer.comments(file.above, 0)
    if file.blank and file.above:
        writer.lines.append("")
    writer.map(tree, 0, "")
    writer.comments(file.below, 0)
    _put_behind(writer.lines, writer.behind)
    return "\n".join(writer.lines) + "\n"


class _Writer:
    def __init__(self, root: Map, notes: Mapping[Span, Notes]) -> None:
        self.root, self.notes = root, notes
        self.short = "extends" not in root  # there, a name replaces the parent's layer, and a mapping is laid over it
        self.lines: list[str] = []
        self.behind: dict[int, Comment] = {}  # line -> the comment at its end

    def map(self, tree: Map, indent: int, holds: str) -> None:
        for i, name in enumerate(in_order(tree, holds, self.root)):
            key = key_text(name, flow=False)
            notes = self.notes.get(tree.key_span(name), _NOTHING)
            value, moved = self._shortened(tree.entries[name], is_short(holds, name))
            self._entry(f"{key}:", value, _with(notes, moved), indent, held_by(holds, name), first=i == 0)
        self.comments(self.notes.get(tree.span, _NOTHING).below, indent)

    def _items(self, tree: Items, indent: int, holds: str) -> None:
        inner = "typed" if holds == "typed" else "other"
        for i, item in enumerate(tree.items):
            notes = self.notes.get(item.span, _NOTHING)
            self._entry("-", item, notes, indent, inner, first=i == 0)
        self.comments(self.notes.get(tree.span, _NOTHING).below, indent)

    def _entry(self, start: str, value: Tree, notes: Notes, indent: int, holds: str, *, first: bool) -> None:
        """One name or item with its value and comments; `start` is `name:` or `-`."""
        start = " " * indent + start
        if isinstance(value, Map | Items) and not _size(value):
            notes = _with(notes, self.notes.get(value.span, _NOTHING).below)
        rest = self._after(start, value, indent, holds)
        dashes = rest is None and start.endswith("-")  # the line is that of the first thing inside, with its comment
        behind = [] if dashes else notes.behind[:1]
        self.comments([*notes.above, *notes.behind[len(behind) :]], indent, first=first)
        if notes.blank and (notes.above or not first):
            self.lines.append("")
        line = len(self.lines)
        if rest is not None:
            self.lines += [f"{start} {rest[0]}" if rest[0] else start, *rest[1:]]
            many = len(rest) > 1 and rest[0][:1] not in ("|", ">")
            line += len(rest) - 1 if many else 0
        elif dashes:
            self._item(start, value, indent, holds)
        else:
            self.lines.append(start)
            self._collection(value, indent + 2, holds)
        if behind:
            self.behind[line] = behind[0]

    def _after(self, start: str, value: Tree, indent: int, holds: str) -> list[str] | None:
        """What follows a name or a dash; None for a collection that stands below it."""
        room = WIDTH - len(start) - 1
        if isinstance(value, Scalar):
            text = line_text(value, flow=False)
            long = text is None or (len(text) > room and value.span.line < value.span.end_line)
            return several_lines(value, indent + 2) if long else [text or ""]
        if not _size(value):
            return ["{}" if isinstance(value, Map) else "[]"]
        text = None if a_line_each(value, holds) else self._flow(value, room, holds)
        return None if text is None else [text]

    def _item(self, start: str, value: Tree, indent: int, holds: str) -> None:
        """A mapping or list in a list: its first line is the dash's, comments above that stand above the dash."""
        line = len(self.lines)
        self._collection(value, indent + 2, holds)
        while self.lines[line].startswith("#", indent + 2):
            self.lines[line] = " " * indent + self.lines[line][indent + 2 :]
            line += 1
        self.lines[line] = start + " " + self.lines[line][indent + 2 :]

    def _collection(self, value: Tree, indent: int, holds: str) -> None:
        if isinstance(value, Map):
            self.map(value, indent, holds)
        elif isinstance(value, Items):
            self._items(value, indent, holds)

    def _shortened(self, value: Tree, short: bool) -> tuple[Tree, Iterable[Comment]]:
        """`relu: {type: relu}` as `relu: relu`, with the comment behind the kind."""
        if not (self.short and short and isinstance(value, Map) and list(value.entries) == ["type"]):
            return value, ()
        kind = value.entries["type"]
        notes = self.notes.get(value.key_span("type"), _NOTHING)
        if not isinstance(kind, Scalar) or not isinstance(kind.value, str) or notes.above or notes.blank:
            return value, ()
        return (value, ()) if value.span in self.notes else (kind, notes.behind)

    def _flow(self, tree: Tree, room: int, holds: str) -> str | None:
        """A collection between braces or brackets; None where it is too long, or has comments or empty lines."""
        if isinstance(tree, Scalar):
            text = line_text(tree, flow=True)
            return text if text is not None and len(text) <= room else None
        pairs: list[tuple[str, Tree]]
        if isinstance(tree, Map):
            pairs = [(name, tree.entries[name]) for name in in_order(tree, holds, self.root)]
            spans = [tree.key_span(name) for name, _ in pairs]
        else:
            pairs = [("", item) for item in tree.items]
            spans = [item.span for item in tree.items]
        if self._has_notes(tree, spans):
            return None
        parts, used = [], 2
        for name, value in pairs:
            key = f"{key_text(name, flow=True) or ''}: " if isinstance(tree, Map) else ""
            if key == ": ":
                return None
            text = self._flow(value, room - used - len(key), held_by(holds, name) if key else holds)
            if text is None:
                return None
            parts.append(key + (text or ("" if key else "null")))
            used += len(parts[-1]) + 2
        if used - 2 * bool(parts) > room:
            return None
        inside = ", ".join(parts)
        return f"{{{inside}}}" if isinstance(tree, Map) else f"[{inside}]"

    def _has_notes(self, tree: Tree, spans: Sequence[Span]) -> bool:
        """Whether comments or empty lines stand right inside a collection; above its first entry none is kept."""
        entries = [self.notes[span] for span in spans if span in self.notes]
        blank = any(self.notes.get(span, _NOTHING).blank for span in spans[1:])
        return blank or any(n.above or n.behind for n in entries) or bool(self.notes.get(tree.span, _NOTHING).below)

    def comments(self, comments: Iterable[Comment], indent: int, *, first: bool = False) -> None:
        """Comments on lines of their own."""
        for comment in comments:
            if comment.blank and not first and self.lines:
                self.lines.append("")
            first = False
            self.lines.append(" " * indent + comment.text)


def _size(tree: Map | Items) -> int:
    return len(tree.entries if isinstance(tree, Map) else tree.items)


def _with(notes: Notes, behind: Iterable[Comment]) -> Notes:
    return Notes(notes.above, [*notes.behind, *behind], notes.below, notes.blank)


def _put_behind(lines: list[str], comments: Mapping[int, Comment]) -> None:
    """Comments two spaces behind what they are about; several that stood in one column stay there where they fit."""
    fitting = {i: c.column - 1 for i, c in comments.items() if c.column - 1 >= len(lines[i]) + 2}
    shared = Counter(fitting.values())
    for i, comment in comments.items():
        column = fitting[i] if shared[fitting.get(i, -1)] > 1 else len(lines[i]) + 2
        lines[i] = f"{lines[i]:<{column}}{comment.text}"
