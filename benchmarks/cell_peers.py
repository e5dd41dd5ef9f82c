"""Recurrent layers as netspec makes them, and the same cells as one writes them in PyTorch, step by step.

The loop by hand is Python that is written here from the cell's equations: one torch operation for each operator,
`W @ [h, x]` as `F.linear(torch.cat((h, x), 1), W)`, a concatenation that several equations share made once a step,
numbers worked out beforehand.  `verified` holds it against netspec's layer, outputs and gradients, before anything is
timed: it is also a second opinion on what the equations mean.

# T time, B batch, I input, H hidden
"""

from __future__ import annotations

import operator
from collections.abc import Callable

import torch
from torch import Tensor, nn

import netspec
from benchmarks.measure import Side
from netspec.cells.functions import FUNCTIONS
from netspec.cells.language.cell import Cell
from netspec.cells.language.expr import Binary, Choice, Concatenation, Expr, FunctionCall, Name, Negative, Number
from netspec.cells.run.fused import fused
from netspec.cells.run.module import Recurrent

ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
TOLERANCE = 1e-4  # of a gradient's norm: float32 over a hundred steps


def spec(cell: str, size: int) -> str:
    """The file of one layer, as many inputs as hidden units."""
    return f"netspec: 1\nname: cell\ninputs:\n  x: [T, {size}]\nlayers:\n  rnn: {{type: {cell}, hidden: {size}}}\n"


def layer(cell: str, size: int) -> nn.Module:
    """netspec's module of that file: x (B, T, I) -> (B, T, H)."""
    module: nn.Module = netspec.to_torch(netspec.load(spec(cell, size)), seed=0)
    return module


def recurrent(module: nn.Module) -> Recurrent:
    """The recurrent layer of such a module."""
    found = module.get_submodule("rnn")
    assert isinstance(found, Recurrent)
    return found


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """Its weights, by the names that the cell gives them."""
    own = recurrent(module)
    return {name: own.get_parameter(full) for name, full in own.rows[0].names.items()}


class Compiled(nn.Module):
    """A layer kept off torch's own kernels: what the compiler makes of a cell that is `nn.LSTM`."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.row, self.weights = recurrent(module).rows[0], nn.ParameterDict(weights_of(module))

    def forward(self, x_BTI: Tensor) -> Tensor:
        start = tuple(x_BTI.new_zeros(len(x_BTI), size) for size in self.row.sizes.values())
        y_TBH, _ = fused(self.row.step, x_BTI.transpose(0, 1), dict(self.weights), start, None)
        return y_TBH.transpose(0, 1)


class ByHand(nn.Module):
    """The plain loop over the steps of a cell, with weights of its own that begin like netspec's."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        step = recurrent(module).rows[0].step
        numbers = {**step.params, **{name: float(str(size)) for name, size in step.sizes.items()}}
        self.text = python_of(step.cell, tuple(step.weights), numbers)
        self.states = [int(str(size)) for size in step.states.values()]
        self.weights = nn.ParameterDict({n: nn.Parameter(w.detach().clone()) for n, w in weights_of(module).items()})
        made: dict[str, Callable[..., Callable[..., tuple[Tensor, ...]]]] = {}
        exec(self.text, {"torch": torch, "F": nn.functional}, made)
        self.bind = made["bind"]

    def forward(self, x_BTI: Tensor) -> Tensor:
        step = self.bind(**self.weights)
        states = [x_BTI.new_zeros(len(x_BTI), size) for size in self.states]
        out = []
        for x in x_BTI.unbind(1):
            y, *states = step(x, *states)
            out.append(y)
        return torch.stack(out, 1)


def python_of(cell: Cell, weights: tuple[str, ...], numbers: dict[str, float]) -> str:
    """`bind(weights)` gives `step(x, states)`, which gives the output and the states after it."""
    body = _Body(numbers)
    for equation in cell.equations:
        body.equation(equation.target.name, equation.value)
    before = "".join(f", {name}_before" for name in cell.states)
    after = ", ".join([cell.output, *cell.states])
    lines = [
        f"def bind({', '.join(weights)}):",
        f"    def step(x{before}):",
        *(f"        {x}" for x in body.lines),
        f"        return {after}",
        "    return step",
    ]
    return "\n".join(lines) + "\n"


class _Body:
    """The lines of one step; a value is Python text, or a number known now."""

    def __init__(self, numbers: dict[str, float]) -> None:
        self.numbers = dict(numbers)
        self.lines: list[str] = []
        self.joined: dict[str, str] = {}

    def equation(self, name: str, value: Expr) -> None:
        found = self.value(value)
        if isinstance(found, float):
            self.numbers[name] = found
        else:
            self.lines.append(f"{name} = {found}")

    def value(self, expr: Expr) -> str | float:
        match expr:
            case Number(number):
                return float(number)
            case Name(name, time):
                return f"{name}_before" if time == "t-1" else self.numbers.get(name, name)
            case Negative(operand):
                return self.arithmetic("-", 0.0, self.value(operand))
            case FunctionCall(function, args):
                values = [self.value(a) for a in args]
                known = [v for v in values if isinstance(v, float)]
                if len(known) == len(values):
                    return FUNCTIONS[function].value(*known)
                return f"torch.{function}({', '.join(map(str, values))})"
            case Binary("@", left, right):
                return f"F.linear({self.value(right)}, {self.value(left)})"
            case Binary(sign, left, right):
                return self.arithmetic(sign, self.value(left), self.value(right))
            case Concatenation(items):
                text = f"torch.cat(({', '.join(str(self.value(i)) for i in items)}), 1)"
                if text not in self.joined:
                    self.joined[text] = f"joined_{len(self.joined)}"
                    self.lines.append(f"{self.joined[text]} = {text}")
                return self.joined[text]
            case Choice(then, left, equal, right, other):
                return self.value(then if (self.value(left) == self.value(right)) == equal else other)

    @staticmethod
    def arithmetic(sign: str, a: str | float, b: str | float) -> str | float:
        if isinstance(a, float) and isinstance(b, float):
            return ARITHMETIC[sign](a, b)
        if sign == "*" and 1.0 in (a, b):  # a gate that is open always: nobody multiplies by it
            return b if a == 1.0 else a
        return f"({a} {sign} {b})"


def training(model: nn.Module, x: Tensor) -> Side:
    """Forward and backward of a mean, for all weights and the input."""
    x = x.detach().clone().requires_grad_()

    def run() -> None:
        model.zero_grad()
        x.grad = None
        y = model(x)
        (y[0] if isinstance(y, tuple) else y).mean().backward()

    return run


def inference(model: nn.Module, x: Tensor) -> Side:
    model.eval()

    def run() -> None:
        with torch.inference_mode():
            model(x)

    return run


def results(model: nn.Module, weights: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    """The output and, of the mean of its squares, all gradients."""
    x = x.detach().clone().requires_grad_()
    y = model(x)
    found = torch.autograd.grad(y.square().mean(), [x, *weights.values()])
    return {"output": y.detach(), **dict(zip(("x", *weights), found, strict=True))}


def verified(module: nn.Module, x: Tensor) -> ByHand:
    """The loop by hand of the same cell with the same weights, shown to be the same: outputs and gradients."""
    hand = ByHand(module)
    found, wanted = results(module, weights_of(module), x), results(hand, dict(hand.weights), x)
    same(found, wanted)
    return hand


def same(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    for name, b in wanted.items():
        error = ((found[name] - b).norm() / b.norm()).item()
        if not error <= TOLERANCE:
            raise SystemExit(f"`{name}` of netspec's layer and of its peer differ by {error:.1e}")
