"""Problems with a place in the text, and the exception that carries all of a stage.

Codes: NS1xx text, NS2xx schema, NS3xx expansion and names, NS4xx shapes, NS5xx lowering, NS6xx data and
training, NS7xx export.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from netspec.source.caret import excerpt
from netspec.source.text import Span, printable

MAX_PROBLEMS = 100  # nobody reads more, and every one costs a search for what was meant
MAX_LINE = 600
MAX_NAMES = 2000  # likewise, of a large file the last names only


@dataclass(frozen=True)
class Related:
    """Another place that takes part in a problem: a label, what is there, where, and the way to it."""

    label: str
    text: str = ""
    span: Span | None = None
    route: str = ""


class Hint(str):
    """A hint that is carried out by putting one word in the place of another; reports show its text alone.

    `new` is empty for an entry of the key `old` that is to be left out.
    """

    __slots__ = ("new", "old")
    old: str  # as it is written, at the place of the problem or as a part of it
    new: str

    def __new__(cls, text: str, old: str, new: str) -> Hint:
        hint = super().__new__(cls, text)
        hint.old, hint.new = old, new
        return hint

    def __getnewargs__(self) -> tuple[str, str, str]:  # type: ignore[override]  # str's own has one
        return (str(self), self.old, self.new)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: a code, a place, what was expected and received, and what to do next."""

    code: str
    message: str
    span: Span | None = None
    hint: str = ""
    related: tuple[Related, ...] = ()
    route: str = ""
    name: str = ""  # shown in place of a position when there is none: a path, an option
    times: int = 1  # how many copies of this place of the text have it
    key: tuple[str, ...] = field(default=(), compare=False)  # the key it is about: `("params", "bias")`; never shown

    def render(self, *, warning: bool = False) -> str:
        """The problem as text: position, code and message, source line with carets, related places, help."""
        place = str(self.span) if self.span else self.name
        place = place if len(place) <= MAX_LINE // 2 else f"…{place[-MAX_LINE // 2 :]}"
        message = f"{self.code} {'warning: ' if warning else ''}{self.message}"
        out = [_line(f"{place}: {message}" if place else message)]
        if self.span:
            out += excerpt(self.span)
        labels = max((len(r.label) for r in self.related), default=0)
        texts = max((len(r.text) for r in self.related), default=0)
        for r in self.related:
            where = ", ".join(part for part in (str(r.span) if r.span else "", r.route) if part)
            out.append(_line(f"  {r.label:<{labels}}  {r.text:<{texts}}  {where}".rstrip()))
        if route := self.route_shown():
            out.append(_line(f"  {route}"))
        if self.hint:
            out.append(_line(f"  help: {self.hint}"))
        return "\n".join(out)

    def route_shown(self) -> str:
        """The route through blocks and repeats, and how many others lead to the same."""
        others = f"{self.times - 1:,} more" if self.times < MAX_PROBLEMS else f"{self.times - 1:,} or more"
        more = f"and {others} like it" if self.times > 1 else ""
        return ", ".join(part for part in (self.route, more) if part)


def _line(text: str) -> str:
    """One line of a terminal, whatever names and values the file put into it."""
    text = printable(text.replace("\n", "⏎"))
    return text if len(text) <= MAX_LINE else text[:MAX_LINE] + "…"


class NetspecError(Exception):
    """One or more problems of one stage; `str()` is the text a user reads."""

    problems: tuple[Problem, ...]

    def __init__(
        self,
        code: str,
        message: str,
        span: Span | None = None,
        *,
        hint: str = "",
        related: tuple[Related, ...] = (),
        route: str = "",
        name: str = "",
        key: tuple[str, ...] = (),
    ) -> None:
        self.problems = (Problem(code, message, span, hint, related, route, name, key=key),)
        super().__init__(message)

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> NetspecError:
        """All problems of a stage as one exception, each place and message once, in the order of the text."""
        unique = in_order(dict.fromkeys(problems))
        error = cls(unique[0].code, unique[0].message)
        error.problems = tuple(unique)
        return error

    def located(self, span: Span | None, route: str = "") -> NetspecError:
        """The same problems, with a place for those that have none yet."""
        return NetspecError.of(replace(p, span=p.span or span, route=p.route or route) for p in self.problems)

    def __str__(self) -> str:
        return "\n\n".join(p.render() for p in self.problems)

    def __reduce__(self) -> tuple[object, ...]:
        return (NetspecError.of, (self.problems,))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems as they stand in the text; of several texts the one that was met first is first."""
    unsorted = list(problems)
    sources = list(dict.fromkeys(p.span.source if p.span else None for p in unsorted))
    return sorted(
        unsorted,
        key=lambda p: (
            (sources.index(p.span.source), p.span.line, p.span.column) if p.span else (sources.index(None), 0, 0)
        ),
    )


class Problems(list[Problem]):
    """The problems of a stage so far.  Raises all of them as soon as there are more than anybody reads."""

    def append(self, problem: Problem) -> None:
        super().append(problem)
        self._stop_at_limit()

    def __iadd__(self, problems: Iterable[Problem]) -> Problems:  # type: ignore[override,misc]  # as list's own
        self.extend(problems)
        self._stop_at_limit()
        return self

    def _stop_at_limit(self) -> None:
        if len(self) >= MAX_PROBLEMS:
            raise NetspecError.of(self)


def note_problem(problems: list[Problem], places: dict[tuple[str, Span | None], int], problem: Problem) -> int:
    """Add a problem; one that stands at a place in `places` already, reached on another way, is counted only.

    Gives how many there are; from MAX_PROBLEMS on nobody need look for more.
    """
    key = (problem.code, problem.span)
    if problem.route and key in places:
        first = problems[places[key]]
        problems[places[key]] = replace(first, times=first.times + problem.times)
        return problems[places[key]].times
    places.setdefault(key, len(problems))
    problems.append(problem)
    return problem.times


def raise_all(problems: list[Problem]) -> None:
    """End a stage: raise all of its problems, or go on."""
    if problems:
        raise NetspecError.of(problems)


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """`did you mean `conv2d`?`, a `Hint`, or `otherwise` when nothing is near."""
    near = nearest(word, known)
    return meant(word, near) if near else otherwise


def meant(old: str, new: str) -> Hint:
    """`did you mean `new`?` of a word that is written `old`."""
    return Hint(f"did you mean `{new}`?", old, new)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is most like this one; empty when none is."""
    near = difflib.get_close_matches(str(word)[:64], list(known)[-MAX_NAMES:], n=1, cutoff=0.6)
    return near[0] if near else ""
