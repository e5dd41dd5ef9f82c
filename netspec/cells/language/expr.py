"""The located tree of an equation: what the parser makes, and the lowering and the reports read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from netspec.source.text import Span
from netspec.source.tree import Scalar


@dataclass(frozen=True, slots=True)
class EquationPart:
    """A part of an equation's text, for messages."""

    text: Scalar
    start: int
    end: int

    @property
    def span(self) -> Span:
        span = self.text.span
        if span.line == span.end_line:
            return span.within(self.text.inset + self.start, self.text.inset + self.end)
        return self._over_lines() or span

    def _over_lines(self) -> Span | None:
        """In an equation of several lines: YAML folds white space, so the signs in between are counted."""
        value = str(self.text.value)
        text_span, lines = self.text.span, self.text.span.source.lines
        written = []
        for number in range(text_span.line, text_span.end_line + 1):
            begin = text_span.column - 1 + self.text.inset if number == text_span.line else 0
            line = lines[number - 1]
            if number == text_span.line and line[text_span.column - 1 : text_span.column] in ("|", ">"):
                continue  # the head of a block: its text begins below
            written += [(number, i + 1) for i in range(begin, len(line)) if not line[i].isspace()]
        before, last = (sum(not c.isspace() for c in value[:end]) for end in (self.start, self.end))
        if last > len(written) or before >= last:
            return None
        (line_at, column), (end_line, end_column) = written[before], written[last - 1]
        return Span(text_span.source, line_at, column, end_line, end_column + 1)

    @property
    def shown(self) -> str:
        """The part as it is written."""
        return str(self.text.value)[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Number:
    value: float
    part: EquationPart


@dataclass(frozen=True, slots=True)
class Name:
    """A name; `time` is "t" or "t-1" where it has one in brackets."""

    name: str
    time: str
    part: EquationPart


@dataclass(frozen=True, slots=True)
class FunctionCall:
    function: str
    args: tuple[Expr, ...]
    name_place: EquationPart
    part: EquationPart


@dataclass(frozen=True, slots=True)
class Binary:
    sign: str  # + - * / // @
    left: Expr
    right: Expr
    sign_place: EquationPart
    part: EquationPart


@dataclass(frozen=True, slots=True)
class Negative:
    operand: Expr
    part: EquationPart


@dataclass(frozen=True, slots=True)
class Concatenation:
    items: tuple[Expr, ...]
    part: EquationPart


@dataclass(frozen=True, slots=True)
class Choice:
    """`then if left == right else other`: decided by sizes, before anything runs."""

    then: Expr
    left: Expr
    equal: bool
    right: Expr
    other: Expr
    part: EquationPart


Expr: TypeAlias = Number | Name | FunctionCall | Binary | Negative | Concatenation | Choice


@dataclass(frozen=True, slots=True)
class Equation:
    """`target = value`; a target with `[t]` is a state."""

    target: Name
    value: Expr
    text: Scalar


def parts(expr: Expr) -> tuple[Expr, ...]:
    """What an expression is made of, left to right."""
    match expr:
        case FunctionCall(_, args):
            return args
        case Binary(_, left, right):
            return (left, right)
        case Negative(operand):
            return (operand,)
        case Concatenation(items):
            return items
        case Choice(then, left, _, right, other):
            return (then, left, right, other)
    return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and everything in it."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(parts(node)))


def unparse(expr: Expr) -> str:
    """The text of an expression in one spelling: what two cells are compared by."""
    match expr:
        case Number(value):
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        case Name(name, time):
            return f"{name}[{time}]" if time else name
        case FunctionCall(function, args):
            return f"{function}({', '.join(map(unparse, args))})"
        case Binary(sign, left, right):
            return f"({unparse(left)} {sign} {unparse(right)})"
        case Negative(operand):
            return f"(-{unparse(operand)})"
        case Concatenation(items):
            return f"[{', '.join(map(unparse, items))}]"
        case Choice(then, left, equal, right, other):
            sign = "==" if equal else "!="
            return f"({unparse(then)} if {unparse(left)} {sign} {unparse(right)} else {unparse(other)})"
