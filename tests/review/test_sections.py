"""Data, training, budget and cells: changes by path, defaults made visible, equations term by term."""

from __future__ import annotations

import pytest

import netspec
from netspec.review.changes.equation_diff import changed_parts, same_terms
from netspec.review.changes.sections import beside, sections
from netspec.review.diff import compare
from netspec.review.difference import Side, Verdict
from netspec.review.explain.cause_lines import lines
from netspec.review.explain.causes import causes
from tests.review.texts import side

LEARNING = """vars: {rate: 1e-3}
inputs: {image: [1, 8, 8]}
layers:
  flat: flatten
  fc: {type: linear, out_features: 10}
outputs: {digit: fc}
data: {source: digits, standardize: true}
train:
  loss: cross_entropy
  optimizer: {type: adam, lr: 1e-3}
  epochs: 20
"""
CELL = """inputs: {x: [T, 7]}
cells:
  mgu:
    state: {h: hidden}
    output: h
    weights:
      W_f, W_h: [hidden, hidden + input]
      b_f, b_h: [hidden]
    equations:
      - f = sigmoid(W_f @ [h[t-1], x[t]] + b_f)
      - g = tanh(W_h @ [f * h[t-1], x[t]] + b_h)
      - h[t] = (1 - f) * h[t-1] + f * g
layers:
  rnn: {type: recurrent, cell: mgu, hidden: 24, returns: last}
"""


def edited(text: str, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text


def of(before: Side, after: Side) -> dict[str, list[str]]:
    return {name: lines(found) for name, found in sections(before, after, causes(before, after)).items()}


def told(text: str, *edits: tuple[str, str]) -> dict[str, list[str]]:
    return of(side(text), side(edited(text, *edits)))


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([("lr: 1e-3", "lr: 3e-4")], {"train": ["train.optimizer.lr 1e-3 -> 3e-4 (line 11)"]}),
        ([(", lr: 1e-3", "")], {}),
        ([("lr: 1e-3}", "lr: 0.001, eps: 1e-8}")], {}),
        ([("{type: adam, lr: 1e-3}", "adam")], {}),
        (
            [("lr: 1e-3}", "lr: 1e-3, weight_decay: 0.1}")],
            {"train": ["train.optimizer.weight_decay 0.0 (default) -> 0.1 (line 11)"]},
        ),
        ([("epochs: 20", "clip: 1.0")],
         {"train": ["train: epochs 20 -> 10 (default), clip none (default) -> 1.0 (line 12)"]}),
        (
            [("{type: adam, lr: 1e-3}", "{type: sgd, lr: 0.1, momentum: 0.9}")],
            {"train": ["train.optimizer {type: adam, lr: 1e-3} -> {type: sgd, lr: 0.1, momentum: 0.9} (line 11)"]},
        ),
        (
            [("loss: cross_entropy", "loss: {type: cross_entropy, weight: 2.0}")],
            {"train": ["train.loss.weight 1.0 (default) -> 2.0 (line 10)"]},
        ),
        (
            [("standardize: true", "standardize: true, split: {test: 0.2, train: 0.8}")],
            {"data": ["data.split: validation 0.1 (default) -> 0.0 (default), test 0.1 (default) -> 0.2 (line 8)"]},
        ),
        ([("epochs: 20", "epochs: 20\n  schedule: {type: cosine, final: 0.1}")],
         {"train": ["train.schedule constant (default) -> {type: cosine, final: 0.1} (line 13)"]}),
        ([("lr: 1e-3}", "lr: $rate}")], {}),
        ([("rate: 1e-3", "rate: 2e-3"), ("lr: 1e-3}", "lr: $rate}")],
         {"train": ["train.optimizer.lr 1e-3 -> 0.002 (line 11)"]}),
    ],
)  # fmt: skip
def test_data_and_train(edits: list[tuple[str, str]], expected: dict[str, list[str]]) -> None:
    assert told(LEARNING, *edits) == expected


def test_a_section_that_was_added_or_removed() -> None:
    without = LEARNING[: LEARNING.index("data:")]
    assert of(side(without), side(LEARNING)) == {
        "data": ["+ data {source: digits, standardize: true} (line 8)"],
        "train": ["+ train {loss: cross_entropy, optimizer: {type: adam, lr: 1e-3}, epochs: 20} (line 10)"],
    }
    assert list(of(side(LEARNING), side(without))) == ["data", "train"]
    assert of(side(LEARNING), side(without))["data"] == ["- data {source: digits, standardize: true} (line 8)"]


def test_what_cannot_be_read_is_compared_as_text() -> None:
    assert told(LEARNING, ("epochs: 20", "epochs: 0")) == {"train": ["train.epochs 20 -> 0 (line 12)"]}
    assert told(LEARNING, ("source: digits", "source: digit")) == {"data": ["data.source digits -> digit (line 8)"]}


def test_losses_by_output() -> None:
    two = edited(
        LEARNING, ("{digit: fc}", "{a: fc, b: fc}"), ("loss: cross_entropy", "loss: {a: cross_entropy, b: squared}")
    )
    assert told(two, ("b: squared", "b: {type: squared, weight: 3}")) == {
        "train": ["train.loss.b.weight 1.0 (default) -> 3 (line 10)"]
    }
    assert told(two, ("b: squared", "b: absolute")) == {"train": ["train.loss.b squared -> absolute (line 10)"]}


def test_of_an_output_under_another_name_the_loss_is_the_same() -> None:
    assert told(LEARNING, ("{digit: fc}", "{number: fc}")) == {}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "budget: {params: 12M}\n",
            "budget: {params: 14M}\n",
            "budget.params 12M -> 14M (line 2)",
        ),
        ("", "budget: {flops: 2G}\n", "budget.flops no bound -> 2G (line 2)"),
        ("budget: {depth: 9}\n", "", "budget.depth 9 -> no bound (line 2)"),
        (
            "budget: {activations: 4k}\n",
            "budget: {activations: 8k}\n",
            "budget.activations 4k -> 8k bytes (line 2)",
        ),
        ("budget: {params: 12M}\n", "budget: {params: 12000000}\n", ""),
    ],
)
def test_budget(old: str, new: str, expected: str) -> None:
    found = of(side(f"{old}{LEARNING}"), side(f"{new}{LEARNING}"))
    assert found == ({"budget": [expected]} if expected else {})


def test_networks_without_a_text() -> None:
    text = "netspec: 1\n" + LEARNING
    before, after = (netspec.load(t) for t in (text, text.replace("lr: 1e-3}", "lr: 1e-4}")))
    old, new = Side("a", before), Side("b", after)
    assert {name: [(c.path, c.before, c.after) for c in found] for name, found in sections(old, new, []).items()} == {
        "train": [("train.optimizer.lr", "1e-3", "1e-4")]
    }
    cells = "netspec: 1\n" + CELL
    before, after = (netspec.load(t) for t in (cells, cells.replace("f * g", "f + g")))
    [cause] = sections(Side("a", before), Side("b", after), [])["cells"]
    assert (cause.path, cause.span) == ("cells.mgu.equations.h[t]", None)


def test_beside_the_sections_stands_the_rest() -> None:
    before, after = (
        side(LEARNING),
        side(edited(LEARNING, ("lr: 1e-3}", "lr: 1e-4}"), ("out_features: 10", "out_features: 9"))),
    )
    written = causes(before, after)
    assert [c.path for c in beside(written, sections(before, after, written))] == ["layers.fc.out_features"]


def test_another_base_brings_other_training_and_cells() -> None:
    bases = {"a.yaml": LEARNING, "b.yaml": edited(LEARNING, ("epochs: 20", "epochs: 9"))}
    assert of(side("extends: a.yaml\n", bases), side("extends: b.yaml\n", bases)) == {
        "train": ["train.epochs 20 -> 9 (b.yaml line 12)"]
    }
    own = CELL[CELL.index("cells:") : CELL.index("layers:")].replace("f * g", "f + g")
    cells = {"a.yaml": CELL, "b.yaml": f"extends: a.yaml\n{own}"}
    assert of(side("extends: a.yaml\n", cells), side("extends: b.yaml\n", cells)) == {
        "cells": ["cell mgu, b.yaml line 13: h[t] = (1 - f) * h[t-1] + f * g -> (1 - f) * h[t-1] + f + g"]
    }


# cells


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        (
            [("(1 - f) * h[t-1] + f * g", "f * h[t-1] + (1 - f) * g")],
            ["cell mgu, line 13: h[t] = (1 - f) * h[t-1] + f * g -> f * h[t-1] + (1 - f) * g"],
        ),
        (
            [("(1 - f) * h[t-1] + f * g", "f * g + h[t-1] * (1 - f)")],
            ["cell mgu, line 13: h[t] = (1 - f) * h[t-1] + f * g -> f * g + h[t-1] * (1 - f), same function"],
        ),
        (
            [("(1 - f) * h[t-1] + f * g", "h[t-1] - f * h[t-1] + f * g")],
            ["cell mgu, line 13: h[t] = (1 - f) * h[t-1] + f * g -> h[t-1] - f * h[t-1] + f * g"],
        ),
        ([("mgu", "minimal")], ["cells.mgu renamed to minimal, same function (line 4)"]),
        ([("W_f", "U"), ("b_f", "c")],
         ["cell mgu, line 8: weights.W_f renamed to U, same function",
          "cell mgu, line 9: weights.b_f renamed to c, same function"]),
        ([("- f = ", "- z = "), ("f * ", "z * "), ("1 - f", "1 - z")],
         ["cell mgu, line 11: f renamed to z, same function"]),
        ([("b_f, b_h", "b_f, b_h, b_o"), ("f * g\n", "f * g + b_o\n")],
         ["cell mgu, line 9: + weights.b_o [hidden]",
          "cell mgu, line 13: h[t] = (1 - f) * h[t-1] + f * g -> (1 - f) * h[t-1] + f * g + b_o"]),
        ([("mgu", "minimal"), ("f * g", "f + g")],
         ["cells.mgu renamed to minimal (line 4)",
          "cell minimal, line 13: h[t] = (1 - f) * h[t-1] + f * g -> (1 - f) * h[t-1] + f + g"]),
        ([("      - g = tanh(W_h @ [f * h[t-1], x[t]] + b_h)\n      - h[t] = (1 - f) * h[t-1] + f * g\n",
           "      - h[t] = (1 - f) * h[t-1] + f * tanh(W_h @ [f * h[t-1], x[t]] + b_h)\n")],
         ["cell mgu, line 12: - g = tanh(W_h @ [f * h[t-1], x[t]] + b_h), same function",
          "cell mgu, line 12: h[t] = (1 - f) * h[t-1] + f * g -> "
          "(1 - f) * h[t-1] + f * tanh(W_h @ [f * h[t-1], x[t]] + b_h), same function"]),
    ],
)  # fmt: skip
def test_cells(edits: list[tuple[str, str]], expected: list[str]) -> None:
    assert told(CELL, *edits) == {"cells": expected}


def marked(before: str, after: str) -> tuple[str, str]:
    old, new = (
        "".join(s.text if s.status == "equal" else f"«{s.text}»" for s in side) for side in changed_parts(before, after)
    )
    return old, new


@pytest.mark.parametrize(
    ("before", "after", "old", "new"),
    [
        ("(1 - f) * h + f * g", "f * h + (1 - f) * g", "«(1 - f)» * h + «f» * g", "«f» * h + «(1 - f)» * g"),
        ("a + b + c", "a + c", "a «+ b» + c", "a + c"),
        ("a + b", "b", "«a + »b", "b"),
        ("a + b", "a - b", "a «+ b»", "a «- b»"),
        ("tanh(W @ [f * h, x])", "tanh(W @ [h, x])", "tanh(W @ [«f * »h, x])", "tanh(W @ [h, x])"),
        ("sigmoid(a + b)", "tanh(a + b)", "«sigmoid»(a + b)", "«tanh»(a + b)"),
        ("a * b", "tanh(a * b)", "a * b", "«tanh(»a * b«)»"),
        ("W @ x[t] if input == hidden else x[t]", "W @ x[t] if input == hidden else 0 * x[t]",
         "W @ x[t] if input == hidden else x[t]", "W @ x[t] if input == hidden else «0 * »x[t]"),
        ("-(a + b)", "-(a + c)", "-(a + «b»)", "-(a + «c»)"),
        ("[a, b, c]", "[a, c]", "[a, «b», c]", "[a, c]"),
        ("a", "b", "«a»", "«b»"),
        ("a", "a", "a", "a"),
        ("a +", "b", "«a +»", "«b»"),
        ("a  +  b", "a+b", "a  +  b", "a+b"),
    ],
)  # fmt: skip
def test_changed_terms_are_marked(before: str, after: str, old: str, new: str) -> None:
    assert marked(before, after) == (old, new)
    assert marked(after, before) == (new, old)
    for text, segments in zip((before, after), changed_parts(before, after), strict=True):
        assert "".join(segment.text for segment in segments) == text


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("a + b * c", "c * b + a", True),
        ("a - b + c", "c + a - b", True),
        ("a - b", "b - a", False),
        ("tanh(a + b)", "tanh(b + a)", True),
        ("W @ [a, b]", "W @ [b, a]", False),
        ("a / b", "b / a", False),
    ],
)
def test_terms_in_another_order(before: str, after: str, same: bool) -> None:
    assert same_terms(before, after) is same


def test_a_difference_tells_what_is_wrong_with_learning() -> None:
    from netspec.report.diff.text import lines as text_lines
    from netspec.report.styled import plain
    from netspec.review.diff import compare

    broken = edited(LEARNING, ("epochs: 20", "epochs: 0"))
    told = [plain(line) for line in text_lines(compare(side(LEARNING), side(broken)), "a", "b", False, 80)]
    assert (
        "note        net.yaml:12:11: NS203 `epochs` of train expects a whole number of at least 1, received 0" in told
    )
    both = [plain(line) for line in text_lines(compare(side(broken), side(broken)), "a", "b", False, 80)]
    assert len([line for line in both if line.startswith("note")]) == 1


def test_what_cannot_be_read_changes_with_its_variables() -> None:
    text = edited(LEARNING, ("lr: 1e-3}", "lr: $rate}"))
    for edits in (
        [("rate: 1e-3", "rate: -1")],
        [("epochs: 20", "epochs: $epoch"), ("rate: 1e-3", "rate: 1")],
    ):
        before, after = side(edited(text, *edits[:-1])), side(edited(text, *edits))
        [change] = of(before, after)["train"]
        assert change.startswith("train.optimizer.lr 0.001 -> ")
        assert compare(before, after).verdict is Verdict.LEARNING
