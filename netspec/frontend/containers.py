"""Containers: kinds that hold layers.  Their options are records as those of a layer kind are, and read like them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from netspec.frontend.expression import has_expression
from netspec.layers.torch_names import explain_key
from netspec.source.errors import Problem, Problems
from netspec.source.records import fields_of, read_fields
from netspec.source.text import show
from netspec.source.tree import Map, Tree

Shortcut = Literal["identity", "projection", "pad", "none"]


@dataclass(frozen=True)
class Residual:
    """y = F(x) + S(x); F is `layers`, S is `shortcut`.  He et al. 2015, arXiv:1512.03385.

    `shortcut`: `identity` (S(x) = x) · `projection` (a 1×1 convolution with batch norm, or a linear map, where the
    shape changes, and the identity where it does not) · `pad` (strided slices, zeros for new channels) · `none`
    (y = F(x), the plain twin) · `{layers: …}`.  Strides, and which axis holds the features, are those of F's layers.
    Raises NS401 when F(x) and S(x) have different shapes.
    """

    shortcut: Shortcut = "identity"


@dataclass(frozen=True)
class Highway:
    """y = F(x)·τ(x) + S(x)·(1 − τ(x)), τ(x) = sigmoid(gate(x)).  Srivastava et al. 2015, arXiv:1505.00387.

    F is `layers`.  `gate`: `linear` · `conv` (3 wide) · `none` (y = F(x)) · `{layers: …}`; `gate_bias` is where the
    bias of a `linear` or `conv` gate begins, below 0 so that the network first carries its input through.
    `shortcut` is S, as in `residual`.  Raises NS401 when F(x), S(x) and τ(x) have different shapes.
    """

    gate: Literal["linear", "conv", "none"] = "linear"
    gate_bias: float = -2.0
    shortcut: Shortcut = "identity"


@dataclass(frozen=True)
class Branches:
    """Named parallel paths from one input, brought together by `merge`.  Szegedy et al. 2014, arXiv:1409.4842.

    `branches` is name -> layers; a path without layers is the identity.  `merge`: `concat` (along axis 1) · `add` ·
    `multiply` · `stack` (a new axis 1) · `none` (each path is a port: `mixed.one`).
    """

    merge: Literal["concat", "add", "multiply", "stack", "none"] = "concat"


@dataclass(frozen=True)
class Sequence:
    """A named group: its `layers` one after another.  y = f_n(… f_1(x))."""


CONTAINERS: dict[str, type] = {
    "residual": Residual,
    "highway": Highway,
    "branches": Branches,
    "sequence": Sequence,
}
# Options that may be `{layers: …}` in place of a word.
LAYERED = ("shortcut", "gate")
# Names that a container gives to its own layers.
RESERVED = {"residual": ("shortcut",), "highway": ("shortcut", "gate"), "branches": (), "sequence": ()}

WIRING = ("type", "from", "repeat", "share", "init", "freeze", "when")


def body_key(container: str) -> str:
    """The key under which a container's content stands."""
    return "branches" if container == "branches" else "layers"


def bodies(tree: Tree) -> Iterator[Map]:
    """The mappings of layers right inside a layer's entry: a container's body, paths and `{layers: …}` options."""
    if not isinstance(tree, Map):
        return
    branches = tree.get("branches")
    options = [tree.get(option) for option in LAYERED]
    inside = [tree.get("layers"), *(branches.entries.values() if isinstance(branches, Map) else ())]
    inside += [option.get("layers") for option in options if isinstance(option, Map)]
    yield from (body for body in inside if isinstance(body, Map))


def read_container(kind: str, tree: Map, owner: str, problems: Problems, *, final: bool) -> dict[str, Any]:
    """The options of a container; one given as `{layers: …}` keeps its tree."""
    values: dict[str, Any] = {}
    plain: dict[str, Tree] = {}
    fields = fields_of(CONTAINERS[kind])
    for option, value in tree.entries.items():
        if option not in LAYERED or option not in fields or not isinstance(value, Map):
            plain[option] = value
        elif not isinstance(value.get("layers"), Map) or len(value.entries) > 1:
            problems.append(
                Problem(
                    "NS203",
                    f"`{option}` of {owner} expects a word or `{{layers: …}}`, received {show(value.plain())}",
                    value.span,
                )
            )
        else:
            values[option] = value.get("layers")
    unknown = () if final else [k for k, v in plain.items() if k in fields and has_expression(v)]
    read = read_fields(
        Map(plain, tree.span, tree.key_spans),
        CONTAINERS[kind],
        owner,
        problems,
        skip=(body_key(kind), *WIRING, *unknown),
        explain=explain_key,
    )
    return {**{name: f.default for name, f in fields.items()}, **read, **values}
