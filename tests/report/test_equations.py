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
    assert told[2] == "~ rnn (recurrent): hidden 24 -> 25, equations of cell mgu, line 13"


def test_several_equations_of_a_cell() -> None:
    edits = [
        ("- h[t] = ", "- c[t] = g\n      - h[t] = "),
        ("+ f * g", "+ f * c[t-1]"),
        ("h: hidden", "h: hidden, c: hidden"),
    ]
    told = [plain(line) for line in lines(compare(side(CELL), side(edited(CELL, *edits))), "a", "b", False, 80)]
    assert told[1:7] == [
        "~ rnn (recurrent): equations of cell mgu, lines 5, 13, 14",
        "-     state: {h: hidden}",
        "+     state: {h: hidden, c: hidden}",
        "-     h[t] = (1 - f) * h[t-1] + f * g",
        "+     h[t] = (1 - f) * h[t-1] + f * c[t-1]",
        "+     c[t] = g",
    ]


def test_how_a_cell_says_that_its_weights_begin_is_a_change() -> None:
    after = edited(CELL, ("    equations:", "    init: {b_f: 1.0}\n    equations:"))
    difference = compare(side(CELL), side(after))
    assert difference.headline == "initialisation only"
    assert [(c.what, c.before, c.after) for layer in difference.layers for c in layer.changes] == [
        ("init.b_f", None, "1")
    ]
