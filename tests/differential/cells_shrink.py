"""A case with a fault, made smaller while the fault stays: fewer layers and steps, shorter equations."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import yaml

from tests.cells.random_cells import valid
from tests.differential.cells_check import Case, Fault, check

MAX_CHECKS = 400


def shrunk(case: Case, fault: Fault) -> Case:
    """The smallest case found whose fault is of the same way and kind."""
    tried: set[Case] = set()
    better = True
    while better and len(tried) < MAX_CHECKS:
        better = False
        for smaller in _smaller(case):
            if smaller in tried or len(tried) >= MAX_CHECKS:
                continue
            tried.add(smaller)
            found = check(smaller) if valid(smaller.text) else None
            if found is not None and (found.way, found.what) == (fault.way, fault.what):
                case, better = smaller, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    """Cases that are simpler in one thing."""
    for name, simple in (
        ("num_layers", 1),
        ("bidirectional", False),
        ("ragged", False),
        ("recompute", False),
        ("initial", "zero"),
        ("returns", "sequence"),
        ("batch", 1),
    ):
        if getattr(case, name) != simple:
            yield replace(case, **{name: simple})
    for name in ("steps", "hidden", "features"):
        for value in range(1, getattr(case, name)):
            yield replace(case, **{name: value})
    for text in _texts(case.text):
        yield replace(case, text=text)


def _texts(text: str) -> Iterator[str]:
    """Cells that are shorter by one part."""
    cell = yaml.safe_load(text)
    weights = (cell.get("weights") or {}).items()
    cell["weights"] = {n.strip(): shape for names, shape in weights for n in names.split(",")}
    equations = [ast.parse(e.replace("@", "**")).body[0] for e in cell["equations"]]
    for name in cell["state"] if len(cell["state"]) > 1 else ():
        left = {n: s for n, s in cell["state"].items() if n != name}
        kept = [e for e in equations if not ast.unparse(e).startswith(f"{name}[t] =")]
        output = cell["output"] if cell["output"] != name else next(iter(left))
        yield _written({**cell, "state": left, "output": output}, kept)
    for name in cell["state"]:
        if cell["output"] != name:
            yield _written({**cell, "output": name}, equations)
    for k, equation in enumerate(equations):
        for shorter in _values(equation.value):  # type: ignore[attr-defined]  # an assignment
            changed = deepcopy(equation)
            changed.value = shorter  # type: ignore[attr-defined]
            yield _written(cell, [*equations[:k], changed, *equations[k + 1 :]])


def _values(tree: ast.expr) -> Iterator[ast.expr]:
    """A value with one of its parts in the place of what it is a part of, the outermost first."""
    for path, node in _walk(tree, ()):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr) and not isinstance(node, ast.Subscript) and not isinstance(child, ast.List):
                yield _replaced(tree, path, child)


def _walk(node: ast.expr, path: tuple[tuple[str, int | None], ...]) -> Iterator[tuple[Any, ast.expr]]:
    yield path, node
    for name, value in ast.iter_fields(node):
        for k, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.expr):
                yield from _walk(child, (*path, (name, k)))


def _replaced(tree: ast.expr, path: tuple[tuple[str, int | None], ...], by: ast.expr) -> ast.expr:
    if not path:
        return deepcopy(by)
    found = deepcopy(tree)
    parent: Any = found
    for name, k in path[:-1]:
        parent = getattr(parent, name) if k is None else getattr(parent, name)[k]
    name, k = path[-1]
    if k is None:
        setattr(parent, name, deepcopy(by))
    else:
        getattr(parent, name)[k] = deepcopy(by)
    return found


def _written(cell: dict[str, Any], equations: list[ast.stmt]) -> str:
    """As text again, without what nothing reads."""
    while True:
        read = {n.id for e in equations for n in ast.walk(e.value) if isinstance(n, ast.Name)}  # type: ignore[attr-defined]
        kept = [e for e in equations if "[t]" in ast.unparse(e).split(" =")[0]
                or ast.unparse(e).split(" =")[0] in {*read, cell["output"]}]  # fmt: skip
        if len(kept) == len(equations):
            break
        equations = kept
    weights = {n: s for n, s in cell["weights"].items() if n in read}
    sizes = " ".join(map(str, [*cell["state"].values(), *weights.values()]))
    params = {n: v for n, v in (cell.get("params") or {}).items() if n in read or n in sizes}
    lines = [f"params: {{{', '.join(f'{n}: {v}' for n, v in params.items())}}}"] * bool(params)
    lines += [f"state: {{{', '.join(f'{n}: {s}' for n, s in cell['state'].items())}}}", f"output: {cell['output']}"]
    if weights:
        lines += ["weights:", *(f"  {n}: [{', '.join(map(str, shape))}]" for n, shape in weights.items())]
    return "\n".join([*lines, "equations:", *(f"  - {ast.unparse(e).replace('**', '@')}" for e in equations)]) + "\n"
