"""What a recurrent layer means, by its equations alone, in NumPy: values, and the slope of every value in every input.

Written from docs/cells.md and not from the compiler: the text of a cell is read by PyYAML and, `@` put as `**` (which
binds as `@` does in a cell), by Python's own parser; each equation is evaluated as it stands, step by step.  Slopes are
carried forward beside the values (dual numbers), so that nothing here resembles a reverse pass.

# B batch, T time, P inputs that a slope is taken in; vectors are (B or 1, n), their slopes (P, B or 1, n)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tests.cells.laws import computed

Array = Any
Sizes = Mapping[str, float]


@dataclass(frozen=True)
class Dual:
    """A value and its slope in each of the inputs; a slope of None is zero."""

    value: Array
    slope: Array = None

    def __getitem__(self, index: Any) -> Dual:
        rest = index if isinstance(index, tuple) else (index,)
        return Dual(self.value[rest], None if self.slope is None else self.slope[(slice(None), *rest)])


def _sum(*slopes: Array) -> Array:
    found = [s for s in slopes if s is not None]
    return None if not found else sum(found[1:], found[0])


def _times(factor: Array, slope: Array) -> Array:
    return None if slope is None else factor * slope


def add(a: Dual, b: Dual) -> Dual:
    return Dual(a.value + b.value, _sum(a.slope, b.slope))


def mul(a: Dual, b: Dual) -> Dual:
    return Dual(a.value * b.value, _sum(_times(b.value, a.slope), _times(a.value, b.slope)))


def neg(a: Dual) -> Dual:
    return Dual(-a.value, _times(-1, a.slope))


def div(a: Dual, b: Dual) -> Dual:
    return Dual(a.value / b.value, _sum(_times(1 / b.value, a.slope), _times(-a.value / b.value**2, b.slope)))


def matmul(w: Dual, x: Dual) -> Dual:
    """W (r, c), x (B, c) -> (B, r)."""
    left = None if w.slope is None else np.einsum("prc,bc->pbr", w.slope, x.value)
    right = None if x.slope is None else np.broadcast_to(x.slope, (len(x.slope), *x.value.shape)) @ w.value.T
    return Dual(x.value @ w.value.T, _sum(left, right))


def join(parts: Sequence[Dual], axis: int = -1) -> Dual:
    """Behind each other."""
    rows = max(p.value.shape[0] for p in parts) if axis == -1 else 1
    values = [np.broadcast_to(p.value, (rows, *p.value.shape[1:])) if axis == -1 else p.value for p in parts]
    count = next((len(p.slope) for p in parts if p.slope is not None), None)
    if count is None:
        return Dual(np.concatenate(values, axis))
    slopes = [np.zeros((count, *v.shape)) if p.slope is None else np.broadcast_to(p.slope, (count, *v.shape))
              for p, v in zip(parts, values, strict=True)]  # fmt: skip
    return Dual(np.concatenate(values, axis), np.concatenate(slopes, axis if axis < 0 else axis + 1))


class Kinks:
    """How near the values came to where a slope jumps."""

    def __init__(self) -> None:
        self.nearest = np.inf

    def meet(self, distance: Array, slope: Array) -> None:
        """Where the distance has no slope both sides are the same, and nothing jumps."""
        if slope is not None:
            moves = np.broadcast_to(np.abs(slope).max(0) > 1e-12, distance.shape)
            self.nearest = min([self.nearest, *np.abs(distance[moves])])


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def call(name: str, args: Sequence[Dual], kinks: Kinks) -> Dual:
    """A function of docs/cells.md: those that cells of papers are made of as they are known, others by their law."""
    a, x = args[0], args[0].value
    match name:
        case "sigmoid":
            y = _sigmoid(x)
            return Dual(y, _times(y * (1 - y), a.slope))
        case "tanh":
            return Dual(np.tanh(x), _times(1 / np.cosh(np.clip(x, -300, 300)) ** 2, a.slope))
        case "relu":
            kinks.meet(x, a.slope)
            return Dual(np.maximum(x, 0), _times(x > 0, a.slope))
        case "hard_sigmoid":
            kinks.meet(x + 3, a.slope)
            kinks.meet(x - 3, a.slope)
            return Dual(np.clip(x / 6 + 0.5, 0, 1), _times((np.abs(x) < 3) / 6, a.slope))
        case "hard_tanh":
            kinks.meet(x + 1, a.slope)
            kinks.meet(x - 1, a.slope)
            return Dual(np.clip(x, -1, 1), _times(np.abs(x) < 1, a.slope))
        case "softplus":
            return Dual(np.logaddexp(x, 0), _times(_sigmoid(x), a.slope))
        case "exp":
            return Dual(np.exp(x), _times(np.exp(x), a.slope))
        case "sqrt":
            return Dual(np.sqrt(x), _times(0.5 / np.sqrt(x), a.slope))
        case "abs":
            kinks.meet(x, a.slope)
            return Dual(np.abs(x), _times(np.sign(x), a.slope))
        case "min" | "max":
            b = args[1]
            above = a.value - b.value
            kinks.meet(above, add(a, neg(b)).slope)
            share = np.where(above == 0, 0.5, (above > 0) == (name == "max"))
            pick = np.minimum if name == "min" else np.maximum
            return Dual(pick(a.value, b.value), _sum(_times(share, a.slope), _times(1 - share, b.slope)))
    arguments, law = LAWS[name]
    return computed(law, dict(zip(arguments, args, strict=True)), _Slopes(kinks))


def _laws() -> dict[str, tuple[list[str], str]]:
    """function -> its arguments and its law, of the table in docs/cells.md."""
    page = (Path(__file__).parents[2] / "docs" / "cells.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)\(([\w, ]+)\)` \| (.*) \|$", page, re.MULTILINE)
    return {name: (arguments.split(", "), law.replace("\\|", "|")) for name, arguments, law in rows}


LAWS = _laws()


class _Slopes:
    """Laws in values with their slopes."""

    def __init__(self, kinks: Kinks) -> None:
        self.kinks = kinks

    def number(self, value: float) -> Dual:
        return Dual(np.full((1, 1), float(value)))

    def add(self, a: Dual, b: Dual) -> Dual:
        return add(a, b)

    def mul(self, a: Dual, b: Dual) -> Dual:
        return mul(a, b)

    def div(self, a: Dual, b: Dual) -> Dual:
        return div(a, b)

    def call(self, name: str, *args: Dual) -> Dual:
        x = args[0].value
        slopes = {"log": lambda: 1 / x, "sin": lambda: np.cos(x), "cos": lambda: -np.sin(x)}
        if name in slopes:
            return Dual(getattr(np, name)(x), _times(slopes[name](), args[0].slope))
        return call(name, args, self.kinks)

    def choose(self, sign: str, a: Dual, b: Dual, yes: Dual, no: Dual) -> Dual:
        distance = add(a, neg(b))
        self.kinks.meet(distance.value, distance.slope)
        chosen = {"<": a.value < b.value, ">": a.value > b.value, "==": a.value == b.value}[sign]
        zero = np.zeros((1, 1))
        slope = None
        if yes.slope is not None or no.slope is not None:
            slopes = [zero if d.slope is None else d.slope for d in (yes, no)]
            slope = np.where(chosen, *slopes)
        return Dual(np.where(chosen, yes.value, no.value), slope)

    def integral(self, law: str, end: Dual) -> Dual:
        """From 0 to `end`, by Gauss and Legendre; 6.5 is as far as any of the table goes."""
        nodes, weights = np.polynomial.legendre.leggauss(80)
        t = np.clip(end.value, -6.5, 6.5)[..., None] * (nodes + 1) / 2
        inside = computed(law, {"t": Dual(t)}, self).value
        at_end = computed(law, {"t": Dual(end.value)}, self).value
        return Dual((inside * weights).sum(-1) * np.clip(end.value, -6.5, 6.5) / 2, _times(at_end, end.slope))


class Cell:
    """A cell's text, read."""

    def __init__(self, text: str) -> None:
        found = yaml.safe_load(text)
        self.params = {name: value for name, value in (found.get("params") or {}).items() if value is not None}
        self.states = {name: _parsed(size) for name, size in found["state"].items()}
        self.weights = {
            name.strip(): [_parsed(size) for size in shape]
            for names, shape in (found.get("weights") or {}).items()
            for name in names.split(",")
        }
        self.output = str(found["output"])
        self.equations: list[tuple[str, bool, ast.expr]] = []
        for text in found["equations"]:
            [statement] = ast.parse(text.replace("@", "**")).body
            assert isinstance(statement, ast.Assign)
            [target] = statement.targets
            timed = isinstance(target, ast.Subscript)
            name = target.value if isinstance(target, ast.Subscript) else target
            assert isinstance(name, ast.Name)
            self.equations.append((name.id, timed, statement.value))

    def sizes(self, hidden: int, features: int, params: Sizes) -> dict[str, float]:
        return {**self.params, **params, "hidden": hidden, "input": features}

    def state_sizes(self, sizes: Sizes) -> dict[str, int]:
        return {name: int(size(tree, sizes)) for name, tree in self.states.items()}

    def shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """Those weights that an equation reads in the branches that are taken."""
        read = {name for _, _, tree in self.equations for name in _names(tree, sizes)}
        return {name: tuple(int(size(s, sizes)) for s in shape) for name, shape in self.weights.items() if name in read}


def _parsed(text: Any) -> ast.expr:
    return ast.parse(str(text), mode="eval").body


def size(tree: ast.expr, sizes: Sizes) -> float:
    """A size of a shape or a condition."""
    match tree:
        case ast.Constant(value):
            return value  # type: ignore[return-value]
        case ast.Name(name):
            return sizes[name]
        case ast.BinOp(left, sign, right):
            a, b = size(left, sizes), size(right, sizes)
            return {ast.Add: a + b, ast.Sub: a - b, ast.Mult: a * b, ast.FloorDiv: a // (b or 1)}[type(sign)]
    raise NotImplementedError(ast.dump(tree))


def _taken(tree: ast.IfExp, sizes: Sizes) -> ast.expr:
    assert isinstance(tree.test, ast.Compare)
    same = size(tree.test.left, sizes) == size(tree.test.comparators[0], sizes)
    return tree.body if same == isinstance(tree.test.ops[0], ast.Eq) else tree.orelse


def _names(tree: ast.AST, sizes: Sizes) -> set[str]:
    if isinstance(tree, ast.IfExp):
        return _names(_taken(tree, sizes), sizes)
    own = {tree.id} if isinstance(tree, ast.Name) else set()
    return own.union(*(_names(child, sizes) for child in ast.iter_child_nodes(tree)))


class _Step:
    """One step of one layer and direction: the names that have a value."""

    def __init__(self, cell: Cell, sizes: Sizes, weights: Mapping[str, Dual], kinks: Kinks) -> None:
        self.cell, self.sizes, self.weights, self.kinks = cell, sizes, weights, kinks

    def run(self, x: Dual, before: Mapping[str, Dual]) -> tuple[Dual, dict[str, Dual]]:
        self.x, self.before = x, before
        self.after: dict[str, Dual] = {}
        self.values: dict[str, Dual] = {}
        for name, timed, tree in self.cell.equations:
            (self.after if timed else self.values)[name] = self.of(tree)
        output = (self.after if self.cell.output in self.after else self.values)[self.cell.output]
        return output, self.after

    def of(self, tree: ast.expr) -> Dual:
        match tree:
            case ast.Constant(value):
                return Dual(np.full((1, 1), float(value)))  # type: ignore[arg-type]
            case ast.Name(name):
                if name in self.values:
                    return self.values[name]
                return self.weights[name] if name in self.weights else Dual(np.full((1, 1), float(self.sizes[name])))
            case ast.Subscript(ast.Name(name), time):
                if name == "x":
                    return self.x
                return (self.after if isinstance(time, ast.Name) else self.before)[name]
            case ast.UnaryOp(ast.USub(), operand):
                return neg(self.of(operand))
            case ast.IfExp():
                return self.of(_taken(tree, self.sizes))
            case ast.Call(ast.Name(name), args):
                return call(name, [self.of(a) for a in args], self.kinks)
            case ast.BinOp(left, ast.Pow(), right):
                parts = right.elts if isinstance(right, ast.List) else [right]
                return matmul(self.of(left), join([self.of(p) for p in parts]))
            case ast.BinOp(left, sign, right):
                a, b = self.of(left), self.of(right)
                match sign:
                    case ast.Add():
                        return add(a, b)
                    case ast.Sub():
                        return add(a, neg(b))
                    case ast.Mult():
                        return mul(a, b)
                    case ast.Div():
                        return div(a, b)
        raise NotImplementedError(ast.dump(tree))


@dataclass(frozen=True)
class Layer:
    """A recurrent layer as a file asks for it."""

    text: str
    hidden: int
    features: int
    num_layers: int = 1
    bidirectional: bool = False
    params: tuple[tuple[str, float], ...] = ()

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    def rows(self) -> list[tuple[Cell, dict[str, float], str]]:
        """Of each layer and direction the cell, its sizes, and what stands behind the names of its weights."""
        cell = Cell(self.text)
        found, features = [], self.features
        for layer in range(self.num_layers):
            sizes = cell.sizes(self.hidden, features, dict(self.params))
            found += [(cell, sizes, f"_l{layer}" + "_reverse" * d) for d in range(self.directions)]
            features = self.directions * self._output(cell, sizes)
        return found

    def _output(self, cell: Cell, sizes: Sizes) -> int:
        states = cell.state_sizes(sizes)
        if cell.output in states:
            return states[cell.output]
        weights = {n: _weight(Dual(np.zeros(shape))) for n, shape in cell.shapes(sizes).items()}
        with np.errstate(all="ignore"):
            zero = {name: Dual(np.zeros((1, n))) for name, n in states.items()}
            y, _ = _Step(cell, sizes, weights, Kinks()).run(Dual(np.zeros((1, int(sizes["input"])))), zero)
        return int(y.value.shape[-1])

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """All weights."""
        return {
            name + suffix: shape for cell, sizes, suffix in self.rows() for name, shape in cell.shapes(sizes).items()
        }

    def state_shapes(self) -> dict[str, tuple[int, int]]:
        """(rows, size) of each state, as `h_0` has them: the size where it is largest."""
        rows = [cell.state_sizes(sizes) for cell, sizes, _ in self.rows()]
        return {name: (len(rows), max(r[name] for r in rows)) for name in rows[0]}

    def width(self) -> int:
        """Of the packed states."""
        return max(sum(cell.state_sizes(sizes).values()) for cell, sizes, _ in self.rows())

    def output(self) -> int:
        cell, sizes, _ = self.rows()[-1]
        return self.directions * self._output(cell, sizes)

    def run(
        self, given: Mapping[str, Array], lengths: Sequence[int] | None = None, slopes: bool = True
    ) -> tuple[dict[str, Dual], float]:
        """The ports "sequence" (B, T, O), "last" (B, O) and "state" (B, R, width), and how near a slope jumps.

        `given` has x (B, T, I), the weights by their names, and where there are initial states either `state`
        (B, R, width) or each `h_0` (R, size).  Slopes are in all elements of `given`, in its order.
        """
        duals = _seeded(given) if slopes else {name: Dual(np.asarray(v, float)) for name, v in given.items()}
        x, kinks = duals["x"], Kinks()
        count, steps = x.value.shape[:2]
        rows = self.rows()
        ends = [int(n) for n in lengths] if lengths is not None else [steps] * count
        values = {b: [x[b : b + 1, t] for t in range(ends[b])] for b in range(count)}
        final: dict[int, list[Dual]] = {b: [] for b in range(count)}
        last: dict[int, list[Dual]] = {}
        for first in range(0, len(rows), self.directions):
            outputs: dict[int, list[list[Dual]]] = {b: [] for b in range(count)}
            for r in range(first, first + self.directions):
                cell, sizes, suffix = rows[r]
                weights = {name: _weight(duals[name + suffix]) for name in cell.shapes(sizes)}
                step = _Step(cell, sizes, weights, kinks)
                for b in range(count):
                    state = self._initial(duals, cell.state_sizes(sizes), r, b)
                    ys: list[Dual] = [Dual(np.zeros(0))] * ends[b]
                    for t in reversed(range(ends[b])) if r % self.directions else range(ends[b]):
                        ys[t], new = step.run(values[b][t], state)
                        state = {name: _like(new[name], state[name]) for name in state}
                    outputs[b].append(ys)
                    final[b].append(self._row(list(state.values())))
            none = Dual(np.zeros((1, self._output(*rows[first][:2]))))
            last = {
                b: [(ys[0] if d else ys[-1]) if ys else none for d, ys in enumerate(outputs[b])] for b in range(count)
            }
            values = {b: [join(pair) for pair in zip(*outputs[b], strict=True)] for b in range(count)}
        padding = Dual(np.zeros((1, self.output())))
        sequences = [join([*values[b], *([padding] * (steps - ends[b]))], 0) for b in range(count)]
        ports = {
            "sequence": _stacked(sequences),
            "last": join([join(last[b]) for b in range(count)], 0),
            "state": _stacked([join(final[b], 0) for b in range(count)]),
        }
        return ports, float(kinks.nearest)

    def _initial(self, duals: Mapping[str, Dual], sizes: Mapping[str, int], r: int, b: int) -> dict[str, Dual]:
        found, at = {}, 0
        for name, n in sizes.items():
            if "state" in duals:
                found[name] = duals["state"][b : b + 1, r, at : at + n]
            elif f"{name}_0" in duals:
                found[name] = duals[f"{name}_0"][r : r + 1, :n]
            else:
                found[name] = Dual(np.zeros((1, n)))
            at += n
        return found

    def _row(self, states: list[Dual]) -> Dual:
        row = join(states)
        rest = self.width() - row.value.shape[-1]
        return join([row, Dual(np.zeros((1, rest)))]) if rest else row


def _like(new: Dual, old: Dual) -> Dual:
    return Dual(np.broadcast_to(new.value, old.value.shape), new.slope)


def _weight(w: Dual) -> Dual:
    """A vector as (1, n), a number as (1, 1)."""
    shape = w.value.shape
    if len(shape) == 2:
        return w
    row = (1, shape[0] if shape else 1)
    return Dual(w.value.reshape(row), None if w.slope is None else w.slope.reshape(-1, *row))


def _stacked(parts: list[Dual]) -> Dual:
    slopes = [p.slope for p in parts]
    count = next((len(s) for s in slopes if s is not None), None)
    filled = [np.zeros((count or 0, *p.value.shape)) if p.slope is None else p.slope for p in parts]
    return Dual(np.stack([p.value for p in parts]), None if count is None else np.stack(filled, 1))


def _seeded(given: Mapping[str, Array]) -> dict[str, Dual]:
    total = sum(np.asarray(v).size for v in given.values())
    found, at = {}, 0
    for name, value in given.items():
        value = np.asarray(value, float)
        slope = np.zeros((total, value.size))
        slope[at : at + value.size] = np.eye(value.size)
        found[name] = Dual(value, slope.reshape(total, *value.shape))
        at += value.size
    return found
