"""Expressions: `$name`, `$(width * 2)`, and text with `$(…)` in it.

The grammar is closed: numbers, quoted text, `true` and `false`, names, `+ - * / // % **`, comparisons,
`and or not`, `a if c else b`, and the functions in `FUNCTIONS`.  Python's parser reads it, a white list of node
types is all that is evaluated, and length, depth, exponents and results are capped, so that no expression can
run long, name a Python object or reach out of its own text.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from netspec.source.errors import NetspecError, did_you_mean
from netspec.source.text import Span, show
from netspec.source.tree import Items, Map, Scalar, Tree

MAX_LENGTH = 500
MAX_DEPTH = 40
MAX_EXPONENT = 64
MAX_NUMBER = 2**63

NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")

Env = Mapping[str, Any]

_BINARY: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
}
_COMPARE: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}
FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {  # function, fewest and most arguments
    "min": (min, 2, 16),
    "max": (max, 2, 16),
    "abs": (abs, 1, 1),
    "round": (round, 1, 2),
    "floor": (math.floor, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "int": (int, 1, 1),
}
_CONSTANTS = {"true": True, "false": False}


class _Wrong(Exception):
    """What is wrong, and the part of the expression (offsets) that is."""

    def __init__(self, message: str, node: ast.AST | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.node, self.hint = node, hint


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
    text: str = scalar.value
    if match := NAME.fullmatch(text):
        return _run(match[1], scalar, 1, env)
    parts = _split(text, scalar)
    if len(parts) == 1 and parts[0][1] >= 0:
        return _run(parts[0][0], scalar, parts[0][1], env)
    if text.startswith("$") and not text.startswith(("$$", "$(")):
        raise NetspecError("NS301", f"not an expression: {show(text)}", scalar.span,
                           hint=f"write `$({text[1:]})`, or `$${text[1:]}` for text that begins with a dollar")  # fmt: skip
    out = []
    for part, offset in parts:
        value = _run(part, scalar, offset, env) if offset >= 0 else part
        if isinstance(value, (list, tuple)):
            raise NetspecError("NS302", f"a list cannot stand inside text: {show(part)}", scalar.span)
        out.append(("true" if value else "false") if isinstance(value, bool) else str(value))
    return "".join(out)


def _split(text: str, scalar: Scalar) -> list[tuple[str, int]]:
    """Literal pieces (offset -1) and expressions with their offset in the text."""
    parts: list[tuple[str, int]] = []
    literal, at = "", 0
    while at < len(text):
        if text.startswith("$$", at):
            literal, at = literal + "$", at + 2
        elif text.startswith("$(", at):
            end = _closing(text, at + 1)
            if end < 0:
                span = scalar.span.within(scalar.inset + at, scalar.inset + len(text))
                raise NetspecError("NS301", "an expression that does not end: `)` is missing", span, hint="close it; "
                                   "inside `{…}` an expression with a comma or bracket wants quotes")  # fmt: skip
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
    try:
        return _eval(_parse(text), env)
    except _Wrong as wrong:
        start, end = 0, len(text)
        if isinstance(wrong.node, ast.expr):
            start, end = wrong.node.col_offset - 1, (wrong.node.end_col_offset or 0) - 1
        start += scalar.inset + offset
        end += scalar.inset + offset
        code = "NS302" if wrong.node is not None else "NS301"
        raise NetspecError(code, str(wrong), scalar.span.within(start, end), hint=wrong.hint) from None


@lru_cache(maxsize=4096)
def _parse(text: str) -> ast.expr:
    if len(text) > MAX_LENGTH:
        raise _Wrong(f"an expression of {len(text)} characters; at most {MAX_LENGTH} are read")
    if not text.strip():
        raise _Wrong("an empty expression", hint="for example `$(width * 2)`")
    if not text.isascii() or "\n" in text:  # columns of the parser count bytes of one line
        raise _Wrong("an expression is one line of plain ASCII")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(f"({text})", mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise _Wrong(f"not an expression: {show(text)}", hint=_GRAMMAR) from None
    _check(tree)
    return tree


_GRAMMAR = "numbers, names, + - * / // % **, comparisons, and or not, `a if c else b`, " + " ".join(FUNCTIONS)
_ALLOWED = (
    ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call,
    ast.UAdd, ast.USub, ast.Not, ast.And, ast.Or, ast.Load, *_BINARY, *_COMPARE,
)  # fmt: skip
_NAMED = {
    ast.Attribute: "attributes", ast.Subscript: "subscripts", ast.Lambda: "functions", ast.List: "lists",
    ast.ListComp: "comprehensions", ast.GeneratorExp: "comprehensions", ast.Dict: "mappings", ast.Set: "sets",
    ast.Tuple: "lists", ast.JoinedStr: "f-strings", ast.NamedExpr: "assignments", ast.Await: "await",
    ast.Starred: "`*`", ast.Slice: "slices", ast.Yield: "yield",
}  # fmt: skip


def _check(tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > 2 * MAX_DEPTH:  # an operator node stands between two levels of expressions
            raise _Wrong(f"an expression nested deeper than {MAX_DEPTH}")
        for node in level:
            if not isinstance(node, _ALLOWED):
                what = _NAMED.get(type(node), f"`{type(node).__name__}`")
                raise _Wrong(f"an expression has no {what}", node, _GRAMMAR)
            if isinstance(node, ast.Call):
                _check_call(node)
            if isinstance(node, ast.Constant) and type(node.value) not in (int, float, str):
                raise _Wrong(f"an expression has no {show(str(node.value))}", node, "write `true`, `false` or a number")
        level = [child for node in level for child in ast.iter_child_nodes(node)]


def _check_call(node: ast.Call) -> None:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        hint = did_you_mean(name, FUNCTIONS, f"there are {', '.join(FUNCTIONS)}")
        raise _Wrong(f"unknown function {show(name)}", node.func, hint)
    _, fewest, most = FUNCTIONS[node.func.id]
    if node.keywords or not fewest <= len(node.args) <= most:
        count = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise _Wrong(f"{node.func.id} takes {count} arguments, received {len(node.args)}", node)


def _eval(node: ast.expr, env: Env) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        if node.id in env:
            return env[node.id]
        if node.id in _CONSTANTS:
            return _CONSTANTS[node.id]
        raise _Wrong(f"unknown name `{node.id}`", node, did_you_mean(node.id, env, _known(env)))
    if isinstance(node, ast.BinOp):
        sign, function = _BINARY[type(node.op)]
        return _apply(sign, function, _eval(node.left, env), _eval(node.right, env), node)
    if isinstance(node, ast.UnaryOp):
        value = _eval(node.operand, env)
        if isinstance(node.op, ast.Not):
            return not value
        _need_numbers("-", node, value)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BoolOp):
        for part in node.values:
            value = _eval(part, env)
            if bool(value) is isinstance(node.op, ast.Or):
                return value
        return value
    if isinstance(node, ast.Compare):
        left = _eval(node.left, env)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            sign, function = _COMPARE[type(op)]
            right = _eval(right_node, env)
            if sign not in ("==", "!=") and isinstance(left, str) is not isinstance(right, str):
                raise _Wrong(f"cannot compare {show(left)} {sign} {show(right)}", node)
            if not isinstance(left, str) and sign not in ("==", "!="):
                _need_numbers(sign, node, left, right)
            if not function(left, right):
                return False
            left = right
        return True
    if isinstance(node, ast.IfExp):
        return _eval(node.body if _eval(node.test, env) else node.orelse, env)
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)  # _check let nothing else through
    values = [_eval(a, env) for a in node.args]
    _need_numbers(node.func.id, node, *values)
    try:
        return _capped(FUNCTIONS[node.func.id][0](*values), node)
    except (TypeError, ValueError, OverflowError) as error:
        raise _Wrong(f"{node.func.id}: {error}", node) from None


def _known(env: Env) -> str:
    return f"there are {', '.join(env)}" if env else "there are no `vars` here"


def _need_numbers(sign: str, node: ast.expr, *values: Any) -> None:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _Wrong(f"`{sign}` works on numbers, received {show(value)}", node)


def _apply(sign: str, function: Callable[[Any, Any], Any], a: Any, b: Any, node: ast.expr) -> Any:
    _need_numbers(sign, node, a, b)
    if sign == "**" and abs(b) > MAX_EXPONENT:
        raise _Wrong(f"an exponent of {b}; at most {MAX_EXPONENT} is allowed", node)
    try:
        return _capped(function(a, b), node)
    except ZeroDivisionError:
        raise _Wrong("division by zero", node) from None
    except OverflowError:
        raise _Wrong("the result is too large", node) from None


def _capped(value: Any, node: ast.expr) -> Any:
    if isinstance(value, complex):
        raise _Wrong("the result is not a real number", node)
    if isinstance(value, int) and abs(value) >= MAX_NUMBER:
        raise _Wrong("the result is too large", node)
    return value
