"""A recurrent layer in ONNX: all its layers and directions, each as a native operator or as a Scan.

Sequences are time first inside, batch first outside.  While streaming, the states before the first step are inputs of
the model, `LAYER.STATE_0`, and those after the last step outputs, `LAYER.STATE_n`, each (B, num_layers, S).
"""

from __future__ import annotations

from netspec.cells.ir.returns import Returns
from netspec.cells.ir.stack import CellStack
from netspec.cells.onnx.build import Build, Starts, concat, cut
from netspec.cells.onnx.native import emit_native
from netspec.cells.onnx.scan import emit_scan
from netspec.cells.recognise.match import match
from netspec.shapes.dim import Size

# B batch, T time, I input, D directions, O output, R rows (layers x directions), S size of a state


def emit_layer(
    build: Build,
    stack: CellStack,
    x_BTI: str,
    batch: Size,
    returns: Returns,
    *,
    lengths: str = "",
    state: str = "",
    learned: bool = False,
) -> dict[str, str]:
    """The values of the ports: "" is what `returns` names (sequence, last, state), `state` the packed final state.

    `batch` is the size of the batch axis; `lengths` (B,) int64 and `state` (B, R, width) are values of the graph, ""
    where there are none; `learned` takes the states before the first step from the weights `h_0` (R, S) of each state
    h.  While streaming they are inputs instead (backends.onnx.streaming refuses layers that are given a state).
    """
    return _Emission(build, stack, batch, lengths, state, learned).emit(x_BTI, returns)


class _Emission:
    def __init__(self, build: Build, stack: CellStack, batch: Size, lengths: str, state: str, learned: bool) -> None:
        self.build, self.stack, self.batch, self.lengths, self.learned = build, stack, batch, lengths, learned
        self.initial: dict[str, str] = {}  # states before the first step, (R, B, S) each
        if build.streaming:
            for name, size in stack.states.items():
                value = build.state_input(f"{name}_0", (batch, stack.rows, size))
                self.initial[name] = build.op("Transpose", [value], perm=[1, 0, 2])
        elif state:
            self.initial[""] = build.op("Transpose", [state], perm=[1, 0, 2])
        self.mask_TB1 = ""
        self.finals: list[dict[str, str]] = []  # (D, B, S) of each layer
        self.ends: list[str] = []  # y of the last layer: (T, D, B, O), or (T, B, O) for each direction

    def emit(self, x_BTI: str, returns: Returns) -> dict[str, str]:
        build, stack = self.build, self.stack
        self.x_TBI = build.op("Transpose", [x_BTI], perm=[1, 0, 2])
        value = self.x_TBI
        for layer in range(stack.num_layers):
            value = self.layer(layer, value, last=layer == stack.num_layers - 1)
        if build.streaming:
            for name, size in stack.states.items():
                rows = concat(
                    build,
                    [
                        self.padded(f[name], stack.sizes(i * stack.directions)[name], size)
                        for i, f in enumerate(self.finals)
                    ],
                    0,
                )
                build.state_output(
                    f"{name}_n", build.op("Transpose", [rows], perm=[1, 0, 2]), (self.batch, stack.rows, size)
                )
        packed = self.packed()
        main = packed if returns == "state" else self.last() if returns == "last" else self.batch_first()
        return {"": main, "state": packed}

    # one layer

    def layer(self, layer: int, x_TBI: str, last: bool) -> str:
        """Its outputs (T, B, D·O); of the last layer only `ends` are kept, nothing is given."""
        build, stack = self.build, self.stack
        first = layer * stack.directions
        step = stack.step(first)
        arrays = [
            {name: build.array(full) for name, full in stack.names(first + d).items()} for d in range(stack.directions)
        ]
        native = match(step).onnx
        if native is not None:
            starts = self.starts(first, stack.directions)
            y, finals = emit_native(build, native, x_TBI, arrays, starts, self.lengths)
            y, finals = self.not_finite(x_TBI, starts, y, finals)
            self.finals.append(finals)
            self.ends = [y]
            return "" if last else self.time_first()
        by_direction = []
        for d, weights in enumerate(arrays):
            starts = {name: self.squeezed(value, name, first + d) for name, value in self.starts(first + d, 1).items()}
            y, ended = emit_scan(build, step, x_TBI, weights, starts, self.mask(), reverse=d == 1)
            if self.lengths:
                y = build.op("Where", [self.mask(), y, build.const(0.0)])
            by_direction.append((y, ended))
        self.finals.append(
            {
                name: concat(build, [self.unsqueezed(ended[name]) for _, ended in by_direction], 0)
                for name in step.states
            }
        )
        self.ends = [y for y, _ in by_direction]
        return "" if last else self.time_first()

    def not_finite(self, x_TBI: str, starts: Starts, y_TDBH: str, finals: dict[str, str]) -> tuple[str, dict[str, str]]:
        """The same values, and NaN from the first step on that is not finite, or where it began so.

        onnxruntime's operators limit what goes into their sigmoids and so make numbers of NaN.
        """
        build = self.build

        def zero(value: str) -> str:  # 0, or NaN: of the sum along the features
            total = build.op("ReduceSum", [value, build.const([2], "int64")], keepdims=1)
            return build.op("Mul", [total, build.const(0.0)])

        nan_TB1 = zero(x_TBI)
        if self.lengths:
            nan_TB1 = build.op("Where", [self.mask(), nan_TB1, build.const(0.0)])
        time, axis_1 = build.const(0, "int64"), build.const([1], "int64")
        nan_by_direction = [
            build.op("Unsqueeze", [build.op("CumSum", [nan_TB1, time], reverse=d), axis_1])
            for d in range(self.stack.directions)
        ]
        nan_TDB1 = concat(build, nan_by_direction, 1)
        nan_DB1 = build.op("ReduceSum", [nan_TB1, build.const([0], "int64")], keepdims=1)
        for start in filter(None, () if self.learned and not build.streaming else starts.values()):
            before = zero(start)
            nan_TDB1, nan_DB1 = (build.op("Add", [value, before]) for value in (nan_TDB1, nan_DB1))
        if self.lengths:
            nan_TDB1 = build.op("Where", [build.op("Unsqueeze", [self.mask(), axis_1]), nan_TDB1, build.const(0.0)])
        return build.op("Add", [y_TDBH, nan_TDB1]), {n: build.op("Add", [v, nan_DB1]) for n, v in finals.items()}

    def starts(self, row: int, count: int) -> Starts:
        """The states before the first step of some rows, (count, B, S) each; "" for zero."""
        build, stack = self.build, self.stack
        starts, at = {}, 0
        for name, size in stack.sizes(row).items():
            if "" in self.initial:
                value = cut(build, self.initial[""], 0, row, row + count, stack.rows)
                starts[name] = cut(build, value, 2, at, at + size, stack.width)
            elif name in self.initial:
                value = cut(build, self.initial[name], 0, row, row + count, stack.rows)
                starts[name] = cut(build, value, 2, 0, size, stack.states[name])
            elif self.learned:
                rows = build.array(f"{name}_0")[row : row + count, None, :size]
                starts[name] = build.op("Expand", [build.const(rows), build.shape([count, self.batch, size])])
            else:
                starts[name] = ""
            at += size
        return starts

    def squeezed(self, start: str, name: str, row: int) -> str:
        """(1, B, S) -> (B, S); a Scan wants zeros where a native operator wants nothing."""
        if start:
            return self.build.op("Squeeze", [start, self.build.const([0], "int64")])
        size = self.stack.sizes(row)[name]
        return self.build.op("Expand", [self.build.const(0.0), self.build.shape([self.batch, size])])

    def unsqueezed(self, value: str) -> str:
        return self.build.op("Unsqueeze", [value, self.build.const([0], "int64")])

    def mask(self) -> str:
        """(T, B, 1): is this step a real one?  "" without lengths."""
        build = self.build
        if self.lengths and not self.mask_TB1:
            steps = build.op("Squeeze", [build.op("Shape", [self.x_TBI], start=0, end=1)])
            t = build.op("Range", [build.const(0, "int64"), steps, build.const(1, "int64")])
            t_T11 = build.op("Unsqueeze", [t, build.const([1, 2], "int64")])
            lengths_B1 = build.op("Unsqueeze", [self.lengths, build.const([1], "int64")])
            self.mask_TB1 = build.op("Less", [t_T11, lengths_B1])
        return self.mask_TB1

    # outputs in their forms

    @property
    def stacked(self) -> bool:
        """Does y come from a native operator, (T, D, B, O)?"""
        return len(self.finals) > 0 and match(self.stack.steps[len(self.finals) - 1]).onnx is not None

    def time_first(self) -> str:
        """(T, B, D·O)"""
        build = self.build
        if not self.stacked:
            return concat(build, self.ends, 2)
        if self.stack.directions == 1:
            return build.op("Squeeze", [*self.ends, build.const([1], "int64")])
        y_TBDO = build.op("Transpose", self.ends, perm=[0, 2, 1, 3])
        return build.op("Reshape", [y_TBDO, build.const([0, 0, self.stack.output], "int64")])

    def batch_first(self) -> str:
        """(B, T, D·O), with one transposition."""
        build = self.build
        if not self.stacked or self.stack.directions == 1:
            return build.op("Transpose", [self.time_first()], perm=[1, 0, 2])
        y_BTDO = build.op("Transpose", self.ends, perm=[2, 0, 1, 3])
        return build.op("Reshape", [y_BTDO, build.const([0, 0, self.stack.output], "int64")])

    def last(self) -> str:
        """(B, D·O): of each direction the output at its own last step; 0 for a sequence without steps."""
        build, stack = self.build, self.stack
        step = stack.steps[-1]
        state = next((name for name, node in step.next.items() if node is step.output), None)
        if state is not None:
            final = self.finals[-1][state]
            if self.lengths and (self.learned or self.initial) and not build.streaming:  # not where it began
                some = build.op("Greater", [self.lengths, build.const(0, "int64")])
                some_B1 = build.op("Unsqueeze", [some, build.const([1], "int64")])
                final = build.op("Where", [some_B1, final, build.const(0.0)])
            if stack.directions == 1:
                return build.op("Squeeze", [final, build.const([0], "int64")])
            return build.op(
                "Reshape", [build.op("Transpose", [final], perm=[1, 0, 2]), build.const([0, stack.output], "int64")]
            )
        # A cell whose output is no state is no native operator: `ends` are (T, B, O).
        return concat(build, [self.end(y, reverse=d == 1) for d, y in enumerate(self.ends)], 1)

    def end(self, y_TBO: str, reverse: bool) -> str:
        build = self.build
        if reverse or not self.lengths:
            return build.op("Gather", [y_TBO, build.const(0 if reverse else -1, "int64")], axis=0)
        t = build.op("Max", [build.op("Sub", [self.lengths, build.const(1, "int64")]), build.const(0, "int64")])
        batch = build.op("Squeeze", [build.op("Shape", [self.lengths])])
        b = build.op("Range", [build.const(0, "int64"), batch, build.const(1, "int64")])
        pairs = concat(build, [build.op("Unsqueeze", [i, build.const([1], "int64")]) for i in (t, b)], 1)
        return build.op("GatherND", [y_TBO, pairs])

    def packed(self) -> str:
        """(B, R, width): the final states behind each other, rows that are shorter ending in zeros."""
        build, stack = self.build, self.stack
        rows = []
        for i, final in enumerate(self.finals):
            sizes = stack.sizes(i * stack.directions)
            rows.append(
                self.padded(concat(build, [final[name] for name in sizes], 2), sum(sizes.values()), stack.width)
            )
        return build.op("Transpose", [concat(build, rows, 0)], perm=[1, 0, 2])

    def padded(self, value: str, size: int, width: int) -> str:
        if size == width:
            return value
        return self.build.op("Pad", [value, self.build.const([0, 0, 0, 0, 0, width - size], "int64")])
