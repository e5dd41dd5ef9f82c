"""Equations to a graph: its values against NumPy's, what of it is one node, shapes, choices by sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from recurrences import cell_of

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.check import check_cell
from netspec.cells.ir.dag import Value, reachable
from netspec.cells.ir.lower import step_of
from netspec.cells.ir.step import CellStep
from netspec.cells.ir.use import check_use, use
from netspec.cells.language.sizes import size_names
from netspec.source.errors import NetspecError

Array = Any


def evaluate(step: CellStep, x: Array, states: Mapping[str, Array], weights: Mapping[str, Array]) -> dict[str, Array]:
    """The new states and the output under `""`, node by node."""
    known: dict[int, Array] = {}
    for node in reachable(step.roots):
        known[node.index] = _value(node, [known[a.index] for a in node.args], x, states, weights)
    found = {name: known[node.index] for name, node in step.next.items()}
    return {**found, "": known[step.output.index]}


def _value(
    node: Value, args: list[Array], x: Array, states: Mapping[str, Array], weights: Mapping[str, Array]
) -> Array:
    match node.op:
        case "input":
            return x
        case "previous":
            return states[node.attr]
        case "weight":
            return weights[node.attr]
        case "number":
            return node.attr
        case "product":
            return weights[node.attr.weight][:, node.attr.start : node.attr.stop] @ args[0]
        case "add":
            return sum(args)
        case "mul":
            return np.prod(np.broadcast_arrays(*args), axis=0)
        case "neg":
            return -args[0]
        case "div":
            return args[0] / args[1]
    return np.vectorize(FUNCTIONS[node.op].value)(*args)


def drawn(step: CellStep, seed: int = 0) -> tuple[Array, dict[str, Array], dict[str, Array]]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=step.sizes["input"])
    return (
        x,
        {name: rng.normal(size=size) for name, size in step.states.items()},
        {name: rng.normal(size=shape) for name, shape in step.weights.items()},
    )


SMALL = """
state: {h: hidden}
output: h
weights:
  W: [hidden, hidden + input]
  b: [hidden]
  a: []
equations:
  - h[t] = EQUATION
"""


@pytest.mark.parametrize(
    ("equation", "formula"),
    [
        ("W @ [h[t-1], x[t]] * a + b", lambda s, h, x, w, a, b: w @ np.r_[h, x] * a + b),
        ("a * W @ [h[t-1], x[t]] - b / 2", lambda s, h, x, w, a, b: a * (w @ np.r_[h, x]) - b / 2),
        ("-(b - a) * (W @ [h[t-1], x[t]] - -h[t-1])", lambda s, h, x, w, a, b: -(b - a) * (w @ np.r_[h, x] + h)),
        (
            "sigmoid(W @ [h[t-1] * b, x[t] * 2 - a]) / (2 + exp(b))",
            lambda s, h, x, w, a, b: s(w @ np.r_[h * b, x * 2 - a]) / (2 + np.exp(b)),
        ),
        (
            "max(min(b, h[t-1]), a) + abs(W @ [b - b + h[t-1], x[t]])",
            lambda s, h, x, w, a, b: np.maximum(np.minimum(b, h), a) + np.abs(w @ np.r_[h, x]),
        ),
        (
            "relu(b) + hard_tanh(2 * b) * hard_sigmoid(3 * h[t-1]) + softplus(W @ [b, 0 * x[t] + a + x[t]])",
            lambda s, h, x, w, a, b: (
                np.maximum(b, 0)
                + np.clip(2 * b, -1, 1) * np.clip(h / 2 + 0.5, 0, 1)
                + np.log1p(np.exp(w @ np.r_[b, a + x]))
            ),
        ),
        (
            "sqrt(b * b + 1) * (1 - (1 - tanh(W @ [h[t-1], x[t]]))) * 3 / 4 + a - a",
            lambda s, h, x, w, a, b: np.sqrt(b * b + 1) * np.tanh(w @ np.r_[h, x]) * 3 / 4,
        ),
    ],
)
def test_values_are_numpy_s(equation: str, formula: Any) -> None:
    text = SMALL.replace("EQUATION", equation)
    for unused in ("a", "b"):
        if unused not in equation.replace("tanh", "").replace("max", "").replace("abs", ""):
            text = text.replace(f"  {unused}: []\n", "").replace(f"  {unused}: [hidden]\n", "")
    step = step_of(cell_of(text), {"hidden": 3, "input": 2})
    x, states, weights = drawn(step)
    found = evaluate(step, x, states, weights)
    given = {"a": 0.0, "b": 0.0} | weights
    expected = formula(lambda v: 1 / (1 + np.exp(-v)), states["h"], x, given["W"], given["a"], given["b"])
    np.testing.assert_allclose(found["h"], expected, rtol=1e-12, atol=1e-12)
    assert found[""] is found["h"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("b + h[t-1]", "h[t-1] + 0 + b"),
        ("2 * b * (h[t-1] / 4)", "h[t-1] * b * 0.5"),
        ("1 - (1 - b)", "b * 1"),
        ("b - h[t-1]", "-(h[t-1] - b)"),
        ("-b * h[t-1]", "-(h[t-1] * b)"),
        ("W @ [h[t-1], x[t]] + b", "b - -W @ [h[t-1], x[t]]"),
        ("tanh(b + 1) - tanh(1 + b) + h[t-1]", "h[t-1]"),
    ],
)
def test_what_is_equal_is_one_node(one: str, other: str) -> None:
    text = SMALL.replace("  a: []\n", "").replace("{h: hidden}", "{h: hidden, g: hidden, all: hidden}")
    text = text.replace("EQUATION", f"{one}\n  - g[t] = {other}\n  - all[t] = W @ [g[t], x[t]] + b")
    step = step_of(cell_of(text), {"hidden": 3, "input": 2})
    assert step.next["h"] is step.next["g"]


def test_a_choice_is_decided_by_sizes() -> None:
    cell = cell_of("""
params: {n: 2}
state: {c: hidden}
output: y
weights: {S: [hidden, input], R: [hidden, n]}
equations:
  - skip = S @ x[t] if input != hidden else x[t]
  - c[t] = R @ x[t] if input == n else c[t-1]
  - y = skip + c[t]
""")
    assert set(step_of(cell, {"hidden": 3, "input": 4}).weights) == {"S"}
    assert set(step_of(cell, {"hidden": 3, "input": 3}).weights) == set()
    assert step_of(cell, {"hidden": 3, "input": 2}).weights == {"S": (3, 2), "R": (3, 2)}
    assert set(step_of(cell, {"hidden": 3, "input": 3}, {"n": 3}).weights) == {"R"}
    assert size_names(cell) == {"hidden", "input", "n"}


def test_parameters_are_numbers_and_sizes() -> None:
    cell = cell_of(
        """
params: {scale: , size: 3}
state: {h: size}
output: h
weights: {W: [size, 2 * size + input // 2]}
equations:
  - h[t] = scale * tanh(W @ [h[t-1], h[t-1] * size, K @ x[t]])
""".replace("weights: {", "weights: {K: [input // 2, input], ")
    )
    step = use(cell, None, 6, {"scale": 2, "size": 5})
    assert (step.states, step.weights) == ({"h": 5}, {"K": (3, 6), "W": (5, 13)})
    x, states, weights = drawn(step)
    joined = np.r_[states["h"], states["h"] * 5, weights["K"] @ x]
    np.testing.assert_allclose(evaluate(step, x, states, weights)["h"], 2 * np.tanh(weights["W"] @ joined), rtol=1e-12)


@pytest.mark.parametrize(
    ("hidden", "params", "code", "key"),
    [
        (None, {}, "NS204", "params"),
        (4, {"scale": 1}, "NS202", "hidden"),
        (None, {"scale": 1, "scal": 1}, "NS202", "params.scal"),
        (None, {"scale": float("nan")}, "NS203", "params.scale"),
        (None, {"scale": 1, "size": 2.5}, "NS203", "params.size"),
    ],
)
def test_use_says_which_key_of_the_layer_is_wrong(
    hidden: int | None, params: dict[str, float], code: str, key: str
) -> None:
    cell = cell_of("""
params: {scale: , size: 3}
state: {h: size}
output: h
equations:
  - h[t] = scale * h[t-1]
""")
    with pytest.raises(NetspecError) as error:
        check_use(cell, hidden, params)
    assert [(p.code, ".".join(p.key)) for p in error.value.problems] == [(code, key)]


def test_what_is_wrong_for_some_sizes_names_the_place_in_the_cell() -> None:
    cell = cell_of("""
params: {scale: 4}
state: {h: hidden - 3}
output: h
equations:
  - h[t] = sqrt(scale) * h[t-1]
""")
    for hidden, params, code in ((3, {}, "NS411"), (4, {"scale": -1}, "NS328")):
        with pytest.raises(NetspecError) as error:
            use(cell, hidden, 2, params)
        [problem] = error.value.problems
        assert (problem.code, problem.span) == (code, None)
        assert problem.related[0].span is not None and problem.related[0].span.line in (3, 6)


def test_a_required_parameter_has_no_value_while_the_cell_is_checked() -> None:
    cell = cell_of("""
params: {low: }
state: {h: hidden}
output: h
equations:
  - h[t] = sqrt(low - 2) * h[t-1] / low
""")
    assert check_cell(cell) == []
    assert step_of(cell, {"hidden": 2, "input": 2}, {"low": 6}).next["h"].op == "mul"


def test_a_cell_of_everything_at_its_limits_is_read_in_time() -> None:
    lines = [f"  - y{i} = {'tanh(' * 30}{f'y{i - 1}' if i else 'h[t-1]'}{')' * 30} + x[t]" for i in range(199)]
    text = "state: {h: input}\noutput: h\nequations:\n" + "\n".join(lines) + "\n  - h[t] = y198\n"
    step = step_of(cell_of(text), {"input": 2})
    assert len(reachable(step.roots)) > 5000
