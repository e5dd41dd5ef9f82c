"""Equations in a difference: one below the other, the terms that differ in colour."""

from __future__ import annotations

from netspec.report.diff.text import lines
from netspec.report.equations import equation_lines
from netspec.report.styled import plain
from netspec.review.diff import compare
from netspec.review.difference import Change
from tests.review.test_sections import CELL, edited
from tests.review.texts import side


def marked(change: Change) -> list[str]:
    return ["".join(f"«{part.text}»" if part.style else part.text for part in line) for line in equation_lines(change)]


def test_changed_terms_are_in_colour() -> None:
    assert marked(Change("equations", "h[t] = (1 - f) * g + f", "h[t] = f * g + f")) == [
        "«-»     h[t] = «(1 - f)» * g + f", "«+»     h[t] = «f» * g + f",
    ]  # fmt: skip


def test_equations_go_with_those_of_their_name() -> None:
    change = Change("equations", "f = a; g = b * c", "g = b + c; k = a")
    assert [plain(line) for line in equation_lines(change)] == [
        "-     f = a", "-     g = b * c", "+     g = b + c", "+     k = a",
    ]  # fmt: skip
    assert [plain(line) for line in equation_lines(Change("equations", None, "b: [hidden]; h[t] = b"))] == [
        "+     b: [hidden]", "+     h[t] = b",
    ]  # fmt: skip


def test_a_layer_whose_cell_changed() -> None:
    after = edited(CELL, ("(1 - f) * h[t-1] + f * g", "f * h[t-1] + (1 - f) * g"))
    told = [plain(line) for line in lines(compare(side(CELL), side(after)), "a", "b", False, 80)]
    assert told[1:4] == [
        "~ rnn (recurrent): equations of cell mgu, line 13",
        "-     h[t] = (1 - f) * h[t-1] + f * g",
        "+     h[t] = f * h[t-1] + (1 - f) * g",
    ]
    both = edited(after, ("hidden: 24", "hidden: 25"))
    told = [plain(line) for line in lines(compare(side(CELL), side(both)), "a", "b", False, 80)]
    assert "hidden 24 -> 25" in told[2]
