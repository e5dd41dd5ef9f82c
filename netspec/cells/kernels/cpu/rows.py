"""A Loop as one LLVM function: some rows of the batch through the whole sequence, step by step, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.dag import Value
from netspec.cells.ir.loop import At, Gemm, Loop, LoopBody, cut
from netspec.cells.kernels.cpu.arguments import arguments_of, word
from netspec.cells.kernels.cpu.product import I1, POINTER, element, load, loop, panel_width
from netspec.cells.kernels.cpu.vector import F32, I64, VectorCode


@dataclass
class _RowAddress:
    """Where a row of a buffer begins at the current step: row r is at base + r·stride."""

    base: Any
    stride: Any


class RowsFunction:
    """Builds `rows` (code.py)."""

    def __init__(self, module: ir.Module, code: Loop, lanes: int, ragged: bool, product: ir.Function | None) -> None:
        self.code, self.lanes, self.ragged, self.product = code, lanes, ragged, product
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, I64, I64, I64]), "rows")
        self.function.linkage = "internal"
        args, self.first, last, self.worker = self.function.args
        b = self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.words = {key: word(b, args, i) for i, key in enumerate(arguments_of(code))}
        self.count = b.sub(last, self.first)
        steps = self.words["", "steps"]
        with loop(b, steps) as i:
            self.t = b.sub(b.sub(steps, I64(1)), i) if code.backward else i
            self.places = self._places()
            for stage in code.stages:
                for gemm in stage.gemms:
                    self._product(gemm)
                for body in stage.bodies:
                    self._body(body)
        b.ret_void()

    def _pointer(self, buffer: str, word: str) -> Any:
        return self.builder.inttoptr(self.words[buffer, word], POINTER)

    def _places(self) -> dict[tuple[str, bool], _RowAddress]:
        b, words = self.builder, self.words
        addresses: dict[tuple[str, bool], _RowAddress] = {}
        for buffer in self.code.buffers.values():
            name = buffer.name
            data = self._pointer(name, "data")
            match buffer.kind:
                case "sequence" | "state":
                    here = element(b, data, b.mul(self.t, words[name, "step"]))
                    addresses[name, False] = _RowAddress(here, words[name, "row"])
                    if buffer.kind == "state":
                        start = b.icmp_signed("==", self.t, I64(0))
                        earlier = element(b, data, b.mul(b.sub(self.t, I64(1)), words[name, "step"]))
                        base = b.select(start, self._pointer(name, "initial"), earlier)
                        stride = b.select(start, words[name, "initial_row"], words[name, "row"])
                        addresses[name, True] = _RowAddress(base, stride)
                case "carry" | "scratch":
                    addresses[name, False] = _RowAddress(data, words[name, "row"])
                case "vector":
                    addresses[name, False] = _RowAddress(data, I64(0))
                case "sum":
                    share = element(b, data, b.mul(self.worker, words[name, "worker"]))
                    addresses[name, False] = _RowAddress(share, I64(0))
        return addresses

    def _row(self, at: At, row: Any) -> Any:
        place = self.places[at.buffer, at.before]
        b = self.builder
        return element(b, place.base, b.add(b.mul(row, place.stride), I64(at.offset)))

    def _product(self, gemm: Gemm) -> None:
        b = self.builder
        assert self.product is not None  # there are products
        width = panel_width(self.lanes)
        panels = -(-gemm.width // width)
        packed = self._pointer(gemm.weight, "packed")
        target = self.places[gemm.target.buffer, False].stride
        done = 0
        for at, depth in gemm.sources:
            # Every source has its own panels, one behind the other.
            matrix = element(b, packed, I64(done * panels * width))
            b.call(
                self.product,
                [
                    self._row(at, self.first),
                    self.places[at.buffer, at.before].stride,
                    self.count,
                    I64(depth),
                    matrix,
                    I64(panels),
                    self._row(gemm.target, self.first),
                    target,
                    I1(done > 0),
                ],
            )
            done += depth

    def _body(self, body: LoopBody) -> None:
        b = self.builder
        with loop(b, self.count) as k:
            row = b.add(self.first, k)
            if not self.ragged:
                self._columns(body, row)
                return
            length = b.load(b.gep(self._pointer("", "lengths"), [row], source_etype=I64), typ=I64)
            with b.if_else(b.icmp_signed("<", self.t, length)) as (real, padding):
                with real:
                    self._columns(body, row)
                with padding:
                    self._still(body, row)

    def _columns(self, body: LoopBody, row: Any) -> None:
        """All columns of a row: whole vectors, then what is left under a mask."""
        b = self.builder
        vectors, rest = divmod(body.size, self.lanes)
        at: dict[At, Any] = {}
        for place in [*body.loads.values(), *(a for _, a in (*body.stores, *body.sums))]:
            if place not in at:
                at[place] = self._row(place, row)
        if vectors:
            with loop(b, I64(vectors)) as j:
                self._vector(body, at, b.mul(j, I64(self.lanes)), None)
        if rest:
            mask = ir.Constant(ir.VectorType(I1, self.lanes), [I1(i < rest) for i in range(self.lanes)])
            self._vector(body, at, I64(vectors * self.lanes), mask)

    def _vector(self, body: LoopBody, at: dict[At, Any], column: Any, mask: Any) -> None:
        code = VectorCode(self.builder, self.lanes)
        values: dict[Value, Any] = {}
        for node in cut([n for n, _ in (*body.stores, *body.sums)], body.loads):
            place = body.loads.get(node)
            if place is not None:
                values[node] = self._load(element(self.builder, at[place], column), mask)
            else:
                values[node] = emit_value(code, node, [values[a] for a in node.args])
        for node, place in body.stores:
            self._store(values[node], element(self.builder, at[place], column), mask)
        for node, place in body.sums:
            pointer = element(self.builder, at[place], column)
            self._store(code.add(self._load(pointer, mask), values[node]), pointer, mask)

    def _still(self, body: LoopBody, row: Any) -> None:
        """A step of padding: states and carries stand still, sequences get zeros, nothing is added up."""
        b = self.builder
        vectors, rest = divmod(body.size, self.lanes)
        for _, place in body.stores:
            kind = self.code.buffers[place.buffer].kind
            if kind not in ("sequence", "state"):
                continue
            target = self._row(place, row)
            source = self._row(At(place.buffer, place.offset, before=True), row) if kind == "state" else None

            def copy(column: Any, mask: Any, target: Any = target, source: Any = source) -> None:
                zero = VectorCode(b, self.lanes).number(0.0)
                value = zero if source is None else self._load(element(b, source, column), mask)
                self._store(value, element(b, target, column), mask)

            if vectors:
                with loop(b, I64(vectors)) as j:
                    copy(b.mul(j, I64(self.lanes)), None)
            if rest:
                copy(
                    I64(vectors * self.lanes),
                    ir.Constant(ir.VectorType(I1, self.lanes), [I1(i < rest) for i in range(self.lanes)]),
                )

    def _load(self, pointer: Any, mask: Any) -> Any:
        b, vector = self.builder, ir.VectorType(F32, self.lanes)
        if mask is None:
            return load(b, pointer, vector)
        kind = ir.FunctionType(vector, [POINTER, ir.IntType(32), mask.type, vector])
        zero = ir.Constant(vector, [ir.Constant(F32, 0.0)] * self.lanes)
        return b.call(self._masked("load", kind), [pointer, ir.IntType(32)(4), mask, zero])

    def _store(self, value: Any, pointer: Any, mask: Any) -> None:
        b = self.builder
        if mask is None:
            b.store(value, pointer, align=4)
            return
        kind = ir.FunctionType(ir.VoidType(), [value.type, POINTER, ir.IntType(32), mask.type])
        b.call(self._masked("store", kind), [value, pointer, ir.IntType(32)(4), mask])

    def _masked(self, what: str, kind: ir.FunctionType) -> ir.Function:
        name = f"llvm.masked.{what}.v{self.lanes}f32.p0"
        function = self.function.module.globals.get(name)
        return function if function is not None else ir.Function(self.function.module, kind, name)


def emit_value(code: VectorCode, node: Value, args: list[Any]) -> Any:
    """One element-wise node."""
    match node.op:
        case "number":
            return code.number(node.attr)
        case "add":
            return _sum(code, node, args)
        case "mul":
            total = args[0]
            for a in args[1:]:
                total = code.mul(total, a)
            return total
        case "neg":
            return code.neg(args[0])
        case "div":
            return code.div(*args)
    return FUNCTIONS[node.op].vector(code, *args)


def _sum(code: VectorCode, node: Value, args: list[Any]) -> Any:
    total = args[0]
    for a in args[1:]:
        total = code.add(total, a)
    return total
