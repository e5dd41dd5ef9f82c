"""Lines without blanks at their ends, which rich fills the cells of a table with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook
from rich.segment import Segment
from rich.text import Text


class Trim(RenderHook):
    """For `Console.push_render_hook`: all that is printed from then on is trimmed, but for text, whose blanks count."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [each if isinstance(each, Text) else Trimmed(each) for each in renderables]


@dataclass(frozen=True)
class Trimmed:
    """Another renderable without the blanks at the ends of its lines."""

    inner: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for line in Segment.split_lines(console.render(self.inner, options)):
            while line and not line[-1].control and not line[-1].text.rstrip():
                line.pop()
            if line and not line[-1].control:
                text, style, _ = line.pop()
                line.append(Segment(text.rstrip(), style))
            yield from line
            yield Segment.line()
