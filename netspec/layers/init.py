"""`init`: how a weight begins, where it is not torch's default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from netspec.source.errors import NetspecError, Problem, Problems, did_you_mean, raise_all
from netspec.source.records import Above, OneOf, read_choice
from netspec.source.text import show
from netspec.source.tree import Map, Scalar, Tree

if TYPE_CHECKING:
    from netspec.cells.language.cell import Cell

Mode = Literal["fan_in", "fan_out"]
Nonlinearity = Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]


class Init:
    """Fills a tensor in place, drawing from torch's current generator."""

    matrices_only = False  # needs at least two axes (fan in and fan out)

    def fill(self, tensor: Any) -> None:
        raise NotImplementedError  # abstract: every record below has its own


@dataclass(frozen=True)
class Constant(Init):
    """Every element the same `value`."""

    value: float

    def fill(self, tensor: Any) -> None:
        tensor.fill_(self.value)


@dataclass(frozen=True)
class Zeros(Init):
    """Every element 0."""

    def fill(self, tensor: Any) -> None:
        tensor.zero_()


@dataclass(frozen=True)
class Ones(Init):
    """Every element 1."""

    def fill(self, tensor: Any) -> None:
        tensor.fill_(1.0)


@dataclass(frozen=True)
class Normal(Init):
    """N(mean, std²)."""

    mean: float = 0.0
    std: Above = 0.01

    def fill(self, tensor: Any) -> None:
        tensor.normal_(self.mean, self.std)


@dataclass(frozen=True)
class TruncatedNormal(Init):
    """N(mean, std²), redrawn outside mean ± 2·std."""

    mean: float = 0.0
    std: Above = 0.02

    def fill(self, tensor: Any) -> None:
        _init().trunc_normal_(tensor, self.mean, self.std, self.mean - 2 * self.std, self.mean + 2 * self.std)


@dataclass(frozen=True)
class Uniform(Init):
    """U(low, high)."""

    low: float = 0.0
    high: float = 1.0

    def fill(self, tensor: Any) -> None:
        tensor.uniform_(self.low, self.high)


@dataclass(frozen=True)
class XavierUniform(Init):
    """U(−a, a), a = gain·sqrt(6 / (fan_in + fan_out)).  Glorot & Bengio 2010."""

    gain: Above = 1.0
    matrices_only = True

    def fill(self, tensor: Any) -> None:
        _init().xavier_uniform_(tensor, self.gain)


@dataclass(frozen=True)
class XavierNormal(Init):
    """N(0, gain²·2 / (fan_in + fan_out)).  Glorot & Bengio 2010."""

    gain: Above = 1.0
    matrices_only = True

    def fill(self, tensor: Any) -> None:
        _init().xavier_normal_(tensor, self.gain)


@dataclass(frozen=True)
class HeUniform(Init):
    """U(−a, a), a = gain·sqrt(3 / fan).  He et al. 2015, arXiv:1502.01852."""

    mode: Mode = "fan_in"
    nonlinearity: Nonlinearity = "relu"
    matrices_only = True

    def fill(self, tensor: Any) -> None:
        _init().kaiming_uniform_(tensor, mode=self.mode, nonlinearity=self.nonlinearity)


@dataclass(frozen=True)
class HeNormal(Init):
    """N(0, gain² / fan).  He et al. 2015, arXiv:1502.01852."""

    mode: Mode = "fan_in"
    nonlinearity: Nonlinearity = "relu"
    matrices_only = True

    def fill(self, tensor: Any) -> None:
        _init().kaiming_normal_(tensor, mode=self.mode, nonlinearity=self.nonlinearity)


@dataclass(frozen=True)
class Orthogonal(Init):
    """gain·Q with orthonormal rows or columns.  Saxe et al. 2013, arXiv:1312.6120."""

    gain: Above = 1.0
    matrices_only = True

    def fill(self, tensor: Any) -> None:
        _init().orthogonal_(tensor, self.gain)


def _init() -> Any:
    from torch.nn import init

    return init


INITS = OneOf(
    "initialisation",
    {
        "zeros": Zeros,
        "ones": Ones,
        "constant": Constant,
        "normal": Normal,
        "uniform": Uniform,
        "truncated_normal": TruncatedNormal,
        "xavier": XavierUniform,
        "xavier_uniform": XavierUniform,
        "xavier_normal": XavierNormal,
        "he": HeNormal,
        "he_normal": HeNormal,
        "he_uniform": HeUniform,
        "orthogonal": Orthogonal,
    },
)


def read_init(tree: Tree) -> dict[str, Init]:
    """Weight name -> initialisation; a bare name, number or `{type: …}` is for `weight`.  Raises NS2xx."""
    problems = Problems()
    if isinstance(tree, Map) and "type" not in tree:
        inits = {name: _read_one(value, problems) for name, value in tree.entries.items()}
    else:
        inits = {"weight": _read_one(tree, problems)}
    raise_all(problems)
    return {name: init for name, init in inits.items() if init}


def _read_one(tree: Tree, problems: Problems) -> Init | None:
    if isinstance(tree, Scalar) and isinstance(tree.value, (int, float)) and not isinstance(tree.value, bool):
        return Constant(float(tree.value))
    init: Init | None = read_choice(tree, INITS, "`init`", problems)
    return init


def cell_inits(cell: Cell, params: Mapping[str, float]) -> dict[str, Init]:
    """How the weights of a recurrent cell begin where the cell says so; a parameter's name stands for its value.

    `params` has the value of every parameter of the cell.  Raises NS2xx.
    """
    problems = Problems()
    inits: dict[str, Init | None] = {}
    for name, tree in cell.init.items():
        word = tree.value if isinstance(tree, Scalar) else None
        known = isinstance(word, str) and word in cell.params
        if known:
            inits[name] = Constant(float(params[str(word)]))
        elif isinstance(word, str) and word not in INITS.records:
            near = did_you_mean(word, [*INITS.records, *cell.params], f"there are {', '.join(INITS.records)}")
            problems.append(Problem("NS201", f"unknown initialisation {show(word)}", tree.span, near))
        else:
            inits[name] = _read_one(tree, problems)
    raise_all(problems)
    return {name: init for name, init in inits.items() if init}


def check_init(inits: dict[str, Init], weights: dict[str, tuple[int, ...]], owner: str) -> None:
    """Refuse a weight that the layer has not, or one without the axes that the rule needs (NS305)."""
    for name, init in inits.items():
        if name not in weights:
            listing = f"it has {', '.join(f'`{k}`' for k in weights)}" if weights else "it has no weights"
            raise NetspecError(
                "NS305", f"`init`: {owner} has no weight `{name}`", hint=did_you_mean(name, weights, listing)
            )
        if init.matrices_only and len(weights[name]) < 2:
            raise NetspecError(
                "NS305",
                f"`init`: this rule needs a weight of two axes or more, `{name}` of {owner} has shape {weights[name]}",
                hint="use zeros, ones, constant, normal or uniform",
            )
