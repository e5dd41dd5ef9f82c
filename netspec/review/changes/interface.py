"""Inputs, outputs and allowed lengths of a network: what its users meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netspec.graph.model import Graph
from netspec.review.difference import Change, Matching
from netspec.shapes.tensor import TensorType


def interface_changes(matching: Matching) -> list[Change]:
    """Names, order, shapes and types of inputs and outputs.  A name that changed is one change, whatever else did."""
    before, after = matching.before, matching.after
    return [
        *_changes("input", before.inputs, after.inputs, matching.inputs),
        *_changes("output", before.output_types(), after.output_types(), matching.outputs),
        *_lengths(before, after),
    ]


def same_types(matching: Matching) -> bool:
    """Whether inputs and outputs are the same ones, of the same shapes and types, whatever their names and order."""
    before, after = matching.before, matching.after
    sides = (
        (before.inputs, after.inputs, matching.inputs),
        (before.output_types(), after.output_types(), matching.outputs),
    )
    return all(
        len(old) == len(new) == len(names) and all(old[a] == new[b] for a, b in names.items())
        for old, new, names in sides
    )


def _changes(
    part: str, before: Mapping[str, TensorType], after: Mapping[str, TensorType], names: Mapping[str, str]
) -> Iterator[Change]:
    old_name = {new: old for old, new in names.items()}
    for name, type_ in after.items():
        old = old_name.get(name)
        if old is None:
            yield Change(f"{part} {name}", None, _typed(type_))
            continue
        if old != name and before[old] != type_:  # nothing is left of the one
            yield from (
                Change(f"{part} {old}", _typed(before[old]), None),
                Change(f"{part} {name}", None, _typed(type_)),
            )
        elif old != name:
            yield Change(f"name of {part}", old, name)
        elif before[old] != type_:
            yield Change(f"{part} {name}", _typed(before[old]), _typed(type_))
    for name, type_ in before.items():
        if name not in names:
            yield Change(f"{part} {name}", _typed(type_), None)
    order = [names[name] for name in before if name in names]
    if order != (now := [name for name in after if name in old_name]):
        yield Change(f"order of {part}s", ", ".join(order), ", ".join(now))


def _lengths(before: Graph, after: Graph) -> Iterator[Change]:
    if before.lengths.text() != after.lengths.text():
        yield Change("lengths", before.lengths.text() or None, after.lengths.text() or None)


def _typed(type_: TensorType) -> str:
    return str(type_) if type_.dtype == "float32" else f"{type_} {type_.dtype}"
