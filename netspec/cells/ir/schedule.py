"""When each value of a step is computed as a sequence runs: the one analysis that every way of running a cell reads.

A value stands in one of four stretches, by what it is computed from and what is computed from it:

    FIXED      weights and numbers alone: computed once
    SEQUENCE   the input too: for all steps at once, before the loop over time
    LOOP       a state before the step, and a new state is computed from it: step after step
    AFTER      a state, and no new state is computed from it (`y = V @ h[t]`): for all steps at once, after the loop

A state whose new value stands before the loop (`last[t] = x[t]`) only delays it.  Where a target shifts sequences by a
step, such a state is none of its loop, and what reads it is computed before the loop like the input.

program.py makes the compiled loop from this, run/plain.py instructions for torch, onnx/scan_plan.py the body of a Scan;
each adds only what is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from netspec.cells.ir.dag import Value, reachable, width_of
from netspec.cells.ir.step import CellStep


class Stretch(IntEnum):
    """In the order in which they run."""

    FIXED = 0
    SEQUENCE = 1
    LOOP = 2
    AFTER = 3


@dataclass(frozen=True, eq=False)
class ProductGroup:
    """All products of one operand, their matrices packed below each other: (width, depth) @ operand."""

    operand: Value
    products: tuple[Value, ...]

    @cached_property
    def depth(self) -> int:
        return width_of(self.operand)

    @cached_property
    def width(self) -> int:
        return sum(map(width_of, self.products))

    @cached_property
    def offsets(self) -> dict[Value, int]:
        """Where each product begins in the packed result."""
        offsets, end = {}, 0
        for product in self.products:
            offsets[product] = end
            end += width_of(product)
        return offsets


@dataclass(frozen=True, eq=False)
class StepSchedule:
    """The stretch of every value that a step needs, and what follows from it."""

    step: CellStep
    states: tuple[str, ...]  # those of the loop
    delayed: tuple[str, ...]  # those that only delay a sequence, where the target shifts it: none of the loop
    stretch: Mapping[Value, Stretch]  # arguments before what is computed from them
    readers: Mapping[Value, tuple[Value, ...]]  # what is computed from a value, once for each time it is an argument

    def of(self, *stretches: Stretch) -> list[Value]:
        """The values of some stretches, arguments first."""
        return [value for value, stretch in self.stretch.items() if stretch in stretches]

    def stateful(self, value: Value) -> bool:
        """Whether a value is another at each step by what a state was before."""
        return self.stretch[value] >= Stretch.LOOP

    def groups(self, values: Container[Value] | None = None) -> tuple[ProductGroup, ...]:
        """The products of the step, or those among some values, grouped by what they multiply; in order."""
        by_operand: dict[Value, list[Value]] = {}
        for value in self.stretch:
            if value.op == "product" and (values is None or value in values):
                by_operand.setdefault(value.args[0], []).append(value)
        return tuple(ProductGroup(operand, tuple(products)) for operand, products in by_operand.items())

    def exports(self, after: Iterable[Value], computed: Callable[[Value], Value] | None = None) -> tuple[Value, ...]:
        """Values of the loop that are wanted of every step, where the target computes `after` when the loop is over.

        These are the output and what `after` reads; `computed` gives the value that stands for an argument, where a
        target computes another (a − b needs no −b).
        """
        later = dict.fromkeys(after)
        arguments = (argument for value in later for argument in value.args)
        wanted = [self.step.output, *(map(computed, arguments) if computed else arguments)]
        return tuple(dict.fromkeys(value for value in wanted if self.stateful(value) and value not in later))


def schedule_of(step: CellStep, shifts: bool = False) -> StepSchedule:
    """The schedule of a step; `shifts`: the target computes states that only delay a sequence before the loop."""
    values = reachable(step.roots)
    delayed: tuple[str, ...] = ()
    stretch = _by_origin(values, delayed)
    while shifts:  # a state may delay what another one delays
        more = tuple(name for name, value in step.next.items() if stretch[value] < Stretch.LOOP)
        if more == delayed:
            break
        delayed, stretch = more, _by_origin(values, more)
    recurrent = set(reachable(step.next.values()))
    for value in values:
        if stretch[value] is Stretch.LOOP and value not in recurrent and value.op != "previous":
            stretch[value] = Stretch.AFTER
    readers: dict[Value, list[Value]] = {}
    for value in values:
        for argument in value.args:
            readers.setdefault(argument, []).append(value)
    states = tuple(name for name in step.states if name not in delayed)
    return StepSchedule(step, states, delayed, stretch, {value: tuple(some) for value, some in readers.items()})


def _by_origin(values: Iterable[Value], delayed: Container[str]) -> dict[Value, Stretch]:
    """FIXED, SEQUENCE or LOOP, by what a value is computed from."""
    stretch: dict[Value, Stretch] = {}
    for value in values:
        origin = Stretch.FIXED
        if value.op == "input":
            origin = Stretch.SEQUENCE
        elif value.op == "previous":
            origin = Stretch.SEQUENCE if value.attr in delayed else Stretch.LOOP
        stretch[value] = max([origin, *(stretch[argument] for argument in value.args)])
    return stretch
