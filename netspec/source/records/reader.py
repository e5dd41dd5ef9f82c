"""Records from located trees, every wrong key reported at its own place; the code beyond sees only the dataclass."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Collection, Mapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from netspec.source.errors import Hint, Problem, Problems, did_you_mean, nearest, raise_all
from netspec.source.records.constraints import OneOf
from netspec.source.records.fields import Field, fields_of, options_of
from netspec.source.records.fit import fits
from netspec.source.records.misfit import misfit
from netspec.source.records.prose import expected
from netspec.source.records.unknown_key import Explain, offered, unexplained, unknown_key, where_it_belongs
from netspec.source.text import Span, show
from netspec.source.tree import Map, Scalar, Tree
from netspec.source.written import Written

R = TypeVar("R")


def read(tree: Tree, cls: type[R], owner: str, *, skip: Collection[str] = ()) -> R:
    """A record from a mapping; `skip` are keys that somebody else reads.  Raises all its NS202, NS203 and NS204."""
    problems = Problems()
    values = read_fields(tree, cls, owner, problems, skip=skip)
    raise_all(problems)
    return made(cls, values, tree)


def made(cls: type[R], values: Mapping[str, Any], tree: Tree) -> R:
    """The record, which knows the tree that it was read from if it is of a kind that asks for it."""
    return cls(**values, tree=tree) if issubclass(cls, Written) else cls(**values)


def read_fields(
    tree: Tree,
    cls: type,
    owner: str,
    problems: Problems,
    *,
    skip: Collection[str] = (),
    span: Span | None = None,
    elsewhere: Mapping[str, str] | None = None,
    explain: Explain = unexplained,
) -> dict[str, Any]:
    """The converted values of a record's keys; what does not fit goes to `problems`.

    `span` is where a key that is missing is reported: the mapping itself where left out.  `elsewhere`: what other
    libraries call a key -> its name here; `explain`: what to do about a key that only they have.
    """
    if not isinstance(tree, Map):
        problems.append(Problem("NS203", f"{owner} expects a mapping, received {show(tree.plain())}", tree.span))
        return {}
    fields = fields_of(cls)
    values: dict[str, Any] = {}
    meant: set[str] = set()  # names that a misspelled key stands for: not missing as well
    for key, value in tree.entries.items():
        if key in skip:
            continue
        field = fields.get(key)
        if field is None:
            known = offered(key, dict.fromkeys((*fields, *skip)), tree)
            meant.add(nearest(key, known))
            problem = unknown_key(key, tree.key_span(key), known, owner, explain=explain)
            hint = where_it_belongs(key, (elsewhere or {}).get(key, key), fields, tree, owner)
            problems.append(dataclasses.replace(problem, hint=hint or problem.hint))
        else:
            if isinstance(value, Scalar) and value.value is None and value.span.column == value.span.end_column:
                value = Scalar(None, tree.key_span(key))  # nothing is written there: point at the key
            values[key] = read_value(value, field, f"`{key}` of {owner}", problems)
    for f in fields.values():
        if f.required and f.name not in tree.entries and f.name not in skip and f.name not in meant:
            text = f"{owner} needs `{f.name}`, {expected(f.annotation)}"
            problems.append(Problem("NS204", text, span or tree.span, f"add `{f.name}: …`", key=(f.name,)))
    return values


def read_value(tree: Tree, field: Field, owner: str, problems: Problems) -> Any:
    """One value, checked and converted to the field's type; None when a problem of it is reported."""
    inside = Problems()
    value = _read_value(tree, field, owner, inside)
    problems += (dataclasses.replace(p, key=(field.name, *p.key)) for p in inside)
    return value


def _read_value(tree: Tree, field: Field, owner: str, problems: Problems) -> Any:
    """The same; keys of problems begin inside the value."""
    nested = _record_in(field.annotation, tree)
    if isinstance(nested, OneOf):
        return read_choice(tree, nested, owner, problems)
    if nested is not None:
        values = read_fields(tree, nested, owner, problems)
        return None if problems else made(nested, values, tree)
    value = tree.plain()
    if not fits(value, field.annotation):
        problems.append(misfit(tree, value, field, owner))
        return None
    return convert(value, field.annotation)


def read_choice(tree: Tree, choice: OneOf, owner: str, problems: Problems) -> Any:
    """The record that `type` (or a bare name) chooses; None, with its problems, when it cannot be read."""
    kinds = choice.records
    tag = tree.get("type") if isinstance(tree, Map) else tree
    if tag is None:
        problems.append(
            Problem(
                "NS204", f"{owner} needs `type`, one of {', '.join(kinds)}", tree.span, "add `type: …`", key=("type",)
            )
        )
        return None
    name = tag.value if isinstance(tag, Scalar) else None
    if not isinstance(name, str) or name not in kinds:
        other = choice.called(str(name))
        near = did_you_mean(name if isinstance(name, str) else "", kinds, f"there are {', '.join(kinds)}")
        hint = Hint(f"it is called `{other}` here", str(name), other) if other else near
        problems.append(Problem("NS201", f"unknown {choice.what} {show(tag.plain())}", tag.span, hint))
        return None
    record = tree if isinstance(tree, Map) else Map({}, tree.span)
    inside = Problems()
    values = read_fields(record, kinds[name], f"{choice.what} {name}", inside, skip=("type",))
    problems += inside
    return None if inside else made(kinds[name], values, record)


def _record_in(annotation: Any, tree: Tree) -> Any:
    """The dataclass or choice that a value of this annotation is read as, if any."""
    if get_origin(annotation) is Annotated:
        choice = next((e for e in get_args(annotation)[1:] if isinstance(e, OneOf)), None)
        return choice or _record_in(get_args(annotation)[0], tree)
    if get_origin(annotation) in (Union, types.UnionType):
        if isinstance(tree, Scalar) and tree.value is None:
            return None
        records = [r for r in (_record_in(a, tree) for a in get_args(annotation)) if r is not None]
        choices = [r for r in records if isinstance(r, OneOf)]
        return choices[0] if choices else records[0] if records and isinstance(tree, Map) else None
    return annotation if dataclasses.is_dataclass(annotation) else None


def convert(value: Any, annotation: Any) -> Any:
    """A checked plain value in the annotation's own type: lists become tuples, whole numbers floats where asked."""
    if get_origin(annotation) is Annotated:
        return convert(value, get_args(annotation)[0])
    if isinstance(value, list):
        inner = [a for a in options_of(annotation) if get_origin(a) is tuple]
        item = get_args(inner[0])[0] if inner else Any
        return tuple(convert(v, item) for v in value)
    if isinstance(value, dict):
        inner = [a for a in options_of(annotation) if get_origin(a) in (dict, Mapping)]
        item = get_args(inner[0])[1] if inner else Any
        # Numbers of a mapping stay as they are written: a difference shows them again, `k: 3` and not `k: 3.0`.
        return {key: v if isinstance(v, (int, float)) else convert(v, item) for key, v in value.items()}
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    options = options_of(annotation)
    if int in options and float(value).is_integer() if isinstance(value, float) else int in options:
        return int(value)
    return float(value) if float in options else value
