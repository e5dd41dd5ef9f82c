"""A tall picture in several columns, cut where a single tensor passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import log

from netspec.report.picture.layered import STUB, Point, Size2
from netspec.report.picture.place import SMALL, Box, Plan, Written
from netspec.report.picture.text_width import text_width

GUTTER = 28.0
TALL = 700.0  # what is less high stays in one column
SHAPE = 1.4  # width by height, as near as it comes
MOST_COLUMNS = 8


def in_columns(plan: Plan) -> Plan:
    """The picture, as near to the proportions of a page as its cuts let it come."""
    if plan.size.height <= TALL:
        return plan
    cuts = _cuts(plan)
    best, badness = plan, _badness(plan.size)
    for columns in range(2, MOST_COLUMNS + 1):
        at = _chosen(cuts, plan.size.height, columns)
        if len(at) == columns - 1:
            candidate = _split(plan, at)
            if (worse := _badness(candidate.size)) < badness:
                best, badness = candidate, worse
    return best


def _badness(size: Size2) -> float:
    return abs(log(size.width / size.height / SHAPE))


def _cuts(plan: Plan) -> list[float]:
    """Heights at which no box stands, and the wires of one output alone pass."""
    spans = sorted((box.corner.y, box.corner.y + box.outer.height) for box in plan.boxes)
    cuts, lowest = [], spans[0][1]
    for top, bottom in spans[1:]:
        if top > lowest:
            passing = {link.source for link, way in plan.wires if way[0].y < top and way[-1].y >= top}
            if len(passing) == 1:
                cuts.append((lowest + top) / 2)
        lowest = max(lowest, bottom)
    return cuts


def _chosen(cuts: Sequence[float], height: float, columns: int) -> list[float]:
    """Those nearest to equal parts."""
    wanted = [height * i / columns for i in range(1, columns)]
    return sorted({min(cuts, key=lambda cut: abs(cut - want)) for want in wanted}) if cuts else []


def _split(plan: Plan, cuts: Sequence[float]) -> Plan:
    """What stands between two cuts as a column of its own."""

    def column(y: float) -> int:
        return sum(cut < y for cut in cuts)

    columns = range(len(cuts) + 1)
    members = [[box for box in plan.boxes if column(box.corner.y) == c] for c in columns]
    lefts = [min(box.corner.x for box in boxes) for boxes in members]
    firsts = [min(box.corner.y for box in boxes) for boxes in members]
    widths = [_right(plan, boxes, column) - left for boxes, left in zip(members, lefts, strict=True)]
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

    boxes = [replace(box, corner=there(box.corner, column(box.corner.y))) for box in plan.boxes]
    wires = [(link, route(way)) for link, way in plan.wires]
    shapes = [Written(there(written.at, column(written.at.y)), written.text) for written in plan.shapes]
    bottom = max(box.corner.y + box.outer.height for box in boxes) + 3 * STUB
    return Plan(boxes, wires, shapes, Size2(starts[-1] + widths[-1], bottom), plan.tops, plan.bottoms)


def _right(plan: Plan, boxes: Sequence[Box], column: Callable[[float], int]) -> float:
    """How far right a column reaches, with what is written in it and the wires that pass its boxes."""
    [c] = {column(box.corner.y) for box in boxes}
    edges = [box.corner.x + box.outer.width for box in boxes]
    edges += [w.at.x + 8 + text_width(w.text, SMALL) for w in plan.shapes if column(w.at.y) == c]
    edges += [p.x for _, way in plan.wires for p in way if column(way[0].y) == column(way[-1].y) == c]
    return max(edges)
