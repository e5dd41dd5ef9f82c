"""The normal form of a step: equal for equal steps however they are written; they are equal to the last bit, too."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.cells.ir.lower import step_of
from netspec.cells.ir.normal_form import normal_form
from netspec.cells.ir.step import CellStep
from netspec.cells.language.cell import Cell
from netspec.cells.language.expr import Binary, Expr, FunctionCall, Negative
from netspec.cells.run.direction import run
from tests.cells.random_cells import cells
from tests.cells.recurrences import cell_of, drawn, inputs_of

MGU = """
state: {h: hidden}
output: h
weights:
  W_f, W_h: [hidden, hidden + input]
  b_f, b_h: [hidden]
equations:
  - f = sigmoid(W_f @ [h[t-1], x[t]] + b_f)
  - g = tanh(W_h @ [h[t-1], x[t]] + b_h)
  - h[t] = (1 - f) * h[t-1] + f * g
"""
SIZES = {"hidden": 3, "input": 2}


def step(text: str) -> CellStep:
    return step_of(cell_of(text), SIZES)


def same(*edits: tuple[str, str]) -> bool:
    text = MGU
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return normal_form(step(MGU)).text == normal_form(step(text)).text


def test_what_is_the_same_step() -> None:
    assert same()
    assert same(("(1 - f) * h[t-1] + f * g", "g * f + h[t-1] * (1 - f)"))
    assert same(("W_f", "gate"), ("b_h", "a"), ("h[t", "state[t"), ("{h:", "{state:"), ("output: h", "output: state"))
    assert same(("W_f, W_h", "W_h, W_f"), ("b_f, b_h", "b_h, b_f"))
    assert same(("f =", "k ="), ("(1 - f)", "(1 - k)"), ("+ f *", "+ k *"))
    assert same(("tanh(W_h @ [h[t-1], x[t]] + b_h)", "tanh(W_h @ [h[t-1], x[t]] + b_h + 0)"))


def test_what_is_not() -> None:
    assert not same(("(1 - f) * h[t-1] + f * g", "f * h[t-1] + (1 - f) * g"))
    assert not same(("+ b_h", "+ b_f"), ("b_f, b_h:", "b_f:"))
    assert not same(("W_h @ [h", "W_f @ [h"), ("W_f, W_h", "W_f"))
    assert not same(("W_h @ [h[t-1], x[t]]", "W_h @ [x[t], h[t-1]]"))


def test_of_three_terms_the_order_counts() -> None:
    """The products of h and x are two terms."""
    assert not same(("W_f @ [h[t-1], x[t]] + b_f", "b_f + W_f @ [h[t-1], x[t]]"))


def test_weights_stand_in_the_order_of_their_use() -> None:
    renamed = MGU.replace("W_f", "z").replace("W_h, b", "a").replace("z, W_h", "W_h, z")
    pairs = dict(zip(normal_form(step(MGU)).weights, normal_form(step(renamed)).weights, strict=True))
    assert pairs == {"W_f": "z", "W_h": "W_h", "b_f": "b_f", "b_h": "b_h"}


@settings(max_examples=60, deadline=None)
@given(cells(), st.integers(0, 2**32))
def test_other_names_and_another_order_of_weights(text: str, seed: int) -> None:
    rng = random.Random(seed)
    one, two = step(text), step(rewritten(text, rng))
    assert normal_form(one).text == normal_form(two).text
    assert_same_values(one, two)
    three = step_of(exchanged(two.cell, rng), SIZES)
    if normal_form(two).text == normal_form(three).text:  # no sum or product of three
        assert_same_values(two, three)


def assert_same_values(one: CellStep, two: CellStep) -> None:
    """With equal weights the outputs are equal to the last bit."""
    pairs = dict(zip(normal_form(one).weights, normal_form(two).weights, strict=True))
    weights = drawn(one.weights, dtype=torch.float32)
    x, states = inputs_of(one, 4, 2, dtype=torch.float32)
    with torch.no_grad():
        left, _ = run(one, x, weights, states, None, False, False)
        right, _ = run(two, x, {pairs[name]: value for name, value in weights.items()}, states, None, False, False)
    assert torch.allclose(left, right, rtol=0, atol=0, equal_nan=True)


def exchanged(cell: Cell, rng: random.Random) -> Cell:
    """Terms and factors of some sums and products the other way round."""

    def turned(expr: Expr) -> Expr:
        match expr:
            case Binary(sign, left, right):
                left, right = turned(left), turned(right)
                if sign in "+*" and rng.random() < 0.3:
                    left, right = right, left
                return replace(expr, left=left, right=right)
            case FunctionCall(_, args):
                return replace(expr, args=tuple(map(turned, args)))
            case Negative(operand):
                return replace(expr, operand=turned(operand))
        return expr

    return replace(cell, equations=tuple(replace(e, value=turned(e.value)) for e in cell.equations))


def rewritten(text: str, rng: random.Random) -> str:
    """Weights and values under other names, weights declared in another order."""
    names = sorted(set(re.findall(r"\b[wvk]\d+\b", text)))
    others = [f"n{i}" for i in rng.sample(range(1000), len(names))]
    renamed = re.sub(r"\b[wvk]\d+\b", lambda match: others[names.index(match[0])], text)
    head, weights, tail = renamed.partition("weights:\n")
    declared, equations, rest = tail.partition("equations:\n")
    lines = declared.splitlines(keepends=True)
    rng.shuffle(lines)
    return head + weights + "".join(lines) + equations + rest
