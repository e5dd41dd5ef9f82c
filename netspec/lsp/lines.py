"""Places of a text as the protocol counts them: lines and characters from 0, in the client's code units.

YAML ends lines at more characters than the protocol (NEL, U+2028), and a `Span` counts code points from 1; between the
two stands the offset in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from lsprotocol.types import Position, PositionEncodingKind, Range

from netspec.source.text import LINE_BREAK, Span

_PROTOCOL_BREAK = re.compile("\r\n|[\n\r]")


class TextLines:
    """One text with the beginnings of its lines, as YAML and as the protocol counts them."""

    def __init__(self, text: str, encoding: str = PositionEncodingKind.Utf16) -> None:
        self.text, self.encoding = text, encoding
        self._of_yaml = [0, *(match.end() for match in LINE_BREAK.finditer(text))]
        self._of_protocol = [0, *(match.end() for match in _PROTOCOL_BREAK.finditer(text))]

    def offset(self, line: int, column: int) -> int:
        """Of a line and column of a `Span`; behind the end of the text its end."""
        if line > len(self._of_yaml):
            return len(self.text)
        return min(self._of_yaml[line - 1] + column - 1, len(self.text))

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Line and column of a `Span`."""
        line = bisect_right(self._of_yaml, offset)
        return line, offset - self._of_yaml[line - 1] + 1

    def position(self, offset: int) -> Position:
        line = bisect_right(self._of_protocol, offset) - 1
        return Position(line, self._units(self.text[self._of_protocol[line] : offset]))

    def at(self, position: Position) -> int:
        """The offset of a position; of one behind the end of its line, the end of the line."""
        if position.line >= len(self._of_protocol):
            return len(self.text)
        start = self._of_protocol[position.line]
        last = position.line + 1 == len(self._of_protocol)
        end = len(self.text) if last else self._of_protocol[position.line + 1]
        line = self.text[start:end].rstrip("\r\n")
        if self.encoding == PositionEncodingKind.Utf32 or line.isascii():
            return start + min(position.character, len(line))
        units = 0
        for i, char in enumerate(line):
            units += self._units(char)
            if units > position.character:
                return start + i
        return start + len(line)

    def range(self, span: Span) -> Range:
        start = self.offset(span.line, span.column)
        end = max(self.offset(span.end_line, span.end_column), start)
        return Range(self.position(start), self.position(end))

    def full_range(self) -> Range:
        return Range(Position(0, 0), self.position(len(self.text)))

    def _units(self, text: str) -> int:
        if self.encoding == PositionEncodingKind.Utf32 or text.isascii():
            return len(text)
        if self.encoding == PositionEncodingKind.Utf8:
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text.encode("utf-16-le", "surrogatepass")) // 2
