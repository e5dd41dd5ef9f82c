"""Equations of a cell before and after, one below the other, the terms that differ in colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netspec.layers.recurrent import CellLayer
from netspec.report.styled import Line, Styled
from netspec.review.changes.equation_diff import Segment, changed_parts
from netspec.review.difference import Cause, Change, LayerChange
from netspec.review.explain.cause_lines import lines_text

_SIGN = {"removed": ("-", "red"), "added": ("+", "green")}


def equation_changes(layers: Sequence[LayerChange]) -> list[Change]:
    """The equations that changed in a group of layers of one cell."""
    return [change for change in layers[0].changes if change.what == "equations"] if layers else []


def cell_text(layer: LayerChange, causes: Sequence[Cause]) -> str:
    """`equations of cell mgu, line 14`."""
    node = layer.after or layer.before
    name = node.layer.the_cell.name if node is not None and isinstance(node.layer, CellLayer) else ""
    written = [cause for cause in causes if cause.path.startswith(f"cells.{name}.")]
    return ", ".join(text for text in (f"equations of cell {name}", lines_text(written)) if text)


def equation_lines(change: Change) -> Iterator[Line]:
    """The older equations, each followed by the newer one of its name; what has no partner alone."""
    old, new = (dict(map(_target, value.split("; "))) if value else {} for value in (change.before, change.after))
    for target in dict.fromkeys((*old, *new)):
        if target in old and target in new:
            before, after = changed_parts(old[target], new[target])
        else:
            before, after = ([Segment(side[target], "equal")] if target in side else [] for side in (old, new))
        for segments, status in ((before, "removed"), (after, "added")):
            if segments:
                yield _line(target, segments, status)


def _target(equation: str) -> tuple[str, str]:
    target, equals, value = equation.partition(" = ")
    return (target, value) if equals else ("", equation)


def _line(target: str, segments: Sequence[Segment], status: str) -> Line:
    sign, colour = _SIGN[status]
    marked = (Styled(segment.text, "" if segment.status == "equal" else colour) for segment in segments)
    return (Styled(sign, colour), Styled(f"     {target} = " if target else "     "), *marked)
