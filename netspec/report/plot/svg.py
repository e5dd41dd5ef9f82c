"""A network as SVG: no browser and no font is needed to draw it, and the same network gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from netspec.graph.cost import total
from netspec.graph.model import Graph
from netspec.report.numbers import count, short
from netspec.report.picture.columns import fitting, in_columns
from netspec.report.picture.layered import Point
from netspec.report.picture.layers import network_tree
from netspec.report.picture.place import HEADER, NAME, PAD, ROW, SHEETS, SMALL, Box, Plan, plan
from netspec.report.picture.text_width import FONT, text_width
from netspec.report.picture.tree import BORDER, DrawnLayer
from netspec.source.text import printable

MARGIN = 12.0
TITLE = 30.0
ROUND = 4.0
_STYLE = (
    f"text{{font-family:{FONT};font-size:{NAME:g}px;fill:#1b1f24}}"
    f".small{{font-size:{SMALL:g}px;fill:#57606a}}.name{{font-weight:bold}}.kind{{fill:#424a53}}"
    ".wire{fill:none;stroke:#57606a;stroke-width:1}.box{fill:#fff;stroke:#8c959f}.weights{fill:#e3edf9;stroke:#5b86b8}"
    ".end{fill:#f0f1f3;stroke:#8c959f}.frame{fill:#f7f8fa;stroke:#8c959f}.odd{fill:#fff}"
)


def render(graph: Graph, depth: int | None = None) -> Iterator[str]:
    """`depth`: how far containers are open; as far as a page has room for by default."""
    yield svg(graph, depth)


def svg(graph: Graph, depth: int | None = None) -> str:
    body = network_tree(graph)
    placed = fitting(body)[0] if depth is None else in_columns(plan(body, depth))
    cost = total(graph)
    figures = f"{count(cost.params)} parameters" + (f", {short(cost.flops)} FLOPs" if cost.flops else "")
    name = graph.name or "network"
    title_width = text_width(name, NAME + 2, bold=True) + 8 + text_width(figures, SMALL)
    width = max(placed.size.width, title_width) + 2 * MARGIN
    height = placed.size.height + TITLE + 2 * MARGIN
    left = MARGIN + (width - 2 * MARGIN - placed.size.width) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label={_attribute(f"{name}: {figures}")}>',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="arrow" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0L6 3L0 6z" fill="#57606a"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
        _text(MARGIN, MARGIN + 12, name, NAME + 2, "name", bold=True),
        _text(MARGIN + text_width(name, NAME + 2, bold=True) + 8, MARGIN + 12, figures, SMALL, "small"),
        *_plan(placed, left, MARGIN + TITLE, 0),
        "</svg>",
    ]
    return "\n".join(parts)


def _plan(placed: Plan, x: float, y: float, nested: int) -> Iterator[str]:
    for box in placed.boxes:
        yield from _box(box, x + box.corner.x, y + box.corner.y, nested)
    for link, points in placed.wires:
        arrow = "" if link.target.unit == BORDER else ' marker-end="url(#arrow)"'
        yield f'<path class="wire" d="{_path([Point(p.x + x, p.y + y) for p in points])}"{arrow}/>'
    for written in placed.shapes:
        yield _text(x + written.at.x + 4, y + written.at.y + 11, written.text, SMALL, "small")


def _box(box: Box, x: float, y: float, nested: int) -> Iterator[str]:
    width, height = box.size
    leaf = box.unit.inside if isinstance(box.unit.inside, DrawnLayer) else None
    ends = leaf is not None and leaf.facts.kind in ("input", "output")
    style = "end" if ends else "weights" if leaf and leaf.facts.weights else "box" if leaf else "frame"
    style += " odd" if style == "frame" and nested % 2 else ""
    around = ROW / 2 if ends else ROUND
    name = ", ".join(box.unit.names) or box.unit.label
    yield f"<g><title>{_clean(f'{name}: {box.unit.kind}')}</title>"
    for sheet in (SHEETS, SHEETS / 2) if box.unit.copies > 1 else ():
        yield _rect(x + sheet, y + sheet, width, height, around, style)
    yield _rect(x, y, width, height, around, style)
    base = y + (HEADER if box.plan else ROW) / 2 + 4
    inset = x + PAD
    if not box.plan and not box.figure and not box.second:  # nothing at the right: in the middle
        inset = x + (width - _head_width(box)) / 2
    yield _text(inset, base, box.title, NAME, "name", bold=True)
    if box.note:
        yield _text(inset + text_width(box.title, NAME, bold=True) + 5, base, box.note, SMALL, "small")
    if box.figure:
        right = x + width - PAD - text_width(box.figure, SMALL)
        yield _text(right, base, box.figure, SMALL, "small")
    if box.second:
        yield _text(inset, base + 11, box.second, SMALL, "small")
    yield "</g>"
    if box.plan:
        yield from _plan(box.plan, x, y, nested + 1)


def _head_width(box: Box) -> float:
    note = 5 + text_width(box.note, SMALL) if box.note else 0.0
    return text_width(box.title, NAME, bold=True) + note


def _rect(x: float, y: float, width: float, height: float, around: float, style: str) -> str:
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{around:g}"/>'


def _text(x: float, y: float, text: str, size: float, style: str, *, bold: bool = False) -> str:
    """`textLength` keeps it as wide as it was measured, in whatever font a viewer has."""
    width = text_width(text, size, bold=bold)
    sized = f' font-size="{size:g}" style="font-size:{size:g}px"' if size not in (NAME, SMALL) else ""
    return (
        f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"'
        f"{sized}>{_clean(text)}</text>"
    )


def _path(points: Sequence[Point]) -> str:
    """A line through the points, its corners rounded."""
    parts = [f"M{points[0].x:.1f} {points[0].y:.1f}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        start, end = _towards(corner, before), _towards(corner, after)
        parts.append(f"L{start.x:.1f} {start.y:.1f}Q{corner.x:.1f} {corner.y:.1f} {end.x:.1f} {end.y:.1f}")
    parts.append(f"L{points[-1].x:.1f} {points[-1].y:.1f}")
    return "".join(parts)


def _towards(corner: Point, other: Point) -> Point:
    """A point a little away from a corner."""
    length = abs(other.x - corner.x) + abs(other.y - corner.y)
    part = min(ROUND, length / 2) / length if length else 0.0
    return Point(corner.x + (other.x - corner.x) * part, corner.y + (other.y - corner.y) * part)


def _clean(text: str) -> str:
    return escape(printable(text))


def _attribute(text: str) -> str:
    return quoteattr(printable(text))
