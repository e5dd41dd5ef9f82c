"""Two versions of an equation side by side: which of their terms changed, by their trees and not by their letters.

Sums and products are taken apart into terms and factors, which are aligned; what has a partner of the same form is
looked into further.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, NamedTuple, TypeAlias

from netspec.cells.language.expr import (
    Binary,
    Choice,
    Concatenation,
    EquationPart,
    Expr,
    FunctionCall,
    Negative,
    parts,
    unparse,
)
from netspec.cells.language.syntax import parse_size
from netspec.source.errors import NetspecError
from netspec.source.text import Source, Span
from netspec.source.tree import Scalar

_SUM, _PRODUCT = ("+", "-"), ("*",)


@dataclass(frozen=True)
class Segment:
    """A stretch of a value's text."""

    text: str
    status: Literal["equal", "removed", "added"]


class Term(NamedTuple):
    """A part of a sum or a product: its sign, its expression, and where it stands with the sign before it."""

    sign: str
    expr: Expr
    start: int
    end: int


Stretch: TypeAlias = tuple[int, int]  # begin and end in a text


def changed_parts(before: str, after: str) -> tuple[list[Segment], list[Segment]]:
    """The text of two values in stretches: equal or removed of the older, equal or added of the newer.

    A value that is no expression of the language is one stretch.
    """
    trees = _parsed(before), _parsed(after)
    marks: tuple[list[Stretch], list[Stretch]] = ([], [])
    if trees[0] is None or trees[1] is None:
        marks = ([(0, len(before))], [(0, len(after))])
    else:
        for side, stretch in _differences(trees[0], trees[1]):
            marks[side].append(stretch)
    return list(_segments(before, marks[0], "removed")), list(_segments(after, marks[1], "added"))


def same_terms(before: str, after: str) -> bool:
    """Whether two values differ in the order of their terms and factors alone."""
    trees = _parsed(before), _parsed(after)
    return trees[0] is not None and trees[1] is not None and _sorted(trees[0]) == _sorted(trees[1])


def _parsed(text: str) -> Expr | None:
    try:
        return parse_size(Scalar(text, Span(Source("", text), 1, 1, 1, len(text) + 1)))
    except NetspecError:
        return None


def _differences(a: Expr, b: Expr) -> Iterator[tuple[int, Stretch]]:
    """What differs: of the older (0) or the newer (1), begin and end."""
    if unparse(a) == unparse(b):
        return
    for signs in (_SUM, _PRODUCT):
        old, new = list(_terms(a, signs)), list(_terms(b, signs))
        common = {(t.sign, unparse(t.expr)) for t in old} & {(t.sign, unparse(t.expr)) for t in new}
        if len(old) + len(new) > 2 and (common or len(old) == len(new)):
            yield from _of_terms(old, new)
            return
    match a, b:
        case Binary(sign), Binary(other) if sign == other:
            yield from _of_parts(a, b)
        case FunctionCall(name), FunctionCall(other) if len(a.args) == len(b.args):
            if name != other:
                yield 0, _stretch(a.name_place)
                yield 1, _stretch(b.name_place)
            yield from _of_parts(a, b)
        case FunctionCall(_, (inner,)), _ if unparse(inner) == unparse(b):
            yield from ((0, stretch) for stretch in _around(a, inner))
        case _, FunctionCall(_, (inner,)) if unparse(inner) == unparse(a):
            yield from ((1, stretch) for stretch in _around(b, inner))
        case Negative(), Negative():
            yield from _of_parts(a, b)
        case Choice(equal=equal), Choice(equal=other) if equal == other:
            yield from _of_parts(a, b)
        case Concatenation(left), Concatenation(right):
            yield from _of_terms([_term(x) for x in left], [_term(y) for y in right])
        case _:
            yield 0, _stretch(a.part)
            yield 1, _stretch(b.part)


def _of_parts(a: Expr, b: Expr) -> Iterator[tuple[int, Stretch]]:
    for x, y in zip(parts(a), parts(b), strict=True):
        yield from _differences(x, y)


def _around(outer: Expr, inner: Expr) -> tuple[Stretch, Stretch]:
    """What stands before and behind a part."""
    return (outer.part.start, inner.part.start), (inner.part.end, outer.part.end)


def _of_terms(old: Sequence[Term], new: Sequence[Term]) -> Iterator[tuple[int, Stretch]]:
    """The terms that have no equal in the same order; those that replace as many others are looked into."""
    before, after = ([(term.sign, unparse(term.expr)) for term in terms] for terms in (old, new))
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if j - i == m - k and all(x.sign == y.sign for x, y in zip(old[i:j], new[k:m], strict=True)):
            for x, y in zip(old[i:j], new[k:m], strict=True):
                yield from _differences(x.expr, y.expr)
            continue
        yield from ((0, _with_sign(old, n)) for n in range(i, j))
        yield from ((1, _with_sign(new, n)) for n in range(k, m))


def _with_sign(terms: Sequence[Term], n: int) -> Stretch:
    """Where a term stands with the sign that comes and goes with it: of the first the one behind it."""
    if n or len(terms) == 1:
        return terms[n].start, terms[n].end
    return terms[0].start, terms[1].expr.part.start


def _is_chain(expr: Expr, signs: tuple[str, ...]) -> bool:
    return isinstance(expr, Binary) and expr.sign in signs


def _terms(expr: Expr, signs: tuple[str, ...], sign: str = "", start: int = -1) -> Iterator[Term]:
    """The parts of a chain of equal operators, left to right."""
    if isinstance(expr, Binary) and expr.sign in signs:
        yield from _terms(expr.left, signs, sign, start)
        right = expr.right
        yield Term("" if expr.sign in "+*" else expr.sign, right, expr.sign_place.start, right.part.end)
    else:
        yield Term(sign, expr, expr.part.start if start < 0 else start, expr.part.end)


def _term(expr: Expr) -> Term:
    return Term("", expr, *_stretch(expr.part))


def _stretch(part: EquationPart) -> Stretch:
    return part.start, part.end


def _sorted(expr: Expr) -> object:
    """A spelling in which the order of terms and factors says nothing."""
    for signs in (_SUM, _PRODUCT):
        if _is_chain(expr, signs):
            return signs, sorted(repr((term.sign, _sorted(term.expr))) for term in _terms(expr, signs))
    match expr:
        case Binary(sign, left, right):
            return sign, _sorted(left), _sorted(right)
        case FunctionCall(name, args):
            return name, [_sorted(arg) for arg in args]
        case Negative(operand):
            return "neg", _sorted(operand)
        case Concatenation(items):
            return "[]", [_sorted(item) for item in items]
    return unparse(expr)


def _segments(text: str, marks: Sequence[Stretch], status: Literal["removed", "added"]) -> Iterator[Segment]:
    """A text cut at its marks; marks that touch but for a blank are one."""
    at = 0
    joined: list[Stretch] = []
    for start, end in sorted(marks):
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    for start, end in joined:
        if at < start:
            yield Segment(text[at:start], "equal")
        yield Segment(text[start:end], status)
        at = end
    if at < len(text):
        yield Segment(text[at:], "equal")
