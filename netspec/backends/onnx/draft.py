"""An ONNX model in the making: its nodes in order, its initializers, and the names of its values."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from netspec.graph.model import Graph, Ref
from netspec.shapes.tensor import TensorType
from netspec.version import VERSION

OPSET = 21
IR_VERSION = 10

DTYPES = {
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "bool": TensorProto.BOOL,
}


class ModelDraft:
    """What is known of the model so far: names of values, nodes, initializers, states."""

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

    def free(self, name: str) -> str:
        return f"{name}/value" if name in self.taken else name

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
        live = []
        for node in reversed(self.nodes):
            if read.isdisjoint(node.output):
                continue
            _leave_out(node, set(node.output) - read)
            read |= _read(node)
            live.append(node)
        self.nodes = live[::-1]
        return read

    def initializer(self, name: str, values: Any) -> str:
        if name not in self.initializers:
            tensor = self.model.graph.initializer.add(
                name=name, dims=values.shape, data_type=helper.np_dtype_to_tensor_dtype(values.dtype)
            )
            tensor.raw_data = np.ascontiguousarray(values).tobytes()
            self.initializers.add(name)
        return name


def _leave_out(node: onnx.NodeProto, unread: set[str]) -> None:
    """Outputs that the operator may go without get no name, and the last of them no place: they are not computed."""
    if not unread:
        return
    declared = onnx.defs.get_schema(node.op_type, OPSET, node.domain).outputs  # the last may stand for any number
    for i, (name, output) in enumerate(zip(node.output, declared, strict=False)):
        if name in unread and output.option == onnx.defs.OpSchema.FormalParameterOption.Optional:
            node.output[i] = ""
    while not node.output[-1]:
        del node.output[-1]


def _read(node: onnx.NodeProto) -> set[str]:
    """The names that a node reads, those that its subgraphs take from around them among them."""
    inner = (_read(n) for a in node.attribute if a.type == onnx.AttributeProto.GRAPH for n in a.g.node)
    return set(node.input).union(*inner)


def _info(name: str, type_: TensorType) -> onnx.ValueInfoProto:
    shape = [size if isinstance(size, int) else str(size) for size in type_.shape]
    return helper.make_tensor_value_info(name, DTYPES[type_.dtype], shape)
