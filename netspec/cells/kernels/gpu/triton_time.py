"""Triton text for whole sequences: the walk over time, and the scan where what is carried is linear.

Going forward states are carried, going back the adjoints of states ("carry").  Both live in registers in the type of
the computation, whatever type the buffers have; nothing else passes from one time to the next, so that loads of later
times may run ahead of stores of earlier ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from netspec.cells.ir.dag import Value
from netspec.cells.ir.linear_recurrence import affine
from netspec.cells.ir.loop import At, Loop, LoopBody
from netspec.cells.kernels.gpu.triton_source import TritonKernel, Writer, indented, kernel_text, value


class TimeWriter(Writer):
    """A body whose loop over time stands in the kernel."""

    @property
    def carried(self) -> list[At]:
        kind = "carry" if self.loop.backward else "state"
        return [at for _, at in self.body.stores if self.kind(at) == kind]

    def leaves(self) -> dict[At, Value]:
        """The node that stands for each carried value before the step."""
        leaves = {}
        for node, at in self.body.loads.items():
            address = At(at.buffer, at.offset)
            if address in self.carried and at.before == (not self.loop.backward):
                leaves[address] = node
        return leaves

    def begins(self, mask: str) -> list[str]:
        """c0, c1, …: what is carried into the first step; f0, f1, …: states before it, that only are read."""
        lines = []
        for j, at in enumerate(self.carried):
            k = self.slot(at.buffer, "row" if self.loop.backward else "initial")
            lines.append(f"c{j} = {self.row(k, at, mask)}")
        for j, at in enumerate(self.befores()):
            lines.append(f"f{j} = {self.row(self.slot(at.buffer, 'initial'), at, mask)}")
        return lines

    def row(self, k: int, at: At, mask: str) -> str:
        return f"tl.load(p{k} + row * r{k} + {at.offset} + column, mask={mask}, other=0.0).to(ACC)"

    def befores(self) -> list[At]:
        """States before the step that come from memory: those that the loop does not make."""
        return [at for at in self.body.loads.values() if at.before and At(at.buffer, at.offset) not in self.carried]

    def loads(self, tall: str, wide: str) -> list[str]:
        """What is read at every step; `tall` and `wide` shape a value of the times and of the columns."""
        carried, lines = set(self.leaves().values()), []
        for node, at in self.body.loads.items():
            if self.kind(at) == "vector" or node in carried:
                continue
            k = self.slot(at.buffer, "sequence")
            if at.before:
                # The first step reads some row, and takes the initial one.
                back = f"tl.where(time > 0, t{k}, 0){tall}"
                load = f"tl.load(q{k} - {back} + {at.offset}, mask=mask, other=0.0).to(ACC)"
                first = f"f{self.befores().index(at)}{wide}"
                lines.append(f"{value(node)} = tl.where((time > 0){tall}, {load}, {first})")
            else:
                lines.append(f"{value(node)} = tl.load(q{k} + {at.offset}, mask=mask, other=0.0).to(ACC)")
        return lines

    def stores(self, still: str) -> list[str]:
        """w0, w1, … and where they go; after the end of a sequence what is carried stands still, the rest is 0."""
        values, stores = [], []
        for j, (node, at) in enumerate(self.body.stores):
            else_ = still.format(self.carried.index(at)) if at in self.carried else "0.0"
            values.append(f"w{j} = tl.where(active, {value(node)}, {else_})")
            if self.kind(at) != "carry":
                stores.append(f"tl.store(q{self.slot(at.buffer, 'sequence')} + {at.offset}, w{j}, mask=mask)")
        return values + stores

    def carry_on(self) -> list[tuple[int, int]]:
        """(carried, store): which stored value each carried one becomes."""
        stores = [at for _, at in self.body.stores]
        return [(j, stores.index(at)) for j, at in enumerate(self.carried)]

    def ends(self, mask: str) -> list[str]:
        """After the last step."""
        lines = []
        for j, at in enumerate(self.carried):
            if self.loop.backward:
                k = self.slot(at.buffer, "row")
                lines.append(f"tl.store(p{k} + row * r{k} + {at.offset} + column, c{j}, mask={mask})")
        for j in range(len(self.sums)):
            place = f"partial + ({j} * tl.num_programs(0) + row) * {self.body.size} + column"
            lines.append(f"tl.store({place}, s{j}, mask={mask})")
        return lines

    @property
    def moving(self) -> list[int]:
        return [k for k, slot in enumerate(self.slots) if slot.role == "sequence"]

    def head(self, inside: str) -> list[str]:
        return [
            "row = tl.program_id(0).to(tl.int64)",
            "column = tl.program_id(1) * TILE_C + tl.arange(0, TILE_C)",
            f"{inside} = column < {self.body.size}",
            "length = steps",
            "if RAGGED:",
            "    length = tl.load(lengths + row)",
            *(f"s{j} = tl.full([TILE_C], 0, ACC)" for j in range(len(self.sums))),
        ]


def walk_kernel(loop: Loop, body: LoopBody, name: str) -> tuple[TritonKernel, str]:
    """One program: TILE_C columns of one row, step after step."""
    writer, back = TimeWriter(loop, body), loop.backward
    before = [*writer.vectors("mask"), *writer.begins("mask")]
    inner = [f"{value(node)} = c{writer.carried.index(at)}" for at, node in writer.leaves().items()]
    inner += [*writer.loads("", ""), *writer.computed(writer.roots, set(body.loads)), *writer.stores("c{}")]
    inner += [f"c{j} = w{i}.to(ACC)" for j, i in writer.carry_on()]
    inner += [f"s{j} += tl.where(active, {value(node)}, 0.0)" for j, (node, _) in enumerate(writer.sums)]
    ends = writer.ends("mask")
    first = " + (steps - 1).to(tl.int64) * t{0}" if back else ""
    kernel = writer.kernel(name, "walk")
    return kernel, kernel_text(
        kernel,
        [
            *writer.head("mask"),
            *before,
            *(f"q{k} = p{k} + row * r{k} + column" + first.format(k) for k in writer.moving),
            "for step in tl.range(0, steps, num_stages=AHEAD):",
            *indented(
                [
                    "time = steps - 1 - step" if back else "time = step",
                    "active = time < length",
                    *inner,
                    *(f"q{k} {'-' if back else '+'}= t{k}" for k in writer.moving),
                ]
            ),
            *ends,
        ],
    )


def scan_kernel(loop: Loop, body: LoopBody, name: str) -> tuple[TritonKernel, str] | None:
    """One program: TILE_C columns of one row, TILE_T times at once; None where what is carried is not linear."""
    writer = TimeWriter(loop, body)
    vectors = writer.vectors("inside", "{}[None, :]")
    before = writer.begins("inside")
    loads = writer.loads("[:, None]", "[None, :]")
    leaves = writer.leaves()
    known = set(body.loads)
    text = _Text(writer, known)
    scans = []
    for j, at in enumerate(writer.carried):
        new = next(node for node, place in body.stores if place == at)
        parts = affine(new, leaves.get(at), set(leaves.values()), text)
        if parts is None:
            return None
        a, b = (part or "0.0" for part in parts)
        scans += [
            f"a{j}, b{j} = tl.associative_scan((tl.where(active, {a}, 1.0) + zeros, "
            f"tl.where(active, {b}, 0.0) + zeros), 0, compose)",
            f"z{j} = a{j} * c{j}[None, :] + b{j}",
            f"y{j} = tl.where(index[:, None] == 0, c{j}[None, :], tl.gather(z{j}, above, 0))",
        ]
        scans += [f"{value(leaves[at])} = y{j}"] if at in leaves else []
    inner = [*loads, *text.lines, *scans, *writer.computed(writer.roots, known), *writer.stores("y{}")]
    inner += [
        f"c{j} = tl.reduce(tl.where(index[:, None] == TILE_T - 1, w{i}, 0.0).to(ACC), 0, plus)"
        for j, i in writer.carry_on()
    ]
    inner += [
        f"s{j} += tl.reduce(tl.where(active & mask, {value(node)}, 0.0), 0, plus)"
        for j, (node, _) in enumerate(writer.sums)
    ]
    ends = writer.ends("inside")
    kernel = writer.kernel(name, "scan")
    return kernel, kernel_text(
        kernel,
        [
            *writer.head("inside"),
            *vectors,
            *before,
            "index = tl.arange(0, TILE_T)",
            "zeros = tl.full([TILE_T, TILE_C], 0, ACC)",
            "above = tl.maximum(index - 1, 0)[:, None] + tl.full([TILE_T, TILE_C], 0, tl.int32)",
            "for start in tl.range(0, steps, TILE_T):",
            *indented(
                [
                    "step = start + index",
                    "time = steps - 1 - step" if loop.backward else "time = step",
                    "mask = (step < steps)[:, None] & inside[None, :]",
                    "active = ((step < steps) & (time < length))[:, None]",
                    *(
                        f"q{k} = p{k} + row * r{k} + time.to(tl.int64)[:, None] * t{k} + column[None, :]"
                        for k in writer.moving
                    ),
                    *inner,
                ]
            ),
            *ends,
        ],
    )


class _Text:
    """Coefficients as lines of text, one operation each."""

    def __init__(self, writer: Writer, known: set[Value]) -> None:
        self.writer, self.known = writer, known
        self.lines: list[str] = []

    def of(self, node: Value) -> str:
        self.lines += self.writer.computed([node], self.known)
        return value(node)

    def one(self) -> str:
        return "1.0"

    def add(self, values: Sequence[str]) -> str:
        return self.line(" + ".join(values))

    def mul(self, values: Sequence[str]) -> str:
        return self.line(" * ".join(values))

    def neg(self, value: str) -> str:
        return self.line(f"-{value}")

    def div(self, a: str, b: str) -> str:
        return self.line(f"{a} / {b}")

    def line(self, text: str) -> str:
        name = f"e{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return name
