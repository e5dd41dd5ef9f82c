"""Layers that changed alike: one entry for the same change, or the same relation, in one place or in many."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite
from typing import Any

from netspec.graph.model import Node
from netspec.review.difference import Change, LayerChange, Matching
from netspec.review.yaml_text import value_text

MAX_VALUES = 3  # of changes that are of no common relation


@dataclass
class Edit:
    """One change as it is written, and the layers it was made in."""

    what: str
    text: str
    layers: dict[str, LayerChange] = field(default_factory=dict)


def edits(matching: Matching, layers: Iterable[LayerChange]) -> list[tuple[str, list[LayerChange]]]:
    """What was changed, and in which layers: changes of exactly the same layers are one edit."""
    atoms: dict[Hashable, Edit] = {}
    values: dict[Hashable, tuple[Any, Any]] = {}
    for layer in layers:
        for key, what, text, pair in _atoms(matching, layer):
            edit = atoms.setdefault(key, Edit(what, text))
            edit.layers[layer.name] = layer
            values[key] = pair
    together: dict[tuple[str, ...], list[Edit]] = {}
    for edit in _related(atoms, values):
        together.setdefault(tuple(edit.layers), []).append(edit)
    return [(", ".join(edit.text for edit in group), list(group[0].layers.values())) for group in together.values()]


def _atoms(matching: Matching, layer: LayerChange) -> Iterator[tuple[Hashable, str, str, tuple[Any, Any]]]:
    """Each change of a layer: what it is known by, its key, how it reads, both values; another kind is one change."""
    changes, kind = list(layer.changes), next((c for c in layer.changes if c.what == "type"), None)
    old, new = layer.before, layer.after
    assert old is not None and new is not None  # it is in both networks
    containers = matching.before.scopes.get(old.name), matching.after.scopes.get(new.name)
    if containers[0] and containers[1] and containers[0].kind != containers[1].kind:
        before, after = (container.kind for container in containers if container)
        changes = [c for c in changes if c is not kind and c.what != "from"]  # of the layer that joins its paths
        yield ("type", before, after), "type", f"{before} -> {after}", (None, None)
    elif kind is not None:
        of_kind = [c for c in changes if c.what != "type" and _is_field(c)]
        changes = [c for c in changes if c is not kind and c not in of_kind]
        before = kind_text(kind.before, [(c.what, c.before) for c in of_kind if c.before is not None])
        after = kind_text(kind.after, [(c.what, c.after) for c in of_kind if c.after is not None])
        yield ("type", before, after), "type", f"{before} -> {after}", (None, None)
    for change in changes:
        pair = change.before, change.after
        if change.what == "from":
            reads = [tuple(_seen_from(node, str(ref)) for ref in node.inputs) for node in (old, new)]
            pair = ", ".join(reads[0]), ", ".join(reads[1])
        yield (change.what, *map(_hashable, pair)), change.what, edit_text(Change(change.what, *pair)), pair


def _is_field(change: Change) -> bool:
    return change.what not in ("from", "share", "freeze") and not change.what.startswith("init.")


def kind_text(kind: str, fields: Collection[tuple[str, Any]]) -> str:
    """`dropout {p: 0.1}`."""
    return f"{kind} {{{', '.join(f'{name}: {value_text(value)}' for name, value in fields)}}}" if fields else kind


def edit_text(change: Change) -> str:
    """One change of a layer in an entry: `hidden 24 -> 32`, `reads a -> b`."""
    what, before, after = change.what, change.before, change.after
    if what == "from":
        return f"reads {before} -> {after}"
    if what == "equations":
        return " -> ".join(value_text(v) for v in (before, after) if v is not None)
    if what.startswith("init."):
        return f"{what} {before or 'default'} -> {after or 'default'}"
    return f"{what} {value_text(before)} -> {value_text(after)}"


def _seen_from(node: Node, name: str) -> str:
    """A name as the layers beside one would call it."""
    inside = f"{node.name.rpartition('.')[0]}."
    return name[len(inside) :] if inside != "." and name.startswith(inside) else name


def _hashable(value: Any) -> Hashable:
    return value if isinstance(value, Hashable) else repr(value)


def _related(atoms: dict[Hashable, Edit], values: dict[Hashable, tuple[Any, Any]]) -> list[Edit]:
    """Changes of one key in one relation (×1.5, +2), or of one line of the file, as one edit each."""
    result: dict[Hashable, Edit] = dict(atoms)
    by_what: dict[str, list[Hashable]] = {}
    for key, edit in atoms.items():
        by_what.setdefault(edit.what, []).append(key)
    relations: tuple[Callable[[Hashable], Hashable | None], ...] = (
        lambda key: _ratio(values[key]),
        lambda key: _step(values[key]),
        lambda key: _line(atoms[key]),
    )
    for what, keys in by_what.items():
        for relation in relations:
            groups: dict[Hashable, list[Hashable]] = {}
            for key in keys:
                if key in result and (value := relation(key)) is not None:
                    groups.setdefault(value, []).append(key)
            for value, members in groups.items():
                if len(members) > 1:
                    _put_together(result, what, value, members, values)
    return list(result.values())


def _put_together(
    result: dict[Hashable, Edit],
    what: str,
    relation: Hashable,
    members: Sequence[Hashable],
    values: dict[Hashable, tuple[Any, Any]],
) -> None:
    if isinstance(relation, Fraction):
        text = f"{what} {_ratio_text(relation)}"
    elif isinstance(relation, int):
        text = f"{what} {relation:+d}"
    else:
        shown = [result[key].text for key in members[:MAX_VALUES]]
        more = len(members) - MAX_VALUES
        rest = [text.removeprefix(f"{what} ") for text in shown[1:]]
        text = ", ".join([shown[0], *rest]) + (f" and {more} more" if more > 0 else "")
    merged = Edit(what, text)
    for key in members:
        merged.layers |= result.pop(key).layers
    result["merged", what, relation] = merged


def _numbers(pair: tuple[Any, Any]) -> tuple[Fraction, Fraction] | None:
    if all(isinstance(v, int | float) and not isinstance(v, bool) and isfinite(v) for v in pair):
        return Fraction(str(pair[0])), Fraction(str(pair[1]))
    return None


def _ratio(pair: tuple[Any, Any]) -> Fraction | None:
    numbers = _numbers(pair)
    return numbers[1] / numbers[0] if numbers and numbers[0] > 0 and numbers[1] > 0 else None


def _step(pair: tuple[Any, Any]) -> int | None:
    numbers = _numbers(pair)
    step = numbers[1] - numbers[0] if numbers else Fraction(1, 2)
    return int(step) if step.denominator == 1 else None


def _ratio_text(ratio: Fraction) -> str:
    """`×1.5`, `÷4`, `×2/3`."""
    if ratio.numerator == 1:
        return f"÷{ratio.denominator}"
    text = f"{float(ratio):g}"
    return f"×{text if Fraction(text) == ratio else ratio}"


def _line(edit: Edit) -> tuple[str, int, int] | None:
    """The place of the file that all layers of an edit were written at; None where there are several."""
    spans = {layer.after.span for layer in edit.layers.values() if layer.after is not None}
    lines = {(span.source.name, span.line, span.column) if span else None for span in spans}
    return lines.pop() if len(lines) == 1 else None
