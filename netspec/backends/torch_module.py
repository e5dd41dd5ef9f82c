"""A graph as a PyTorch module: torch.fx, straight-line code, one submodule for each block instance and container.

`print(module.code)` shows what runs.  `state_dict` keys are the names of the YAML file.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn

from netspec.graph.cost import owner
from netspec.graph.model import Graph, Node, Ref
from netspec.shapes.dim import Dim, Quotient, Size, symbol
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError


def to_torch(graph: Graph, seed: int = 0) -> fx.GraphModule:
    """The network as an `nn.Module`, freshly initialised from `seed`; the global random state is left as it was.

    The module takes its inputs in the file's order or by name, and gives the tensor for one output, a dict for
    several.  Initialisation is torch's default where `init` does not say otherwise.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _lower(graph, _tree(graph), _readers(graph)).module
        _initialise(graph, module)
    _share(graph, module)
    for node in graph.layers():
        if node.freeze and graph.weights_of(node):
            module.get_submodule(node.name).requires_grad_(False)
    return module


@dataclass
class _Scope:
    """A submodule to be: its path, its kind, and what it holds in order."""

    path: str
    kind: str
    children: list[Node | _Scope] = field(default_factory=list)

    def nodes(self) -> Iterable[Node]:
        for child in self.children:
            if isinstance(child, Node):
                yield child
            else:
                yield from child.nodes()


@dataclass
class _Lowered:
    module: fx.GraphModule
    inputs: list[Ref]
    outputs: list[Ref]


def _tree(graph: Graph) -> _Scope:
    root = _Scope("", "Network")
    scopes = {"": root}

    def scope(path: str) -> _Scope:
        if path not in scopes:
            above = path.rpartition(".")[0]
            while above and above not in graph.scopes:
                above = above.rpartition(".")[0]
            scopes[path] = _Scope(path, graph.scopes[path].kind)
            scope(above).children.append(scopes[path])
        return scopes[path]

    for node in graph.layers():
        scope(node.scope).children.append(node)
    return root


def _readers(graph: Graph) -> dict[Ref, list[str]]:
    """Who reads each tensor, by full name; an output of the network is read by the empty name."""
    readers: dict[Ref, list[str]] = {}
    for node in graph.layers():
        for ref in node.inputs:
            readers.setdefault(ref, []).append(node.name)
    for ref in graph.outputs.values():
        readers.setdefault(ref, []).append("")
    return readers


def _lower(graph: Graph, scope: _Scope, readers: dict[Ref, list[str]]) -> _Lowered:
    """One scope as a GraphModule that takes what it reads from outside and gives what is read outside."""
    inside = {node.name for node in scope.nodes()}
    if scope.path:
        reads = dict.fromkeys(ref for node in scope.nodes() for ref in node.inputs if ref.node not in inside)
        gives = [ref for node in scope.nodes() for ref in _refs(node)
                 if any(r not in inside for r in readers.get(ref, ()))]  # fmt: skip
    else:
        reads = {Ref(name): None for name in graph.inputs}
        gives = []
    root, code = nn.Module(), fx.Graph()
    tracer = fx.proxy.GraphAppendingTracer(code)
    values: dict[Ref, Any] = {}
    for ref in reads:
        name = "x" if len(reads) == 1 and scope.path else str(ref).rpartition(".")[2] if scope.path else ref.node
        name = _unused(name, {str(v.node.target) for v in values.values()})
        values[ref] = fx.Proxy(code.placeholder(name), tracer)
    prefix = len(scope.path) + 1 if scope.path else 0
    for child in scope.children:
        if isinstance(child, Node):
            # A merge carries the name of its container, in which it stands.
            local = child.name[prefix:] or child.kind
            _emit(graph, child, local, root, code, tracer, values)
        else:
            _call(graph, child, child.path[prefix:], root, code, tracer, values, readers)
    if scope.path:
        result: Any = values[gives[0]].node if len(gives) == 1 else tuple(values[r].node for r in gives)
    elif len(graph.outputs) == 1:
        result = values[next(iter(graph.outputs.values()))].node
    else:
        result = {name: values[ref].node for name, ref in graph.outputs.items()}
    code.output(result)
    return _Lowered(fx.GraphModule(root, code, scope.kind), list(reads), gives)


def _refs(node: Node) -> list[Ref]:
    return [Ref(node.name, port) for port in node.outputs]


def _unused(name: str, taken: set[str]) -> str:
    candidate, i = name, 2
    while candidate in taken:
        candidate, i = f"{name}_{i}", i + 1
    return candidate


def _call(graph: Graph, child: _Scope, local: str, root: nn.Module, code: fx.Graph, tracer: Any,
          values: dict[Ref, Any], readers: dict[Ref, list[str]]) -> None:  # fmt: skip
    lowered = _lower(graph, child, readers)
    _attach(root, local, lowered.module)
    if not lowered.outputs:  # nobody reads it: `validate` warns of it
        return
    args = tuple(values[ref].node for ref in lowered.inputs)
    result = fx.Proxy(code.create_node("call_module", local, args, {}, name=_identifier(local)), tracer)
    if len(lowered.outputs) == 1:
        values[lowered.outputs[0]] = result
    else:
        for i, ref in enumerate(lowered.outputs):
            values[ref] = fx.Proxy(code.call_function(operator.getitem, (result.node, i)), tracer)


def _emit(graph: Graph, node: Node, local: str, root: nn.Module, code: fx.Graph, tracer: Any,
          values: dict[Ref, Any]) -> None:  # fmt: skip
    build = _Builder(graph, node, local, root, tracer, tuple(values[ref] for ref in node.inputs))
    before = len(code.nodes)
    result = node.layer.to_torch(build)
    if isinstance(result, dict):
        for port, value in result.items():
            values[Ref(node.name, port)] = value
        return
    values[Ref(node.name)] = result
    if len(code.nodes) > before:  # the value carries the layer's name, whatever made it
        result.node._rename(_identifier(local))


def _identifier(local: str) -> str:
    name = local.replace(".", "_")
    return f"_{name}" if name[0].isdigit() else name


def _attach(root: nn.Module, path: str, module: nn.Module) -> None:
    """Put a module at a dotted path, with plain modules for the parts between (`layer1` of `layer1.0`)."""
    *above, last = path.split(".")
    for part in above:
        if part not in root._modules:
            root.add_module(part, nn.Module())
        root = root.get_submodule(part)
    root.add_module(last, module)


class _Builder:
    """What a layer's `to_torch` works with (layers.base.TorchBuilder)."""

    def __init__(
        self, graph: Graph, node: Node, local: str, root: nn.Module, tracer: Any, inputs: tuple[Any, ...]
    ) -> None:
        self.inputs = inputs
        self.types = graph.input_types(node)
        self.outputs = dict(node.outputs)
        self._node, self._local, self._root, self._tracer = node, local, root, tracer

    @property
    def output(self) -> TensorType:
        return self.outputs[""]

    def module(self, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        _attach(self._root, self._local, module)
        given = args or self.inputs
        return self._tracer.create_proxy("call_module", self._local, given, kwargs, name=_identifier(self._local))

    def size(self, size: Size) -> Any:
        if isinstance(size, int):
            return size
        if (found := self._axis(size)) is not None:
            return found
        total: Any = None
        for monomial, factor in size.terms:
            term: Any = factor
            for atom in monomial:
                value = self._atom(atom)
                term = value if isinstance(term, int) and term == 1 else term * value
            total = term if total is None else total + term
        return total

    def _axis(self, size: Dim) -> Any:
        for x, type_ in zip(self.inputs, self.types, strict=True):
            if size in type_.shape:
                return x.size(type_.shape.index(size))
        return None

    def _atom(self, atom: str | Quotient) -> Any:
        if isinstance(atom, Quotient):
            return self.size(atom.numerator) // atom.denominator
        found = self._axis(symbol(atom))
        if found is None:
            raise NetspecError("NS501", f"{self._node.kind} needs the size `{atom}`, no axis of its inputs",
                               self._node.span, route=self._node.route,
                               hint="give the axis a number in `inputs`")  # fmt: skip
        return found


def _initialise(graph: Graph, module: nn.Module) -> None:
    with torch.no_grad():
        for node in graph.layers():
            for name, init in node.init.items():
                init.fill(module.get_parameter(f"{node.name}.{name}"))


def _share(graph: Graph, module: nn.Module) -> None:
    for node in graph.layers():
        if not node.share:
            continue
        for name in graph.weights_of(node):
            source = owner(graph, node, name)
            if source != node.name:
                _replace(module, f"{node.name}.{name}", f"{source}.{name}")


def _replace(module: nn.Module, name: str, source: str) -> None:
    path, _, last = name.rpartition(".")
    other_path, _, other = source.rpartition(".")
    mine, theirs = module.get_submodule(path), module.get_submodule(other_path)
    for table in ("_parameters", "_buffers"):
        if last in getattr(mine, table):
            getattr(mine, table)[last] = getattr(theirs, table)[other]


def random_inputs(
    graph: Graph, batch: int, sizes: dict[str, int], generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Inputs for a trial: normal numbers, whole ones below the smallest embedding, masks that leave some of a row."""
    high = min((n.layer.num_embeddings for n in graph.layers() if hasattr(n.layer, "num_embeddings")), default=2)
    return {
        name: _random(type_, (batch, *_numbers(type_, sizes)), high, generator) for name, type_ in graph.inputs.items()
    }


def _numbers(type_: TensorType, sizes: dict[str, int]) -> Sequence[int]:
    return [s.at(sizes) if isinstance(s, Dim) else s for s in type_.shape[1:]]  # type: ignore[misc]  # every axis has a number


def _random(type_: TensorType, shape: Sequence[int], high: int, generator: torch.Generator) -> torch.Tensor:
    dtype = getattr(torch, type_.dtype)
    if type_.floating:
        return torch.randn(shape, generator=generator, dtype=torch.float32).to(dtype)
    if type_.dtype == "bool":
        mask = torch.rand(shape, generator=generator) > 0.7
        mask[..., 0] = False
        return mask
    return torch.randint(0, high, shape, generator=generator, dtype=dtype)
