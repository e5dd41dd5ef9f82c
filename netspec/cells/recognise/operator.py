"""What an operator is, and a step as one: the description that recognition gives, and that packing and ONNX read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from netspec.cells.ir.step import CellStep


class DifferentError(Exception):
    """The step is not the operator: the reason, for a reader."""


@dataclass(frozen=True)
class WeightSlice:
    """factor · a weight: its columns `start` to `stop`, or the whole vector (or number) where there are none."""

    weight: str
    factor: float = 1.0
    start: int | None = None
    stop: int | None = None


@dataclass(frozen=True)
class Gate:
    """One gate: what its packed rows are sums of.  An empty sum is zero."""

    input: tuple[WeightSlice, ...] = ()  # columns that multiply x[t]
    state: tuple[WeightSlice, ...] = ()  # columns that multiply h[t-1]
    bias: tuple[WeightSlice, ...] = ()
    constant: float = 0.0  # a number among the biases
    state_bias: tuple[WeightSlice, ...] = ()  # GRU, reset after: the bias inside of r·(…)
    state_constant: float = 0.0
    peephole: tuple[WeightSlice, ...] = ()

    def negative(self) -> Gate:
        def minus(parts: tuple[WeightSlice, ...]) -> tuple[WeightSlice, ...]:
            return tuple(replace(p, factor=-p.factor) for p in parts)

        return Gate(
            minus(self.input),
            minus(self.state),
            minus(self.bias),
            -self.constant,
            minus(self.state_bias),
            -self.state_constant,
            minus(self.peephole),
        )


@dataclass(frozen=True)
class Native:
    """A step as one operator: `gates` by ONNX's letters, each with how its weights are built."""

    operator: Operator
    states: tuple[str, ...]  # the cell's names for h, and c
    hidden: int
    input: int
    gates: Mapping[str, Gate]
    functions: tuple[str, ...]  # rows of FUNCTIONS, in the order of the operator's `functions`
    attributes: Mapping[str, int] = field(default_factory=dict)  # ONNX's, beside those that every operator has

    @property
    def kind(self) -> str:
        return self.operator.name

    @property
    def biased(self) -> bool:
        return any(g.bias or g.constant or g.state_bias or g.state_constant for g in self.gates.values())

    @property
    def peepholes(self) -> bool:
        return any(g.peephole for g in self.gates.values())


@dataclass(frozen=True, eq=False, kw_only=True)
class Operator:
    """A recurrent operator that torch and ONNX have as a whole: one, `OPERATOR`, in each file of operators/."""

    name: str  # ONNX's
    states: int  # how many a step of it has
    resembles: Callable[[CellStep], bool]  # has the step its form: then its reason tells a reader most
    recognise: Callable[[CellStep], Native]  # raises DifferentError
    functions: tuple[str, ...]  # where nothing else is said, in ONNX
    onnx_order: str  # of the gates
    onnx_inputs: tuple[str, ...]  # by the names of ONNX's documentation
    peephole_order: str = ""  # of the gates, in P
    remark: Callable[[Native], str] = lambda native: ""  # what a reader is told of a step behind the operator's name
    torch_order: str
    torch_function: Callable[[Native], str]  # of torch._VF: what the layer calls
    torch_differs: Callable[[Native], str]  # why torch's layer is not the operator that ONNX has; "" where it is
    torch_kernel_on_cpu: bool  # elsewhere torch runs a loop in Python

    @property
    def torch_layer(self) -> str:
        return f"nn.{self.name}"
