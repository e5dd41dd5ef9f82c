"""Where ONNX nodes are written: what a layer's `to_onnx` works with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from netspec.backends.onnx.draft import DTYPES, ModelDraft
from netspec.graph.model import Node
from netspec.shapes.dim import Dim, Quotient, Size
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError


class LayerNodes:
    """The nodes of one layer (layers.base.OnnxBuilder)."""

    def __init__(self, model: ModelDraft, node: Node) -> None:
        self._model, self._node = model, node
        self.inputs = tuple(model.values[ref] for ref in node.inputs)
        self.types = model.graph.input_types(node)
        self.outputs: Mapping[str, TensorType] = node.outputs
        self.made: list[onnx.NodeProto] = []
        self._count = 0

    @property
    def output(self) -> TensorType:
        return self.outputs[""]

    @property
    def streaming(self) -> bool:
        return self._model.streaming

    def op(self, op_type: str, inputs: Sequence[str], **attributes: Any) -> str:
        return self.ops(op_type, inputs, 1, **attributes)[0]

    def ops(self, op_type: str, inputs: Sequence[str], count: int, **attributes: Any) -> tuple[str, ...]:
        name = self.name(op_type)
        names = (name,) if count == 1 else tuple(f"{name}.{i}" for i in range(count))
        present = {k: v for k, v in attributes.items() if v is not None}
        self.made.append(helper.make_node(op_type, list(inputs), list(names), name=name, **present))
        return names

    def name(self, what: str) -> str:
        self._count += 1
        return f"{self._node.name}/{what}_{self._count}"

    @contextmanager
    def inside(self) -> Iterator[list[onnx.NodeProto]]:
        around, self.made = self.made, []
        try:
            yield self.made
        finally:
            self.made = around

    def body(
        self,
        nodes: Sequence[onnx.NodeProto],
        inputs: Sequence[tuple[str, Sequence[int | None], str]],
        outputs: Sequence[tuple[str, Sequence[int | None]]],
    ) -> onnx.GraphProto:
        return helper.make_graph(
            nodes,
            f"{self._node.name}/body",
            [helper.make_tensor_value_info(name, DTYPES[dtype], shape) for name, shape, dtype in inputs],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        )

    def state_input(self, name: str, shape: Sequence[Size]) -> str:
        full = f"{self._node.name}.{name}"
        self._model.state_inputs[full] = TensorType(tuple(shape))
        return full

    def state_output(self, name: str, value: str, shape: Sequence[Size]) -> None:
        full = f"{self._node.name}.{name}"
        self._model.state_outputs[full] = TensorType(tuple(shape))
        self.made.append(helper.make_node("Identity", [value], [full], name=full))

    def _full(self, name: str) -> str:
        return f"{self._model.graph.owner(self._node, name)}.{name}"

    def weight(self, name: str) -> str:
        return self._model.initializer(self._full(name), self.array(name))

    def array(self, name: str) -> Any:
        return self._model.graph.weights[self._full(name)]

    def const(self, value: Any, dtype: str = "float32") -> str:
        values = np.asarray(value, dtype=helper.tensor_dtype_to_np_dtype(DTYPES[dtype]))
        return self._model.initializer(self.name("const"), values)

    def shape(self, sizes: Sequence[Size]) -> str:
        if all(isinstance(s, int) for s in sizes):
            return self.const(list(sizes), "int64")
        parts = [self.const([s], "int64") if isinstance(s, int) else self._size(s) for s in sizes]
        return parts[0] if len(parts) == 1 else self.op("Concat", parts, axis=0)

    def _size(self, size: Size) -> str:
        """A size as a vector of one element."""
        if isinstance(size, int):
            return self.const([size], "int64")
        for x, type_ in zip(self.inputs, self.types, strict=True):
            if size in type_.shape:
                return self._axis(x, type_.shape.index(size))
        total = ""
        for monomial, factor in size.terms:
            term = "" if factor == 1 and monomial else self.const([factor], "int64")
            for atom in monomial:
                value = self._atom(atom)
                term = self.op("Mul", [term, value]) if term else value
            total = self.op("Add", [total, term]) if total else term
        return total

    def _atom(self, atom: str | Quotient) -> str:
        if isinstance(atom, Quotient):  # sizes are never negative, so that Div rounds down
            return self.op("Div", [self._size(atom.numerator), self.const([atom.denominator], "int64")])
        for name, type_ in self._model.graph.inputs.items():
            for i, size in enumerate(type_.shape):
                if isinstance(size, Dim) and str(size) == atom:
                    return self._axis(name, i)
        raise NetspecError(
            "NS702", f"{self._node.kind} needs the size `{atom}`, which no input has as an axis", self._node.span
        )

    def _axis(self, value: str, axis: int) -> str:
        return self.op("Shape", [value], start=axis, end=axis + 1)
