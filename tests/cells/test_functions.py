"""Every row of the table of functions through every one of its columns.

The columns are held against each other, and against what netspec did not write: torch, NumPy and the law as it is
printed, torch's autograd and finite differences, onnxruntime, and Triton's interpreter.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from generated import instructions, triton_caller, vector_code
from laws import computed
from onnx import TensorProto, helper, numpy_helper
from recurrences import cell_of
from torch import Tensor

from netspec.cells.functions import FUNCTIONS, PUBLIC
from netspec.cells.functions.row import Function
from netspec.cells.ir.dag import Dag, Value, reachable
from netspec.cells.ir.lower import step_of
from netspec.cells.kernels.cpu import compile as cpu
from netspec.cells.kernels.gpu.triton_source import PRELUDE
from netspec.cells.kernels.interpret import compute
from netspec.cells.language.spelling import function_hint
from netspec.source.errors import NetspecError

INF, NAN = math.inf, math.nan
each = pytest.mark.parametrize("row", FUNCTIONS.values(), ids=FUNCTIONS)
# column -> the test here that holds it
COLUMNS = {
    "name": "test_names", "law": "test_law", "arguments": "test_an_equation_calls_it", "value": "test_value",
    "pullback": "test_gradient", "torch": "test_value", "onnx": "test_onnx", "activation": "test_activation",
    "parity": "test_parity", "vector": "test_vector_code", "triton": "test_triton", "triton_helper": "test_triton",
    "error_bound": "test_vector_code", "domain": "test_domain", "work": "test_work", "spellings": "test_names",
    "internal": "test_an_equation_calls_it",
}  # fmt: skip


def test_every_column_has_a_test() -> None:
    assert {f.name for f in fields(Function)} == set(COLUMNS)
    assert all(test in globals() for test in COLUMNS.values())


# The points at which rows are tried.


def dense(row: Function, count: int = 8192) -> Tensor:
    """The range that a row names, and more closely around 0 and its kinks; float64 numbers that float32 has."""
    domain = row.domain
    centres = [c for c in (0.0, *domain.kinks) if domain.low <= c <= domain.high]
    parts = [torch.linspace(domain.low, domain.high, count)]
    parts += [torch.linspace(max(c - 1, domain.low), min(c + 1, domain.high), count) for c in centres]
    return torch.cat(parts).double()


def special(row: Function) -> Tensor:
    """Kinks, 0, what is tiny or huge, where exponents end, infinity, NaN."""
    found = [0.0, -0.0, 1e-6, -1e-6, 1e-30, -1e-30, 7.9, -9.1, 88.7, -87.3, 88.8, -103.0, 120.0, -120.0, 3e38, -3e38]
    found += [s * k + e for k in row.domain.kinks for s in (1, -1) for e in (0.0, 1e-6, -1e-6)]
    x = torch.tensor([*found, INF, -INF, NAN])
    return x[~(x.abs() > row.domain.limit) | x.isinf()].double()


def combined(x: Tensor, arity: int) -> list[Tensor]:
    """Arguments for every order of values, and ties, from the points of one."""
    found = [x]
    for k in range(1, arity):
        other = x.roll(k * (len(x) // 3) + k)
        found.append(other.where(torch.arange(len(x)) % (3 + k) > 0, x))
    return found


def arguments(row: Function, x: Tensor) -> list[Tensor]:
    return combined(x, row.arity)


def inside(row: Function, x: Tensor) -> Tensor:
    """The points where a row has a value, that is a number and no infinity."""
    return x[x.isfinite() & ((x > row.domain.least) | (row.domain.least == -INF))]


def ordinary(row: Function) -> Tensor:
    """Points of the range that are no kinks: between -3 and 3, where all functions move."""
    x = torch.linspace(max(row.domain.low, -3.0), min(row.domain.high, 3.0), 61, dtype=torch.float64)
    x = x[(x[:, None] - torch.tensor([*row.domain.kinks, NAN])).abs().nan_to_num(1.0).min(1).values > 1e-2]
    return x


# name, arguments, internal


@each
def test_an_equation_calls_it(row: Function) -> None:
    """With its number of arguments, unless it is internal; with one more it is refused."""
    args = [f"a{k}" for k in range(row.arity + 1)]
    text = "state: {h: input}\noutput: h\nweights: {WEIGHTS: [input]}\nequations:\n  - h[t] = h[t-1] * x[t] * CALL\n"

    def call(count: int) -> None:
        call = f"{row.name}({', '.join(args[:count])})"
        step_of(cell_of(text.replace("CALL", call).replace("WEIGHTS", f'"{", ".join(args[:count])}"')), {"input": 3})

    if row.internal:
        with pytest.raises((NetspecError, AssertionError), match="unknown function"):
            call(row.arity)
        return
    call(row.arity)
    with pytest.raises((NetspecError, AssertionError), match=f"`{row.name}` takes {row.arity} value"):
        call(row.arity + 1)


@each
def test_names(row: Function) -> None:
    """What papers and libraries call it leads to it, and means nothing else."""
    assert FUNCTIONS[row.name] is row and row.name.isidentifier()
    assert row.internal or row.spellings, "NumPy, torch, Keras or a paper has another name for it"
    for other in row.spellings:
        assert other not in FUNCTIONS
        assert [r.name for r in FUNCTIONS.values() if other in r.spellings] == [row.name]
        assert function_hint(other) == f"did you mean `{row.name}`?"
    if not row.internal:
        assert function_hint(row.name.upper()) == f"did you mean `{row.name}`?"


def test_an_unknown_function_is_told_all_of_them() -> None:
    assert function_hint("probit") == f"functions: {', '.join(PUBLIC)}"


def test_a_value_may_have_the_name_of_an_internal_function() -> None:
    internal = next(name for name in FUNCTIONS if name not in PUBLIC)
    equations = f"  - {internal} = x[t]\n  - h[t] = h[t-1] * {internal}\n"
    step_of(cell_of(f"state: {{h: input}}\noutput: h\nequations:\n{equations}"), {"input": 2})


# law, value, torch, parity, domain


class _NumPy:
    """Laws in float64."""

    def number(self, value: float) -> Any:
        return np.float64(value)

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def mul(self, a: Any, b: Any) -> Any:
        return a * b

    def div(self, a: Any, b: Any) -> Any:
        return a / b

    def call(self, name: str, *args: Any) -> Any:
        if name in ("min", "max"):
            return {"min": np.minimum, "max": np.maximum}[name](*args)
        if hasattr(np, name):
            return getattr(np, name)(*args)
        return computed(FUNCTIONS[name].law, dict(zip(FUNCTIONS[name].arguments, args, strict=True)), self)

    def choose(self, sign: str, a: Any, b: Any, yes: Any, no: Any) -> Any:
        return np.where({"<": a < b, ">": a > b, "==": a == b}[sign], yes, no)

    def integral(self, law: str, end: Any) -> Any:
        """From 0 to `end`, by Gauss and Legendre."""
        nodes, weights = np.polynomial.legendre.leggauss(80)
        t = end[..., None] * (nodes + 1) / 2
        return (computed(law, {"t": t}, self) * weights).sum(-1) * end / 2


@each
def test_law(row: Function) -> None:
    """The law, computed as it is printed, is the value."""
    args = arguments(row, inside(row, dense(row, 500)))
    with np.errstate(all="ignore"):
        law = computed(row.law, dict(zip(row.arguments, (a.numpy() for a in args), strict=True)), _NumPy())
    np.testing.assert_allclose(law, row.torch(torch, *args), rtol=1e-9, atol=2.5e-9)


@each
def test_value(row: Function) -> None:
    """The value of numbers is torch's in float64, and torch's float32 is near it: gelu(inf) alone is NaN there."""
    x = inside(row, torch.cat([dense(row, 200), special(row).clamp(-300, 300)]))
    args = arguments(row, x)
    values = torch.tensor([row.value(*map(float, each)) for each in zip(*args, strict=True)], dtype=torch.float64)
    found = row.torch(torch, *args)  # its softplus is x beyond 20
    torch.testing.assert_close(found, values, rtol=1e-12, atol=2.5e-9)
    x = special(row)
    x = x[~(x.abs() > 1e30)]
    double = row.torch(torch, *arguments(row, x))
    single = row.torch(torch, *arguments(row, x.float()))
    torch.testing.assert_close(single, double.float(), rtol=2e-6, atol=2e-6, equal_nan=True)


@each
def test_parity(row: Function) -> None:
    """Exactly the one that is claimed holds."""
    if row.arity > 1:
        assert row.parity == "none"
        return
    x = inside(row, torch.linspace(-4, 4, 101, dtype=torch.float64))
    x = x[(x != 0) & (row.domain.least == -INF)]
    f, turned = row.torch(torch, x), row.torch(torch, -x)
    laws = {"odd": -f, "even": f, "complement": 1 - f}
    held = {name for name, value in laws.items() if len(x) and torch.allclose(turned, value, rtol=1e-7, atol=1e-7)}
    if row.name.endswith("step"):  # both, but not at 0: a step at 0 is 0
        held = set()
    assert held == ({row.parity} - {"none"})


@each
def test_domain(row: Function) -> None:
    """There is a value above `least` and none below, and the slope jumps at the kinks and nowhere else."""
    below = torch.tensor([row.domain.least - 1e-3, row.domain.least - 5], dtype=torch.float64)
    if row.domain.least > -INF:
        assert row.torch(torch, below).isnan().all()
    assert not row.torch(torch, *arguments(row, inside(row, dense(row, 100)))).isnan().any()
    if row.arity > 1:
        return
    x = torch.linspace(row.domain.low, row.domain.high, 600_001, dtype=torch.float64)
    y = row.torch(torch, x)
    slopes = (y[1:] - y[:-1]) / (x[1:] - x[:-1])
    bends = (slopes[1:] - slopes[:-1]).abs() > 1e-2 * slopes.abs().max().clamp(max=1.0)
    bends |= ~slopes[1:].isfinite()
    for at in x[1:-1][bends & (x[1:-1].abs() < 4)].tolist():
        assert any(abs(at - k) < 0.1 for k in row.domain.kinks), at
    for kink in row.domain.kinks:
        near = torch.tensor([kink - 1e-7, kink, kink + 1e-7], dtype=torch.float64)
        a, b, c = row.torch(torch, near).tolist()
        before, after = (b - a) / 1e-7, (c - b) / 1e-7
        assert not abs(after - before) < 1e-3 or abs(after) > 1e3, kink


# pullback


def gradient(row: Function, args: Sequence[Tensor], g: Tensor) -> list[Tensor]:
    """Of each argument, by the nodes of the pullback."""
    d = Dag()
    leaves = [d.leaf("weight", name, 1) for name in row.arguments]
    seed, y = d.leaf("weight", "g", 1), d.call(row.name, *leaves)
    found = row.pullback(d, seed, tuple(leaves), y)
    assert len(found) == row.arity
    values: dict[Value, Any] = dict(zip([*leaves, seed], [*args, g], strict=True))
    for node in reachable(found):
        if node not in values:
            values[node] = compute(node, [values[a] for a in node.args])
    return [torch.as_tensor(values[n], dtype=g.dtype).expand(g.shape) for n in found]


@each
def test_gradient(row: Function) -> None:
    """The pullback is torch's, at kinks and ties too, and between them that of finite differences."""
    x = inside(row, torch.cat([dense(row, 300), special(row)]))
    x = x[(x.abs() < 80) & (x >= row.domain.low)]
    args = [a.clone().requires_grad_() for a in arguments(row, x)]
    g = torch.linspace(0.5, 2.0, len(x), dtype=torch.float64)
    y = row.torch(torch, *args)
    exact = torch.autograd.grad(y, args, g, allow_unused=True) if y.requires_grad else [None] * row.arity
    mine = gradient(row, [a.detach() for a in args], g)
    for ours, theirs in zip(mine, exact, strict=True):
        wanted = torch.zeros_like(ours) if theirs is None else theirs
        torch.testing.assert_close(ours, wanted, rtol=1e-6, atol=1e-7)
    ends = combined(ordinary(row), row.arity)
    h = 1e-6
    for k in range(row.arity):
        moved = [[a + s * h * (j == k) for j, a in enumerate(ends)] for s in (1, -1)]
        difference = (row.torch(torch, *moved[0]) - row.torch(torch, *moved[1])) / (2 * h)
        ties = [(a - b).abs() for i, a in enumerate(ends) for b in ends[:i]]
        smooth = torch.stack([*ties, torch.ones_like(difference)]).min(0).values > 1e-4
        ours = gradient(row, ends, torch.ones_like(difference))[k]
        torch.testing.assert_close(ours[smooth], difference[smooth], rtol=1e-6, atol=1e-8)


# vector, accuracy, work


@pytest.mark.parametrize("lanes", sorted({4, 8, cpu.lanes()}))
@each
def test_vector_code(row: Function, lanes: int) -> None:
    """Every function over its range, its ends and beyond, within the bound of its row of float64."""
    x = torch.cat([torch.linspace(-30, 30, 4096).double(), dense(row), special(row)])
    x = x[(x >= row.domain.least) | x.isnan() | (x < row.domain.least)].float()
    x = torch.cat([x, x[: -len(x) % lanes]])
    args = [a.contiguous() for a in arguments(row, x)]
    exact = row.torch(torch, *(a.double() for a in args)).float().double()  # where float32 overflows, both are infinite
    mine = vector_code(row.name, lanes, args).double()
    same = (mine == exact) | (mine.isnan() & exact.isnan())
    error = torch.where(same, 0.0, (mine - exact).abs() / exact.abs().clamp(min=row.error_bound.floor))
    worst = error.nan_to_num(INF).argmax()
    assert error[worst] <= row.error_bound.relative, [a[worst].item() for a in args]
    beyond = torch.tensor([row.domain.limit * s for s in (1.5, -1.5, 1e20, -1e20)] * 4)
    if row.domain.limit < INF:
        assert (vector_code(row.name, lanes, [beyond]).abs() <= 1).all()


@each
def test_work(row: Function) -> None:
    """The instructions that its vector code has."""
    assert row.work == instructions(row.name)


# triton


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 5e-7), (torch.float64, 1e-14)])
@each
def test_triton(row: Function, dtype: torch.dtype, tolerance: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text in Triton's interpreter is torch's, NaN and infinity too."""
    pytest.importorskip("triton")
    from netspec.cells.kernels.gpu.triton_module import load

    monkeypatch.setenv("TRITON_INTERPRET", "1")
    x = torch.cat([special(row), torch.tensor([1e4, -1e4])])
    x = x[~(x.abs() > 1e30) | x.isinf()].to(dtype)
    x = torch.cat([x, torch.linspace(max(row.domain.low, -12), 12, 1024 - len(x), dtype=dtype)])
    args = [a.contiguous() for a in arguments(row, x)]
    y = torch.empty_like(x)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        getattr(load(PRELUDE + triton_caller(row.name)), f"of_{row.name}")[(1,)](*(args * 3)[:3], y, N=1024)
    wanted = row.torch(torch, *(a.double() for a in args)).to(dtype)
    torch.testing.assert_close(y, wanted, rtol=tolerance, atol=tolerance, equal_nan=True)


# onnx, activation


class _Builder:
    """Nodes of a model with nothing else in it."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def op(self, op_type: str, inputs: Sequence[str], **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [name], **attributes))
        return name

    def const(self, value: Any, dtype: str = "float32") -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name


def session(
    nodes: Sequence[Any], constants: Sequence[Any], inputs: Sequence[str], output: str, shape: Any, rank: int
) -> Any:
    graph = helper.make_graph(
        nodes,
        "it",
        [helper.make_tensor_value_info(i, TensorProto.FLOAT, shape) for i in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None] * rank)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


@each
def test_onnx(row: Function) -> None:
    """The nodes alone under onnxruntime: 0, kinks, infinity and NaN as in torch."""
    builder = _Builder()
    y = row.onnx(builder, *row.arguments)
    x = torch.cat([special(row), inside(row, dense(row, 300))]).float()
    x = x[~(x.abs() > 1e30) | x.isinf()]
    args = arguments(row, x)
    run = session(builder.nodes, builder.constants, row.arguments, y, [len(x)], 1)
    [found] = run.run(None, {name: a.numpy() for name, a in zip(row.arguments, args, strict=True)})
    wanted = row.torch(torch, *(a.double() for a in args)).float()
    torch.testing.assert_close(torch.from_numpy(found), wanted, rtol=2e-6, atol=2e-6, equal_nan=True)


def operator_values(kind: str, position: int, row: Function, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """f(x) as the activation in one place of ONNX's operator, all others being the identity.

    Biases alone reach it: the state begins at 0, one step.  LSTM: i·g with i = f(x) or g = f(x), or the output's
    function; GRU: the gate z of (1 − z)·n, or n; RNN: the state.
    """
    gates, letters = {"RNN": (1, ["i"]), "GRU": (2, ["z", "r", "h"]), "LSTM": (3, ["i", "o", "f", "c"])}[kind]
    identity = FUNCTIONS["identity"].activation
    used = [row.activation if k == position else identity for k in range(gates)]
    biases = dict.fromkeys(letters, np.ones_like(x))
    read = {("LSTM", 0): "i", ("LSTM", 1): "c", ("LSTM", 2): "c", ("GRU", 0): "z", ("GRU", 1): "h", ("RNN", 0): "i"}
    if kind == "GRU" and position == 1:
        biases["z"] = np.zeros_like(x)
    biases[read[kind, position]] = x
    if (kind, position) == ("LSTM", 0):  # the gate of the output has the same function: it has to be 1 there
        biases["o"] = x
    n, count = len(x), len(letters)
    B = np.concatenate([*(biases[k] for k in letters), np.zeros(count * n)]).astype(np.float32)[None]
    W, R = np.zeros((1, count * n, 1), np.float32), np.zeros((1, count * n, n), np.float32)
    attributes = {
        "activations": [a.name for a in used if a], "hidden_size": n,
        "activation_alpha": [a.alpha for a in used if a and a.alpha is not None] or None,
        "activation_beta": [a.beta for a in used if a and a.beta is not None] or None,
    }  # fmt: skip
    node = helper.make_node(kind, ["X", "W", "R", "B"], ["Y"], **{k: v for k, v in attributes.items() if v is not None})
    weights = [numpy_helper.from_array(v, k) for k, v in {"W": W, "R": R, "B": B}.items()]
    [y] = session([node], weights, ["X"], "Y", [1, 1, 1], 4).run(None, {"X": np.zeros((1, 1, 1), np.float32)})
    return np.asarray(y).reshape(-1)


@pytest.mark.parametrize("kind, position", [("RNN", 0), ("GRU", 0), ("GRU", 1), ("LSTM", 0), ("LSTM", 1), ("LSTM", 2)])
@each
def test_activation(row: Function, kind: str, position: int) -> None:
    """ONNX's name for it is the function in every place of every operator; one with a fault is not, and is not used."""
    if row.activation is None:
        return
    tail = [-1e4, -300, -90, 90, 300, 1e4]
    x = np.concatenate([np.linspace(-20, 20, 401), row.domain.kinks, tail]).astype(np.float32)
    f = row.torch(torch, torch.from_numpy(x).double()).numpy()
    wanted = {("LSTM", 0): f * f, ("GRU", 0): 1 - f}.get((kind, position), f)
    error = np.abs(operator_values(kind, position, row, x) - wanted) / np.maximum(np.abs(wanted), 1)
    assert (np.nan_to_num(error, nan=np.inf).max() > 1e-5) == bool(row.activation.fault)
