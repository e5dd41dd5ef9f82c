"""A matrix product for few rows and a matrix that stays the same for many steps, in LLVM's language.

    c[rows, width] (+)= a[rows, depth] @ b,  b packed as panels of `PANEL` vectors: [width / panel][depth][panel]

Each tile of rows holds its sums in registers, and reads every element of the panel once: the form in which BLAS
libraries write their kernels (Goto & van de Geijn 2008).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from netspec.cells.kernels.cpu.vector import F32, I64

PANEL = 2  # vectors side by side
TILES = {16: (8, 4, 2, 1), 8: (4, 2, 1), 4: (4, 2, 1)}  # lanes -> rows at a time: what fits into the registers

POINTER = ir.PointerType()
I1 = ir.IntType(1)


def panel_width(lanes: int) -> int:
    return PANEL * lanes


def product_function(module: ir.Module, lanes: int) -> ir.Function:
    """void product(a, a_stride, rows, depth, b, panels, c, c_stride, add)."""
    tiles = {rows: _tile(module, lanes, rows) for rows in TILES[lanes]}
    kind = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64, I64, POINTER, I64, POINTER, I64, I1])
    function = ir.Function(module, kind, "product")
    function.linkage = "internal"
    a, a_stride, rows, depth, b, panels, c, c_stride, add = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    width = panel_width(lanes)
    with loop(builder, panels) as panel:
        panel_b = element(builder, b, builder.mul(builder.mul(panel, depth), I64(width)))
        panel_c = element(builder, c, builder.mul(panel, I64(width)))
        first: Any = I64(0)
        for size in TILES[lanes]:
            count = builder.udiv(builder.sub(rows, first), I64(size))
            with loop(builder, count) as k:
                row = builder.add(first, builder.mul(k, I64(size)))
                builder.call(
                    tiles[size],
                    [
                        element(builder, a, builder.mul(row, a_stride)),
                        a_stride,
                        depth,
                        panel_b,
                        element(builder, panel_c, builder.mul(row, c_stride)),
                        c_stride,
                        add,
                    ],
                )
            first = builder.add(first, builder.mul(count, I64(size)))
    builder.ret_void()
    return function


def _tile(module: ir.Module, lanes: int, rows: int) -> ir.Function:
    """One tile: `rows` by one panel."""
    kind = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64, POINTER, POINTER, I64, I1])
    function = ir.Function(module, kind, f"tile{rows}")
    function.linkage = "internal"
    a, a_stride, depth, b, c, c_stride, add = function.args
    vector = ir.VectorType(F32, lanes)
    fma = module.globals.get(f"llvm.fma.v{lanes}f32")
    if fma is None:
        fma = ir.Function(module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f32")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    a_rows = [element(builder, a, builder.mul(a_stride, I64(r))) for r in range(rows)]
    places = [
        element(builder, c, builder.add(builder.mul(c_stride, I64(r)), I64(v * lanes)))
        for r in range(rows)
        for v in range(PANEL)
    ]
    zero = ir.Constant(vector, [ir.Constant(F32, 0.0)] * lanes)
    entry = builder.block
    with builder.if_then(add):
        loaded = [load(builder, p, vector) for p in places]
        adding = builder.block
    start = [builder.phi(vector) for _ in places]
    for phi, value in zip(start, loaded, strict=True):
        phi.add_incoming(zero, entry)
        phi.add_incoming(value, adding)
    head = builder.block
    body = function.append_basic_block("body")
    done = function.append_basic_block("done")
    builder.branch(body)  # depth is at least 1
    builder.position_at_end(body)
    k = builder.phi(I64)
    k.add_incoming(I64(0), head)
    sums = [builder.phi(vector) for _ in places]
    columns = [
        load(builder, element(builder, b, builder.add(builder.mul(k, I64(PANEL * lanes)), I64(v * lanes))), vector)
        for v in range(PANEL)
    ]
    new = []
    for r in range(rows):
        x = splat(builder, load(builder, element(builder, a_rows[r], k), F32), lanes)
        new += [builder.call(fma, [x, columns[v], sums[r * PANEL + v]]) for v in range(PANEL)]
    after = builder.add(k, I64(1))
    k.add_incoming(after, body)
    for phi, first, value in zip(sums, start, new, strict=True):
        phi.add_incoming(first, head)
        phi.add_incoming(value, body)
    builder.cbranch(builder.icmp_signed("<", after, depth), body, done)
    builder.position_at_end(done)
    for place, value in zip(places, new, strict=True):
        builder.store(value, place, align=4)
    builder.ret_void()
    return function


class loop:  # noqa: N801 - used as a statement: `with loop(builder, count) as i:`
    """A counted loop around what is built inside; nothing when the count is 0."""

    def __init__(self, builder: ir.IRBuilder, count: Any) -> None:
        self.builder, self.count = builder, count

    def __enter__(self) -> Any:
        b = self.builder
        before = b.block
        self.head = b.append_basic_block("head")
        self.body = b.append_basic_block("body")
        self.after = b.append_basic_block("after")
        b.branch(self.head)
        b.position_at_end(self.head)
        self.index = b.phi(I64)
        self.index.add_incoming(I64(0), before)
        b.cbranch(b.icmp_signed("<", self.index, self.count), self.body, self.after)
        b.position_at_end(self.body)
        return self.index

    def __exit__(self, *exception: object) -> None:
        b = self.builder
        self.index.add_incoming(b.add(self.index, I64(1)), b.block)
        b.branch(self.head)
        b.position_at_end(self.after)


def element(builder: ir.IRBuilder, pointer: Any, index: Any) -> Any:
    """The address of one float."""
    return builder.gep(pointer, [index], source_etype=F32)


def load(builder: ir.IRBuilder, pointer: Any, kind: Any) -> Any:
    """Floats from any address: rows of odd width are not aligned to vectors."""
    return builder.load(pointer, typ=kind, align=4)


def splat(builder: ir.IRBuilder, scalar: Any, lanes: int) -> Any:
    vector = ir.VectorType(F32, lanes)
    lane = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [ir.Constant(ir.IntType(32), 0)] * lanes)
    return builder.shuffle_vector(lane, ir.Constant(vector, ir.Undefined), mask)
