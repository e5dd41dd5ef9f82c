"""The law of a function, as docs/cells.md prints it, computed: by an algebra of whoever asks.

law = value | value where x > y, value where x = y, else value
value = + − · / of values, numbers, π, names, √x, √(…), x², |x|, f(x, …), ∫₀ˣ f dt
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, Protocol

_SIGNS = {"−": "-", "·": "*", "½": "0.5", "π": "pi", "²": "**2", " = ": " == "}
_FORMS = (
    (r"∫₀ˣ (.*?) dt", r"integral('\1')"),
    (r"√(\w+)", r"sqrt(\1)"),
    (r"√\(", "sqrt("),
    (r"\|([^|]+)\|", r"abs(\1)"),
)


class Algebra(Protocol):
    """What a law is computed in: arrays, or values with their slopes."""

    def number(self, value: float) -> Any: ...
    def add(self, a: Any, b: Any) -> Any: ...
    def mul(self, a: Any, b: Any) -> Any: ...
    def div(self, a: Any, b: Any) -> Any: ...
    def call(self, name: str, *args: Any) -> Any: ...
    def choose(self, sign: str, a: Any, b: Any, yes: Any, no: Any) -> Any: ...
    def integral(self, law: str, end: Any) -> Any: ...


def computed(law: str, names: Mapping[str, Any], algebra: Algebra) -> Any:
    """The value of a law; `names` are its arguments."""
    *cases, last = law.split(", ") if " where " in law else [law]
    total = _value(last.removeprefix("else "), names, algebra)
    for case in reversed(cases):
        value, _, condition = case.partition(" where ")
        [comparison] = [_tree(condition)]
        assert isinstance(comparison, ast.Compare)
        sign = {ast.Lt: "<", ast.Gt: ">", ast.Eq: "=="}[type(comparison.ops[0])]
        a, b = (_of(side, names, algebra) for side in (comparison.left, comparison.comparators[0]))
        total = algebra.choose(sign, a, b, _value(value, names, algebra), total)
    return total


def _value(text: str, names: Mapping[str, Any], algebra: Algebra) -> Any:
    return _of(_tree(text), names, algebra)


def _tree(text: str) -> ast.expr:
    for form, by in _FORMS:
        text = re.sub(form, by, text)
    for sign, by in _SIGNS.items():
        text = text.replace(sign, by)
    return ast.parse(text.strip(), mode="eval").body


def _of(tree: ast.expr, names: Mapping[str, Any], algebra: Algebra) -> Any:
    match tree:
        case ast.Constant(value):
            return algebra.number(value)  # type: ignore[arg-type]
        case ast.Name("pi"):
            return algebra.number(3.141592653589793)
        case ast.Name(name):
            return names[name]
        case ast.UnaryOp(ast.USub(), operand):
            return algebra.mul(algebra.number(-1), _of(operand, names, algebra))
        case ast.Call(ast.Name("integral"), [ast.Constant(law)]):
            return algebra.integral(str(law), names["x"])
        case ast.Call(ast.Name(name), args):
            return algebra.call(name, *(_of(a, names, algebra) for a in args))
        case ast.BinOp(left, ast.Pow(), _):
            base = _of(left, names, algebra)
            return algebra.mul(base, base)
        case ast.BinOp(left, sign, right):
            a, b = _of(left, names, algebra), _of(right, names, algebra)
            match sign:
                case ast.Add():
                    return algebra.add(a, b)
                case ast.Sub():
                    return algebra.add(a, algebra.mul(algebra.number(-1), b))
                case ast.Mult():
                    return algebra.mul(a, b)
                case ast.Div():
                    return algebra.div(a, b)
    raise NotImplementedError(ast.dump(tree))
