"""The arithmetic of expressions, in a closed grammar.

Python's parser reads it, a white list of node types is all that is evaluated, and length, depth, exponents and
results are capped, so that no expression can run long, name a Python object or reach out of its own text.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from netspec.source.errors import did_you_mean
from netspec.source.text import show

MAX_LENGTH = 500
MAX_DEPTH = 40
MAX_EXPONENT = 64
MAX_NUMBER = 2**63

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


class WrongError(Exception):
    """What is wrong, and the part of the expression (offsets) that is."""

    def __init__(self, message: str, node: ast.AST | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.node, self.hint = node, hint


@lru_cache(maxsize=4096)  # a block's expressions are evaluated in each of its instances
def parse(text: str) -> ast.expr:
    if len(text) > MAX_LENGTH:
        raise WrongError(f"an expression of {len(text)} characters; at most {MAX_LENGTH} are read")
    if not text.strip():
        raise WrongError("an empty expression", hint="for example `$(width * 2)`")
    if not text.isascii() or "\n" in text:  # columns of the parser count bytes of one line
        raise WrongError("an expression is one line of plain ASCII")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(f"({text})", mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise WrongError(f"not an expression: {show(text)}", hint=_GRAMMAR) from None
    _check(tree)
    return tree


_GRAMMAR = "numbers, names, + - * / // % **, comparisons, and or not, `a if c else b`, " + " ".join(FUNCTIONS)
_ALLOWED = (
    ast.Constant,
    ast.Name,
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Call,
    ast.UAdd,
    ast.USub,
    ast.Not,
    ast.And,
    ast.Or,
    ast.Load,
    *_BINARY,
    *_COMPARE,
)
_NAMED = {
    ast.Attribute: "attributes",
    ast.Subscript: "subscripts",
    ast.Lambda: "`lambda`",
    ast.List: "lists",
    ast.ListComp: "comprehensions",
    ast.GeneratorExp: "comprehensions",
    ast.Dict: "mappings",
    ast.Set: "sets",
    ast.Tuple: "lists",
    ast.JoinedStr: "f-strings",
    ast.NamedExpr: "assignments",
    ast.Await: "`await`",
    ast.Starred: "`*`",
    ast.Slice: "slices",
    ast.Yield: "`yield`",
    ast.Is: "`is`",
    ast.IsNot: "`is not`",
    ast.In: "`in`",
    ast.NotIn: "`not in`",
    ast.MatMult: "`@`",
    ast.Invert: "`~`",
    ast.LShift: "`<<`",
    ast.RShift: "`>>`",
    ast.BitAnd: "`&`",
    ast.BitOr: "`|`",
    ast.BitXor: "`^`",
}


def _check(tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > 2 * MAX_DEPTH:  # an operator node stands between two levels of expressions
            raise WrongError(f"an expression nested deeper than {MAX_DEPTH}")
        for node in level:
            if not isinstance(node, _ALLOWED):
                construct = _NAMED.get(type(node), f"`{type(node).__name__}`")
                raise WrongError(f"an expression has no {construct}", node, _GRAMMAR)
            if isinstance(node, ast.Call):
                _check_call(node)
            if isinstance(node, ast.Constant) and type(node.value) not in (int, float, str):
                raise WrongError(
                    f"an expression has no `{ast.unparse(node)}`",
                    node,
                    "write `true`, `false`, a number or quoted text",
                )
        level = [child for node in level for child in ast.iter_child_nodes(node)]


def _check_call(node: ast.Call) -> None:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        hint = did_you_mean(name, FUNCTIONS, f"there are {', '.join(FUNCTIONS)}")
        raise WrongError(f"unknown function `{name}`", node.func, hint)
    _, fewest, most = FUNCTIONS[node.func.id]
    if node.keywords or not fewest <= len(node.args) <= most:
        count = str(fewest) if fewest == most else f"{fewest} to {most}"
        received = "a keyword" if node.keywords else str(len(node.args))
        raise WrongError(f"{node.func.id} takes {count} argument{'s' * (most > 1)}, received {received}", node)


def evaluate(node: ast.expr, env: Env) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        if node.id in env:
            return env[node.id]
        if node.id in _CONSTANTS:
            return _CONSTANTS[node.id]
        hint = "`i` is the index of a layer's `repeat`" if node.id == "i" else did_you_mean(node.id, env, _known(env))
        raise WrongError(f"unknown name `{node.id}`", node, hint)
    if isinstance(node, ast.BinOp):
        sign, function = _BINARY[type(node.op)]
        return _apply(sign, function, evaluate(node.left, env), evaluate(node.right, env), node)
    if isinstance(node, ast.UnaryOp):
        value = evaluate(node.operand, env)
        if isinstance(node.op, ast.Not):
            return not value
        _need_numbers("-", node, value)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BoolOp):
        for part in node.values:
            value = evaluate(part, env)
            if bool(value) is isinstance(node.op, ast.Or):
                return value
        return value
    if isinstance(node, ast.Compare):
        left = evaluate(node.left, env)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            sign, function = _COMPARE[type(op)]
            right = evaluate(right_node, env)
            if sign not in ("==", "!=") and isinstance(left, str) is not isinstance(right, str):
                raise WrongError(f"cannot compare {show(left)} {sign} {show(right)}", node)
            if not isinstance(left, str) and sign not in ("==", "!="):
                _need_numbers(sign, node, left, right)
            if not function(left, right):
                return False
            left = right
        return True
    if isinstance(node, ast.IfExp):
        return evaluate(node.body if evaluate(node.test, env) else node.orelse, env)
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)  # _check let nothing else through
    values = [evaluate(a, env) for a in node.args]
    _need_numbers(node.func.id, node, *values)
    try:
        return _capped(FUNCTIONS[node.func.id][0](*values), node)
    except (TypeError, ValueError, OverflowError) as error:
        raise WrongError(f"`{node.func.id}`: {error}", node) from None


def _known(env: Env) -> str:
    return f"there are {', '.join(env)}" if env else "there are no `vars` here"


def _need_numbers(sign: str, node: ast.expr, *values: Any) -> None:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise WrongError(f"`{sign}` works on numbers, received {show(value)}", node)


def _apply(sign: str, function: Callable[[Any, Any], Any], a: Any, b: Any, node: ast.expr) -> Any:
    _need_numbers(sign, node, a, b)
    if sign == "**" and abs(b) > MAX_EXPONENT:
        raise WrongError(f"an exponent of {b}; at most {MAX_EXPONENT} is allowed", node)
    try:
        return _capped(function(a, b), node)
    except ZeroDivisionError:
        raise WrongError("division by zero", node) from None
    except OverflowError:
        raise WrongError("the result is too large", node) from None


def _capped(value: Any, node: ast.expr) -> Any:
    if isinstance(value, complex):
        raise WrongError("the result is not a real number", node)
    if isinstance(value, int) and abs(value) >= MAX_NUMBER:
        raise WrongError("the result is too large", node)
    return value
