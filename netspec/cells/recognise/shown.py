"""A node of the graph as an equation would have it, for messages."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.cells.ir.dag import Value

MAX_LENGTH = 60


def shown(*factors: Value, names: Mapping[Value, str] | None = None) -> str:
    """The product of some nodes as text, `names` for those that have one; what is long is cut."""
    text = " * ".join(_text(f, names or {}, inside=len(factors) > 1) for f in factors)
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 2] + " …"


def _text(node: Value, names: Mapping[Value, str], inside: bool = False, depth: int = 0) -> str:
    if node in names:
        return names[node]
    if depth > 6:
        return "…"

    def part(n: Value) -> str:
        return _text(n, names, True, depth + 1)

    match node.op:
        case "input":
            return "x[t]"
        case "previous":
            return f"{node.attr}[t-1]"
        case "weight":
            return str(node.attr)
        case "number":
            return f"{node.attr:g}"
        case "product":
            return f"{node.attr.weight} @ {part(node.args[0])}"
        case "neg":
            return f"-{part(node.args[0])}"
        case "mul":
            return " * ".join(map(part, node.args))
        case "div":
            text = " / ".join(map(part, node.args))
        case "add":
            text = " + ".join(_text(a, names, False, depth + 1) for a in node.args).replace("+ -", "- ")
        case _:
            return f"{node.op}({', '.join(_text(a, names, False, depth + 1) for a in node.args)})"
    return f"({text})" if inside else text
