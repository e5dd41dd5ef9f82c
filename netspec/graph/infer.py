"""What follows from a layer and the types of its inputs: outputs, weights, and what it needs of named axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from netspec.frontend.calls import Call
from netspec.frontend.names import Wire
from netspec.graph.inputs import MAX_RANK
from netspec.graph.model import Graph
from netspec.graph.wires import producer, type_on, wired
from netspec.shapes.dim import Dim, Size
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError
from netspec.source.records import MAX_SIZE

MAX_LENGTH = 100  # names and divisions in one symbolic size


@dataclass(frozen=True)
class Inferred:
    """What a layer gives out by port, the shapes of its weights, and the least that each size has to be."""

    outputs: Mapping[str, TensorType]
    weights: Mapping[str, tuple[int, ...]]
    needs: Sequence[tuple[Size, int]]


def infer(graph: Graph, call: Call) -> Inferred | None:
    """None when one of its inputs is already reported.  Raises NS308, or NS4xx with the producers of its inputs."""
    types: list[TensorType] = []
    wires: list[Wire] = []
    for wire in call.wires:
        type_ = type_on(graph, wire)
        if wire is not None and type_ is not None:
            wires.append(wire)
            types.append(type_)
    if len(types) < len(call.wires):
        return None
    try:
        return _infer(graph, call, wires, types)
    except NetspecError as error:
        related = tuple(producer(wire, type_) for wire, type_ in zip(wires, types, strict=True))
        raise NetspecError.of([replace(p, related=p.related or related) for p in error.problems]) from None


def _infer(graph: Graph, call: Call, wires: Sequence[Wire], types: Sequence[TensorType]) -> Inferred:
    layer, ports = call.layer, [*call.ports, *[""] * (len(wires) - len(call.ports))]
    layer.check_wired(tuple(wired(graph, *item) for item in zip(wires, types, ports, strict=True)))
    if layer.floating and (odd := next((t for t in types if not t.floating), None)):
        raise NetspecError(
            "NS405",
            f"{layer.kind} expects floating numbers, received {odd} of {odd.dtype}",
            hint="whole numbers are for `embedding`; set `dtype` in `inputs`",
        )
    inferred = layer.infer(*types)
    outputs = inferred if isinstance(inferred, dict) else {"": inferred}
    check_sizes(layer.kind, outputs.values())
    weights = {name: weight.shape for name, weight in layer.weights(*types).items()}
    needs = [*layer.needs(*types), *((size, 1) for type_ in outputs.values() for size in type_.shape[1:])]
    return Inferred(outputs, weights, needs)


def check_sizes(kind: str, types: Iterable[TensorType]) -> None:
    """Refuse a result that no tensor can have (NS403): an empty axis, one of more than 64 bits, too many axes."""
    for type_ in types:
        if type_.rank > MAX_RANK:
            raise NetspecError("NS403", f"{kind} gives a tensor of {type_.rank} axes; at most {MAX_RANK} are allowed")
        for size in type_.shape:
            if isinstance(size, int) and size < 1:
                raise NetspecError(
                    "NS403",
                    f"{kind} leaves nothing of its input: the result is {type_}",
                    hint="less stride or pooling before this layer, or a larger input",
                )
            parts = [factor for _, factor in size.terms] if isinstance(size, Dim) else [size]
            if any(abs(part) >= MAX_SIZE for part in parts):
                raise NetspecError("NS403", f"{kind} gives an axis that is larger than any tensor can be")
            if isinstance(size, Dim) and _parts(size) > MAX_LENGTH:
                raise NetspecError(
                    "NS403",
                    f"{kind} gives an axis whose formula has more than {MAX_LENGTH} parts",
                    hint="give the axes in `inputs` numbers",
                )


def _parts(size: Dim) -> int:
    """How many names and divisions a formula holds; every layer can double it."""
    atoms = [atom for monomial, _ in size.terms for atom in monomial]
    return len(atoms) + sum(_parts(atom.numerator) for atom in atoms if not isinstance(atom, str))
