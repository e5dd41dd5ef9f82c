"""Amounts as a budget writes them: `12M`."""

from __future__ import annotations

import re
from fractions import Fraction

from netspec.source.tree import Tree

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kKMGT]?)i?B?")
_SCALE = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def read_amount(tree: Tree) -> int | None:
    """`12M`, `2G`, `61706`; decimal multiples."""
    value = tree.plain()
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() and value >= 0 else None
    match = _AMOUNT.fullmatch(str(value))
    if not match:
        return None
    number = Fraction(match[1]) * _SCALE[match[2]]
    return int(number) if number.denominator == 1 else None
