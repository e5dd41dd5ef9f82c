"""What a layer kind declares: fields, shape rule, weights, cost, receptive field, PyTorch, ONNX, examples.

A kind is one frozen dataclass under `@kind("name")`.  Its fields are the YAML keys (their types become the JSON
schema); its methods are the rules.  torch is imported inside `torch_module` and `to_torch` only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, dataclass_transform

from netspec.layers.weight_axes import Units, WeightAxes
from netspec.shapes.dim import Size, exact_div, product
from netspec.shapes.tensor import TensorType, shape_text
from netspec.source.errors import NetspecError

if TYPE_CHECKING:  # files without recurrent layers are checked without the language of cells
    from netspec.cells.language.cell import Cell

__all__ = [
    "KINDS",
    "Example",
    "Layer",
    "OnnxBuilder",
    "Reach",
    "TensorType",
    "TorchBuilder",
    "Types",
    "Weight",
    "Wired",
    "bad_input",
    "exact_div",
    "kind",
    "product",
    "shape_text",
    "union_reach",
]

Types = tuple[TensorType, ...]


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor that a layer owns; a buffer is not trained (`trainable=False`)."""

    shape: tuple[int, ...]
    trainable: bool = True
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class Reach:
    """What one output position sees along an axis: input positions jump·i + low … jump·i + high."""

    jump: Fraction = Fraction(1)
    low: Fraction = Fraction(0)
    high: Fraction = Fraction(0)

    @property
    def size(self) -> int:
        """The receptive field: how many input positions."""
        return int((self.high - self.low) // 1) + 1

    def window(self, first: Fraction | int, last: Fraction | int, step: Fraction | int) -> Reach:
        """Reading positions step·i + first … step·i + last of a tensor with this reach."""
        return Reach(self.jump * step, self.low + self.jump * first, self.high + self.jump * last)

    def union(self, other: Reach) -> Reach | None:
        """What both together see; None (everything) when they move at different speeds."""
        if self.jump != other.jump:
            return None
        return Reach(self.jump, min(self.low, other.low), max(self.high, other.high))

    def everywhere(self) -> Reach | None:
        """An output position that stands in this place and sees the whole axis (a norm, attention): None."""
        return None


# One entry an axis, the batch left out; None: every position of that axis.
Reaches = tuple[Reach | None, ...]


@dataclass(frozen=True)
class Example:
    """One use of a kind, as it stands in a file; the contract test runs every one.

    `inputs` are shapes without the batch in YAML (`"[3, 8, 8]"`, `"{shape: [T], dtype: int64}"`); `sizes` gives
    the numbers that a test puts for the named axes, several to show that the export does not fix them.
    """

    fields: str = ""
    inputs: tuple[str, ...] = ("[4]",)
    sizes: tuple[Mapping[str, int], ...] = ({"T": 5}, {"T": 8})
    high: int = 4  # whole-number inputs are drawn below this
    wiring: str = ""  # in place of the default `from: [all inputs]`, for named inputs


@dataclass(frozen=True, slots=True)
class Wired:
    """One input as the file wires it, for what a kind says about a slip of the pen."""

    label: str  # how the file calls what it reads
    type: TensorType
    port: str = ""  # the name that `from: {name: …}` gives it; empty where `from` lists it
    input: str = ""  # the input of the network that it is
    others: Mapping[str, TensorType] = field(default_factory=dict)  # what else its maker gives out, by port


class TorchBuilder(Protocol):
    """What `to_torch` works with: torch.fx proxies, so that ordinary torch code records itself."""

    inputs: tuple[Any, ...]

    @property
    def types(self) -> Types: ...

    @property
    def outputs(self) -> Mapping[str, TensorType]: ...

    @property
    def output(self) -> TensorType: ...

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer's `torch_module` (default: with all inputs)."""

    def size(self, size: Size) -> Any:
        """A size as a number, or as an expression over the inputs' sizes at run time."""


class OnnxBuilder(Protocol):
    """What `to_onnx` works with: names of ONNX values."""

    inputs: tuple[str, ...]
    types: Types
    outputs: Mapping[str, TensorType]

    @property
    def output(self) -> TensorType: ...

    def op(self, op_type: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node of one output; None among the attributes is left out."""

    def ops(self, op_type: str, inputs: Sequence[str], count: int, **attributes: Any) -> tuple[str, ...]:
        """Add a node of several outputs."""

    def weight(self, name: str) -> str:
        """One of the layer's own weights as an initializer."""

    def array(self, name: str) -> Any:
        """The values of one of the layer's own weights (NumPy)."""

    def const(self, value: Any, dtype: str = "float32") -> str:
        """A constant tensor."""

    def shape(self, sizes: Sequence[Size]) -> str:
        """A whole-number vector of sizes, computed at run time where they are symbolic."""

    @property
    def streaming(self) -> bool:
        """Do states go in and out of the model, so that a sequence can come in pieces?"""

    def name(self, what: str) -> str:
        """A name that no value has."""

    def inside(self) -> AbstractContextManager[list[Any]]:
        """Collects the nodes that are added meanwhile, for `body`."""

    def body(
        self,
        nodes: Sequence[Any],
        inputs: Sequence[tuple[str, Sequence[int | None], str]],
        outputs: Sequence[tuple[str, Sequence[int | None]]],
    ) -> Any:
        """A subgraph: names, shapes and element types of what it takes, names and shapes of what it gives (float32)."""

    def state_input(self, name: str, shape: Sequence[Size]) -> str:
        """An input of the model, `LAYER.name`."""

    def state_output(self, name: str, value: str, shape: Sequence[Size]) -> None:
        """An output of the model, `LAYER.name`."""


class Layer:
    """One layer kind with its parameters.  Shapes count the batch as axis 0."""

    kind: ClassVar[str]
    ports: ClassVar[tuple[str, ...]] = ("input",)  # the inputs by name, for `from: {query: a, …}`
    optional: ClassVar[frozenset[str]] = frozenset()  # ports that `from: {…}` may leave out anywhere: no input then
    arity: ClassVar[tuple[int, int | None]] = (1, 1)  # fewest and most inputs; None: any number
    view: ClassVar[bool] = False  # the output shares memory with the input: no activation of its own
    moves: ClassVar[bool] = False  # the output holds the values of the inputs as they are, in memory of its own
    weighted: ClassVar[bool] = False  # counts as one in the depth of a network: a product with weights
    identity: ClassVar[bool] = False  # the output is the input: `drop_identities` leaves it out
    trained_only: ClassVar[bool] = False  # the identity at inference (dropout)
    batch_norm: ClassVar[bool] = False  # `fold_batch_norm` reads `eps` and torch's weights and buffers of a batch norm
    sums: ClassVar[bool] = False  # adds up elements of its input, so that a product before it is a multiply-add
    commutative: ClassVar[bool] = False  # two inputs can be exchanged, to the last bit; of three the order counts
    averages: ClassVar[bool] = False  # what `reach` says is seen everywhere enters by its mean and variance alone
    floating: ClassVar[bool] = True  # refuses whole-number and bool inputs (NS405), before `infer` is asked
    examples: ClassVar[tuple[Example, ...]] = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        values = (frozenset(v.items()) if isinstance(v, dict) else v for v in vars(self).values())
        return hash((self.kind, *values))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in vars(self).items())})"

    def bind(self, cells: Callable[[str], Cell]) -> Layer:
        """The layer with the recurrent cell that it names; `cells` finds one of the file or of the library by name.

        The front end calls it once a layer, after the fields are read.  A NetspecError without a span may say with
        `key` which key of the layer it is about (`("hidden",)`, `("params", "bias")`), and is shown there.
        """
        return self

    def one_spelling(self, *inputs: TensorType) -> dict[str, Any]:
        """Fields of which several values mean the same for these inputs, in one spelling: an axis counted from 0."""
        return {}

    def check_wired(self, inputs: tuple[Wired, ...]) -> None:
        """Refuse what the file's names show to be wired wrongly, before `infer` sees types alone.  Raises NS4xx."""

    def infer(self, *inputs: TensorType) -> TensorType | dict[str, TensorType]:
        """The output's type, or one a port.  Raises NetspecError (NS4xx), without a place."""
        return inputs[0]

    def has_port(self, port: str) -> bool:
        """Whether an output may have this name, as far as it is known without shapes: the graph knows more."""
        return False

    def needs(self, *inputs: TensorType) -> Iterable[tuple[Size, int]]:
        """Sizes and the least that each has to be, where a named axis can be too short or too long for `infer`'s rule.

        That every axis of an output is at least 1 need not be said.  A known size that is wrong `infer` refuses.
        """
        return ()

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        """The tensors that the layer owns, under torch's names, in torch's order."""
        return {}

    def weights_named(self, name: str, weights: Iterable[str]) -> tuple[str, ...]:
        """Which of the layer's weights a name in `init` is for; none when it has no such weight."""
        return (name,) if name in weights else ()

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        """What stands along each axis of each of the layer's weights, by the weight's name.

        One without an entry has axes of which nothing is known.
        """
        return {}

    def output_units(self, inputs: Types) -> dict[str, tuple[Units, ...]]:
        """Port -> the units inside that the last axis of that output is made of, where it is made of such."""
        return {}

    def channel_axis(self, outputs: Types) -> int | None:
        """The axis of the weight `weight` that is axis 1 of the output, where scaling one scales the other; else None.

        A batch norm behind the layer folds into `weight` and `bias` then; the layer has a field `bias`.
        """
        return None

    def flops(self, inputs: Types, outputs: Types) -> Size:
        """Multiply-adds of the layer's products for one sample, a multiply-add counted as one."""
        return 0

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        """Which input positions an output position sees; here: the same, and of several inputs the union."""
        return union_reach(reaches, outputs[0])

    def torch_module(self, *inputs: TensorType) -> Any:
        """The torch module that stands under the layer's name, its weights as torch begins them; None: there is none.

        Each layer has one of its own, also where the code of equal blocks is recorded once.
        """
        return None

    def to_torch(self, build: TorchBuilder) -> Any:
        """The value (a proxy; a dict of them for several ports): here the module's, of all inputs."""
        return build.call()

    def to_onnx(self, build: OnnxBuilder) -> str | dict[str, str]:
        """The name of the value (a dict of them for several ports)."""
        raise NotImplementedError(f"{self.kind} has no to_onnx")


L = TypeVar("L", bound=type[Layer])
KINDS: dict[str, type[Layer]] = {}


@dataclass_transform(frozen_default=True)
def kind(name: str) -> Callable[[L], L]:
    """Declare a layer kind: a frozen dataclass under this name."""

    def declare(cls: L) -> L:
        # Changes the class itself.  What compares and shows a layer is Layer's: generated for every kind, it would
        # take a tenth of the time in which `validate` answers.
        dataclass(frozen=True, eq=False, repr=False)(cls)
        for shared in ("__eq__", "__hash__", "__repr__"):  # a family's base may have generated ones, without the fields
            setattr(cls, shared, getattr(Layer, shared))
        cls.kind = name
        if name in KINDS:
            raise TypeError(f"layer kind {name} is declared twice: {KINDS[name].__module__} and {cls.__module__}")
        KINDS[name] = cls
        return cls

    return declare


def bad_input(code: str, message: str, hint: str = "") -> NetspecError:
    """A shape rule's refusal; the graph adds the place and the producers."""
    return NetspecError(code, message, hint=hint)


def union_reach(reaches: tuple[Reaches, ...], output: TensorType) -> Reaches:
    """The union over inputs of the output's rank, axis by axis; everything along an axis that one sees whole."""
    rank = output.rank - 1
    union: list[Reach | None] = list(reaches[0]) if len(reaches[0]) == rank else [None] * rank
    for other in reaches[1:]:
        for i in range(rank):
            mine, its = union[i], other[i] if len(other) == rank else None
            union[i] = mine.union(its) if mine and its else None
    return tuple(union)
