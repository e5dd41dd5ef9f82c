"""A tall picture in several columns, cut where a single tensor passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from netspec.report.picture.layered import STUB, Extent, Point
from netspec.report.picture.place import SMALL, Box, Plan, ShapeLabel, boxes_at, deepest, plan
from netspec.report.picture.text_width import text_width
from netspec.report.picture.tree import Interior

GUTTER = 28.0
TALL = 700.0  # what is less high stays in one column
WORTH = 0.85  # what one column more makes of the height, or it is left
LEAST = 0.3  # of the highest column: a box alone makes no column
MOST_COLUMNS = 8
MOST_BOXES, HIGHEST = 70, 1000.0  # of a picture when nobody says how deep it goes


def fitting(body: Interior) -> tuple[Plan, int]:
    """The picture with its containers as far open as a page has room for, and how far that is."""
    for depth in range(deepest(body), 0, -1):
        if boxes_at(body, depth) <= MOST_BOXES:
            candidate = in_columns(plan(body, depth))
            if candidate.size.height <= HIGHEST:
                return candidate, depth
    return in_columns(plan(body, 0)), 0


def in_columns(picture: Plan) -> Plan:
    """The picture in as few columns as make it no higher than wide; each column more has to make it much less high."""
    cuts = _cuts(picture) if picture.size.height > TALL else []
    best = picture
    for columns in range(2, min(MOST_COLUMNS, len(cuts) + 1) + 1):
        if best.size.height <= best.size.width:
            break
        chosen = _evenly(cuts, picture.size.height, columns)
        heights = [b - a for a, b in pairwise([0.0, *chosen, picture.size.height])]
        candidate = _split(picture, chosen)
        if min(heights) >= LEAST * max(heights) and candidate.size.height < WORTH * best.size.height:
            best = candidate
    return best


def _cuts(picture: Plan) -> list[float]:
    """Heights at which no box stands and one wire alone passes."""
    spans = sorted((box.corner.y, box.corner.y + box.outer.height) for box in picture.boxes)
    cuts, lowest = [], spans[0][1]
    for top, bottom in spans[1:]:
        if top > lowest and sum(way[0].y < top <= way[-1].y for _, way in picture.wires) == 1:
            cuts.append((lowest + top) / 2)
        lowest = max(lowest, bottom)
    return cuts


def _evenly(cuts: Sequence[float], height: float, columns: int) -> list[float]:
    """The cuts that make the highest column the least high."""
    # Where a column ends -> the height of the highest up to there, and the cuts.
    least: dict[float, tuple[float, list[float]]] = {0.0: (0.0, [])}
    for _ in range(columns - 1):
        ends: dict[float, tuple[float, list[float]]] = {}
        for cut in cuts:
            choices = [(max(most, cut - at), [*chosen, cut]) for at, (most, chosen) in least.items() if at < cut]
            if choices:
                ends[cut] = min(choices)
        least = ends
    return min((max(most, height - at), chosen) for at, (most, chosen) in least.items())[1]


def _split(picture: Plan, cuts: Sequence[float]) -> Plan:
    """What stands between two cuts as a column of its own."""

    def column(y: float) -> int:
        return sum(cut < y for cut in cuts)

    columns = range(len(cuts) + 1)
    members = [[box for box in picture.boxes if column(box.corner.y) == c] for c in columns]
    lefts = [min(box.corner.x for box in boxes) for boxes in members]
    firsts = [min(box.corner.y for box in boxes) for boxes in members]
    widths = [_right(picture, boxes, column) - left for boxes, left in zip(members, lefts, strict=True)]
    starts = [sum(widths[:c]) + GUTTER * c for c in columns]
    head = 2 * STUB  # room for the wire that comes from the column before

    def there(point: Point, c: int) -> Point:
        return Point(point.x - lefts[c] + starts[c], point.y - firsts[c] + head)

    def route(way: Sequence[Point]) -> list[Point]:
        c, d = column(way[0].y), column(way[-1].y)
        if c == d:
            return [there(point, c) for point in way]
        first, last = there(way[0], c), there(way[-1], d)
        low, gutter = first.y + head, starts[d] - GUTTER / 2  # down, across the gutter, to the head of the column
        return [first, Point(first.x, low), Point(gutter, low), Point(gutter, STUB), Point(last.x, STUB), last]

    boxes = [replace(box, corner=there(box.corner, column(box.corner.y))) for box in picture.boxes]
    wires = [(link, route(way)) for link, way in picture.wires]
    shapes = [ShapeLabel(there(written.at, column(written.at.y)), written.text) for written in picture.shapes]
    bottom = max(box.corner.y + box.outer.height for box in boxes) + 3 * STUB
    return Plan(boxes, wires, shapes, Extent(starts[-1] + widths[-1], bottom), picture.tops, picture.bottoms)


def _right(picture: Plan, boxes: Sequence[Box], column: Callable[[float], int]) -> float:
    """How far right a column reaches, with what is written in it and the wires that pass its boxes."""
    [c] = {column(box.corner.y) for box in boxes}
    edges = [box.corner.x + box.outer.width for box in boxes]
    edges += [w.at.x + 8 + text_width(w.text, SMALL) for w in picture.shapes if column(w.at.y) == c]
    edges += [p.x for _, way in picture.wires for p in way if column(way[0].y) == column(way[-1].y) == c]
    return max(edges)
