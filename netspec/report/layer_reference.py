"""`netspec layers`: the reference of layer kinds, from the declarations that run."""

from __future__ import annotations

import inspect
from typing import Any

from netspec.frontend.containers import CONTAINERS, body_key
from netspec.layers import kinds
from netspec.layers.base import Layer
from netspec.report.schema.layers import WIRING, first_sentence
from netspec.source.errors import NetspecError, did_you_mean
from netspec.source.records import fields_of
from netspec.source.records.prose import expected
from netspec.source.text import show


def listing() -> Any:
    """The table of all kinds (a rich renderable)."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("kind", "parameters", "what it computes"):
        grid.add_column(column, overflow="fold")
    for row in rows():
        grid.add_row(*map(Text, row))
    return grid


def rows() -> list[tuple[str, str, str]]:
    """Name, parameters and first sentence of every kind and container."""
    table = []
    for name, cls in {**kinds(), **CONTAINERS}.items():
        fields = [f.name if f.required else f"{f.name}=" for f in fields_of(cls).values()]
        if name in CONTAINERS:
            fields = [body_key(name), *fields]
        table.append((name, ", ".join(f.rstrip("=") for f in fields), first_sentence(cls)))
    return table


def page(name: str) -> str:
    """All about one kind: equation, shapes, parameters, inputs, an example.  Raises NS201 for an unknown one."""
    known: dict[str, Any] = {**kinds(), **CONTAINERS}
    if name not in known:
        hint = did_you_mean(name, known, "`netspec layers` lists all kinds")
        raise NetspecError("NS201", f"there is no layer kind {show(name)}", hint=hint)
    cls = known[name]
    out = [name, "=" * len(name), "", inspect.getdoc(cls) or "", "", "Parameters"]
    rows = [
        (f.name, expected(f.annotation), "required" if f.required else f"default {show(f.default)}")
        for f in fields_of(cls).values()
    ]
    if name in CONTAINERS:
        what = "path name -> layers" if name == "branches" else "layers, in the order of the data"
        rows.insert(0, (body_key(name), what, "required"))
    wide = max((len(r[0]) for r in rows), default=0)
    out += [f"  {key:<{wide}}  {expected}; {default}" for key, expected, default in rows] or ["  none"]
    if issubclass(cls, Layer):
        out += _inputs(cls)
        out += ["", "Example", f"  {_example(cls)}"]
    wide = max(map(len, WIRING))
    out += ["", "Wiring, the same for every kind", *(f"  {k:<{wide}}  {text}" for k, (text, _) in WIRING.items())]
    return "\n".join(out)


def _inputs(cls: type[Layer]) -> list[str]:
    fewest, most = cls.arity
    if (fewest, most) == (1, 1):
        return []
    number = f"{fewest} or more" if most is None else str(fewest) if most == fewest else f"{fewest} to {most}"
    names = f": {', '.join(cls.ports)}" if len(cls.ports) > 1 else ""
    return ["", "Inputs", f"  {number}{names}"]


def _example(cls: type[Layer]) -> str:
    example = max(cls.examples, key=lambda e: len(e.fields), default=None)
    fields = f"type: {cls.kind}" + (f", {example.fields}" if example and example.fields else "")
    return f"{cls.kind}_1: {{{fields}}}"
