"""The `cells` section: a located mapping to a Cell, what is wrong with its form reported; `ir/read.py` checks more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from netspec.cells.language.cell import Cell, DeclaredShape
from netspec.cells.language.declare import Declarations, grouped
from netspec.cells.language.expr import Equation, Name, walk
from netspec.cells.language.sizes import size_names
from netspec.cells.language.spelling import near_name
from netspec.cells.language.syntax import parse_equation
from netspec.source.errors import NetspecError, Problem, Problems, nearest
from netspec.source.records import offered, unknown_key
from netspec.source.text import Span, show
from netspec.source.tree import Items, Map, Scalar, Tree

KEYS = ("description", "source", "params", "state", "output", "weights", "init", "equations")
MAX_EQUATIONS = 200
_TARGET = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\[\s*t\s*\])?\s*=(?!=)")


@dataclass(frozen=True)
class Parsed:
    """A cell as it is written, where enough of it could be read to look at its equations."""

    cell: Cell | None
    broken: frozenset[str] = frozenset()  # names whose declaration or equation is reported; "" for any name


def parse_cell(name: str, tree: Tree, span: Span, problems: Problems) -> Parsed:
    """The cell under a name.  Reports NS2xx for its keys, NS320 to NS329 for the form of its equations."""
    if not isinstance(tree, Map):
        problems.append(
            Problem(
                "NS203",
                f"cell `{name}` expects a mapping, received {show(tree.plain())}",
                span if tree.plain() is None else tree.span,
                "keys: state, output, weights, equations",
            )
        )
        return Parsed(None)
    missing = [key for key in KEYS if key not in tree]
    for key in tree.entries:
        if key not in KEYS:
            problems.append(unknown_key(key, tree.key_span(key), offered(key, KEYS, tree), f"cell `{name}`"))
    meant = {nearest(key, missing) for key in tree.entries if key not in KEYS}
    texts = {key: _text(tree, key, name, problems) for key in ("description", "source")}
    names = Declarations(name, Map(tree.entries, span, tree.key_spans), problems)
    broken = set(names.broken) | ({""} if "weights" in meant else set())  # any name may be a weight
    equations = () if "equations" in meant else _equations(tree, name, span, problems, broken)
    output = "" if "output" in meant else _output(tree, name, span, names.states, equations, problems)
    init = _init(tree, name, names.weights, problems)
    shown = output_tree.span if (output_tree := tree.get("output")) else None
    cell = Cell(
        name,
        span,
        names.params,
        names.states,
        output,
        names.weights,
        equations,
        init,
        texts["description"],
        texts["source"],
        shown,
    )
    complete = names.states and equations and "params" not in meant
    return Parsed(cell if complete else None, frozenset(broken))


def unused_params(cell: Cell, tree: Map) -> list[Problem]:
    """NS326: a parameter that is in no equation, no size and no `init`; for a cell with which nothing else is wrong."""
    section = tree.get("params")
    if not isinstance(section, Map):
        return []
    used = size_names(cell) | {tree.value for tree in cell.init.values() if isinstance(tree, Scalar)}
    used |= {part.name for e in cell.equations for part in walk(e.value) if isinstance(part, Name)}
    return [
        Problem(
            "NS326",
            f"nothing uses parameter `{name}` of cell `{cell.name}`",
            section.key_span(name),
            "remove it, or use it",
        )
        for name in cell.params
        if name not in used
    ]


def _text(tree: Map, key: str, name: str, problems: Problems) -> str:
    value = tree.get(key)
    if value is None:
        return ""
    if not isinstance(value, Scalar) or not isinstance(value.value, str):
        problems.append(
            Problem(
                "NS203",
                f"`{key}` of cell `{name}` expects text, received {show(value.plain())}",
                tree.key_span(key) if value.plain() is None else value.span,
            )
        )
    return str(value.plain())


def _equations(tree: Map, name: str, span: Span, problems: Problems, broken: set[str]) -> tuple[Equation, ...]:
    """The equations that can be read; the names that the others give a value go to `broken`."""
    section = tree.get("equations")
    if section is None:
        problems.append(
            Problem(
                "NS204", f"cell `{name}` needs `equations`", span, "for example `- h[t] = tanh(W @ [h[t-1], x[t]])`"
            )
        )
        return ()
    if not isinstance(section, Items) or not section.items:
        problems.append(
            Problem(
                "NS203",
                f"`equations` of cell `{name}` expects a list, received {show(section.plain())}",
                tree.key_span("equations"),
                "one equation a line, each after `- `",
            )
        )
        return ()
    if len(section.items) > MAX_EQUATIONS:
        problems.append(
            Problem("NS329", f"cell `{name}` has more than {MAX_EQUATIONS} equations", tree.key_span("equations"))
        )
        return ()
    equations = []
    for item in section.items:
        if not isinstance(item, Scalar) or not isinstance(item.value, str):
            hint = "put it in quotes when it holds `: ` or ` #`"
            if isinstance(item, Map) and len(item.entries) == 1:
                hint = f"write `{next(iter(item.entries))} = …`"
            problems.append(
                Problem("NS203", f"an equation is text, `name = value`; received {show(item.plain())}", item.span, hint)
            )
            broken.add("")
            continue
        try:
            equations.append(parse_equation(item))
        except NetspecError as error:
            problems += error.problems
            target = _TARGET.match(item.value)
            broken.add(target[1] if target else "")
    return tuple(equations)


def _output(
    tree: Map,
    name: str,
    span: Span,
    states: Mapping[str, DeclaredShape],
    equations: tuple[Equation, ...],
    problems: Problems,
) -> str:
    output = tree.get("output")
    known = [*states, *(e.target.name for e in equations if not e.target.time)]
    value = output.plain() if output else None
    if output is None:
        problems.append(
            Problem(
                "NS204",
                f"cell `{name}` needs `output`, the value that the layer gives at every step",
                span,
                f"for example `output: {next(iter(states), 'h')}`",
            )
        )
    elif not isinstance(value, str) or (value not in known and not problems):
        base = str(value).partition("[")[0]
        hint = (
            f"write `output: {base}`"
            if base in known
            else near_name(str(value), known, f"one of {', '.join(known)}" if known else "")
        )
        problems.append(
            Problem(
                "NS321",
                f"`output` of cell `{name}` expects a state or a value of an equation, received {show(value)}",
                tree.key_span("output") if value is None else output.span,
                hint,
            )
        )
    return str(value)


def _init(tree: Map, name: str, weights: Mapping[str, DeclaredShape], problems: Problems) -> dict[str, Tree]:
    section = tree.get("init")
    if section is None:
        return {}
    if not isinstance(section, Map):
        problems.append(
            Problem(
                "NS203",
                f"`init` of cell `{name}` expects a mapping of weight to how it begins, "
                f"received {show(section.plain())}",
                tree.key_span("init") if section.plain() is None else section.span,
                "for example `init: {b_f: 1.0}`",
            )
        )
        return {}
    values = {}
    for group, value in section.entries.items():
        for part, span in grouped(group, section.key_span(group)):
            if part in weights:
                values[part] = value
            elif weights or not problems:
                problems.append(
                    Problem(
                        "NS321",
                        f"`init`: cell `{name}` has no weight `{part}`",
                        span,
                        near_name(part, weights, f"it has {', '.join(weights)}" if weights else "it has none"),
                    )
                )
    return values
