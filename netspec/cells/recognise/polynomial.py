"""A value of a step multiplied out: one form for everything that is equal by the laws of sums and products.

z·h + (1 − z)·n, h + z·(n − h) with the other z, and n − z·n + z·h are all {z·h: 1, n: 1, z·n: −1}.  What is neither sum
nor product (a function, a matrix product, a weight, a state) is an atom.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from netspec.cells.ir.dag import Value

Monomial = tuple[Value, ...]  # atoms by their index; () is the constant
Polynomial = dict[Monomial, float]

MAX_TERMS = 64  # a product of sums grows with every factor


class TooLargeError(Exception):
    """More than MAX_TERMS terms."""


def expand(node: Value, atoms: Collection[Value] = ()) -> Polynomial:
    """A node multiplied out; a node in `atoms` is left whole, but for the one asked for.  Raises TooLargeError."""
    match node.op:
        case "number":
            return {(): node.number or 0.0} if node.number else {}
        case "add":
            return total(_inner(a, atoms) for a in node.args)
        case "neg":
            return scaled(_inner(node.args[0], atoms), -1.0)
        case "mul":
            product: Polynomial = {(): 1.0}
            for factor in node.args:
                product = _times(product, _inner(factor, atoms))
            return product
    return {(node,): 1.0}


def _inner(node: Value, atoms: Collection[Value]) -> Polynomial:
    return {(node,): 1.0} if node in atoms else expand(node, atoms)


def total(parts: Iterable[Mapping[Monomial, float]]) -> Polynomial:
    """The sum; what cancels is gone."""
    factors: Polynomial = {}
    for part in parts:
        for monomial, factor in part.items():
            factors[monomial] = factors.get(monomial, 0.0) + factor
    return {m: f for m, f in factors.items() if f}


def scaled(polynomial: Mapping[Monomial, float], by: float) -> Polynomial:
    return {m: f * by for m, f in polynomial.items()}


def _times(a: Polynomial, b: Polynomial) -> Polynomial:
    if len(a) * len(b) > MAX_TERMS:
        raise TooLargeError
    return total(
        {tuple(sorted((*m, *n), key=lambda atom: atom.index)): f * g} for m, f in a.items() for n, g in b.items()
    )


def split(polynomial: Mapping[Monomial, float], atom: Value) -> tuple[Polynomial, Polynomial]:
    """(a, b) with polynomial = a·atom + b, where a and b are free of it; a square stays in a."""
    inside: Polynomial = {}
    rest: Polynomial = {}
    for monomial, factor in polynomial.items():
        if atom in monomial:
            left = list(monomial)
            left.remove(atom)
            inside[tuple(left)] = factor
        else:
            rest[monomial] = factor
    return inside, rest
