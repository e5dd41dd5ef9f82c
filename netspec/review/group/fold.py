"""Many dotted names in few words: `conv1, layer1–3.*.body.conv1–2`.

Names that differ in one part alone become one: consecutive numbers a range (`layer2.2–3`), all copies of a repeat `*`,
others a list in braces.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby, product
from math import prod

MAX_PATTERNS = 6  # shown of one fold; how many more there are is said
MAX_LISTED = 8  # alternatives in one pair of braces
MAX_WRITTEN_OUT = 40  # characters of alternatives that are written one by one: `layer1.2, layer4.2`
MAX_WITHIN = 100  # characters of what is said beside something else
EVERYWHERE = "everywhere"
_ALL = ("*",)
_NUMBERED = re.compile(r"(.*?)(0|[1-9]\d*)")

Part = tuple[str, ...]  # what one part of a name can be
Pattern = tuple[Part, ...]


def fold(names: Collection[str], of: Iterable[str]) -> str:
    """The names in few words; `of` are all names of the network, by which `*` is every copy that there is."""
    patterns = _patterns(names, set(of) | set(names))
    return _listed(patterns)


def fold_like(names: Collection[str], like: Collection[str], of: Iterable[str]) -> str:
    """The names in fewer words where they are all of their like in a container (`layer1.*`) or in the network.

    `like`: all layers that could be meant, those of the same kind; `of`: all names of the network.
    """
    patterns = _patterns(names, set(of) | set(names))
    if len(patterns) > 1 and len(names) == len(like):
        return EVERYWHERE
    covered = _covered(names, like) if len(patterns) > 1 else patterns
    return _listed(covered if len(covered) < len(patterns) else patterns)


def fold_within(names: Collection[str], like: Collection[str]) -> str:
    """As `fold_like`, but by the largest containers, and empty where it would be long."""
    texts = [text for pattern in _covered(names, like, like) for text in _pattern_texts(pattern)]
    text = ", ".join(texts)
    return text if len(texts) <= MAX_PATTERNS and len(text) <= MAX_WITHIN else ""


def siblings(paths: Iterable[str], names: Iterable[str]) -> set[str]:
    """All paths that are as long as these, in a network with layers of these names: what `of` has to be."""
    depths = {path.count(".") + 1 for path in paths}
    return {".".join(parts[:depth]) for parts in (name.split(".") for name in names) for depth in depths}


def numbers_text(values: Iterable[str]) -> str:
    """`2–3`, `conv1–2`, `{a,b}`: what one part of a name can be."""
    runs = _runs(values)
    if len(runs) > MAX_LISTED:
        return f"{{{','.join(runs[: MAX_LISTED - 1])},…}}"
    return runs[0] if len(runs) == 1 else f"{{{','.join(runs)}}}"


def _runs(values: Iterable[str]) -> list[str]:
    """The values, consecutive numbers as ranges, in the order in which they come."""
    order = {value: i for i, value in enumerate(dict.fromkeys(values))}
    runs: dict[str, int] = {}
    for (stem, _), group in groupby(enumerate(sorted(order, key=numbered)), key=lambda item: _run_key(*item)):
        run = [value for _, value in group]
        last = run[-1][len(stem) :] if stem is not None else ""
        runs[run[0] if len(run) == 1 else f"{run[0]}–{last}"] = order[run[0]]
    return sorted(runs, key=runs.__getitem__)


def numbered(value: str) -> tuple[str, int]:
    """`conv2` as `conv` and 2; -1 where there is no number."""
    match = _NUMBERED.fullmatch(value)
    return (match[1], int(match[2])) if match else (value, -1)


def _run_key(index: int, value: str) -> tuple[str | None, object]:
    """Equal for numbers that follow each other in a sorted list."""
    stem, number = numbered(value)
    return (None, value) if number < 0 else (stem, number - index)


def _patterns(names: Collection[str], every: Collection[str]) -> list[Pattern]:
    """Names put together part by part: the numbers of copies first, from the innermost repeat outwards."""
    split = {name: tuple(name.split(".")) for name in names}
    copies = _copies(split.values(), every)
    patterns: dict[Pattern, tuple[str, ...]] = {tuple((part,) for part in parts): parts for parts in split.values()}
    longest = max(map(len, split.values()), default=0)
    for numbers in (True, False):
        for at in range(longest - 1, -1, -1):
            patterns = _merged(patterns, at, numbers, copies)
    return list(patterns)


def _copies(split: Iterable[tuple[str, ...]], every: Collection[str]) -> Counter[tuple[tuple[str, ...], ...]]:
    """(what stands before a copy's number, what behind it) -> in how many copies there is such a layer."""
    wanted = {(parts[:i], parts[i + 1 :]) for parts in split for i, part in enumerate(parts) if part.isdigit()}
    counts: Counter[tuple[tuple[str, ...], ...]] = Counter()
    if wanted:
        for name in every:
            parts = tuple(name.split("."))
            for i, part in enumerate(parts):
                if part.isdigit() and (parts[:i], parts[i + 1 :]) in wanted:
                    counts[parts[:i], parts[i + 1 :]] += 1
    return counts


def _merged(
    patterns: dict[Pattern, tuple[str, ...]], at: int, numbers: bool, copies: Counter[tuple[tuple[str, ...], ...]]
) -> dict[Pattern, tuple[str, ...]]:
    """Patterns that differ at one place alone put together; each with the parts of one of its names."""
    groups: dict[tuple[object, ...], list[tuple[Pattern, tuple[str, ...]]]] = {}
    for pattern, parts in patterns.items():
        mergeable = len(pattern) > at and parts[at].isdigit() == numbers
        key = (pattern[:at], pattern[at + 1 :]) if mergeable else (pattern,)
        groups.setdefault(key, []).append((pattern, parts))
    merged: dict[Pattern, tuple[str, ...]] = {}
    for group in groups.values():
        pattern, parts = group[0]
        if len(group) > 1:
            part: Part = tuple(value for other, _ in group for value in other[at])
            if numbers and len(part) == copies[parts[:at], parts[at + 1 :]]:
                part = _ALL
            pattern = (*pattern[:at], part, *pattern[at + 1 :])
        merged[pattern] = parts
    return merged


def _covered(names: Collection[str], like: Collection[str], of: Collection[str] = ()) -> list[Pattern]:
    """The names as the largest containers in which all of their like are meant, and those that are left."""
    mine, theirs = Counter(_above(names)), Counter(_above(like))
    covering: dict[str, None] = {}
    for name in names:
        parts = name.split(".")
        paths = (".".join(parts[:i]) for i in range(1, len(parts)))
        covering[next((f"{path}.*" for path in paths if mine[path] == theirs[path] > 1), name)] = None
    return _patterns(covering, of)


def _above(names: Iterable[str]) -> Iterator[str]:
    """The paths of all containers that hold the names."""
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:i]) for i in range(1, len(parts)))


def _pattern_texts(pattern: Pattern) -> list[str]:
    """A pattern as it is written; one of few alternatives as that many names."""
    parts = [_runs(part) for part in pattern]
    if prod(map(len, parts)) <= MAX_PATTERNS:
        texts = [".".join(names) for names in product(*parts)]
        if len(", ".join(texts)) <= MAX_WRITTEN_OUT:
            return texts
    return [".".join(map(numbers_text, pattern))]


def _listed(patterns: Iterable[Pattern]) -> str:
    texts = [text for pattern in patterns for text in _pattern_texts(pattern)]
    more = len(texts) - MAX_PATTERNS
    return ", ".join(texts) if more <= 1 else f"{', '.join(texts[:MAX_PATTERNS])} and {more} more"
