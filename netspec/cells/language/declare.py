"""What a cell declares before its equations: parameters, states and weights, each name with one meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite

from netspec.cells.functions import PUBLIC
from netspec.cells.language.cell import SIZES, DeclaredShape
from netspec.cells.language.expr import Expr
from netspec.cells.language.spelling import name_hint
from netspec.cells.language.syntax import parse_size
from netspec.source.errors import NetspecError, Problem, Problems
from netspec.source.text import Span, show
from netspec.source.tree import Items, Map, Scalar, Tree

MAX_NAMES = 200  # of states and weights together: more is no cell, and would be looked at for minutes

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_TAKEN = {
    "x": "it is the input",
    "t": "it is the time",
    **dict.fromkeys(SIZES, "it is a size"),
    **dict.fromkeys(("if", "else"), "it is a word of the language"),
}


class Declarations:
    """The names of one cell; what is wrong with them goes to `problems`."""

    def __init__(self, cell: str, tree: Map, problems: Problems) -> None:
        self.cell, self.tree, self.problems = cell, tree, problems
        self.known: dict[str, str] = {}
        self.broken: set[str] = set()  # declared in a way that is reported
        self.params = dict(self._params())
        self.states = {d.name: d for d in self._shaped("state", "a state", "state: {h: hidden}")}
        if not self.states and not problems:
            problems.append(
                Problem(
                    "NS204",
                    f"cell `{cell}` needs `state`, what it remembers and its size",
                    tree.key_span("state") if "state" in tree else tree.span,
                    "for example `state: {h: hidden}`",
                )
            )
        self.weights = {d.name: d for d in self._shaped("weights", "a weight", "weights: {W: [hidden, input]}")}
        if len(self.states) + len(self.weights) > MAX_NAMES:
            problems.append(
                Problem(
                    "NS329", f"cell `{cell}` has more than {MAX_NAMES} states and weights", tree.key_span("weights")
                )
            )

    def _add(self, name: str, what: str, span: Span) -> bool:
        if not _NAME.fullmatch(name):
            hint = "a name is made of the letters a to z, digits and `_`, no digit first"
            hint = hint if name.isascii() else name_hint(name)
            self.problems.append(Problem("NS206", f"{what} cannot be named {show(name)}", span, hint))
            return False
        taken = _TAKEN.get(name) or ("it is a function" if name in PUBLIC else "") or self.known.get(name, "")
        if taken:
            self.problems.append(
                Problem("NS206", f"{what} cannot be named `{name}`: {taken}", span, "choose another name")
            )
            return False
        self.known[name] = f"{what} of the cell has the name"
        return True

    def _section(self, key: str, example: str) -> Map | None:
        section = self.tree.get(key)
        if section is None or isinstance(section, Map):
            return section
        self.problems.append(
            Problem(
                "NS203",
                f"`{key}` of cell `{self.cell}` expects a mapping, received {show(section.plain())}",
                self.tree.key_span(key) if section.plain() is None else section.span,
                f"for example `{example}`",
            )
        )
        return None

    def _params(self) -> Iterator[tuple[str, float | None]]:
        section = self._section("params", "params: {projection: , bias: 0.0}")
        for key, value in section.entries.items() if section else ():
            number = value.plain()
            if not self._add(key, "a parameter", section.key_span(key)):  # type: ignore[union-attr]  # has entries
                continue
            if number is None:
                yield key, None
            elif isinstance(number, (int, float)) and not isinstance(number, bool) and isfinite(number):
                yield key, number
            else:
                self.broken.add(key)
                self.problems.append(
                    Problem(
                        "NS203",
                        f"parameter `{key}` expects a number, received {show(number)}",
                        value.span,
                        "leave it empty when every layer has to give it",
                    )
                )

    def _shaped(self, key: str, what: str, example: str) -> Iterator[DeclaredShape]:
        """The names of a section with their shapes, grouped keys taken apart."""
        section = self._section(key, example)
        for group, value in section.entries.items() if section else ():
            span = section.key_span(group)  # type: ignore[union-attr]  # there are entries
            try:
                shape = _shape(value, what, group, span, section)  # type: ignore[arg-type]  # likewise
            except NetspecError as error:
                self.problems += error.problems
                shape = None
            for name, name_span in grouped(group, span):
                good = self._add(name, what, name_span)
                if good and shape is not None:
                    yield DeclaredShape(name, shape, name_span)
                elif name not in self.known or shape is None:
                    self.broken.add(name)


def grouped(key: str, span: Span) -> Iterator[tuple[str, Span]]:
    """The names of a key, `W_f, W_i: …`, each with its place."""
    at = 0
    for part in key.split(","):
        start = at + len(part) - len(part.lstrip())
        yield part.strip(), span.within(start, start + max(len(part.strip()), 1))
        at += len(part) + 1


def _shape(value: Tree, what: str, name: str, span: Span, section: Map) -> tuple[Expr, ...]:
    state = what == "a state"
    items = value.items if isinstance(value, Items) else [value] if state else None
    if value.plain() is None:
        names = list(section.entries)
        rest = names[names.index(name) :]
        hint = f"for example `{name}: {'hidden' if state else '[hidden, input]'}`"
        if section.span.line == section.span.end_line and len(rest) > 1:  # {a, b: [2]} is a: null, b: [2] in YAML
            hint = f'within braces a group wants quotes: `"{", ".join(rest)}": …`'
        raise NetspecError("NS203", f"{what} `{name}` expects {_expected(state)}, received nothing", span, hint=hint)
    if items is None or len(items) > 2 or (state and len(items) != 1):
        raise NetspecError(
            "NS203",
            f"{what} `{name}` expects {_expected(state)}, received {show(value.plain())}",
            value.span,
            hint="for example `h: hidden`" if state else "for example `W: [hidden, input]`",
        )
    sizes = []
    for item in items:
        if not isinstance(item, Scalar) or isinstance(item.value, (bool, float, type(None))):
            raise NetspecError(
                "NS203",
                f"a size of `{name}` expects a whole number or a name, received {show(item.plain())}",
                item.span,
                hint="`hidden`, `input`, a parameter, or a number",
            )
        sizes.append(parse_size(item))
    return tuple(sizes)


def _expected(state: bool) -> str:
    return "a size" if state else "a shape: `[]`, `[size]` or `[rows, columns]`"
