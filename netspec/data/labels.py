"""Class labels: what stands in the data -> class numbers and names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.source.errors import NetspecError
from netspec.source.text import Span

SHOWN = 6


def class_numbers(
    labels: Sequence[str] | NDArray[Any], count: int, what: str, output: str, span: Span | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels -> numbers 0 … count − 1 and the classes' names.

    Whole numbers are class numbers already; text is numbered in the order of the alphabet.  Raises NS606 when
    they do not fit the output's `count` classes.
    """
    values = np.asarray(labels)
    numbers = _whole(values)
    if numbers is not None:
        bad = np.argwhere((numbers < 0) | (numbers >= count))
        if len(bad):
            low, high = int(numbers.min()), int(numbers.max())
            first = tuple(int(i) for i in bad[0])
            text = f"label {int(numbers[first])} (sample {first[0] + 1}) is out of range"
            wider = f", or give `{output}` {high + 1} values" if low >= 0 else ""
            raise NetspecError(
                "NS606",
                f"{what}: {text}: output `{output}` has classes 0 to {count - 1}, the labels run from {low} to {high}",
                span,
                hint=f"count the classes from 0{wider}",
            )
        return numbers, tuple(map(str, range(count)))
    names, index = np.unique(values.astype(str), return_inverse=True)
    if len(names) != count:
        raise NetspecError(
            "NS606",
            f"{what} has {len(names)} classes ({_some(names)}), output `{output}` has {count}",
            span,
            hint=f"give `{output}` {len(names)} values",
        )
    return index.astype(np.int64).reshape(values.shape), tuple(map(str, names))


def signs(
    labels: Sequence[str] | NDArray[Any], what: str, output: str, span: Span | None
) -> tuple[NDArray[np.float32], tuple[str, str]]:
    """Labels of two classes -> −1 and +1, and the classes' names: 0/1, −1/+1, or two words in alphabetical order.

    Raises NS606 for anything else.
    """
    values = np.asarray(labels)
    numbers = _whole(values)
    found = np.unique(values.astype(str) if numbers is None else numbers)
    if numbers is not None and set(found.tolist()) <= {0, 1}:
        return (2 * numbers - 1).astype(np.float32), ("0", "1")
    if numbers is not None and set(found.tolist()) <= {-1, 1}:
        return numbers.astype(np.float32), ("-1", "1")
    if numbers is None and len(found) == 2:
        return np.where(values.astype(str) == found[1], 1, -1).astype(np.float32), (str(found[0]), str(found[1]))
    kinds = f"{len(found)} labels ({_some(found)})"
    raise NetspecError(
        "NS606",
        f"{what} has {kinds}; the loss of output `{output}` takes two classes: 0 and 1, −1 and 1, or two words",
        span,
        hint=f"use `cross_entropy` and give `{output}` as many values as there are classes",
    )


def _whole(values: NDArray[Any]) -> NDArray[np.int64] | None:
    """The values as whole numbers when every one is."""
    if values.dtype.kind in "iub":
        return values.astype(np.int64)
    try:
        floats = values.astype(np.float64)
    except (TypeError, ValueError):
        return None
    return floats.astype(np.int64) if bool(np.all(np.isfinite(floats) & (floats == np.round(floats)))) else None


def _some(names: NDArray[Any]) -> str:
    return ", ".join(map(str, names[:SHOWN])) + (", …" if len(names) > SHOWN else "")
