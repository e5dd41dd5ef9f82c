"""Paths of tensors in a file: the order of the numbers in them, what two have in common, which containers hold them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

Key = tuple[tuple[str, int], ...]


def key_of(name: str) -> Key:
    """A name as words and numbers: `layer10.bn2` stands behind `layer9.bn3`."""
    parts = re.findall(r"\d+|[^\d.]+|\.", name)
    return tuple(("", int(part)) if part.isdigit() else (part, -1) for part in parts)


def in_numbered_order(names: Iterable[str]) -> list[str] | None:
    """Names in the order of the numbers in them; None where two differ in a word before they differ in a number."""
    ordered = sorted(names, key=key_of)
    for a, b in pairwise(ordered):
        first = next(((x, y) for x, y in zip(key_of(a), key_of(b), strict=False) if x != y), None)
        if first is None or first[0][0] or first[1][0]:
            return None
    return ordered


def common_parts(first: str, second: str) -> int:
    """How many names of two paths are the same from the beginning."""
    pairs = zip(first.split("."), second.split("."), strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(first.count("."), second.count(".")) + 1)


def nearest(prefix: str, others: list[str]) -> str | None:
    """The one of `others` that shares most of the path; None where two do."""
    shared = {other: common_parts(prefix, other) for other in others if other != prefix}
    best = [other for other, count in shared.items() if count == max(shared.values())]
    return best[0] if len(best) == 1 else None


def containers(sorts: Mapping[str, frozenset[str]]) -> dict[frozenset[tuple[frozenset[str], int]], list[str]]:
    """What a container holds, as sorts and how many of each -> the containers that hold it, the innermost of each."""
    inside: dict[str, list[str]] = defaultdict(list)
    for name in sorts:
        parts = name.split(".")
        for i in range(1, len(parts)):
            inside[".".join(parts[:i])].append(name)
    innermost: dict[frozenset[str], str] = {}
    for path, names in inside.items():
        if len(names) > 1:
            innermost[frozenset(names)] = max(innermost.get(frozenset(names), ""), path, key=len)
    by_content: dict[frozenset[tuple[frozenset[str], int]], list[str]] = defaultdict(list)
    for names_inside, path in innermost.items():
        content = Counter(sorts[name] for name in names_inside)
        by_content[frozenset(content.items())].append(path)
    return by_content


def common_path(prefixes: Iterable[str]) -> str:
    """What all paths begin with, up to a point: `model.`."""
    parts = [prefix.split(".") for prefix in prefixes]
    same = [words[0] for words in zip(*parts, strict=False) if len(set(words)) == 1]
    shared = next((i for i, words in enumerate(zip(*parts, strict=False)) if len(set(words)) > 1), len(same))
    return "".join(f"{word}." for word in same[:shared])


def within(name: str, container: str) -> bool:
    return name.startswith(f"{container}.")
