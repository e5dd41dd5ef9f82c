"""How a layer's `to_torch` becomes code: it calls torch's functions on proxies, which record them in an fx graph."""

from __future__ import annotations

import operator
from collections.abc import Container, Mapping, Sequence
from typing import Any

from torch import fx

from netspec.backends.torch.lengths import size_value
from netspec.frontend.identifiers import CODE_NAMES
from netspec.graph.model import Node, Ref
from netspec.layers.base import Layer
from netspec.shapes.dim import Dim, Size
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError


class Recorder:
    """The code of one submodule in the making: `values` are the proxies of what it has computed so far."""

    def __init__(self, types: Mapping[str, tuple[TensorType, ...]], readers: Container[Ref]) -> None:
        self.types, self.readers = types, readers
        self.untyped: set[tuple[Layer, int]] = set()  # layers, with how many inputs, whose code no type decides
        self.code = fx.Graph()
        self.tracer = fx.proxy.GraphAppendingTracer(self.code)
        self.values: dict[Ref, fx.Proxy] = {}

    def take(self, ref: Ref, name: str, renamed: bool = False) -> None:
        """An input of the code; `renamed` where no front end has looked at its name."""
        taken = {str(value.node.target) for value in self.values.values()}
        if renamed:
            name = identifier(name) if identifier(name) not in CODE_NAMES else f"{name}_"
        candidate, i = name, 2
        while candidate in taken:
            candidate, i = f"{name}_{i}", i + 1
        self.values[ref] = fx.Proxy(self.code.placeholder(candidate), self.tracer)

    def submodule(self, local: str, inputs: Sequence[Ref], outputs: Mapping[Ref, str]) -> None:
        """The call of a submodule; `outputs` are what it gives in order, with a name for each of several."""
        if not outputs:
            return
        args = tuple(self.values[ref].node for ref in inputs)
        result = self.code.create_node("call_module", local, args, {}, name=identifier(local))
        if len(outputs) == 1:
            self.values[next(iter(outputs))] = fx.Proxy(result, self.tracer)
            return
        for i, (ref, name) in enumerate(outputs.items()):
            item = self.code.create_node("call_function", operator.getitem, (result, i), {}, name=identifier(name))
            self.values[ref] = fx.Proxy(item, self.tracer)

    def layer(self, node: Node, local: str) -> None:
        """The code of a layer; its value carries the layer's name."""
        before = len(self.code.nodes)
        build = LayerRecorder(self, node, local)
        result = node.layer.to_torch(build)
        if not build.asked_for_types:
            self.untyped.add((node.layer, len(node.inputs)))
        if isinstance(result, dict):
            for port, value in result.items():
                self.port(Ref(node.name, port), value, f"{local}_{port or 'output'}")
            return
        self.values[Ref(node.name)] = result
        if len(self.code.nodes) > before:
            result.node._rename(identifier(local))

    def port(self, ref: Ref, value: fx.Proxy, name: str) -> None:
        """One of several outputs; what nobody reads is not taken out of the result."""
        self.values[ref] = value
        if value.node.target is not operator.getitem:
            return
        if ref in self.readers:
            value.node._rename(identifier(name))
        elif not value.node.users:
            self.code.erase_node(value.node)


def identifier(local: str) -> str:
    """A dotted name as one of Python's."""
    name = local.replace(".", "_")
    return f"_{name}" if name[0].isdigit() else name


class LayerRecorder:
    """What a layer's `to_torch` works with (layers.base.TorchBuilder)."""

    def __init__(self, recorder: Recorder, node: Node, local: str) -> None:
        self.inputs: tuple[Any, ...] = tuple(recorder.values[ref] for ref in node.inputs)
        self.asked_for_types = False
        self._types, self._tracer, self._node, self._local = recorder.types[node.name], recorder.tracer, node, local

    @property  # asking is noted: code that asked for no type is the same for all
    def types(self) -> tuple[TensorType, ...]:
        self.asked_for_types = True
        return self._types

    @property
    def outputs(self) -> Mapping[str, TensorType]:
        self.asked_for_types = True
        return self._node.outputs

    @property
    def output(self) -> TensorType:
        return self.outputs[""]

    def call(self, *args: Any, **kwargs: Any) -> Any:
        name = identifier(self._local)
        return self._tracer.create_proxy("call_module", self._local, args or self.inputs, kwargs, name=name)

    def module(self, module: Any) -> Any:
        """Refused: modules are made before their wiring is recorded, once for all equal blocks (NS501)."""
        hint = f"return it from `torch_module` of the kind `{self._node.kind}`; `build.call(…)` calls it"
        raise NetspecError("NS501", f"{self._node.kind} makes its module in `to_torch`", self._node.span, hint=hint)

    def size(self, size: Size) -> Any:
        try:
            return size_value(size, self._axis)
        except LookupError as error:
            raise NetspecError(
                "NS501",
                f"{self._node.kind} needs the size `{error.args[0]}`, no axis of its inputs",
                self._node.span,
                route=self._node.route,
                hint="give the axis a number in `inputs`",
            ) from None

    def _axis(self, size: Dim) -> Any:
        for x, type_ in zip(self.inputs, self.types, strict=True):
            if size in type_.shape:
                return x.size(type_.shape.index(size))
        return None
