"""A graph as an ONNX model, emitted layer by layer: symbolic batch and axes, names of the YAML file.

Opset 21 and IR 10, which deployed runtimes read.  Nothing is traced; onnx is imported, torch is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import EncodeError  # type: ignore[import-untyped]  # has none
from onnx import TensorProto, helper

from netspec.backends.onnx.lengths import META as LENGTHS
from netspec.backends.onnx.lengths import lengths_meta
from netspec.backends.onnx.streaming import META as STREAMING
from netspec.backends.onnx.streaming import check_streaming, streaming_meta, streams
from netspec.graph.cost import num_params
from netspec.graph.model import Graph, Node, Ref
from netspec.passes.inference import for_inference
from netspec.shapes.dim import Dim, Quotient, Size
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError
from netspec.source.memory import shown
from netspec.version import VERSION

OPSET = 21
IR_VERSION = 10
MAX_BYTES = 2**31 - 2**20  # one protobuf message

_DTYPES = {
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "bool": TensorProto.BOOL,
}


def to_onnx(graph: Graph, module: Any, streaming: bool = False) -> onnx.ModelProto:
    """The network at inference with the module's weights.

    Dropout is gone, batch norm is folded where it can be, inputs and outputs carry their names and symbolic axes;
    `netspec.lengths` in the metadata, and the description of an input, say how long those may be.
    `streaming` adds the states of recurrent layers, before and after, as inputs and outputs (backends.onnx.streaming).
    Raises NS701 for a model over 2 GiB, NS705 for a network that cannot stream.  `backends.export.export_onnx` also
    verifies the file it writes.
    """
    if streaming:
        check_streaming(graph)
    check_size(graph)
    weights = {name: value.detach().cpu().numpy() for name, value in module.state_dict().items()}
    model = emit(for_inference(graph.with_weights(weights)), streaming)
    if graph.lengths.conditions:
        model.metadata_props.add(key=LENGTHS, value=lengths_meta(graph))
    if streaming:
        model.metadata_props.add(key=STREAMING, value=streaming_meta(streams(graph, weights)))
    return model


def check_size(graph: Graph) -> None:
    """Raises NS701 for weights that one protobuf message cannot hold, before any of them is made."""
    size = 4 * num_params(graph)
    if size > MAX_BYTES:
        raise NetspecError("NS701", f"the weights take {shown(size)}, one ONNX file holds less than 2 GiB",
                           hint="export a smaller network")  # fmt: skip


def serialized(model: onnx.ModelProto) -> bytes:
    """Raises NS701 where weights and constants together are more than one message holds."""
    try:
        return bytes(model.SerializeToString())
    except (ValueError, EncodeError):
        raise NetspecError("NS701", "weights and constants take 2 GiB or more, one ONNX file holds less",
                           hint="export a smaller network") from None  # fmt: skip


def emit(graph: Graph, streaming: bool = False) -> onnx.ModelProto:
    """A graph with weights as it stands, no pass run."""
    model = _Model(graph, streaming)
    for node in graph.layers():
        model.layer(node)
    return model.finish()


class _Model:
    def __init__(self, graph: Graph, streaming: bool) -> None:
        self.graph, self.streaming = graph, streaming
        self.state_inputs: dict[str, TensorType] = {}
        self.state_outputs: dict[str, TensorType] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.model = onnx.ModelProto()
        self.initializers: set[str] = set()
        self.values: dict[Ref, str] = {Ref(name): name for name in graph.inputs}
        self.taken = {*graph.inputs, *graph.outputs}
        self.named: dict[Ref, str] = {}
        for name, ref in graph.outputs.items():  # a tensor that is two outputs is copied for the second
            if ref not in self.values:
                self.named.setdefault(ref, name)

    def layer(self, node: Node) -> None:
        build = _Builder(self, node)
        result = node.layer.to_onnx(build)
        results = result if isinstance(result, dict) else {"": result}
        renamed: dict[str, str] = {}  # two ports may be one value
        for port, value in results.items():
            ref = Ref(node.name, port)
            if value not in renamed:
                renamed[value] = self.rename(build, value, self.named.get(ref) or self.free(str(ref)))
            self.values[ref] = renamed[value]
        last = results.get("")
        for made in build.made:
            if last is not None and self.values[Ref(node.name)] in made.output:
                made.name = node.name
        self.nodes += build.made

    def free(self, name: str) -> str:
        return f"{name}/value" if name in self.taken else name

    def rename(self, build: _Builder, value: str, name: str) -> str:
        """Give a value its public name; one that this layer did not make keeps the name it has."""
        if not any(value in made.output for made in build.made):
            return value
        for made in build.made:
            for names in (made.input, made.output):
                for i, old in enumerate(names):
                    if old == value:
                        names[i] = name
        return name

    def finish(self) -> onnx.ModelProto:
        graph = self.graph
        for name, ref in graph.outputs.items():
            if self.values[ref] != name:
                self.nodes.append(helper.make_node("Identity", [self.values[ref]], [name], name=f"{name}/output"))
        read = self.drop_dead_nodes()
        infos = [_info(self.values[Ref(n.name, p)], t) for n in graph.layers() for p, t in n.outputs.items()]
        io = {*graph.inputs, *graph.outputs, *self.state_outputs}
        # Filled in place: `make_graph` and `make_model` each copy every weight once more.
        model, proto = self.model, self.model.graph
        model.ir_version, model.producer_name, model.producer_version = IR_VERSION, "netspec", VERSION
        model.opset_import.append(helper.make_opsetid("", OPSET))
        proto.name = graph.name or "network"
        if graph.description:
            proto.doc_string = graph.description
        for i in reversed(range(len(proto.initializer))):  # a constant that a layer made and did not use
            if proto.initializer[i].name not in read:
                del proto.initializer[i]
        proto.node.extend(self.nodes)
        proto.input.extend(_info(name, type_) for name, type_ in {**graph.inputs, **self.state_inputs}.items())
        for value in proto.input:
            if value.name in graph.inputs:
                value.doc_string = graph.lengths.text(graph.inputs[value.name].symbols())
        proto.output.extend(
            _info(name, type_) for name, type_ in {**graph.output_types(), **self.state_outputs}.items()
        )
        proto.value_info.extend({i.name: i for i in infos if i.name in read and i.name not in io}.values())
        return model

    def drop_dead_nodes(self) -> set[str]:
        """Leave out what no output needs, such as a final state that nobody asks for; the names that are read."""
        read = {*self.graph.outputs, *self.state_outputs}
        kept = []
        for node in reversed(self.nodes):
            if read.isdisjoint(node.output):
                continue
            if node.op_type in _OPTIONAL_OUTPUTS:
                node.output[:] = [name if name in read else "" for name in node.output]
                while not node.output[-1]:
                    del node.output[-1]
            read |= _read(node)
            kept.append(node)
        self.nodes = kept[::-1]
        return read

    def initializer(self, name: str, values: Any) -> str:
        if name not in self.initializers:
            tensor = self.model.graph.initializer.add(
                name=name, dims=values.shape, data_type=helper.np_dtype_to_tensor_dtype(values.dtype)
            )
            tensor.raw_data = np.ascontiguousarray(values).tobytes()
            self.initializers.add(name)
        return name


_OPTIONAL_OUTPUTS = ("LSTM", "GRU", "RNN", "LayerNormalization")  # an empty name is an output that is not computed


def _read(node: onnx.NodeProto) -> set[str]:
    """The names that a node reads, those that its subgraphs take from around them among them."""
    inner = (_read(n) for a in node.attribute if a.type == onnx.AttributeProto.GRAPH for n in a.g.node)
    return set(node.input).union(*inner)


def _info(name: str, type_: TensorType) -> onnx.ValueInfoProto:
    shape = [size if isinstance(size, int) else str(size) for size in type_.shape]
    return helper.make_tensor_value_info(name, _DTYPES[type_.dtype], shape)


class _Builder:
    """What a layer's `to_onnx` works with (layers.base.OnnxBuilder)."""

    def __init__(self, model: _Model, node: Node) -> None:
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
        given = {k: v for k, v in attributes.items() if v is not None}
        self.made.append(helper.make_node(op_type, list(inputs), list(names), name=name, **given))
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

    def body(self, nodes: Sequence[onnx.NodeProto], inputs: Sequence[tuple[str, Sequence[int | None], str]],
             outputs: Sequence[tuple[str, Sequence[int | None]]]) -> onnx.GraphProto:  # fmt: skip
        return helper.make_graph(
            nodes, f"{self._node.name}/body",
            [helper.make_tensor_value_info(name, _DTYPES[dtype], shape) for name, shape, dtype in inputs],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        )  # fmt: skip

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
        values = np.asarray(value, dtype=helper.tensor_dtype_to_np_dtype(_DTYPES[dtype]))
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
