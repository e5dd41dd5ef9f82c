"""The text of an equation to a located tree.

    equation  = name ["[t]"] "=" value
    value     = sum ["if" sum ("==" | "!=") sum "else" value]
    sum       = term (("+" | "-") term)*
    term      = product (("*" | "/" | "//") product)*
    product   = "-" product | factor ["@" product]
    factor    = number | name | name "[t]" | name "[t-1]" | name "(" value, … ")" | "[" value, … "]" | "(" value ")"

`@` binds closer than `*` and from the right, so that `r * U @ h[t-1]` and `V @ U @ x[t]` are what papers mean by them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import isfinite

from netspec.cells.language.expr import (
    Binary,
    Choice,
    Concatenation,
    Equation,
    EquationPart,
    Expr,
    FunctionCall,
    Name,
    Negative,
    Number,
)
from netspec.cells.language.spelling import name_hint, sign_hint, time_hint
from netspec.source.errors import NetspecError
from netspec.source.text import show
from netspec.source.tree import Scalar

MAX_LENGTH = 2000
MAX_DEPTH = 40
MAX_SIGNS = 150  # what walks a tree goes as deep as a chain of signs is long

# A name is read with the marks and raised or lowered signs of a paper (h̃ₜ₋₁), so that all of it is refused at once.
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[^\W\d](?:\w|[\u0300-\u036f\u207a\u207b\u208a\u208b]|(?<=ₜ)[-−]1(?!\w))*)"
    r"|(?P<sign>==|!=|//|[-+*/@=()\[\],]))"
)
_WORDS = ("if", "else")
_SPLIT = "name parts of it in equations of their own"


def parse_equation(text: Scalar) -> Equation:
    """Raises NS320 at the part of the text that cannot be read."""
    reader = _Reader(text)
    target = reader.factor(0)
    if not isinstance(target, Name):
        raise _wrong(target.part, "an equation begins with the name that it gives a value", "`f = …` or `h[t] = …`")
    if target.time == "t-1":
        raise _wrong(
            target.part,
            f"`{target.part.shown}` is what came before and cannot be given a value",
            f"write `{target.name}[t] = …`",
        )
    reader.expect("=", "`=`")
    value = reader.value(0)
    reader.end()
    return Equation(target, value, text)


def parse_size(text: Scalar) -> Expr:
    """A size: a number, a name, or sums and products of them.  Raises NS320."""
    if isinstance(text.value, int) and not isinstance(text.value, bool):
        return Number(text.value, EquationPart(text, 0, len(str(text.value))))
    reader = _Reader(text)
    value = reader.value(0)
    reader.end()
    return value


def _wrong(part: EquationPart, message: str, hint: str = "") -> NetspecError:
    return NetspecError("NS320", message, part.span, hint=hint)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # number, name, sign, end
    text: str
    part: EquationPart


class _Reader:
    """A recursive-descent parser over the tokens of one text."""

    def __init__(self, text: Scalar) -> None:
        self.text = text
        equation = EquationPart(text, 0, len(str(text.value)))
        if not isinstance(text.value, str):
            raise _wrong(equation, f"expected an expression, received {show(text.value)}")
        if len(text.value) > MAX_LENGTH:
            raise _wrong(equation, f"longer than {MAX_LENGTH:,} characters", _SPLIT)
        self.tokens = _tokens(text, text.value)
        self.at = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> _Token | None:
        """The next token when it is one of these signs or words."""
        token = self.token
        if token.kind in ("sign", "name") and token.text in texts:
            self.at += 1
            return token
        return None

    def expect(self, text: str, what: str, hint: str = "") -> _Token:
        token = self.take(text)
        if token is None:
            raise self.unexpected(f"expected {what}", hint)
        return token

    def unexpected(self, what: str, hint: str = "") -> NetspecError:
        token = self.token
        before = self.tokens[self.at - 1].text if self.at else ""
        received = f"received `{token.text}`" if token.text else "the text ends"
        if token.text == "*" == before:
            hint = "there are no powers: multiply, `a * a`"
        elif what == "expected `=`":
            changed = token.kind == "sign" and self.tokens[self.at + 1].text == "="
            hint = "a value is given whole: `h[t] = h[t-1] + …`" if changed else "`name = value`"
        elif token.text == "=":
            hint = "one `=` an equation"
        elif token.text in ("==", "!="):
            hint = "a condition chooses by sizes: `a if input == hidden else b`"
        elif not hint and what != "expected a value" and self.side_by_side():
            hint = "products are written out: `W @ x[t]`, `a * b`"
        return _wrong(token.part, f"{what}, {received}", hint)

    def side_by_side(self) -> bool:
        """Whether a value begins where a sign should stand: `W [h[t-1], x[t]]`."""
        return self.token.kind in ("name", "number") or self.token.text in ("(", "[")

    def end(self) -> None:
        if self.token.kind != "end":
            raise self.unexpected("expected an operator")

    def joined(self, first: Expr, last: Expr) -> EquationPart:
        return EquationPart(self.text, first.part.start, last.part.end)

    def deeper(self, depth: int) -> int:
        if depth >= MAX_DEPTH:
            raise _wrong(self.token.part, f"nested deeper than {MAX_DEPTH}", _SPLIT)
        return depth + 1

    def value(self, depth: int) -> Expr:
        depth = self.deeper(depth)
        then = self.sum(depth)
        if not self.take("if"):
            return then
        left = self.sum(depth)
        sign = self.take("==", "!=")
        if sign is None:
            raise self.unexpected("a condition compares two sizes: expected `==` or `!=`")
        right = self.sum(depth)
        self.expect("else", "`else`", "`a if input == hidden else b`")
        other = self.value(depth)
        return Choice(then, left, sign.text == "==", right, other, self.joined(then, other))

    def sum(self, depth: int) -> Expr:
        left = self.term(depth)
        while sign := self.take("+", "-"):
            left = self.binary(sign, left, self.term(depth))
        return left

    def term(self, depth: int) -> Expr:
        left = self.product(depth)
        while sign := self.take("*", "/", "//"):
            left = self.binary(sign, left, self.product(depth))
        return left

    def product(self, depth: int) -> Expr:
        if minus := self.take("-"):
            operand = self.product(self.deeper(depth))
            return Negative(operand, EquationPart(self.text, minus.part.start, operand.part.end))
        left = self.factor(depth)
        if sign := self.take("@"):
            return self.binary(sign, left, self.product(self.deeper(depth)))
        return left

    def binary(self, sign: _Token, left: Expr, right: Expr) -> Expr:
        return Binary(sign.text, left, right, sign.part, self.joined(left, right))

    def factor(self, depth: int) -> Expr:
        token = self.token
        if token.kind == "number":
            self.at += 1
            value = float(token.text)
            if not isfinite(value):
                raise _wrong(token.part, "a number that no tensor holds")
            return Number(value, token.part)
        if token.kind == "name" and token.text not in _WORDS:
            self.at += 1
            return self.named(token, depth)
        if opening := self.take("("):
            inner = self.value(depth)
            joined = "a concatenation is written `[a, b]`" if self.token.text == "," else _open(opening)
            closing = self.expect(")", "`)`", "" if self.side_by_side() else joined)
            return replace(inner, part=EquationPart(self.text, opening.part.start, closing.part.end))
        if opening := self.take("["):
            items, closing = self.items("]", depth, opening)
            if not items:
                raise _wrong(opening.part, "a concatenation of nothing", "`[h[t-1], x[t]]`")
            return Concatenation(items, EquationPart(self.text, opening.part.start, closing.part.end))
        raise self.unexpected("expected a value")

    def named(self, token: _Token, depth: int) -> Expr:
        if opening := self.take("("):
            args, closing = self.items(")", depth, opening)
            return FunctionCall(
                token.text, args, token.part, EquationPart(self.text, token.part.start, closing.part.end)
            )
        opening = self.token
        # `a [b, c]` with a space is no index either: two values side by side, which `end` refuses.
        if opening.text == "[" and opening.part.start == token.part.end:
            return self.timed(token, opening)
        return Name(token.text, "", token.part)

    def timed(self, token: _Token, opening: _Token) -> Name:
        self.at += 1
        inside = []
        while self.token.kind != "end" and self.token.text not in ("]", "["):
            inside.append(self.token)
            self.at += 1
        closing = self.expect("]", "`]`", "a product is written `W @ [h[t-1], x[t]]`")
        time = "".join(t.text for t in inside)
        if time not in ("t", "t-1"):
            index = EquationPart(self.text, opening.part.start, closing.part.end)
            raise _wrong(
                index, f"`{token.text}` is read at `[t]` or `[t-1]`, received `{index.shown}`", time_hint(time)
            )
        return Name(token.text, time, EquationPart(self.text, token.part.start, closing.part.end))

    def items(self, closing: str, depth: int, opening: _Token) -> tuple[tuple[Expr, ...], _Token]:
        values: list[Expr] = []
        if token := self.take(closing):
            return (), token
        while True:
            values.append(self.value(depth))
            if token := self.take(closing):
                return tuple(values), token
            self.expect(",", f"`,` or `{closing}`", "" if self.side_by_side() else _open(opening))


def _open(bracket: _Token) -> str:
    return f"the `{bracket.text}` of column {bracket.part.span.column} is open here"


def _tokens(text: Scalar, written: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = signs = 0
    end = len(written.rstrip())
    while at < end:
        match = _TOKEN.match(written, at)
        if match is None:
            start = at + len(written[at:]) - len(written[at:].lstrip())
            raise _wrong(
                EquationPart(text, start, start + 1),
                f"`{written[start]}` has no meaning in an equation",
                sign_hint(written, start),
            )
        kind = str(match.lastgroup)
        part = EquationPart(text, match.start(kind), match.end(kind))
        if not match[kind].isascii():
            reason = (
                "a name is made of the letters a to z, digits and `_`"
                if kind == "name"
                else "a number has digits 0 to 9"
            )
            hint = name_hint(match[kind]) if kind == "name" else ""
            raise _wrong(part, f"{reason}, received `{match[kind]}`", hint)
        signs += kind == "sign" and match[kind] not in ("(", ")", "[", "]", ",")
        if signs > MAX_SIGNS:
            raise _wrong(part, f"more than {MAX_SIGNS} operators in one equation", _SPLIT)
        tokens.append(_Token(kind, match[kind], part))
        at = match.end()
    return [*tokens, _Token("end", "", EquationPart(text, max(end - 1, 0), max(end, 1)))]
