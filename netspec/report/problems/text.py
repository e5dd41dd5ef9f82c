"""Problems for a person: each file as soon as it is checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from netspec.graph.cost import total
from netspec.graph.model import Graph
from netspec.report.formats import Remark, Stderr
from netspec.report.numbers import count, short
from netspec.report.problems import Checked
from netspec.source.errors import Problem

_HEAD = re.compile(r"^(.*?)(NS\d{3})( .*)$", re.DOTALL)


def render(checked: Iterable[Checked]) -> Iterator[Remark | Stderr]:
    for file in checked:
        yield from listed(file.problems())
        if file.graph is not None:
            yield Remark(f"{file.file}: ok, {_figures(file.graph)}")
        elif not file.errors:
            yield Remark(f"{file.file}: ok, no network by itself")


def listed(problems: Iterable[tuple[Problem, str]]) -> Iterator[Stderr]:
    """Problems with their level, an empty line between them."""
    for i, (problem, level) in enumerate(problems):
        yield Stderr(("\n" if i else "") + problem.render(warning=level == "warning"))


def _figures(graph: Graph) -> str:
    cost = total(graph)
    lengths = f", {graph.lengths.text()}" if graph.lengths.conditions else ""
    return f"{count(cost.params)} parameters, {short(cost.flops)} FLOPs{lengths}"


def coloured(text: str) -> str:
    """A rendered problem with the colours of a terminal."""
    out = []
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if line), 0)  # an empty line stands before all problems but one
    for i, line in enumerate(lines):
        head = _HEAD.match(line) if i == first else None
        if head:
            out.append(f"\x1b[1m{head[1]}\x1b[31m{head[2]}\x1b[39m{head[3]}\x1b[0m")
        elif line.strip(" \t|^") == "" and "^" in line:
            out.append(line.replace("^", "\x1b[31m^", 1) + "\x1b[0m")
        elif line.startswith("  help:"):
            out.append(f"  \x1b[36mhelp:\x1b[0m{line[7:]}")
        else:
            out.append(line)
    return "\n".join(out)
