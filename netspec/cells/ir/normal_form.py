"""One text for all ways to write the same step: names left out, the terms of sums and products sorted.

A state is known by its place in the declaration, which is its place in packed states; a weight by what is done with it.
Weights that are used alike so far are told apart by what reads them, again and again until nothing changes (colour
refinement); those that are alike even then can be exchanged, and either comes first.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from netspec.cells.ir.dag import Columns, Value, reachable
from netspec.cells.ir.step import CellStep

COMMUTATIVE = frozenset({"add", "mul", "min", "max"})  # of two arguments, to the last bit; of three the order counts


@dataclass(frozen=True)
class NormalForm:
    """`text` is equal for equal steps; `weights` are the step's names in the order in which the text numbers them."""

    text: str
    weights: tuple[str, ...]


def normal_form(step: CellStep) -> NormalForm:
    """What a step computes, whatever its names are and in whichever order its terms are written."""
    return step.once(_normal_form)


def _normal_form(step: CellStep) -> NormalForm:
    values = reachable(step.roots)
    states = {name: i for i, name in enumerate(step.states)}
    colours = {name: _digest("weight", shape) for name, shape in step.weights.items()}
    while True:
        up = _upwards(values, states, colours)
        refined = _refined(step, values, up, colours)
        if len(set(refined.values())) == len(set(colours.values())):
            break
        colours = refined
    return _numbered(step, values, states, up)


def _is_commutative(value: Value) -> bool:
    return value.op in COMMUTATIVE and len(value.args) == 2


def _digest(*parts: Any) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:32]


def _attribute(value: Value, states: dict[str, int], weights: dict[str, Any]) -> Any:
    """What a value is beside its operation and arguments, with weights and states as they are known so far."""
    if value.op == "previous":
        return states[value.attr]
    if value.op == "weight":
        return weights[value.attr]
    if isinstance(value.attr, Columns):
        return weights[value.attr.weight], str(value.attr.start), str(value.attr.stop)
    return value.attr


def _upwards(values: list[Value], states: dict[str, int], colours: dict[str, str]) -> dict[Value, str]:
    """What each value is made of."""
    up: dict[Value, str] = {}
    for value in values:
        args = [up[a] for a in value.args]
        ordered = sorted(args) if _is_commutative(value) else args
        up[value] = _digest(value.op, _attribute(value, states, colours), str(value.size), ordered)
    return up


def _refined(step: CellStep, values: list[Value], up: dict[Value, str], colours: dict[str, str]) -> dict[str, str]:
    """The colours of weights with what their readers are used for."""
    uses: dict[Value, list[Any]] = defaultdict(list)
    for i, root in enumerate(step.roots):
        uses[root].append(_digest("root", i))
    of_weights: dict[str, list[Any]] = defaultdict(list)
    for value in reversed(values):
        down = _digest(up[value], sorted(uses[value]))
        if value.op == "weight":
            of_weights[value.attr].append(down)
        elif isinstance(value.attr, Columns):
            of_weights[value.attr.weight].append(down)
        for position, argument in enumerate(value.args):
            uses[argument].append(_digest(down, "" if _is_commutative(value) else position))
    return {name: _digest(colour, sorted(of_weights[name])) for name, colour in colours.items()}


def _numbered(step: CellStep, values: list[Value], states: dict[str, int], up: dict[Value, str]) -> NormalForm:
    """The step as lines, each value and weight with the number at which the roots first lead to it."""
    lines: list[str] = [f"states {[str(size) for size in step.states.values()]}"]
    numbers: dict[Value, int] = {}
    weights: dict[str, int] = {}
    stack: list[tuple[Value, bool]] = [(root, False) for root in reversed(step.roots)]
    while stack:
        value, arguments_done = stack.pop()
        if value in numbers:
            continue
        if not arguments_done:
            ordered = sorted(value.args, key=up.__getitem__) if _is_commutative(value) else value.args
            stack += [(value, True), *((argument, False) for argument in reversed(ordered))]
            continue
        name = value.attr.weight if isinstance(value.attr, Columns) else value.attr if value.op == "weight" else None
        if name is not None:
            weights.setdefault(name, len(weights))
        args = [numbers[a] for a in value.args]
        numbers[value] = len(numbers)
        attribute = _attribute(value, states, weights)
        lines.append(f"{value.op} {attribute!r} {value.size} {sorted(args) if _is_commutative(value) else args}")
    lines.append(f"roots {[numbers[root] for root in step.roots]}")
    unread = [name for name in step.weights if name not in weights]
    for name in sorted(unread, key=lambda name: str(step.weights[name])):
        weights[name] = len(weights)  # named in an equation of which nothing is left
    shapes = [str(step.weights[name]) for name in weights]
    return NormalForm("\n".join([*lines, f"weights {shapes}"]), tuple(weights))
