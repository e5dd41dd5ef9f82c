"""Causes as lines that people read: one for one idea, with its place.

vars.width 32 -> 48 (line 4)
layers.conv1: kernel_size 3 -> 5, padding 1 -> 2 (line 8)
block basic, common.yaml line 15: + body.dropout {type: dropout, p: 0.1}
relu -> gelu in 3 places: layers.relu (line 10); block basic (common.yaml lines 12, 15)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby, takewhile

from netspec.frontend.holds import NAMED, inside
from netspec.review.difference import Cause

MAX_LINES = 12
MAX_VALUE = 72  # characters
LEAST_ROW = 3  # entries in a row that one line tells of
MAX_PLACES = 6  # lines that are named
_KEYS = ("changed", "added", "removed")
_OWNERS = {"blocks": "block", "cells": "cell"}


def lines(causes: Sequence[Cause], limit: int = MAX_LINES) -> list[str]:
    """The causes in words, at most so many lines; what is left out is counted."""
    written = list(_folded(causes))
    rest = len(written) - limit
    return written if rest <= 1 else [*written[:limit], f"… and {rest} more changes of the text"]


def line(cause: Cause) -> str:
    """One cause in one line."""
    owner, path = subject(cause)
    return _placed(owner, _text(cause, path), [cause])


def reference(cause: Cause) -> str:
    """A cause in a word or two and its place: `vars.width, line 4`, `block basic, common.yaml line 15`."""
    owner, path = subject(cause)
    return ", ".join(text for text in (owner or path, lines_text([cause])) if text)


def lines_text(causes: Iterable[Cause]) -> str:
    """`line 4`, `common.yaml lines 12, 15`."""
    files: dict[str, set[int]] = {}
    for cause in causes:
        if cause.span is not None:
            files.setdefault(cause.file, set()).add(cause.span.line)
    texts = []
    for file, numbers in files.items():
        shown = list(_ranges(sorted(numbers)))
        listed = ", ".join(shown[:MAX_PLACES]) + (", …" if len(shown) > MAX_PLACES else "")
        texts.append(f"{file} line{'s' * (len(numbers) > 1)} {listed}".strip())
    return "; ".join(texts)


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    """1, 2, 3, 5 as `1–3`, `5`."""
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        yield from (f"{run[0]}–{run[-1]}",) if len(run) > 2 else map(str, run)


def subject(cause: Cause) -> tuple[str, str]:
    """The block or cell that a change is in, and the path to it there, without the keys between names."""
    keys = cause.path.split(".")
    holds, shown = "", list[str]()
    owner = f"{_OWNERS[keys[0]]} {keys[1]}" if keys[0] in _OWNERS and len(keys) > 2 else ""
    for i, key in enumerate(keys):
        inner = inside(holds, key)
        between = holds not in NAMED and (inner in ("layers", "branches") or key == "equations")
        if not (owner and i < 2) and not (between and (i or owner)):
            shown.append(key)
        holds = inner
    return owner, ".".join(shown)


def is_entry(cause: Cause) -> bool:
    """Whether a change is of a whole layer, block, variable, equation …, and not of a key of one."""
    if ".equations." in cause.path:
        return True
    holds = ""
    for key in cause.path.split(".")[:-1]:
        holds = inside(holds, key)
    return holds in NAMED


def _folded(causes: Sequence[Cause]) -> Iterator[str]:
    """One line for the same edit in several places, for several keys of one entry, and for a row of entries."""
    alike: dict[object, list[Cause]] = {}
    entries: dict[object, list[Cause]] = {}
    for cause in causes:
        alike.setdefault(_edit(cause), []).append(cause)
    for cause in causes:
        if len(alike[_edit(cause)]) == 1 and cause.kind in _KEYS and not is_entry(cause):
            entries.setdefault((cause.file, cause.entry, cause.path.rpartition(".")[0]), []).append(cause)
    renames: dict[object, list[Cause]] = {}
    for cause in causes:
        if cause.kind == "renamed" and is_entry(cause) and not cause.note:
            renames.setdefault((cause.file, cause.path.rpartition(".")[0]), []).append(cause)
    replaced = {(c.file, c.path): c for c in causes if c.kind == "changed" and is_entry(c)}
    done: set[Cause] = set()
    for i, cause in enumerate(causes):
        if cause in done:
            continue
        same = [cause] if cause.kind in ("order", "moved") or cause.note else alike[_edit(cause)]
        row = list(takewhile(partial(_same_row, cause), causes[i:]))
        if cause.kind == "renamed":
            row = renames.get((cause.file, cause.path.rpartition(".")[0]), [])
        keys = entries.get((cause.file, cause.entry, cause.path.rpartition(".")[0]), [])
        other = replaced.get((cause.file, cause.path)) if cause.kind == "renamed" else None
        if len(same) > 1:
            yield _of_many_places(same)
            done |= set(same)
        elif len(row) >= LEAST_ROW:
            yield _of_a_row(row)
            done |= set(row)
        elif other is not None and len(alike[_edit(other)]) == 1:
            owner, path = subject(cause)
            before, after = (
                f"{name} {_cut(value)}"
                for name, value in zip((cause.before, cause.after), (other.before, other.after), strict=True)
            )
            yield _placed(owner, f"{path.rpartition('.')[0]}: {before} -> {after}".lstrip(": "), [cause])
            done |= {cause, other}
        elif len(keys) > 1 and cause in keys and cause.entry is not None:
            yield _of_one_entry(keys)
            done |= set(keys)
        else:
            yield line(cause)


def _same_row(a: Cause, b: Cause) -> bool:
    """Whether both are entries that were added, removed or renamed, one behind the other."""
    parents = a.path.rpartition(".")[0], b.path.rpartition(".")[0]
    rows = ("added", "removed", "renamed")
    return a.kind == b.kind in rows and parents[0] == parents[1] and is_entry(a) and not a.note and not b.note


def _of_a_row(group: Sequence[Cause]) -> str:
    """`- layers: avgpool (global_avg_pool2d), drop (dropout), head (linear) (lines 14–16)`."""
    owner, path = subject(group[0])
    parent = path.rpartition(".")[0]
    if group[0].kind == "renamed":
        names = _listed([f"{cause.before} to {cause.after}" for cause in group])
        return _placed(owner, f"{parent} renamed: {names}".strip(), group)
    names = _listed([f"{cause.path.rpartition('.')[2]} ({_kind(cause)})" for cause in group])
    sign = "+" if group[0].kind == "added" else "-"
    return _placed(owner, f"{sign} {parent}: {names}" if parent else f"{sign} {names}", group)


def _listed(names: Sequence[str]) -> str:
    """As many as a line holds; what is left out is counted."""
    shown = list(takewhile(lambda n: len(", ".join(names[: n + 1])) <= MAX_VALUE, range(min(len(names), MAX_VALUE))))
    rest = len(names) - max(len(shown), 1)
    return ", ".join(names[: max(len(shown), 1)]) + (f" and {rest:,} more" if rest else "")


def _kind(cause: Cause) -> str:
    """The type of a layer that was added or removed: `linear`."""
    value = cause.after or cause.before or ""
    return value.removeprefix("{type: ").split(",")[0].removesuffix("}") if "type: " in value[:7] else value


def _edit(cause: Cause) -> object:
    """What two causes have in common that are one edit in two places."""
    name = "" if is_entry(cause) and cause.kind != "removed" else cause.path.rpartition(".")[2]
    return cause.kind, cause.before, cause.after, name if cause.kind != "added" else cause.path.rpartition(".")[2]


def _of_one_entry(group: Sequence[Cause]) -> str:
    """`layers.conv1: kernel_size 3 -> 5, padding 1 -> 2 (line 8)`."""
    owner, path = subject(group[0])
    changes = ", ".join(_text(cause, cause.path.rpartition(".")[2]) for cause in group)
    return _placed(owner, f"{path.rpartition('.')[0]}: {changes}", group)


def _of_many_places(group: Sequence[Cause]) -> str:
    """`relu -> gelu in 3 places: layers.relu (line 10); block basic: body.relu, relu (common.yaml lines 12, 15)`."""
    first = group[0]
    of_entry = is_entry(first)
    owners: dict[str, list[Cause]] = {}
    for cause in group:
        owner, path = subject(cause)
        owners.setdefault(f"{owner}: " if owner else f"{path.partition('.')[0]}.", []).append(cause)
    listed = []
    for owner, causes in owners.items():
        names = dict.fromkeys(_name(cause, owner, of_entry) for cause in causes)
        listed.append(f"{owner}{_few(list(names))} ({lines_text(causes)})")
    name = "" if of_entry and first.kind == "changed" else first.path.rpartition(".")[2]
    text = f"{first.before} renamed to {first.after}" if first.kind == "renamed" else _text(first, name)
    return f"{text} in {len(group):,} places: {'; '.join(listed)}"


def _name(cause: Cause, owner: str, of_entry: bool) -> str:
    """What an edit is of: an entry, or the one that a key belongs to; of a renamed one the older name."""
    path = subject(cause)[1].removeprefix(owner)
    if cause.kind == "renamed":
        return ".".join([*path.split(".")[:-1], str(cause.before)])
    return path if of_entry else path.rpartition(".")[0]


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MAX_PLACES])
    return f"{shown}, …" if len(names) > MAX_PLACES else shown


def _placed(owner: str, text: str, causes: Sequence[Cause]) -> str:
    where = lines_text(causes)
    if causes[0].kind == "moved":  # the text names the file already
        where = where.removeprefix(causes[0].file).strip()
    if owner:
        return f"{owner}, {where}: {text}" if where else f"{owner}: {text}"
    return f"{text} ({where})" if where else text


def _text(cause: Cause, path: str) -> str:
    """What was done, without the place."""
    before, after = (_cut(value) for value in (cause.before, cause.after))
    equals = " =" if ".equations." in cause.path else ""
    match cause.kind:
        case "added":
            text = f"+ {path}{equals} {after}"
        case "removed":
            text = f"- {path}{equals} {before}"
        case "renamed":
            text = f"{path.rpartition('.')[0]}{'.' if '.' in path else ''}{before} renamed to {after}"
        case "moved":
            text = f"{path} moved to {after}" if cause.file else f"{path} moved here from {before}"
        case "order":
            text = f"{path}: order {before} -> {after}" if path else f"order {before} -> {after}"
        case _:
            if path in ("extends", "include"):
                before, after = before.removesuffix(".yaml"), after.removesuffix(".yaml")
            text = f"{path}{equals} {before} -> {after}"
    return f"{text.strip()}, {cause.note}" if cause.note else text.strip()


def _cut(value: str | None) -> str:
    text = value if value else "nothing"
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"
