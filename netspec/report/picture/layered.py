"""Places boxes in rows so that data flows down: one body of a picture, all sizes known.

Rows by longest path, long wires cut at every row, rows ordered by the median of what a box is wired to, and straight
runs of boxes and wires moved as one (linear segments, after Sander 1996).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

SPACE = 16.0  # between boxes of one row
WIRE_SPACE = 9.0  # between wires, and between a wire and a box
TRACK = 6.0  # between wires that run sideways below one row
STUB = 7.0  # what a wire runs straight on out of a box and into one
LABEL = 12.0  # height of a shape beside a wire
ROUNDS = 12


class Extent(NamedTuple):
    width: float
    height: float


class Point(NamedTuple):
    x: float
    y: float


@dataclass(frozen=True)
class Edge:
    """A wire from the lower side of one box to the upper side of another; ports count from the middle of the box."""

    source: int
    target: int
    source_port: float = 0.0
    target_port: float = 0.0


@dataclass(frozen=True)
class Arrangement:
    """Where everything stands: upper left corners, and for every edge the corners of its way."""

    corners: list[Point]
    routes: list[list[Point]]
    size: Extent


@dataclass
class _Vertex:
    """A box, or a wire where it passes a row (`box` is -1)."""

    rank: int
    width: float
    box: int = -1
    above: list[int] = field(default_factory=list)  # numbers of pieces
    below: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Piece:
    """A wire between two rows that follow each other."""

    source: int
    target: int
    source_port: float = 0.0
    target_port: float = 0.0


def arrange(
    boxes: Sequence[Extent],
    edges: Sequence[Edge],
    *,
    first: Iterable[int] = (),
    last: Iterable[int] = (),
    labels: Sequence[float] | None = None,
) -> Arrangement:
    """`first` and `last` are boxes that have a row of their own above and below all others; `labels` are the widths
    of what is written below each box, to the right of its wires."""
    return _Layout(boxes, edges, set(first), set(last), labels or [0.0] * len(boxes)).arrangement()


class _Layout:
    def __init__(
        self, boxes: Sequence[Extent], edges: Sequence[Edge], first: set[int], last: set[int], labels: Sequence[float]
    ) -> None:
        self.boxes, self.edges, self.labels = boxes, edges, labels
        ranks = _ranks(len(boxes), edges, first, last)
        self.vertices = [_Vertex(rank, box.width, i) for i, (rank, box) in enumerate(zip(ranks, boxes, strict=True))]
        self.pieces: list[_Piece] = []
        self.ways = [self._cut(edge) for edge in edges]  # of each edge the numbers of its pieces
        self.rows: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
        for number in _by_first_seen(self.vertices, self.pieces):
            self.rows[self.vertices[number].rank].append(number)

    def _cut(self, edge: Edge) -> list[int]:
        """The pieces of an edge, with a vertex in every row it passes."""
        way, at = [], edge.source
        for rank in range(self.vertices[edge.source].rank + 1, self.vertices[edge.target].rank + 1):
            last = rank == self.vertices[edge.target].rank
            if not last:
                self.vertices.append(_Vertex(rank, 0.0))
            end = edge.target if last else len(self.vertices) - 1
            piece = _Piece(at, end, edge.source_port if at == edge.source else 0.0, edge.target_port if last else 0.0)
            self.vertices[at].below.append(len(self.pieces))
            self.vertices[end].above.append(len(self.pieces))
            way.append(len(self.pieces))
            self.pieces.append(piece)
            at = end
        return way

    def arrangement(self) -> Arrangement:
        self._order()
        centres = _Columns(self).centres()
        left = min((x - v.width / 2 for x, v in zip(centres, self.vertices, strict=True)), default=0.0)
        centres = [x - left for x in centres]
        right = max((x + v.width / 2 for x, v in zip(centres, self.vertices, strict=True)), default=0.0)
        for i, label in enumerate(self.labels):
            right = max(right, centres[i] + label) if label else right
        tops, heights, tracks = self._heights(centres)
        height = tops[-1] + heights[-1] if tops else 0.0
        corners = [Point(centres[i] - box.width / 2, tops[self.vertices[i].rank]) for i, box in enumerate(self.boxes)]
        routes = [self._route(way, centres, tops, heights, tracks) for way in self.ways]
        return Arrangement(corners, routes, Extent(right, height))

    # Order of each row

    def _order(self) -> None:
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for step in range(ROUNDS):
            if not fewest:
                break
            down = step % 2 == 0
            for row in self.rows if down else reversed(self.rows):
                self._sort(row, down)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(row) for row in self.rows], crossings
        self.rows = best

    def _sort(self, row: list[int], down: bool) -> None:
        place = {number: i for line in self.rows for i, number in enumerate(line)}

        def wired(number: int) -> float:
            vertex = self.vertices[number]
            others = (
                [place[self.pieces[p].source] for p in vertex.above]
                if down
                else [place[self.pieces[p].target] for p in vertex.below]
            )
            return sum(others) / len(others) if others else place[number]

        row.sort(key=wired)

    def _crossings(self) -> int:
        place = {number: i for row in self.rows for i, number in enumerate(row)}
        crossings = 0
        for row in self.rows:
            ends = [
                place[self.pieces[p].target]
                for number in row
                for p in sorted(self.vertices[number].below, key=lambda p: place[self.pieces[p].target])
            ]
            crossings += sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])
        return crossings

    # Heights of rows and of the gaps between them

    def _heights(self, centres: Sequence[float]) -> tuple[list[float], list[float], dict[int, float]]:
        """The top and the height of every row, and how far below its row each piece that runs sideways does so."""
        heights = [max((self.boxes[v].height for v in row if v < len(self.boxes)), default=0.0) for row in self.rows]
        tops, tracks, y = [], {}, 0.0
        for row, height in zip(self.rows, heights, strict=True):
            tops.append(y)
            labelled = any(v < len(self.boxes) and self.labels[v] for v in row)
            start = STUB + (LABEL if labelled else 0.0)
            sideways: dict[int, int] = {}  # source -> track
            for v in row:
                for p in self.vertices[v].below:
                    if abs(self._start(p, centres) - self._end(p, centres)) > 0.5:
                        track = sideways.setdefault(v, len(sideways))
                        tracks[p] = start + TRACK * track
            y += height + start + TRACK * max(0, len(sideways) - 1) + (STUB + 3 if row else 0.0)
        return tops, heights, tracks

    def _start(self, piece: int, centres: Sequence[float]) -> float:
        return centres[self.pieces[piece].source] + self.pieces[piece].source_port

    def _end(self, piece: int, centres: Sequence[float]) -> float:
        return centres[self.pieces[piece].target] + self.pieces[piece].target_port

    def _route(
        self,
        way: Sequence[int],
        centres: Sequence[float],
        tops: Sequence[float],
        heights: Sequence[float],
        tracks: dict[int, float],
    ) -> list[Point]:
        first, last = self.pieces[way[0]], self.pieces[way[-1]]
        source, target = self.vertices[first.source], self.vertices[last.target]
        points = [Point(self._start(way[0], centres), tops[source.rank] + self.boxes[source.box].height)]
        for piece in way:
            if piece in tracks:
                rank = self.vertices[self.pieces[piece].source].rank
                y = tops[rank] + heights[rank] + tracks[piece]
                points += [Point(self._start(piece, centres), y), Point(self._end(piece, centres), y)]
        points.append(Point(self._end(way[-1], centres), tops[target.rank]))
        return points


def _ranks(number: int, edges: Sequence[Edge], first: set[int], last: set[int]) -> list[int]:
    """The row of each box: below all that it reads; what reads nothing stands right above its first reader."""
    below: list[list[int]] = [[] for _ in range(number)]
    waiting = [0] * number
    for edge in edges:
        below[edge.source].append(edge.target)
        waiting[edge.target] += 1
    ranks = [0 if i in first else 1 if first else 0 for i in range(number)]
    has_sources = list(map(bool, waiting))
    ready = [i for i in range(number) if not waiting[i]]
    while ready:
        box = ready.pop()
        for other in below[box]:
            ranks[other] = max(ranks[other], ranks[box] + 1)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    for box in range(number):
        if not has_sources[box] and below[box] and box not in first:
            ranks[box] = max(ranks[box], min(ranks[other] for other in below[box]) - 1)
    if last:
        deepest = max((ranks[i] for i in range(number) if i not in last), default=-1) + 1
        for box in last:
            ranks[box] = deepest
    return ranks


def _by_first_seen(vertices: Sequence[_Vertex], pieces: Sequence[_Piece]) -> list[int]:
    """Vertices in the order of a walk from the top, boxes in the order of the file before the wires that pass them."""
    order: dict[int, None] = {}
    stack = [i for i in reversed(range(len(vertices))) if not vertices[i].above]
    while stack:
        number = stack.pop()
        if number in order:
            continue
        order[number] = None
        targets = [pieces[p].target for p in vertices[number].below]
        stack += sorted(targets, key=lambda t: (vertices[t].box < 0, t), reverse=True)
    return list(order)


class _Columns:
    """The middle of every vertex: runs that are to be straight move as one."""

    def __init__(self, layout: _Layout) -> None:
        self.layout = layout
        self.vertices, self.pieces = layout.vertices, layout.pieces
        self.run_of = list(range(len(self.vertices)))
        self.offset = [0.0] * len(self.vertices)
        for number, piece in enumerate(self.pieces):  # sources come before targets within every run
            if self._straight(number):
                self.run_of[piece.target] = -1
        self._join()

    def centres(self) -> list[float]:
        order = self._run_order()
        low, high = self._packed(order), self._packed(order, to_right=True)
        x = {run: (low[run] + high[run]) / 2 for run in order}
        for _ in range(ROUNDS):
            for run in (*order, *reversed(order)):
                x[run] = self._towards_neighbours(run, x)
        return [x[self.run_of[v]] + self.offset[v] for v in range(len(self.vertices))]

    def _join(self) -> None:
        """Number the runs by their first vertices."""
        straight = {p.target: p for i, p in enumerate(self.pieces) if self._straight(i)}
        for row in self.layout.rows:
            for v in row:
                piece = straight.get(v)
                if piece is None:
                    self.run_of[v], self.offset[v] = v, 0.0
                else:
                    self.run_of[v] = self.run_of[piece.source]
                    self.offset[v] = self.offset[piece.source] + piece.source_port - piece.target_port

    def _straight(self, number: int) -> bool:
        piece = self.pieces[number]
        return (
            self._main(self.vertices[piece.source].below, down=True) == number
            and self._main(self.vertices[piece.target].above, down=False) == number
        )

    def _main(self, candidates: Sequence[int], *, down: bool) -> int:
        """Of the pieces at one side of a vertex the one that goes straight on: the one through most boxes, if it is
        so by far."""
        if len(candidates) == 1:
            return candidates[0]
        through = sorted(((self._boxes_behind(p, down), -p) for p in candidates), reverse=True)
        (most, number), (next_most, _), *_ = through
        return -number if most >= 2 * next_most + (next_most > 0) and most > next_most else -1

    def _boxes_behind(self, number: int, down: bool) -> int:
        """How many boxes stand along the only way on from a piece."""
        count = 0
        while True:
            piece = self.pieces[number]
            vertex = self.vertices[piece.target if down else piece.source]
            entering, leaving = (vertex.above, vertex.below) if down else (vertex.below, vertex.above)
            if len(entering) > 1:
                return count
            count += vertex.box >= 0
            if len(leaving) != 1:
                return count
            number = leaving[0]

    def _gap(self, a: int, b: int) -> float:
        """How far apart the middles of two neighbours of a row have to be."""
        left, right = self.vertices[a], self.vertices[b]
        space = SPACE if left.box >= 0 and right.box >= 0 else WIRE_SPACE
        half = left.width / 2
        if left.box >= 0:
            half = max(half, self.layout.labels[left.box])
        return half + space + right.width / 2

    @cached_property
    def neighbours(self) -> list[tuple[int, int]]:
        return [(a, b) for row in self.layout.rows for a, b in itertools.pairwise(row)]

    def _run_order(self) -> list[int]:
        """Runs from left to right; where two would have to pass each other, one is taken apart."""
        while True:
            right_of: dict[int, set[int]] = {run: set() for run in self.run_of}
            for a, b in self.neighbours:
                right_of[self.run_of[a]].add(self.run_of[b])
            waiting = dict.fromkeys(right_of, 0)
            for others in right_of.values():
                for other in others:
                    waiting[other] += 1
            ready, order = sorted((run for run, n in waiting.items() if not n), reverse=True), []
            while ready:
                order.append(run := ready.pop())
                for other in sorted(right_of[run], reverse=True):
                    waiting[other] -= 1
                    if not waiting[other]:
                        ready.append(other)
            if len(order) == len(right_of):
                return order
            stuck = next(run for run, n in waiting.items() if n and self.run_of.count(run) > 1)
            for v, run in enumerate(self.run_of):
                if run == stuck:
                    self.run_of[v], self.offset[v] = v, 0.0

    def _packed(self, order: Sequence[int], *, to_right: bool = False) -> dict[int, float]:
        """All runs as far left, or as far right within the same width, as they go."""
        sign = -1.0 if to_right else 1.0
        x: dict[int, float] = {}
        before: dict[int, list[tuple[int, float]]] = {run: [] for run in order}
        for a, b in self.neighbours:
            near, far = (b, a) if to_right else (a, b)
            apart = self._gap(a, b) + sign * (self.offset[near] - self.offset[far])
            before[self.run_of[far]].append((self.run_of[near], apart))
        edge: dict[int, float] = dict.fromkeys(order, 0.0)  # how far a run reaches over its own middle
        for v, run in enumerate(self.run_of):
            edge[run] = max(edge[run], self.vertices[v].width / 2 - sign * self.offset[v])
        for run in reversed(order) if to_right else order:
            x[run] = max([edge[run], *(x[other] + apart for other, apart in before[run])])
        if not to_right:
            return x
        low = self._packed(order)
        rights = (low[run] + self.offset[v] + self.vertices[v].width / 2 for v, run in enumerate(self.run_of))
        widest = max(rights, default=0.0)
        return {run: widest - value for run, value in x.items()}

    @cached_property
    def members(self) -> dict[int, list[int]]:
        members: dict[int, list[int]] = {}
        for v, run in enumerate(self.run_of):
            members.setdefault(run, []).append(v)
        return members

    @cached_property
    def beside(self) -> tuple[dict[int, int], dict[int, int]]:
        """The left and the right neighbour of each vertex in its row."""
        return {b: a for a, b in self.neighbours}, dict(self.neighbours)

    def _towards_neighbours(self, run: int, x: dict[int, float]) -> float:
        """Where a run would stand among what it is wired to, as far as its neighbours in the rows let it."""
        wanted, low, high = [], float("-inf"), float("inf")
        left, right = self.beside
        for v in self.members[run]:
            for p in self.vertices[v].above:
                piece = self.pieces[p]
                other = self.run_of[piece.source]
                if other != run:
                    at = x[other] + self.offset[piece.source] + piece.source_port
                    wanted.append(at - piece.target_port - self.offset[v])
            for p in self.vertices[v].below:
                piece = self.pieces[p]
                other = self.run_of[piece.target]
                if other != run:
                    at = x[other] + self.offset[piece.target] + piece.target_port
                    wanted.append(at - piece.source_port - self.offset[v])
            if v in left:
                a = left[v]
                low = max(low, x[self.run_of[a]] + self.offset[a] + self._gap(a, v) - self.offset[v])
            if v in right:
                b = right[v]
                high = min(high, x[self.run_of[b]] + self.offset[b] - self._gap(v, b) - self.offset[v])
        if not wanted or low > high:
            return x[run]
        return min(max(sum(wanted) / len(wanted), low), high)
