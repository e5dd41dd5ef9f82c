"""Which plain values fit a type: those that its JSON schema allows, of numbers those that a tensor can hold."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from netspec.source.records.constraints import MAX_SIZE, Limit, NameOf, OneOf
from netspec.source.records.fields import fields_of, options_of


def fits(value: Any, annotation: Any) -> bool:
    """Whether a value may stand where this type is asked for."""
    return of_type(value, annotation) and _tensor_can_hold(value, annotation)


def item_fits(value: Any, index: int, length: int, annotation: Any) -> bool:
    """Whether a value fits as one item of a list; True where no list of this length may stand."""
    for option in options_of(annotation):
        origin, args = get_origin(option), get_args(option)
        if origin is list or (origin is tuple and args[-1] is Ellipsis):
            return of_type(value, args[0]) and _tensor_can_hold(value, annotation)
        if origin is tuple and len(args) == length:
            return of_type(value, args[index]) and _tensor_can_hold(value, annotation)
    return True


def of_type(value: Any, annotation: Any) -> bool:
    """Whether the JSON schema of the type allows the value; to it NaN is a number."""
    simple = _SIMPLE.get(annotation)
    if simple is not None:
        return simple(value)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _of_annotated(value, args[0], args[1:])
    if origin is Literal:
        return any(value == a and isinstance(value, bool) is isinstance(a, bool) for a in args)
    if origin in (Union, types.UnionType):
        return any(of_type(value, option) for option in args)
    if origin is list or (origin is tuple and args[-1] is Ellipsis):
        return isinstance(value, list) and all(of_type(item, args[0]) for item in value)
    if origin is tuple:
        return isinstance(value, list) and len(value) == len(args) and all(map(of_type, value, args))
    if origin in (dict, Mapping) or annotation is dict:
        return isinstance(value, dict) and (not args or all(of_type(item, args[1]) for item in value.values()))
    if is_dataclass(annotation) and isinstance(annotation, type):
        return isinstance(value, dict) and _of_record(value, annotation)
    raise TypeError(f"no values of {annotation!r}")


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_SIMPLE: dict[Any, Callable[[Any], bool]] = {
    Any: lambda value: True,
    bool: lambda value: isinstance(value, bool),
    int: lambda value: _number(value) and (isinstance(value, int) or value.is_integer()),
    float: _number,
    str: lambda value: isinstance(value, str),
    type(None): lambda value: value is None,
    None: lambda value: value is None,
}


def _of_annotated(value: Any, annotation: Any, extras: tuple[Any, ...]) -> bool:
    for extra in extras:
        if isinstance(extra, NameOf):
            return isinstance(value, str) and value in extra.names
        if isinstance(extra, OneOf):
            return _of_choice(value, extra)
    limits = [extra for extra in extras if isinstance(extra, Limit)]
    return of_type(value, annotation) and (not _number(value) or all(limit.allows(value) for limit in limits))


def _of_choice(value: Any, choice: OneOf) -> bool:
    if not isinstance(value, dict):
        return isinstance(value, str) and value in choice.records
    name = value.get("type")
    inside = {key: item for key, item in value.items() if key != "type"}
    return isinstance(name, str) and name in choice.records and _of_record(inside, choice.records[name])


def _of_record(value: Mapping[str, Any], cls: type) -> bool:
    fields = fields_of(cls)
    if any(field.required and field.name not in value for field in fields.values()):
        return False
    return all(key in fields and of_type(item, fields[key].annotation) for key, item in value.items())


def _tensor_can_hold(value: Any, annotation: Any) -> bool:
    """False for NaN, and for a whole number of over 64 bits where no fraction may stand; mappings are not searched."""
    if isinstance(value, list):
        return all(_tensor_can_hold(item, annotation) for item in value)
    if not isinstance(value, (int, float)):
        return True
    return value == value and (abs(value) < MAX_SIZE or _takes_fractions(annotation))


def _takes_fractions(annotation: Any) -> bool:
    return annotation is float or any(map(_takes_fractions, get_args(annotation)))
