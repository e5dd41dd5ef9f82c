"""Layers that are called otherwise: one entry for a container with all that it holds, or for one word everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netspec.review.difference import LayerChange, Matching
from netspec.review.group.fold import fold, numbered, numbers_text, siblings

Path = tuple[str, ...]


@dataclass(frozen=True)
class Rename:
    """One rename: `stage -> body`."""

    before: str
    after: str
    layers: list[LayerChange]
    scattered: bool  # a word in several places, which the text does not say
    exchanged: bool = False  # each has the other's name now

    @property
    def arrow(self) -> str:
        return "<->" if self.exchanged else "->"

    @property
    def text(self) -> str:
        return f"{self.before} {self.arrow} {self.after}"


def renames(matching: Matching, layers: Iterable[LayerChange]) -> list[Rename]:
    """Every rename, and the layers to which it applies.

    A container that moved takes its layers along; copies whose numbers moved by the same step are one range; the same
    word in the place of another is one rename wherever it stands.
    """
    groups: dict[tuple[object, ...], list[tuple[Path, Path, LayerChange]]] = {}
    for layer in layers:
        assert layer.before is not None and layer.after is not None  # it is in both networks
        old, new = _moved(layer.before.name, layer.after.name)
        groups.setdefault(_idea(old, new), []).append((old, new, layer))
    grouped = [_rename(group, matching) for group in groups.values()]
    return _exchanged(grouped)


def _exchanged(grouped: Iterable[Rename]) -> list[Rename]:
    """Two names that changed places are one rename: `left <-> right`."""
    renames: list[Rename] = []
    position: dict[tuple[str, str], int] = {}
    for rename in grouped:
        there = position.get((rename.after, rename.before))
        if there is None or renames[there].exchanged:
            position[rename.before, rename.after] = len(renames)
            renames.append(rename)
        else:
            first, second = sorted((rename.before, rename.after))
            layers = [*renames[there].layers, *rename.layers]
            renames[there] = Rename(first, second, layers, rename.scattered, exchanged=True)
    return renames


def _moved(old: str, new: str) -> tuple[Path, Path]:
    """Both paths without the end that they share, which went along; a part of each is always left."""
    a, b = tuple(old.split(".")), tuple(new.split("."))
    while len(a) > 1 and len(b) > 1 and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return a, b


def _idea(old: Path, new: Path) -> tuple[object, ...]:
    """What renames of one idea have in common."""
    (stem, number), (new_stem, new_number) = numbered(old[-1]), numbered(new[-1])
    if old[-1].isdigit() and new[-1].isdigit():
        return "copies", old[:-1], new[:-1], new_number - number
    if old[:-1] == new[:-1]:
        counted = number >= 0 and new_number >= 0
        return ("numbers", stem, new_stem, new_number - number) if counted else ("word", old[-1], new[-1])
    if old[-1] == new[-1]:
        return "moved", old[:-1], new[:-1]
    if _numbers(old) == _numbers(new):  # in the same copies
        return "other", _without_numbers(old), _without_numbers(new)
    return "other", old, new


def _numbers(path: Path) -> list[str]:
    return [part for part in path if part.isdigit()]


def _without_numbers(path: Path) -> Path:
    return tuple("*" if part.isdigit() else part for part in path)


def _rename(group: list[tuple[Path, Path, LayerChange]], matching: Matching) -> Rename:
    old, new, _ = group[0]
    layers = [layer for _, _, layer in group]
    befores = list(dict.fromkeys(path[-1] for path, _, _ in group))
    afters = list(dict.fromkeys(path[-1] for _, path, _ in group))
    places = {path[:-1] for path, _, _ in group}
    if len(places) > 1 and old[:-1] == new[:-1]:
        return Rename(numbers_text(befores), numbers_text(afters), layers, scattered=True)
    if len(places) > 1:
        paths = (
            list(dict.fromkeys(".".join(path) for path, _, _ in group)),
            list(dict.fromkeys(".".join(path) for _, path, _ in group)),
        )
        graphs = matching.before, matching.after
        texts = [fold(p, siblings(p, (n.name for n in g.layers()))) for p, g in zip(paths, graphs, strict=True)]
        return Rename(texts[0], texts[1], layers, scattered=False)
    if befores == afters and len(befores) > 1:
        names = fold([".".join((*old[:-1], last)) for last in befores], ())
        return Rename(names, ".".join((*new[:-1], "*")), layers, scattered=False)
    return Rename(_under(old, befores), _under(new, afters), layers, scattered=False)


def _under(path: Path, last: list[str]) -> str:
    return ".".join((*path[:-1], numbers_text(last)))
