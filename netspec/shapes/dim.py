"""Symbolic sizes: polynomials over axis names and floor divisions, in a normal form.

A size is an `int` where it is known and a `Dim` where it is not; arithmetic falls back to `int` by itself.
Equal polynomials compare equal: `T + T == 2 * T`, `(2 * T + 4) // 2 == T + 2`, `T // 2 // 2 == T // 4`.
Every axis name stands for an integer of at least 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd
from typing import TypeAlias, Union


@dataclass(frozen=True, slots=True)
class Quotient:
    """floor(numerator / denominator), not reducible further."""

    numerator: Dim
    denominator: int

    def __str__(self) -> str:
        top = str(self.numerator)
        return f"{top}//{self.denominator}" if top.isidentifier() else f"({top})//{self.denominator}"


Atom: TypeAlias = str | Quotient
Monomial: TypeAlias = tuple[Atom, ...]  # sorted by text; () is the constant term
Size: TypeAlias = Union[int, "Dim"]


class Dim:
    """A polynomial with integer coefficients over axis names and quotients; never a plain number."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms = tuple(sorted(terms.items(), key=_order))
        self._hash = hash(self.terms)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Dim) and self.terms == other.terms)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Dim({self})"

    def __str__(self) -> str:
        out = ""
        for monomial, factor in self.terms:
            name = "*".join(_factor_text(a, alone=len(monomial) == 1 and factor == 1) for a in monomial)
            size = abs(factor)
            body = name if name and size == 1 else f"{size}*{name}" if name else str(size)
            out += (" - " if factor < 0 else " + ") + body if out else ("-" if factor < 0 else "") + body
        return out

    def __add__(self, other: Size) -> Size:
        terms = dict(self.terms)
        for monomial, factor in _terms(other):
            terms[monomial] = terms.get(monomial, 0) + factor
        return _make(terms)

    def __neg__(self) -> Size:
        return _make({m: -f for m, f in self.terms})

    def __sub__(self, other: Size) -> Size:
        return self + -other

    def __rsub__(self, other: int) -> Size:
        return -self + other

    def __mul__(self, other: Size) -> Size:
        terms: dict[Monomial, int] = {}
        for m1, f1 in self.terms:
            for m2, f2 in _terms(other):
                key = tuple(sorted(m1 + m2, key=str)) if m1 and m2 else m1 + m2
                terms[key] = terms.get(key, 0) + f1 * f2
        return _make(terms)

    __radd__ = __add__
    __rmul__ = __mul__

    def __floordiv__(self, other: int) -> Size:
        if other <= 0:
            raise ZeroDivisionError("a size is divided by a positive number only")
        if other == 1:
            return self
        # (n·q + r) // n = q + r // n: pull every multiple out, and keep the rest small and positive.
        multiples = {m: f // other for m, f in self.terms if f // other}
        rest = _make({m: f % other for m, f in self.terms})
        if isinstance(rest, int):
            return _make(multiples) + rest // other
        if not any(m for m, _ in rest.terms):
            return _make(multiples)
        common = gcd(other, *(f for m, f in rest.terms if m))
        if common > 1:  # floor((c·a + r) / (c·n)) = floor((a + floor(r/c)) / n)
            return _make(multiples) + _make({m: f // common for m, f in rest.terms}) // (other // common)
        [(monomial, factor), *more] = rest.terms
        constant = dict(more).get((), 0)
        if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Quotient) and set(dict(more)) <= {()}:
            inner = monomial[0]  # (floor(a / m) + c) // n = (a + c·m) // (m·n)
            return _make(multiples) + (inner.numerator + constant * inner.denominator) // (inner.denominator * other)
        return _make(multiples) + Dim({(Quotient(rest, other),): 1})

    def exact_div(self, other: Size) -> Size | None:
        """The quotient when the division leaves nothing, else None."""
        if isinstance(other, int):
            return _make({m: f // other for m, f in self.terms}) if all(f % other == 0 for _, f in self.terms) else None
        if len(other.terms) != 1:
            return 1 if self == other else None
        [(divisor, factor)] = other.terms
        terms: dict[Monomial, int] = {}
        for m, f in self.terms:
            left = list(m)
            for atom in divisor:
                if atom not in left:
                    return None
                left.remove(atom)
            if f % factor:
                return None
            terms[tuple(left)] = f // factor
        return _make(terms)

    def names(self) -> set[str]:
        """The axis names in it."""
        names: set[str] = set()
        for monomial, _ in self.terms:
            for atom in monomial:
                names |= {atom} if isinstance(atom, str) else atom.numerator.names()
        return names

    def at(self, sizes: Mapping[str, Size]) -> Size:
        """The value with some axis names replaced by numbers, or by other sizes."""
        total: Size = 0
        for monomial, factor in self.terms:
            term: Size = factor
            for atom in monomial:
                if isinstance(atom, str):
                    term = term * sizes.get(atom, symbol(atom))
                else:
                    term = term * (atom.numerator.at(sizes) // atom.denominator)
            total = total + term
        return total


def _factor_text(atom: Atom, alone: bool) -> str:
    return str(atom) if alone or isinstance(atom, str) else f"({atom})"


def _order(term: tuple[Monomial, int]) -> tuple[int, str]:
    return (-len(term[0]), ",".join(map(str, term[0])))


def _terms(size: Size) -> tuple[tuple[Monomial, int], ...]:
    return size.terms if isinstance(size, Dim) else (((), size),)


def _make(terms: Mapping[Monomial, int]) -> Size:
    nonzero = {m: f for m, f in terms.items() if f}
    return nonzero.get((), 0) if not nonzero.keys() - {()} else Dim(nonzero)


def symbol(name: str) -> Dim:
    """The size of a named axis."""
    return Dim({(name,): 1})


def product(sizes: tuple[Size, ...]) -> Size:
    """The product of sizes; 1 for none."""
    total: Size = 1
    for size in sizes:
        total = total * size
    return total


def exact_div(a: Size, b: Size) -> Size | None:
    """a / b when it leaves nothing, else None."""
    if isinstance(a, Dim):
        return a.exact_div(b)
    if isinstance(b, Dim):
        return 0 if a == 0 else None
    return a // b if b and a % b == 0 else None


def at(size: Size, sizes: Mapping[str, Size]) -> Size:
    """The value with some axis names replaced by numbers, or by other sizes."""
    return size.at(sizes) if isinstance(size, Dim) else size
