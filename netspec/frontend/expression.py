"""Expressions in a file: `$name`, `$(width * 2)`, and text with `$(…)` in it; formula.py evaluates them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any

from netspec.frontend import formula
from netspec.frontend.formula import MAX_NUMBER, Env, WrongError
from netspec.source.errors import NetspecError, Problem
from netspec.source.text import Span, show
from netspec.source.tree import Items, Map, Scalar, Tree

MAX_TEXT = 10_000
MAX_ITEMS = 100
VALUE = f"a number, text, true or false, or a list of at most {MAX_ITEMS} of them"

NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


def is_value(value: Any) -> bool:
    """Whether a variable or parameter may be this: see `VALUE`."""
    if isinstance(value, list):
        return len(value) <= MAX_ITEMS and all(not isinstance(v, list) and is_value(v) for v in value)
    if isinstance(value, (int, float)):
        return abs(value) < MAX_NUMBER or (isinstance(value, float) and value == value)
    return isinstance(value, str) and len(value) <= MAX_TEXT


def whole(value: Any) -> Any:
    """`64 / 2` is 32.0: a number without a fraction as the whole number that it is."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < MAX_NUMBER else value


def has_expression(tree: Tree) -> bool:
    """Whether anything in the tree is still to be evaluated."""
    if isinstance(tree, Scalar):
        return isinstance(tree.value, str) and "$" in tree.value
    return any(has_expression(t) for t in (tree.items if isinstance(tree, Items) else tree.entries.values()))


def resolve(tree: Tree, env: Env) -> Tree:
    """The tree with every expression replaced by its value, at the same place.  Raises NS301 and NS302."""
    if isinstance(tree, Scalar):
        if not isinstance(tree.value, str) or "$" not in tree.value:
            return tree
        return _tree_of(evaluate(tree, env), tree.span)
    if isinstance(tree, Items):
        return Items([resolve(t, env) for t in tree.items], tree.span)
    return Map({k: resolve(v, env) for k, v in tree.entries.items()}, tree.span, tree.key_spans)


def _tree_of(value: Any, span: Span) -> Tree:
    if isinstance(value, (list, tuple)):
        return Items([_tree_of(v, span) for v in value], span)
    return Scalar(value, span)


def evaluate(scalar: Scalar, env: Env) -> Any:
    """The value of a scalar that holds `$`: a whole expression keeps its type, one inside text is inserted."""
    parts = pieces(scalar)
    if len(parts) == 1 and parts[0][1] >= 0:
        return _run(parts[0][0], scalar, parts[0][1], env)
    out, length = [], 0
    for part, offset in parts:
        value = _run(part, scalar, offset, env) if offset >= 0 else part
        if isinstance(value, (list, tuple)):
            raise NetspecError("NS302", f"a list cannot stand inside text: {show(part)}", scalar.span)
        out.append(("true" if value else "false") if isinstance(value, bool) else str(value))
        length += len(out[-1])
        if length > MAX_TEXT:
            raise NetspecError("NS302", f"more than {MAX_TEXT:,} characters with the expressions put in", scalar.span)
    return "".join(out)


def syntax_errors(tree: Tree) -> Iterator[Problem]:
    """What is wrong with the expressions of a tree whatever the names in them stand for."""
    if not isinstance(tree, Scalar):
        for inner in tree.items if isinstance(tree, Items) else tree.entries.values():
            yield from syntax_errors(inner)
    elif isinstance(tree.value, str) and "$" in tree.value:
        try:
            for part, offset in pieces(tree):
                if offset >= 0:
                    _located(formula.parse, part, tree, offset)
        except NetspecError as error:
            yield from error.problems


def pieces(scalar: Scalar) -> list[tuple[str, int]]:
    """Literal pieces (offset -1) and expressions with their offset in the text.  Raises NS301."""
    text: str = scalar.value
    if match := NAME.fullmatch(text):
        return [(match[1], 1)]
    if len(text) > MAX_TEXT:
        raise NetspecError(
            "NS301", f"a text of {len(text):,} characters with expressions; at most {MAX_TEXT:,} are read", scalar.span
        )
    if text.startswith("$") and not text.startswith(("$$", "$(")):
        rest = text[1:]
        hint = (
            f"write `$({rest})`, or `$${rest}` for text that begins with a dollar"
            if rest
            else "write `$$` for a dollar"
        )
        raise NetspecError("NS301", f"not an expression: {show(text)}", scalar.span, hint=hint)
    parts: list[tuple[str, int]] = []
    literal, at = "", 0
    while at < len(text):
        if text.startswith("$$", at):
            literal, at = literal + "$", at + 2
        elif text.startswith("$(", at):
            end = _closing(text, at + 1)
            if end < 0:
                span = scalar.span.within(scalar.inset + at, scalar.inset + len(text))
                raise NetspecError(
                    "NS301",
                    "an expression that does not end: `)` is missing",
                    span,
                    hint='close it; inside `{…}` an expression with a comma or bracket wants quotes: `"$(min(a, b))"`',
                )
            if literal:
                parts.append((literal, -1))
                literal = ""
            parts.append((text[at + 2 : end], at + 2))
            at = end + 1
        else:
            literal, at = literal + text[at], at + 1
    if literal or not parts:
        parts.append((literal, -1))
    return parts


def _closing(text: str, at: int) -> int:
    depth, quote = 0, ""
    for i in range(at, len(text)):
        c = text[i]
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "()":
            depth += 1 if c == "(" else -1
            if not depth:
                return i
    return -1


def _run(text: str, scalar: Scalar, offset: int, env: Env) -> Any:
    return _located(lambda text: formula.evaluate(formula.parse(text), env), text, scalar, offset)


def _located(function: Callable[[str], Any], text: str, scalar: Scalar, offset: int) -> Any:
    """The function of an expression; what is wrong gets its place in the scalar."""
    try:
        return function(text)
    except WrongError as wrong:
        start, end = 0, len(text)
        if isinstance(wrong.node, ast.expr):
            start, end = wrong.node.col_offset - 1, (wrong.node.end_col_offset or 0) - 1
        start += scalar.inset + offset
        end += scalar.inset + offset
        code = "NS302" if wrong.node is not None else "NS301"
        raise NetspecError(code, str(wrong), scalar.span.within(start, end), hint=wrong.hint) from None
