"""Where every box of a picture stands: from the innermost bodies outwards, each placed by `layered`.

A layer that keeps the shape and has no product with weights stands right under the one that it reads, as papers draw
it: a stack is placed as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from netspec.report.numbers import short
from netspec.report.picture.captions import caption
from netspec.report.picture.layered import Edge, Extent, Point, arrange
from netspec.report.picture.text_width import shortened, text_width
from netspec.report.picture.tree import BORDER, DrawnLayer, Interior, Link, Unit

NAME, SMALL = 11.0, 9.0  # sizes of text
PAD = 9.0  # between a container's border and what is in it
HEADER = 19.0  # of a container
ROW = 19.0  # of a layer; with a second line of text it has SECOND more
SECOND = 11.0
WIDEST = 230.0  # of a line of text
BETWEEN = 2.0  # the layers of a stack
SHEETS = 5.0  # how far the copies behind a box look out
ENDS = ("input", "output")
ORIGIN = Point(0.0, 0.0)


@dataclass(frozen=True)
class Box:
    """A unit in its place, measured from the corner of the body around it."""

    unit: Unit
    size: Extent  # without the sheets of its copies
    title: str
    note: str  # beside the title
    second: str  # below it
    figure: str  # parameters
    plan: Plan | None = None  # what stands in it, when it is open
    corner: Point = ORIGIN

    @property
    def outer(self) -> Extent:
        """With the sheets of its copies behind it."""
        sheets = SHEETS if self.unit.copies > 1 else 0.0
        return Extent(self.size.width + sheets, self.size.height + sheets)


@dataclass(frozen=True)
class ShapeLabel:
    """A shape beside a wire, at the place where the wire begins."""

    at: Point
    text: str


@dataclass(frozen=True)
class Plan:
    """A body in its place."""

    boxes: list[Box]
    wires: list[tuple[Link, list[Point]]]
    shapes: list[ShapeLabel]
    size: Extent
    tops: list[float]  # where wires enter and leave, from the left
    bottoms: list[float]


def boxes_at(body: Interior, depth: int) -> int:
    """How many boxes a picture has whose containers are open `depth` deep."""
    inside = [unit.inside for unit in body.units if isinstance(unit.inside, Interior)] if depth else []
    return len(body.units) + sum(boxes_at(interior, depth - 1) for interior in inside)


def deepest(body: Interior) -> int:
    """How many containers stand in each other."""
    return max((1 + deepest(unit.inside) for unit in body.units if isinstance(unit.inside, Interior)), default=0)


def plan(body: Interior, depth: int) -> Plan:
    """The body with its containers open `depth` deep."""
    drafts = [_draft(unit, depth) for unit in body.units]
    widest = max((d.size.width for d in drafts if not d.plan), default=0.0)
    drafts = [d if d.plan else replace(d, size=Extent(widest, d.size.height)) for d in drafts]
    stacks = _stacks(body)
    place = {unit: number for number, stack in enumerate(stacks) for unit in stack}
    links = [link for link in body.links if not _within(link, place)]
    count = len(stacks)
    tops = 1 + max((link.source.slot for link in links if link.source.unit == BORDER), default=-1)
    bottoms = 1 + max((link.target.slot for link in links if link.target.unit == BORDER), default=-1)
    shapes = [_shape_below(links, stack) for stack in stacks]
    arrangement = arrange(
        [_stack_size([drafts[u] for u in stack]) for stack in stacks] + [Extent(0.0, 0.0)] * (tops + bottoms),
        [_edge(link, drafts, place, count, tops) for link in links],
        first=range(count, count + tops),
        last=range(count + tops, count + tops + bottoms),
        labels=[text_width(shape, SMALL) + 5 if shape else 0.0 for shape in shapes] + [0.0] * (tops + bottoms),
    )
    boxes = drafts
    for stack, corner in zip(stacks, arrangement.corners, strict=False):
        y = corner.y
        for unit in stack:
            boxes[unit] = replace(boxes[unit], corner=Point(corner.x, y))
            y += boxes[unit].outer.height + BETWEEN
    wires = [(link, _from_box(link, way, boxes)) for link, way in zip(links, arrangement.routes, strict=True)]
    starts = {place[link.source.unit]: way[0] for link, way in wires if link.source.unit != BORDER}
    written = [ShapeLabel(starts[s], shape) for s, shape in enumerate(shapes) if shape and s in starts]
    ports = [corner.x for corner in arrangement.corners[count:]]
    return Plan(boxes, wires, written, arrangement.size, ports[:tops], ports[tops:])


def _draft(unit: Unit, depth: int) -> Box:
    leaf = unit.inside if isinstance(unit.inside, DrawnLayer) else None
    note = unit.kind if leaf is None else "" if leaf.facts.kind in ENDS else caption(leaf.facts, unit.label)
    note = f"{note} ×{unit.copies}".lstrip() if unit.copies > 1 else note
    title = shortened(unit.label, NAME, WIDEST * 0.6, bold=True)
    figure = short(unit.cost.params) if unit.cost.params else ""
    head = text_width(title, NAME, bold=True) + (text_width(figure, SMALL) + 12 if figure else 0.0)
    second = ""
    if head + text_width(note, SMALL) > WIDEST and leaf:
        note, second = leaf.facts.kind, shortened(note.removeprefix(leaf.facts.kind).lstrip(), SMALL, WIDEST)
    note = shortened(note, SMALL, max(WIDEST - head, 40))
    head += 5 + text_width(note, SMALL) if note else 0.0
    if isinstance(unit.inside, Interior) and depth:
        inner = plan(unit.inside, depth - 1)
        width = max(head, inner.size.width) + 2 * PAD
        inner = moved(inner, (width - inner.size.width) / 2, HEADER)
        return Box(unit, Extent(width, HEADER + inner.size.height), title, note, "", figure, inner)
    width = max(head, text_width(second, SMALL)) + 2 * PAD
    return Box(unit, Extent(width, ROW + SECOND * bool(second)), title, note, second, figure)


def moved(inner: Plan, right: float, down: float) -> Plan:
    """Everything further right and further down."""

    def there(point: Point) -> Point:
        return Point(point.x + right, point.y + down)

    return Plan(
        [replace(box, corner=there(box.corner)) for box in inner.boxes],
        [(link, list(map(there, way))) for link, way in inner.wires],
        [ShapeLabel(there(written.at), written.text) for written in inner.shapes],
        inner.size,
        [x + right for x in inner.tops],
        [x + right for x in inner.bottoms],
    )


def _stacks(body: Interior) -> list[list[int]]:
    """The units that are placed as one, from above."""
    stacks: list[list[int]] = []
    leaving: dict[int, list[Link]] = {}
    entering: dict[int, list[Link]] = {}
    for link in body.links:
        leaving.setdefault(link.source.unit, []).append(link)
        entering.setdefault(link.target.unit, []).append(link)
    top: dict[int, list[int]] = {}  # last unit of a stack -> the stack
    for number, unit in enumerate(body.units):
        reads = entering.get(number, [])
        above = reads[0].source.unit if len(reads) == 1 else BORDER
        if above in top and len(leaving[above]) == 1 and _hangs(unit):
            stack = top.pop(above)
            stack.append(number)
        else:
            stack = [number]
            stacks.append(stack)
        if isinstance(unit.inside, DrawnLayer) and unit.kind not in ENDS:
            top[number] = stack
    return stacks


def _hangs(unit: Unit) -> bool:
    """Whether a layer stands right under the one that it reads."""
    if not isinstance(unit.inside, DrawnLayer) or unit.kind in ENDS:
        return False
    facts = unit.inside.facts
    return not facts.weighted and [shape for _, shape in facts.outputs] == [*facts.inputs]


def _within(link: Link, place: dict[int, int]) -> bool:
    source, target = link.source.unit, link.target.unit
    return BORDER not in (source, target) and place[source] == place[target]


def _stack_size(boxes: Sequence[Box]) -> Extent:
    height = sum(box.outer.height for box in boxes) + BETWEEN * (len(boxes) - 1)
    return Extent(max(box.outer.width for box in boxes), height)


def _edge(link: Link, drafts: Sequence[Box], place: dict[int, int], count: int, tops: int) -> Edge:
    source, leaving = count + link.source.slot, 0.0
    if link.source.unit != BORDER:
        source, leaving = place[link.source.unit], _port(drafts[link.source.unit], link.source.slot, below=True)
    target, entering = count + tops + link.target.slot, 0.0
    if link.target.unit != BORDER:
        target, entering = place[link.target.unit], _port(drafts[link.target.unit], link.target.slot, below=False)
    return Edge(source, target, leaving, entering)


def _port(box: Box, slot: int, *, below: bool) -> float:
    """Where a wire meets a box, from the middle of all that is drawn of it."""
    if box.plan is None:
        return (box.size.width - box.outer.width) / 2
    ports = box.plan.bottoms if below else box.plan.tops
    return ports[slot] - box.outer.width / 2


def _from_box(link: Link, way: Sequence[Point], boxes: Sequence[Box]) -> list[Point]:
    """A wire begins at the border of a box itself, not at the lowest of the sheets behind it."""
    start, *rest = way
    if link.source.unit != BORDER:
        box = boxes[link.source.unit]
        start = Point(start.x, box.corner.y + box.size.height)
    return [start, *_distinct(rest)]


def _distinct(points: Sequence[Point]) -> Iterator[Point]:
    for number, point in enumerate(points):
        if not number or point != points[number - 1]:
            yield point


def _shape_below(links: Sequence[Link], stack: Sequence[int]) -> str:
    """The shape of what a stack gives, where none of its inputs has it."""
    outgoing = {link.shape: None for link in links if link.source.unit == stack[-1]}
    incoming = {link.shape for link in links if link.target.unit == stack[0]}
    return ", ".join(shape for shape in outgoing if shape not in incoming)
