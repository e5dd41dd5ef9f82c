"""A layer from its mapping: a record of its kind, bound to the cell that it names, and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace

from netspec.cells.language.library import library_cell, library_names
from netspec.frontend.cells import Cells
from netspec.frontend.containers import WIRING
from netspec.frontend.names import BrokenError
from netspec.layers.base import Layer
from netspec.layers.torch_names import explain_key
from netspec.source.errors import NetspecError, Problem, Problems
from netspec.source.records import read_fields
from netspec.source.text import Span, show
from netspec.source.tree import Map, Scalar, Tree


def make_layer(cls: type[Layer], tree: Map, owner: str, problems: Problems, span: Span, cells: Cells) -> Layer | None:
    """A layer from a mapping without expressions, bound to the cell that it names."""
    before = len(problems)
    values = read_fields(tree, cls, owner, problems, skip=WIRING, span=span, explain=explain_key)
    if len(problems) > before:
        problems[before:] = [_wired(p, tree, cls) for p in problems[before:]]
        return None
    named = tree.get("cell")
    try:
        _check_cell_name(cls.kind, tree.entries["type"].span, cells)
        return cls(**values).bind(lambda name: cells.find(name, named.span if named else None))
    except BrokenError:
        return None
    except NetspecError as error:  # a kind may refuse a combination of values
        problems += [p if p.span else replace(p, span=_key_span(tree, p) or span) for p in error.problems]
        return None


def _wired(problem: Problem, tree: Map, cls: type[Layer]) -> Problem:
    """A layer's name as the value of a key that is an input: say where inputs are named."""
    for port in cls.ports[1:]:
        value = tree.get(port)
        if isinstance(value, Scalar) and isinstance(value.value, str) and value.span == problem.span:
            x = tree.get("from")
            source = x.value if isinstance(x, Scalar) else "…"
            hint = f"a layer's output is an input: `from: {{{cls.ports[0]}: {source}, {port}: {value.value}}}`"
            return replace(problem, hint=problem.hint or hint)
    return problem


def _key_span(tree: Map, problem: Problem) -> Span | None:
    """Where the value of the key that a problem is about stands, or the unknown key; or what holds it."""
    span = None
    inside: Tree | None = tree
    for key in problem.key:
        if not isinstance(inside, Map) or key not in inside:
            break
        span = inside.key_span(key) if problem.code == "NS202" else inside.entries[key].span
        inside = inside.get(key)
    return span


def _check_cell_name(kind: str, span: Span, cells: Cells) -> None:
    """Refuse `type: lstm` in a file that has a cell `lstm` of its own (NS207): which one is meant?"""
    if kind in library_names() and (kind in cells.own or kind in cells.broken):
        message = f"`{kind}` is the library's cell, and this file has one of the name"
        hint = f"`type: recurrent, cell: {kind}` takes this file's; to take the library's, rename this file's"
        raise NetspecError("NS207", message, span, hint=hint)


def explain_params(problems: list[Problem], tree: Map, cells: Cells) -> list[Problem]:
    """`k: 3` beside `hidden`: where the layer has no such key, and its cell such a parameter, the hint says so."""
    if not any(problem.code == "NS202" for problem in problems):
        return problems
    kind, named = (value.value if isinstance(value := tree.get(key), Scalar) else "" for key in ("type", "cell"))
    try:
        params = cells.find(str(named)).params if kind == "recurrent" else library_cell(str(kind)).params
    except (BrokenError, NetspecError, KeyError):
        return problems
    hints = {n: f"write `params: {{{n}: {show(tree.entries[n].plain())}}}`" for n in params if n in tree.entries}
    return [replace(p, hint=hints.get(p.key[-1], p.hint)) if p.code == "NS202" and p.key else p for p in problems]


def check_dropout(layer: object, tree: Map) -> list[Problem]:
    """NS203 for a `dropout` that stands between layers where there is one."""
    dropout = tree.get("dropout")
    if dropout is None or not getattr(layer, "dropout", 0) or getattr(layer, "num_layers", 2) > 1:
        return []
    message = "`dropout` stands between layers, and `num_layers` is 1: it does nothing"
    return [Problem("NS203", message, dropout.span, "remove it, or put a layer `{type: dropout, p: …}` behind")]
