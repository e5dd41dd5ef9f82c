"""What was done to the samples before the network saw them, in a form that a run, or a model file, keeps as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netspec.source.errors import NetspecError

Array = NDArray[Any]
VERSION = 1


@dataclass(frozen=True)
class Standard:
    """x -> (x − mean) / deviation, along axis 1 of (N, F, …); one number alone stands for every entry."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def forward(self, x: Array) -> Array:
        return (x - self._along(self.mean, x)) / self._along(self.deviation, x)

    def backward(self, x: Array) -> Array:
        return x * self._along(self.deviation, x) + self._along(self.mean, x)

    @staticmethod
    def _along(values: tuple[float, ...], x: Array) -> Array:
        array = np.asarray(values, np.float64)
        return array if len(values) == 1 else array.reshape(1, -1, *[1] * (x.ndim - 2))

    @staticmethod
    def of(mean: Array, variance: Array) -> Standard:
        """A column that never changes keeps its deviation: dividing by 0 would make it NaN."""
        mean, deviation = np.atleast_1d(mean), np.sqrt(np.atleast_1d(variance))
        deviation = np.where(deviation > 1e-12 * np.maximum(np.abs(mean), 1), deviation, 1.0)
        return Standard(tuple(map(float, mean)), tuple(map(float, deviation)))

    @staticmethod
    def fit(x: Array, each: bool) -> Standard:
        """Measured on (N, F, …): `each` entry of axis 1 for itself, or all together."""
        axes = tuple(i for i in range(x.ndim) if i != 1) if each and x.ndim > 1 else None
        values = x.astype(np.float64)
        return Standard.of(values.mean(axis=axes), values.var(axis=axes))


@dataclass(frozen=True)
class InputRule:
    """How one input is made.

    `table`: the `columns` side by side; `image`: (N, C, H, W) of `size` with values from 0 to 1; `array`: as it is.
    Then standardised, and brought to `shape` (without the batch; text for a symbolic axis).  Of sequences: the
    `symbols` that a step is one of, by their number or the place of a 1, and the most `steps` of a training sample.
    `entries`: how many an embedding has for its numbers, 0 where none reads them.
    """

    kind: Literal["table", "image", "array"]
    shape: tuple[int | str, ...]
    dtype: str = "float32"
    columns: tuple[str, ...] = ()
    channels: int = 0
    size: tuple[int, int] | None = None
    divide: float = 1.0  # what the source's own values are divided by
    standard: Standard | None = None
    symbols: tuple[str, ...] = ()
    steps: int = 0
    entries: int = 0

    def apply(self, x: Array) -> Array:
        """Raw values -> what the network takes.  Raises NS604 where one is too far from the mean for float32."""
        if self.divide != 1.0:
            x = x / self.divide
        if self.standard is not None:
            with np.errstate(over="ignore"):
                x = self.standard.forward(x).astype(self.dtype)
            if not np.isfinite(x).all():
                raise NetspecError("NS604", "a number is beyond float32 once it is standardized",
                                   hint="look for one that is far from all others")  # fmt: skip
        x = x.astype(self.dtype)
        if all(isinstance(size, int) for size in self.shape):
            x = x.reshape(len(x), *self.shape)
        return np.ascontiguousarray(x)


@dataclass(frozen=True)
class OutputRule:
    """What one output means: the class with the largest value along `axis`, the class by its sign, or numbers.

    `probable`: softmax, or the logistic function, of the values are probabilities.  `masked`: steps without a target
    have −100 as their class, or NaN.  `lengths`: the input that says how many steps of a sample there are.
    """

    kind: Literal["classes", "signs", "numbers"]
    names: tuple[str, ...] = ()  # classes: all of them; signs: the negative and the positive one
    axis: int = 1
    columns: tuple[str, ...] = ()
    standard: Standard | None = None
    probable: bool = False
    masked: bool = False
    lengths: str = ""

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

    @staticmethod
    def from_json(text: str, name: str) -> Preprocess:
        """Raises NS631 when the text is something else."""
        try:
            found = json.loads(text)
            if found.get("version") != VERSION:
                raise ValueError(f"version {found.get('version')}, this netspec reads {VERSION}")
            inputs = {key: InputRule(**_tuples(rule)) for key, rule in found["inputs"].items()}
            outputs = {key: OutputRule(**_tuples(rule)) for key, rule in found["outputs"].items()}
            delimiter = found["delimiter"]
            if not isinstance(delimiter, str) or len(delimiter) != 1:
                raise ValueError("its `delimiter` is not one character")
            return Preprocess(found["source"], inputs, outputs, delimiter)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NetspecError(
                "NS631",
                f"the preprocessing that was kept cannot be read: {error}",
                name=name,
                hint="train, or export, the model again with this version of netspec",
            ) from None


def _tuples(rule: Mapping[str, Any]) -> dict[str, Any]:
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in rule.items()}
    standard = rule.get("standard")
    return {**values, "standard": standard and Standard(tuple(standard["mean"]), tuple(standard["deviation"]))}
