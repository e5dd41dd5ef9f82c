"""What a network takes: what the samples of a source have to fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from netspec.shapes.dim import Dim, Size
from netspec.shapes.lengths import Lengths
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError
from netspec.source.text import Span

# What an output is compared with: the number of a class, one of two classes as −1 and +1, or numbers.
TargetKind: TypeAlias = Literal["classes", "signs", "numbers"]


@dataclass(frozen=True)
class Network:
    """The network's inputs, and its trained outputs with the kind of target that each loss takes.

    `entries`: input -> how many entries an embedding has for its numbers, or for each number of a sample; `counted`:
    input of lengths -> the axis of steps that they count.
    """

    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]
    kinds: Mapping[str, TargetKind]
    folder: Path = field(default_factory=Path)
    entries: Mapping[str, int | tuple[int, ...]] = field(default_factory=dict)
    counted: Mapping[str, Size] = field(default_factory=dict)
    lengths: Lengths = field(default_factory=Lengths)  # of named axes

    def lengths_input(self, steps: Size) -> str:
        """The input that has the lengths of sequences with this axis of steps, or ""; of several the last."""
        return next((name for name in reversed(list(self.counted)) if self.counted[name] == steps), "")


def only_name(named: Mapping[str, Any], role: str, source: str, span: Span | None) -> str:
    """The name of the one input, or output.  Raises NS605 where there are several."""
    if len(named) != 1:
        raise NetspecError(
            "NS605",
            f"{source} feeds one {role}, the network has {len(named)}: {', '.join(named)}",
            span,
            hint="use a source of type npz, with an array for each",
        )
    return next(iter(named))


def need_columns(type_: TensorType, count: int, name: str, shown: str, span: Span | None) -> None:
    """Raises NS605 for an input that does not take so many numbers a sample."""
    numel = type_.numel()
    if isinstance(numel, Dim) and type_.rank == 2:
        return  # one symbolic axis takes any number of columns
    if numel != count:
        raise NetspecError(
            "NS605",
            f"input `{name}` is {type_}, {shown} has {count} feature{'s' * (count != 1)}",
            span,
            hint=f"write `{name}: [{count}]` in `inputs`",
        )


def need_floating(type_: TensorType, name: str, span: Span | None) -> None:
    """Raises NS605 for an input of whole numbers."""
    if not type_.floating:
        raise NetspecError(
            "NS605", f"input `{name}` is of {type_.dtype}, the source gives float32", span, hint="leave its `dtype` out"
        )
