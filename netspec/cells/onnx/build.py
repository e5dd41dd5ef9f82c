"""What the ONNX side of recurrent cells asks of its builder, and small pieces that both forms share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from netspec.shapes.dim import Size

Starts = Mapping[str, str]  # state -> the value before the first step; "" for zero


class Build(Protocol):
    """The parts of layers.base.OnnxBuilder that cells use; this room comes before that one."""

    @property
    def streaming(self) -> bool: ...

    def op(self, op_type: str, inputs: Sequence[str], **attributes: Any) -> str: ...

    def ops(self, op_type: str, inputs: Sequence[str], count: int, **attributes: Any) -> tuple[str, ...]: ...

    def array(self, name: str) -> Any: ...

    def const(self, value: Any, dtype: str = "float32") -> str: ...

    def shape(self, sizes: Sequence[Size]) -> str: ...

    def name(self, what: str) -> str: ...

    def inside(self) -> AbstractContextManager[list[Any]]: ...

    def body(
        self,
        nodes: Sequence[Any],
        inputs: Sequence[tuple[str, Sequence[int | None], str]],
        outputs: Sequence[tuple[str, Sequence[int | None]]],
    ) -> Any: ...

    def state_input(self, name: str, shape: Sequence[Size]) -> str: ...

    def state_output(self, name: str, value: str, shape: Sequence[Size]) -> None: ...


def cut(build: Build, value: str, axis: int, start: int, stop: int, extent: int) -> str:
    """value[…, start:stop, …], nothing when that is all of it."""
    if (start, stop) == (0, extent):
        return value
    return build.op("Slice", [value, *(build.const([n], "int64") for n in (start, stop, axis))])


def concat(build: Build, values: Sequence[str], axis: int) -> str:
    return values[0] if len(values) == 1 else build.op("Concat", values, axis=axis)
