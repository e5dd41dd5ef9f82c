"""A tall picture in several columns, cut where a single tensor passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log

from netspec.report.picture.layered import STUB, Point, Size2
from netspec.report.picture.place import Plan, Written
from netspec.report.picture.tree import Link

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
    """What stands between two cuts as a column of its own, each as wide as the whole was: one grid for the eye."""
    tops = [0.0, *cuts]
    width = plan.size.width + GUTTER

    def column(y: float) -> int:
        return sum(cut < y for cut in cuts)

    firsts = [min((b.corner.y for b in plan.boxes if column(b.corner.y) == c), default=top) for c, top in enumerate(tops)]
    start = 2 * STUB  # room for the wire that comes from the column before

    def there(point: Point, c: int) -> Point:
        return Point(point.x + c * width, point.y - firsts[c] + start * bool(c) + (start if not c else 0))

    boxes = [replace(box, corner=there(box.corner, column(box.corner.y))) for box in plan.boxes]
    bottom = max(box.corner.y + box.outer.height for box in boxes) + 3 * STUB

    def route(link: Link, way: Sequence[Point]) -> list[Point]:
        c, d = column(way[0].y), column(way[-1].y)
        if c == d:
            return [there(point, c) for point in way]
        first, last = there(way[0], c), there(way[-1], d)
        points, at = [first], first
        for step in range(c, d):  # down, across the gutter, up to the head of the next column
            gutter = (step + 1) * width - GUTTER / 2
            low = at.y + 2 * STUB if step == c else bottom
            points += [Point(at.x, low), Point(gutter, low), Point(gutter, STUB), Point(last.x - (d - step - 1) * width, STUB)]
            at = points[-1]
        return [*points, last]

    wires = [(link, route(link, way)) for link, way in plan.wires]
    shapes = [Written(there(w.at, column(w.at.y)), w.text) for w in plan.shapes]
    right = (len(tops) - 1) * width + plan.size.width
    return Plan(boxes, wires, shapes, Size2(right, bottom), plan.tops, plan.bottoms)
