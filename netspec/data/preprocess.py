"""What was done to the samples before the network saw them, in a form that a run, or a model file, keeps as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netspec.data.standard_scale import Standard
from netspec.shapes.tensor import DTYPES, TensorType
from netspec.source.errors import NetspecError, Problem, Problems, raise_all
from netspec.source.records import Above, Count, Positive
from netspec.source.records.from_json import parse_json, read_record

Array = NDArray[Any]
VERSION = 1


@dataclass(frozen=True)
class InputRule:
    """How one input is made.

    `table`: the `columns` side by side; `image`: (N, C, H, W) of `size` with values from 0 to 1; `array`: as it is.
    Then standardised, and brought to `shape` (without the batch; text for a symbolic axis).  Of sequences: the
    `symbols` that a step is one of, by their number or the place of a 1, and the most `steps` of a training sample.
    `entries`: how many an embedding has for its numbers, 0 where none reads them; or for each number of a sample.
    """

    kind: Literal["table", "image", "array"]
    shape: tuple[Count | str, ...]
    dtype: str = "float32"
    columns: tuple[str, ...] = ()
    channels: Count = 0
    size: tuple[Positive, Positive] | None = None
    divide: Above = 1.0  # what the source's own values are divided by
    standard: Standard | None = None
    symbols: tuple[str, ...] = ()
    steps: Count = 0
    entries: Count | tuple[Count, ...] = 0

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.dtype not in DTYPES:
            yield "dtype", f"one of {', '.join(DTYPES)}"
        if self.kind == "table" and not self.columns:
            yield "columns", "the names of one or more"
        if self.size is not None and (self.kind != "image" or not self.channels):
            yield "size", "nothing where there are no channels of an image"
        if len(set(self.symbols)) < len(self.symbols):
            yield "symbols", "each once"
        if self.symbols and not self.steps:
            yield "steps", "a whole number of at least 1"

    def misfits(self, type_: TensorType) -> Iterator[tuple[str, str]]:
        """Field and fault where the rule is not one of an input of this type."""
        wanted = tuple(size if isinstance(size, int) else str(size) for size in type_.shape[1:])
        if self.shape != wanted:
            yield "shape", f"is ({', '.join(map(str, self.shape))}), the network's is ({', '.join(map(str, wanted))})"
            return
        if self.dtype != type_.dtype:
            yield "dtype", f"is {self.dtype}, the network's is {type_.dtype}"
        numel = math.prod(s for s in self.shape if isinstance(s, int)) if not type_.symbols() - {"B"} else None
        if self.columns and numel not in (None, len(self.columns)):
            yield "columns", f"are {len(self.columns)}, the input has {numel} numbers"
        if self.size is not None and numel not in (None, self.channels * math.prod(self.size)):
            height, width = self.size
            yield "size", f"and `channels` are {height}×{width} with {self.channels}, the input has {numel} numbers"
        if self.standard is not None:
            made = (self.channels if self.kind == "image" else len(self.columns)) or (type_.shape[1:] or (1,))[0]
            if not self.standard.fits(made) or not type_.floating:
                yield "standard", f"is one of {len(self.standard.mean)}, the input is {type_} of {type_.dtype}"
        if isinstance(self.entries, tuple) and len(self.entries) != numel:
            yield "entries", f"are {len(self.entries)}, the input has {numel or 'any number of'} numbers"
        if self.symbols and type_.floating and (type_.rank != 3 or type_.shape[2] != len(self.symbols)):
            yield "symbols", f"are {len(self.symbols)}, the input is {type_}"
        if self.symbols and not type_.floating and type_.rank != 2:
            yield "symbols", f"are one a step, the input is {type_}"

    def apply(self, x: Array) -> Array:
        """Raw values -> what the network takes.  Raises NS604 for one that `Standard.narrow` refuses."""
        if self.divide != 1.0:
            x = x / self.divide
        if self.standard is not None:
            x = self.standard.narrow(x)
        x = x.astype(self.dtype)
        if all(isinstance(size, int) for size in self.shape):
            x = x.reshape(len(x), *self.shape)
        return np.ascontiguousarray(x)


def shape_of(type_: TensorType) -> tuple[int | str, ...]:
    """The shape without the batch, as JSON keeps it."""
    return tuple(size if isinstance(size, int) else str(size) for size in type_.shape[1:])


@dataclass(frozen=True)
class OutputRule:
    """What one output means: the class with the largest value along `axis`, the class by its sign, or numbers.

    `probable`: softmax, or the logistic function, of the values are probabilities.  `masked`: steps without a target
    have −100 as their class, or NaN.  `lengths`: the input that says how many steps of a sample there are.
    """

    kind: Literal["classes", "signs", "numbers"]
    names: tuple[str, ...] = ()  # classes: all of them; signs: the negative and the positive one
    axis: Positive = 1
    columns: tuple[str, ...] = ()
    standard: Standard | None = None
    probable: bool = False
    masked: bool = False
    lengths: str = ""

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.kind == "classes" and not self.names:
            yield "names", "the names of one class or more"
        if self.kind == "signs" and len(self.names) != 2:
            yield "names", "the names of two classes"
        if self.kind != "numbers" and self.standard is not None:
            yield "standard", "nothing: classes are no numbers"

    def misfits(self, type_: TensorType, inputs: Mapping[str, InputRule]) -> Iterator[tuple[str, str]]:
        """Field and fault where the rule is not one of an output of this type."""
        if self.kind == "classes":
            if self.axis >= type_.rank:
                yield "axis", f"is {self.axis}, the output is {type_}"
            elif isinstance(count := type_.shape[self.axis], int) and len(self.names) > count:
                yield "names", f"are {len(self.names)}, the output has {count} classes"
        if self.standard is not None and not self.standard.fits((type_.shape[1:] or (1,))[0]):
            yield "standard", f"is one of {len(self.standard.mean)}, the output is {type_}"
        if self.lengths:
            lengths = inputs.get(self.lengths)
            if lengths is None or lengths.shape or not lengths.dtype.startswith("int"):
                yield "lengths", f"is `{self.lengths}`, which is no input with a length for each sample"
            if self.step_axis >= type_.rank:
                yield "lengths", f"is `{self.lengths}`, the output is {type_} and has no steps"

    @property
    def step_axis(self) -> int:
        """Where the steps are, of an output that has some."""
        return 2 if self.kind == "classes" and self.axis == 1 else 1


@dataclass(frozen=True)
class Preprocess:
    """The rules of all inputs and outputs; `delimiter`: between the cells of a table."""

    source: str = ""
    inputs: Mapping[str, InputRule] = field(default_factory=dict)
    outputs: Mapping[str, OutputRule] = field(default_factory=dict)
    delimiter: str = ","

    def to_json(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, ensure_ascii=False, indent=1)

    def faults(self) -> Iterator[tuple[str, str]]:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            yield "delimiter", "one character, no quote and no end of a line"

    @staticmethod
    def from_json(text: str | bytes, name: str) -> Preprocess:
        """Raises NS631, at each field, when the text is something else."""
        record = parse_json(text, "NS631", name)
        hint = "train, or export, the model again with this version of netspec"
        if isinstance(record, dict) and record.pop("version", None) != VERSION:
            raise NetspecError("NS631", f"is not of version {VERSION}, which this netspec reads", name=name, hint=hint)
        return read_record(record, Preprocess, "NS631", name, hint)

    def check(self, inputs: Mapping[str, TensorType], outputs: Mapping[str, TensorType], name: str) -> None:
        """Raises NS631 where the rules are not those of a network with these inputs and outputs."""
        problems = Problems()
        for where, fault in self._misfits(inputs, outputs):
            problems.append(Problem("NS631", f"`{where}` {fault}", name=name, hint="train, or export, again"))
        raise_all(problems)

    def _misfits(
        self, inputs: Mapping[str, TensorType], outputs: Mapping[str, TensorType]
    ) -> Iterator[tuple[str, str]]:
        if list(self.inputs) != list(inputs):
            yield "inputs", f"are {', '.join(self.inputs) or 'none'}, those of the network {', '.join(inputs)}"
            return
        if not self.outputs or not self.outputs.keys() <= outputs.keys():
            yield "outputs", f"are {', '.join(self.outputs) or 'none'}, those of the network {', '.join(outputs)}"
            return
        for key, rule in self.inputs.items():
            for field_, fault in rule.misfits(inputs[key]):
                yield f"inputs.{key}.{field_}", fault
        for key, output in self.outputs.items():
            for field_, fault in output.misfits(outputs[key], self.inputs):
                yield f"outputs.{key}.{field_}", fault
