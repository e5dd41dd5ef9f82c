"""What became of the weights of a network, as text: a table, then whether the network computes what it did."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netspec.migrate.foreign import Renamed
    from netspec.migrate.migration import Migration, TensorFate

MAX_PLACES = 5  # shown of those that one line is about
MAX_SIZES = 3  # tensors whose sizes are shown
ORDER = ("carried", "sliced", "widened", "initialised", "dropped")


def migration_lines(migration: Migration, noise: float) -> Iterator[str]:
    """The table and the verdict."""
    total = sum(t.size for t in migration.fates if t.trainable and t.fate != "dropped")
    rows = [("", "tensors", "parameters", "share", "")]
    rows += [
        (fate, f"{len(tensors):,}", f"{params:,}", _share(params, total, fate), places)
        for fate, tensors, places in _groups(migration)
        for params in [sum(t.size for t in tensors if t.trainable)]
    ]
    yield from _aligned(rows)
    yield ""
    yield from _verdict(migration, noise)
    if noise == 0 and migration.keeps_function and any(t.fate == "widened" for t in migration.fates):
        yield "Repeated units learn alike until something tells them apart: dropout, or `--noise 0.01`."


def renamed_lines(renamed: Sequence[Renamed]) -> Iterator[str]:
    """What a file of other names calls each layer; layers whose names differ in numbers alone are one line."""
    lines: dict[tuple[str, str, str], list[Renamed]] = defaultdict(list)
    for layer in renamed:
        lines[_starred(layer.layer), _starred(layer.file), layer.how].append(layer)
    rows = []
    for (_, _, how), same in lines.items():
        count = f" ({len(same)})" if len(same) > 1 else ""
        rows.append((_common([r.layer for r in same]) + count, _common([r.file for r in same]), how))
    if rows:
        yield from _aligned([("layer", "in the file", ""), *rows], right=())
        yield ""


def _groups(migration: Migration) -> Iterator[tuple[str, list[TensorFate], str]]:
    """Tensors of one fate, and of one way to it; with the layers that they are of."""
    new = [tensor.name for tensor in migration.fates if tensor.fate != "dropped"]
    old = [tensor.old for tensor in migration.fates if tensor.old]
    for fate in ORDER:
        by_way: dict[str, list[TensorFate]] = defaultdict(list)
        for tensor in migration.fates:
            if tensor.fate == fate:
                by_way[tensor.how].append(tensor)
        for way, tensors in by_way.items():
            if tensors[0].sizes and len(tensors) <= MAX_SIZES:
                places = ", ".join(f"{tensor.name} {tensor.sizes}" for tensor in tensors)
            else:
                places = folded([tensor.name for tensor in tensors], old if fate == "dropped" else new)
            yield fate, tensors, f"{way}: {places}" if way else places


def _share(params: int, total: int, fate: str) -> str:
    return "" if fate == "dropped" or not total else f"{100 * params / total:.1f} %"


def _verdict(migration: Migration, noise: float) -> Iterator[str]:
    comparison = migration.comparison
    if comparison is None:
        yield "keeps the function: not compared, an input of the old network or all of its outputs are not there"
    elif migration.keeps_function:
        yield f"keeps the function: yes ({comparison.text()})"
        return
    elif comparison.agrees:
        yield f"keeps the function: for what was tried ({comparison.text()}), not for every input"
    elif noise and not migration.breaks and not migration.doubts:
        yield f"keeps the function: but for the noise ({comparison.text()})"
    else:
        yield f"keeps the function: no ({comparison.text()})"
    doubts = migration.otherwise if comparison is not None and comparison.agrees else migration.doubts
    reasons = {**doubts, **migration.breaks}
    layers: dict[str, list[str]] = defaultdict(list)
    for layer, why in reasons.items():
        layers[why].append(layer)
    yield from _aligned([("", _some(names), why) for why, names in layers.items()], right=())


def folded(names: Iterable[str], among: Iterable[str]) -> str:
    """Names of tensors as the layers and containers that they are, numbers as `*`: `conv1, layer*.*.body.bn2 (8)`."""
    chosen, others = set(names), set(among)
    others -= chosen
    mixed = {prefix for name in others for prefix in _prefixes(name)}
    covers = dict.fromkeys(
        next((p for p in _prefixes(name) if p not in mixed), name) for name in sorted(chosen, key=_natural)
    )
    if "" in covers:
        return "all"
    patterns: dict[str, list[str]] = defaultdict(list)
    for cover in covers:
        patterns[_starred(cover)].append(cover)
    return _some([_common(same) + (f" ({len(same)})" if len(same) > 1 else "") for same in patterns.values()])


def _starred(name: str) -> str:
    """Numbers of copies as `*`: those that are a part of a path, and the ends of parts right before them."""
    return re.sub(r"(?<![A-Za-z0-9])\d+(?=\.|$)|\d+(?=\.\d+(?:\.|$))", "*", name)


def _common(names: Sequence[str]) -> str:
    """Names of one pattern as one, `*` where their numbers differ."""
    parts = zip(*(re.split(r"(\d+)", name) for name in names), strict=True)
    return "".join(same[0] if len(set(same)) == 1 else "*" for same in parts)


def _prefixes(name: str) -> list[str]:
    """`""`, `layer1`, `layer1.0`, …: the containers of a tensor from the outermost, its layer last."""
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(len(parts))]


def _natural(name: str) -> list[tuple[int, str]]:
    """Numbers in names by their value."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MAX_PLACES])
    return f"{shown} and {len(names) - MAX_PLACES} more" if len(names) > MAX_PLACES else shown


def _aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = (1, 2, 3)) -> Iterator[str]:
    """Columns two spaces apart; numbers end at one place."""
    if not rows:
        return
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        yield f"  {'  '.join(cells)}".rstrip()
