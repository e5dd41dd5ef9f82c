"""Triton text of a loop's bodies, in three forms.

    step   one body at one time: a tile of rows and columns, between matrix products
    walk   a body of a loop without products, the whole sequence: a program has some columns of one row, and what is
           carried from step to step stays in registers (triton_time.py)
    scan   the same where what is carried is linear: a tile of times at once, by an associative scan (triton_time.py)

Nothing of a user's file stands in the text: values are called by the index of their node, buffers by the place of their
slot, and operations come from ir/dag.py, functions/.  Widths are written out; all that a batch or a length decides is
an argument.

# TILE_T, TILE_R, TILE_C: times, rows (the batch) and columns that one program has at once
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.dag import Value
from netspec.cells.ir.loop import At, Loop, LoopBody, cut

Form = Literal["step", "walk", "scan"]
# How a kernel reaches a buffer: "sequence" the row of this time (of a state: what the step leaves), "before" a state's
# row before the step, "initial" that before the first step, "row" what has no time, "vector" what has no row either.
Role = Literal["sequence", "before", "initial", "row", "vector"]

_HEAD = '''\
"""Kernels of a recurrent cell, written by netspec: a cache, safe to delete."""

import triton
import triton.language as tl


@triton.jit
def maximum(a, b):
    return tl.maximum(a, b, tl.PropagateNan.ALL)  # as torch does


@triton.jit
def minimum(a, b):
    return tl.minimum(a, b, tl.PropagateNan.ALL)


# Triton's own `sum` is interpreted only where Triton was imported to interpret.
@triton.jit
def plus(a, b):
    return a + b


@triton.jit
def compose(a, b, c, d):
    return c * a, c * b + d
'''
PRELUDE = "\n".join([_HEAD, *(f.triton_helper for f in FUNCTIONS.values() if f.triton_helper)])


@dataclass(frozen=True)
class KernelPointer:
    """One pointer of a kernel."""

    buffer: str
    role: Role


@dataclass(frozen=True, eq=False)
class TritonKernel:
    """The signature of one function of the text.

    Its parameters: p0, p1, … (the slots); for a step o0, o1, … (where the row of this time begins), else t0, t1, …
    (from one time to the next); r0, r1, … (from one row to the next); then those of `shared_parameters`.
    """

    name: str
    form: Form
    size: int
    slots: tuple[KernelPointer, ...]
    sums: tuple[At, ...]


def shared_parameters(form: Form) -> tuple[str, ...]:
    """What every kernel of a form takes behind its slots; constants are in capitals."""
    time = ("time", "rows") if form == "step" else ("steps",)
    tile = {"step": ("TILE_R", "TILE_C"), "walk": ("TILE_C", "AHEAD"), "scan": ("TILE_T", "TILE_C")}[form]
    return ("lengths", "partial", *time, "RAGGED", "ACC", "ALIGNED", *tile)


def kernel_text(kernel: TritonKernel, lines: Iterable[str]) -> str:
    """One function of the module."""
    count = range(len(kernel.slots))
    along = "o" if kernel.form == "step" else "t"
    numbers = [*(f"{along}{k}" for k in count), *(f"r{k}" for k in count)]
    shared = shared_parameters(kernel.form)
    # Compiled for no one batch or length: not even whether it is 1, or divisible by 16.
    plain = [*numbers, *(p for p in shared if p in ("time", "rows", "steps"))]
    constants = [f"{p}: tl.constexpr" if p.isupper() else p for p in shared]
    wide = [
        *(f"{name} = {name}.to(tl.int64)" for name in numbers),
        "if ALIGNED:",
        *(f"    {name} = tl.multiple_of({name}, 16)" for name in numbers),
    ]
    head = [
        f"@triton.jit(do_not_specialize={plain!r})",
        f"def {kernel.name}({', '.join([*(f'p{k}' for k in count), *numbers, *constants])}):",
    ]
    return "\n".join(["", "", *head, *indented([*wide, *lines]), ""])


@dataclass
class Writer:
    """What the forms share; `slots` fills as buffers are met."""

    loop: Loop
    body: LoopBody
    slots: list[KernelPointer] = field(default_factory=list)

    def slot(self, buffer: str, role: Role) -> int:
        slot = KernelPointer(buffer, role)
        if slot not in self.slots:
            self.slots.append(slot)
        return self.slots.index(slot)

    def kind(self, at: At) -> str:
        return self.loop.buffers[at.buffer].kind

    def kernel(self, name: str, form: Form) -> TritonKernel:
        return TritonKernel(name, form, self.body.size, tuple(self.slots), tuple(at for _, at in self.sums))

    @property
    def roots(self) -> list[Value]:
        return [n for n, _ in (*self.body.stores, *self.body.sums)]

    @property
    def sums(self) -> list[tuple[Value, At]]:
        """Sums of more than nothing."""
        return [(n, at) for n, at in self.body.sums if n.number != 0]

    def vectors(self, mask: str, form: str = "{}") -> list[str]:
        """Loads of what is the same at every row and step."""
        lines = []
        for node, at in self.body.loads.items():
            if self.kind(at) == "vector":
                load = f"tl.load(p{self.slot(at.buffer, 'vector')} + {at.offset} + column, mask={mask}, other=0.0)"
                lines.append(f"{value(node)} = {form.format(f'{load}.to(ACC)')}")
        return lines

    def computed(self, nodes: Iterable[Value], known: set[Value]) -> list[str]:
        """Lines for nodes and all they need but what is known; what they compute is known then."""
        lines = []
        for node in cut(nodes, known):
            if node not in known:
                known.add(node)
                lines += [] if node.op == "number" else [f"{value(node)} = {expression(node)}"]
        return lines


def step_kernel(loop: Loop, body: LoopBody, name: str) -> tuple[TritonKernel, str]:
    """One body at one time.  Sums go to a row of `partial` that belongs to the program's rows alone."""
    writer = Writer(loop, body)
    vectors = writer.vectors("inside", "{}[None, :]")
    loads, ends, stores, sums = [], [], [], []

    def load(at: At) -> str:
        role: Role = "before" if at.before else "sequence" if writer.kind(at) in ("sequence", "state") else "row"
        return f"tl.load(q{writer.slot(at.buffer, role)} + {at.offset}, mask=mask, other=0.0).to(ACC)"

    for node, at in body.loads.items():
        if writer.kind(at) != "vector":
            loads.append(f"{value(node)} = {load(at)}")
    for j, (node, at) in enumerate(body.stores):
        kind = writer.kind(at)
        k = writer.slot(at.buffer, "sequence" if kind in ("sequence", "state") else "row")
        still = load(At(at.buffer, at.offset, before=kind == "state")) if kind in ("state", "carry") else "0.0"
        ends.append(f"w{j} = {value(node)}")
        if kind != "scratch":
            ends += ["if RAGGED:", f"    w{j} = tl.where(active, {value(node)}, {still})"]
        stores.append(f"tl.store(q{k} + {at.offset}, w{j}, mask=mask)")
    for j, (node, _) in enumerate(writer.sums):
        loads += [
            f"m{j} = partial + ({j} * tl.num_programs(0) + tl.program_id(0)).to(tl.int64) * {body.size} + column",
            f"d{j} = tl.load(m{j}, mask=inside, other=0.0)",  # here: it need not wait for the rest
        ]
        sums += [
            f"s = tl.reduce(tl.where(real, {value(node)}, 0.0).to(ACC), 0, plus)",
            f"tl.store(m{j}, d{j} + s, mask=inside)",
        ]
    # Every value is loaded before the first store: one may be kept where another stood.
    computed = writer.computed(writer.roots, set(body.loads))
    pointed = [k for k, slot in enumerate(writer.slots) if slot.role != "vector"]
    kernel = writer.kernel(name, "step")
    return kernel, kernel_text(
        kernel,
        [
            "row = (tl.program_id(0) * TILE_R + tl.arange(0, TILE_R)).to(tl.int64)",
            "column = tl.program_id(1) * TILE_C + tl.arange(0, TILE_C)",
            f"inside = column < {body.size}",
            "mask = (row < rows)[:, None] & inside[None, :]",
            "real = mask",
            "if RAGGED:",
            "    active = (time < tl.load(lengths + row, mask=row < rows, other=0))[:, None]",
            "    real = mask & active",
            *(f"q{k} = p{k} + o{k} + row[:, None] * r{k} + column[None, :]" for k in pointed),
            *vectors,
            *loads,
            *computed,
            *ends,
            *stores,
            *sums,
        ],
    )


def indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def value(node: Value) -> str:
    """How the text calls a node."""
    return repr(node.number) if node.number is not None else f"v{node.index:d}"


def expression(node: Value) -> str:
    """One element-wise node, of its arguments' names."""
    args = [value(a) for a in node.args]
    match node.op:
        case "add":
            return " + ".join(args)
        case "mul":
            return " * ".join(args)
        case "neg":
            return f"-{args[0]}"
        case "div":
            return f"{args[0]} / {args[1]}"
    return f"({FUNCTIONS[node.op].triton.format(*args)}).to(ACC)"  # a choice of two numbers is float32
