"""Any cell as ONNX's Scan: the loop holds what depends on a state, and nothing else.

What depends on the input alone is computed for all steps before it, what no state depends on after it.  In the loop,
sums that multiply the same values are one Gemm: their matrices stand side by side, and what is added (hoisted products
and biases) is its third operand.  Masked steps keep the state with Where, so that padding may hold anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.dag import Value
from netspec.cells.ir.schedule import Stretch, schedule_of
from netspec.cells.ir.stack import number
from netspec.cells.ir.step import CellStep
from netspec.cells.onnx.build import Build, Starts
from netspec.cells.onnx.scan_plan import GemmGroup, GemmSum, Products, ScanPlan

# T time, B batch, I input, S size of a state, O output

Look = Callable[[Value], str]


def emit_scan(
    build: Build,
    step: CellStep,
    x_TBI: str,
    weights: Mapping[str, Any],
    starts: Starts,
    mask_TB1: str = "",
    reverse: bool = False,
) -> tuple[str, dict[str, str]]:
    """The outputs (T, B, O) and the final states, each (B, S).

    `weights` are arrays, `starts` the states before the first step, (B, S) each; `mask_TB1` is true at real steps and
    "" when all are.
    """
    return _Scan(build, ScanPlan(schedule_of(step)), weights, x_TBI).emit(starts, mask_TB1, reverse)


class _Scan:
    def __init__(self, build: Build, plan: ScanPlan, weights: Mapping[str, Any], x_TBI: str) -> None:
        self.build, self.plan, self.step, self.weights = build, plan, plan.step, weights
        self.outer: dict[Value, str] = {n: x_TBI for n in plan.outer if n.op == "input"}
        self.x = x_TBI
        self.now: dict[str, tuple[str, int | None, str]] = {}  # a sequence -> its name, width and type in the loop
        self.values: dict[Value, str] = {}  # of the loop
        self.begun: dict[GemmGroup, str] = {}  # what is multiplied already of a group
        self.parts: dict[Value, str] = {}  # what a Gemm gives each of its sums

    def emit(self, starts: Starts, mask_TB1: str, reverse: bool) -> tuple[str, dict[str, str]]:
        build, plan, step = self.build, self.plan, self.step
        for node in plan.outer:
            if node.op != "input":
                self.outer[node] = self.node(node, self.outside)
        self.added = {group: self.hoisted(group) for group in dict.fromkeys(plan.groups.values())}
        before = {state: build.name(f"{state}_before") for state in step.states}
        mask = self.slice(mask_TB1, 1, "bool") if mask_TB1 else ""
        with build.inside() as nodes:
            self.values = {n: before[n.attr] for n in plan.schedule.stretch if n.op == "previous"}
            for node in plan.inside:
                self.values[node] = self.sum(node) if node in plan.groups else self.node(node, self.inside)
            results: list[str] = []
            for state in step.states:
                results.append(self.after_step(state, before[state], mask, results))
            results += [self.apart(self.values[node], node, results) for node in plan.exports]
        if not self.now:  # a Scan runs as long as what it reads, and has to read something
            self.slice(self.x, None)
        sizes = [*map(number, step.states.values()), *(number(n.size) for n in plan.exports)]
        inputs: list[tuple[str, tuple[None, int | None], str]] = [
            (before[s], (None, number(size)), "float32") for s, size in step.states.items()
        ]
        inputs += [(name, (None, width), dtype) for name, width, dtype in self.now.values()]
        body = build.body(nodes, inputs, [(r, (None, size)) for r, size in zip(results, sizes, strict=True)])
        back = (
            {
                "scan_input_directions": [1] * len(self.now) or None,
                "scan_output_directions": [1] * len(plan.exports) or None,
            }
            if reverse
            else {}
        )
        done = build.ops(
            "Scan",
            [*(starts[s] for s in step.states), *self.now],
            len(results),
            body=body,
            num_scan_inputs=len(self.now),
            **back,
        )
        self.outer |= dict(zip(plan.exports, done[len(step.states) :], strict=True))
        for node in plan.after:
            self.outer[node] = self.node(node, self.outside)
        return self.output(), dict(zip(step.states, done, strict=False))

    def after_step(self, state: str, before: str, mask: str, taken: Sequence[str]) -> str:
        """A state after the step, with the batch axis."""
        build, node = self.build, self.step.next[state]
        value = self.inside(node)
        if mask:
            return build.op("Where", [mask, value, before])
        if self.plan.schedule.stretch[node] is Stretch.FIXED:
            return build.op("Expand", [value, build.op("Shape", [before])])
        return self.apart(value, node, taken)

    def apart(self, value: str, node: Value, taken: Sequence[str]) -> str:
        """A value as an output of the loop, each of which has a name of its own and is made in the loop."""
        made = node in self.plan.inside
        return value if made and value not in taken else self.build.op("Identity", [value])

    def output(self) -> str:
        node = self.step.output
        value = self.outside(node)
        if self.plan.schedule.stretch[node] is not Stretch.FIXED:
            return value
        size = [self.build.op("Shape", [self.x], start=0, end=2), self.build.const([number(node.size)], "int64")]
        return self.build.op("Expand", [value, self.build.op("Concat", size, axis=0)])

    # before the loop

    def hoisted(self, group: GemmGroup) -> str:
        """What the Gemm of a group adds: products of sequences and biases of all its sums; "" for nothing."""
        build = self.build
        has_bias = any(s.biases for s in group.sums)
        bias = np.concatenate([self.bias(s) for s in group.sums])
        if not group.sequence:
            return build.const(bias) if has_bias else ""
        total = ""
        for index in group.sequence:
            matrix = np.concatenate([self.columns(s.sequence, index) for s in group.sums], 1)
            product = self.product(
                self.outside(self.step.dag.nodes[index]), matrix, bias if has_bias and not total else None
            )
            total = build.op("Add", [total, product]) if total else product
        return total

    def bias(self, part: GemmSum) -> Any:
        total = np.zeros(number(part.node.size), np.float32)
        for node, factor in part.biases:
            total += np.float32(factor) * (self.weights[node.attr] if node.op == "weight" else np.float32(node.attr))
        return total

    def columns(self, products: Products, operand: int) -> Any:
        """(depth, size): the matrices of one operand, transposed and added up."""
        of_operand: Iterable[Any] = (
            self.matrix(product) * np.float32(factor)
            for product, factor in products
            if product.args[0].index == operand
        )
        first, *others = of_operand
        return sum(others, first)

    def matrix(self, product: Value) -> Any:
        columns = product.attr
        return self.weights[columns.weight][:, columns.start : columns.stop].T

    def product(self, x: str, matrix: Any, bias: Any = None) -> str:
        """(T, B, depth) -> (T, B, width).  Not one Gemm: onnxruntime's MatMul and Add are faster over many rows."""
        value = self.build.op("MatMul", [x, self.build.const(matrix)])
        return value if bias is None else self.build.op("Add", [value, self.build.const(bias)])

    # in the loop

    def sum(self, node: Value) -> str:
        group = self.plan.groups[node]
        if group not in self.begun:
            self.gemm(
                group,
                self.slice(self.added[group], sum(number(s.node.size) for s in group.sums))
                if group.sequence
                else self.added[group],
            )
        if node not in self.parts:
            further = next(g for g in group.further if any(s.node is node for s in g.sums))
            self.gemm(further, self.begun[further])
        value = self.parts[node]
        for term in next(s for s in group.sums if s.node is node).rest:
            value = self.build.op(self.sign(term), [value, self.inside(self.plan.read(term))])
        return value

    def gemm(self, group: GemmGroup, value: str) -> None:
        """`value` is what the first product is added to; "" for nothing."""
        build = self.build
        for index in group.operands:
            matrix = np.concatenate([self.columns(s.loop, index) for s in group.sums], 1)
            inputs = [self.inside(self.step.dag.nodes[index]), build.const(matrix)]
            value = build.op("Gemm", [*inputs, value]) if value else build.op("MatMul", inputs)
        sizes = [
            sum(number(s.node.size) for s in sums)
            for sums in (*((s,) for s in group.alone), *(g.sums for g in group.further))
        ]
        parts: Sequence[str] = [value]
        if len(sizes) > 1:
            parts = build.ops("Split", [value, build.const(sizes, "int64")], len(sizes), axis=1)
        self.begun[group] = value
        self.parts |= {s.node: part for s, part in zip(group.alone, parts, strict=False)}
        self.begun |= dict(zip(group.further, parts[len(group.alone) :], strict=True))

    def slice(self, sequence: str, width: int | None, dtype: str = "float32") -> str:
        """The present step of a sequence."""
        if sequence not in self.now:
            self.now[sequence] = (self.build.name("now"), width, dtype)
        return self.now[sequence][0]

    # values

    def outside(self, node: Value) -> str:
        return self.leaf(node) or self.outer[node]

    def inside(self, node: Value) -> str:
        """A value as the loop sees it: its own, the present step of a sequence, or one of the outer graph."""
        if self.plan.schedule.stateful(node):
            return self.values[node]
        if self.plan.schedule.stretch[node] is Stretch.SEQUENCE:
            return self.slice(self.outer[node], number(node.size))
        return self.outside(node)

    def leaf(self, node: Value) -> str:
        if node.op == "number":
            return self.build.const(node.attr)
        return self.build.const(self.weights[node.attr]) if node.op == "weight" else ""

    def node(self, node: Value, look: Look) -> str:
        """One node by its own operation."""
        build = self.build
        if node.op == "add":
            return self.added_up(node, look)
        if node.op == "mul":
            value, *others = map(look, node.args)
            for other in others:
                value = build.op("Mul", [value, other])
            return value
        if node.op == "product":
            return build.op("MatMul", [look(node.args[0]), build.const(self.matrix(node))])
        args = [look(a) for a in node.args]
        if node.op in ("neg", "div"):
            return build.op(node.op.title(), args)
        return FUNCTIONS[node.op].onnx(build, *args)

    def added_up(self, node: Value, look: Look) -> str:
        first, *others = sorted(node.args, key=lambda term: term in self.plan.subtracted)
        value = look(self.plan.read(first))
        if first in self.plan.subtracted:
            value = self.build.op("Neg", [value])
        for term in others:
            value = self.build.op(self.sign(term), [value, look(self.plan.read(term))])
        return value

    def sign(self, term: Value) -> str:
        return "Sub" if term in self.plan.subtracted else "Add"
