"""What a field's type says beyond Python's types, for `Annotated`: bounds of a number, a choice of records or names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated

MAX_SIZE = 2**63  # whole numbers of tensors end here


@dataclass(frozen=True)
class Limit:
    """Bounds of a number, in the words of JSON Schema; for `Annotated`."""

    minimum: float | None = None
    maximum: float | None = None
    exclusiveMinimum: float | None = None  # noqa: N815 - JSON Schema's own name
    exclusiveMaximum: float | None = None  # noqa: N815 - JSON Schema's own name

    def allows(self, value: float) -> bool:
        """Whether a number is within the bounds; comparisons with NaN are false, so that it is within all of them."""
        return not (
            (self.minimum is not None and value < self.minimum)
            or (self.maximum is not None and value > self.maximum)
            or (self.exclusiveMinimum is not None and value <= self.exclusiveMinimum)
            or (self.exclusiveMaximum is not None and value >= self.exclusiveMaximum)
        )


@dataclass(frozen=True, eq=False)
class OneOf:
    """A record chosen by its `type` key, or by the bare name when all its fields have defaults; for `Annotated`.

    `records`: name -> record; `called`: what other libraries call one of them -> its name here, or "".
    """

    what: str
    records: Mapping[str, type]
    called: Callable[[str], str] = lambda word: ""


@dataclass(frozen=True, eq=False)
class NameOf:
    """The name of something registered; for `Annotated`."""

    names: Collection[str]


Positive = Annotated[int, Limit(minimum=1)]
Count = Annotated[int, Limit(minimum=0)]
Share = Annotated[float, Limit(minimum=0, maximum=1)]
Above = Annotated[float, Limit(exclusiveMinimum=0)]
NotNegative = Annotated[float, Limit(minimum=0)]
