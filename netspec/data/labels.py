"""Class labels: what stands in the data -> class numbers and names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.source.errors import NetspecError
from netspec.source.text import Span

SHOWN = 6
ONE_CLASS = "there is one class alone: nothing can be learned of it"
MOST_ENTRIES = 10_000_000  # of an embedding that is worth proposing
FLOAT_MAX = float(np.finfo(np.float32).max)
# What pandas reads as missing where nothing else is said, and so what it writes for a missing label, or once did.
MISSING = frozenset(("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
                     "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"))  # fmt: skip
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,9})?")  # Python's float takes 1_234, ١٢, nan
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}(\.0*)?")


# Spaces of another kind, and what is not shown: zero width space, soft hyphen, word joiner, byte order mark.
_UNSEEN = str.maketrans({"\u00a0": " ", "\u202f": " ", **dict.fromkeys("\u200b\u00ad\u2060\ufeff")})


def clean(label: str) -> str:
    """A label without white space at its ends and what is not shown, its letters composed (NFC): what looks the same
    is the same."""
    return unicodedata.normalize("NFC", label.translate(_UNSEEN).strip())


def class_numbers(
    labels: Sequence[str] | NDArray[Any],
    count: int,
    subject: str,
    output: str,
    span: Span | None,
    lines: Sequence[int] = (),
    earlier: tuple[str, ...] = (),
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels -> numbers 0 … count − 1 and the classes' names.

    `earlier`: the names that an earlier run has, of which not all have to be there; what is none of them is −1, and has
    to be of a sample that the run did not have.
    Where every label is a whole number, in digits and perhaps with a point and zeros, they are the class numbers; text,
    as `clean` has it, is numbered in the order of the alphabet.  `lines`: of the samples in their table.  Raises NS606
    when they do not fit the output's `count` classes, or one number is written in two ways among words.
    """
    values = np.asarray(labels)
    if values.dtype.kind in "iub" and int(values.min(initial=0)) >= 0 and int(values.max(initial=0)) < count:
        return values.astype(np.int64), tuple(map(str, range(count)))  # of pixels or steps there are many
    names, index = _distinct(values)
    if earlier:
        return np.array([_which(name, earlier) for name in names], np.int64)[index], earlier
    numbers = _integers(names)
    if numbers is not None:
        bad = [k for k, number in enumerate(numbers) if not 0 <= number < count]
        if bad:
            first = tuple(int(i) for i in np.argwhere(np.isin(index, bad))[0])
            at = f"line {lines[first[0]]}" if lines else f"sample {first[0] + 1}"
            text = f"{subject}: label {numbers[index[first]]} ({at}) is out of range"
            text += f": output `{output}` has classes 0 to {count - 1}"
            text += f", the labels run from {min(numbers)} to {max(numbers)}"
            raise NetspecError("NS606", text, span, hint=_renumber(sorted(set(numbers)), count, output))
        return np.array(numbers, np.int64)[index], tuple(map(str, range(count)))
    _check_spelling(names, subject, span)
    if len(names) != count:
        listing = f"{len(names)} class{'es' * (len(names) > 1)} ({_listing(names)})"
        hint = f"give `{output}` {len(names)} values" if len(names) > 1 else ONE_CLASS
        raise NetspecError("NS606", f"{subject} has {listing}, output `{output}` has {count}", span, hint=hint)
    return index, tuple(names)


def signs(
    labels: Sequence[str] | NDArray[Any], subject: str, output: str, span: Span | None, earlier: tuple[str, ...] = ()
) -> tuple[NDArray[np.float32], tuple[str, str]]:
    """Labels of two classes -> −1 and +1, and the classes' names: 0/1, −1/+1, or two words in alphabetical order.

    `earlier`: the names that an earlier run has; what is none of them is NaN, and of a sample that the run did not
    have.  Raises NS606 for anything else.
    """
    names, index = _distinct(np.asarray(labels))
    if len(earlier) == 2:
        sides = (-1, 1, np.nan)  # the last for −1
        return np.array([sides[_which(name, earlier)] for name in names], np.float32)[index], (earlier[0], earlier[1])
    numbers = _integers(names)
    for pair in ((0, 1), (-1, 1)):
        if numbers is not None and set(numbers) <= set(pair):
            ones = np.array([1 if number == 1 else -1 for number in numbers], np.float32)
            return ones[index], (str(pair[0]), str(pair[1]))
    if numbers is None:
        _check_spelling(names, subject, span)
        if len(names) == 2:
            return np.array([-1, 1], np.float32)[index], (names[0], names[1])
    listed = names if numbers is None else [str(number) for number in sorted(set(numbers))]
    kinds = f"{len(listed)} label{'s' * (len(listed) != 1)} ({_listing(listed)})"
    raise NetspecError(
        "NS606",
        f"{subject} has {kinds}; the loss of output `{output}` takes two classes: 0 and 1, −1 and 1, or two words",
        span,
        hint=f"use `cross_entropy` and give `{output}` as many values as there are classes"
        if len(listed) > 1
        else ONE_CLASS,
    )


def _distinct(values: NDArray[Any]) -> tuple[list[str], NDArray[np.int64]]:
    """The labels that differ, as text in the order of the alphabet, and the number of each value among them."""
    distinct, index = np.unique(values, return_inverse=True)
    kind = values.dtype.kind
    if kind in "iubf":
        texts = [str(int(v)) if kind in "iub" or float(v).is_integer() else str(v) for v in distinct]
    else:
        texts = [clean(str(v)) for v in distinct]
    names, again = np.unique(np.array(texts, dtype=str), return_inverse=True)
    return list(map(str, names)), again.astype(np.int64)[index].reshape(values.shape)


def _which(label: str, earlier: tuple[str, ...]) -> int:
    """The number of a class among those of an earlier run, however a number is spelled; −1 for none of them."""
    numbers = _integers([label])
    name = label if label in earlier or numbers is None else str(numbers[0])
    return earlier.index(name) if name in earlier else -1


def _integers(labels: Sequence[str]) -> list[int] | None:
    """The labels as whole numbers when every one is."""
    if not all(_INTEGER.fullmatch(label) for label in labels):
        return None
    return [int(label.partition(".")[0]) for label in labels]


def _check_spelling(labels: Sequence[str], subject: str, span: Span | None) -> None:
    """Raises NS606 for one number in two spellings, which would be two classes."""
    seen: dict[Decimal, str] = {}
    for label in labels:
        if NUMBER.fullmatch(label) and (other := seen.setdefault(Decimal(label), label)) != label:
            text = f"{subject} has the labels `{other}` and `{label}`, which are one number"
            raise NetspecError("NS606", text, span, hint="write them in one way")


def _renumber(numbers: list[int], count: int, output: str) -> str:
    """What to do about labels that are not 0 … count − 1."""
    many = len(numbers)
    if numbers[0] == 0 and numbers[-1] == many - 1:
        return f"give `{output}` {many} values"
    text = f"number the {many} classes ({_listing(list(map(str, numbers)))}) from 0 to {many - 1}"
    return text if many == count else f"{text}, and give `{output}` {many} values"


def _listing(names: Sequence[str]) -> str:
    """The first few."""
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
