"""Typed records from located trees: a dataclass is the form of a mapping, its schema and its reader.

One declaration serves three readers: `schema_of` gives the JSON schema that editors use, `read` checks a tree
against that same schema with jsonschema and reports every wrong key at its own place, and the code beyond sees
only the dataclass.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from netspec.source.errors import NetspecError, Problem, did_you_mean, raise_all
from netspec.source.text import Span, show
from netspec.source.tree import Items, Map, Scalar, Tree

R = TypeVar("R")


@dataclass(frozen=True)
class Limit:
    """Bounds of a number, in the words of JSON Schema; for `Annotated`."""

    minimum: float | None = None
    maximum: float | None = None
    exclusiveMinimum: float | None = None  # noqa: N815 - JSON Schema's own name
    exclusiveMaximum: float | None = None  # noqa: N815 - JSON Schema's own name


@dataclass(frozen=True)
class OneOf:
    """A record chosen by its `type` key, or by the bare name when all its fields have defaults; for `Annotated`."""

    what: str
    records: tuple[tuple[str, type], ...]

    def kinds(self) -> dict[str, type]:
        return dict(self.records)


Positive = Annotated[int, Limit(minimum=1)]
Count = Annotated[int, Limit(minimum=0)]
Share = Annotated[float, Limit(minimum=0, maximum=1)]
Above = Annotated[float, Limit(exclusiveMinimum=0)]


@dataclass(frozen=True)
class Field:
    """One key of a record: its type, schema, default, and what to say when a value does not fit."""

    name: str
    annotation: Any
    default: Any
    required: bool

    @cached_property
    def schema(self) -> dict[str, Any]:
        schema = schema_of(self.annotation)
        if not self.required and isinstance(self.default, (bool, int, float, str)):
            schema = {**schema, "default": self.default}
        return schema

    @cached_property
    def _validator(self) -> Any:
        from jsonschema import Draft7Validator

        return Draft7Validator(self.schema)

    def fits(self, value: Any) -> bool:
        return value == value and bool(self._validator.is_valid(value))  # a NaN is no value

    @cached_property
    def expected(self) -> str:
        return describe(self.schema)


@lru_cache(maxsize=None)
def fields_of(cls: type) -> dict[str, Field]:
    """The keys of a record by name, in the order of declaration."""
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for f in dataclasses.fields(cls):
        default = f.default if f.default is not MISSING else f.default_factory() if callable(f.default_factory) else MISSING
        found[f.name] = Field(f.name, hints[f.name], default, required=default is MISSING)
    return found


def schema_of(annotation: Any) -> dict[str, Any]:
    """The JSON schema (draft-07) of a type annotation."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        schema = schema_of(args[0])
        for extra in args[1:]:
            if isinstance(extra, Limit):
                schema = {**schema, **{k: v for k, v in dataclasses.asdict(extra).items() if v is not None}}
            elif isinstance(extra, OneOf):
                schema = _choice_schema(extra)
        return schema
    if annotation in _SIMPLE:
        return dict(_SIMPLE[annotation])
    if origin is Literal:
        return {"enum": list(args)}
    if origin in (Union, types.UnionType):
        choices = [schema_of(a) for a in args]
        return {"anyOf": [c for s in choices for c in s.get("anyOf", [s])]}
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return {"type": "array", "items": schema_of(args[0])}
        items = [schema_of(a) for a in args]
        same = items[0] if all(i == items[0] for i in items) else items
        return {"type": "array", "items": same, "minItems": len(items), "maxItems": len(items)}
    if origin in (dict, Mapping) or annotation is dict:
        return {"type": "object", "additionalProperties": schema_of(args[1]) if args else {}}
    if dataclasses.is_dataclass(annotation):
        return record_schema(annotation)
    raise TypeError(f"no schema for {annotation!r}")


_SIMPLE: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    type(None): {"type": "null"},
    None: {"type": "null"},
    Any: {},
}


def record_schema(cls: Any) -> dict[str, Any]:
    """The schema of a whole record: no other keys, and the required ones."""
    fields = fields_of(cls)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: f.schema for name, f in fields.items()},
        "additionalProperties": False,
    }
    required = [name for name, f in fields.items() if f.required]
    return {**schema, "required": required} if required else schema


def _choice_schema(choice: OneOf) -> dict[str, Any]:
    kinds = choice.kinds()
    branches = []
    for name, cls in kinds.items():
        record = record_schema(cls)
        record["properties"] = {"type": {"const": name}, **record["properties"]}
        branches.append({"if": {"properties": {"type": {"const": name}}}, "then": record})
    by_type = {"type": "object", "properties": {"type": {"enum": list(kinds)}}, "required": ["type"], "allOf": branches}
    return {"anyOf": [{"enum": list(kinds)}, by_type]}


def describe(schema: Mapping[str, Any]) -> str:
    """What a schema asks for, in words: `a whole number of at least 1, or 2 of them`."""
    if "anyOf" in schema:
        parts = [describe(s) for s in schema["anyOf"]]
        for i, option in enumerate(schema["anyOf"]):  # "a list of 2: <the same words>" is "2 of them"
            if i and option.get("type") == "array" and isinstance(option.get("items"), dict):
                if describe(option["items"]) == parts[0]:
                    count = option.get("minItems")
                    parts[i] = f"a list of {count} of them" if count else "a list of them"
        return ", or ".join(dict.fromkeys(parts)) if len(parts) < 3 else ", ".join(parts[:-1]) + f", or {parts[-1]}"
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    kind = schema.get("type")
    if kind == "array":
        items, count = schema.get("items", {}), schema.get("minItems")
        if isinstance(items, list):
            return "a list of " + ", ".join(describe(i) for i in items)
        return f"a list of {count} items, each {describe(items)}" if count else f"a list, each item {describe(items)}"
    words = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false",
             "null": "nothing", "object": "a mapping"}.get(str(kind), "a value")  # fmt: skip
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"{words} from {low:g} to {high:g}"
    bounds = [text for text in (
        f"of at least {low:g}" if low is not None else "",
        f"of at most {high:g}" if high is not None else "",
        f"above {above:g}" if above is not None else "",
        f"below {below:g}" if below is not None else "",
    ) if text]  # fmt: skip
    return " ".join([words, " and ".join(bounds)]) if bounds else words


def unknown_key(key: str, span: Span, known: Collection[str], owner: str, code: str = "NS202") -> Problem:
    """A key that nothing reads, with the nearest that something does."""
    listing = f"it has {', '.join(f'`{k}`' for k in known)}" if known else "it takes none"
    return Problem(code, f"{owner} has no key `{key}`", span, did_you_mean(key, known, listing))


def read(tree: Tree, cls: type[R], owner: str, *, skip: Collection[str] = ()) -> R:
    """A record from a mapping; `skip` are keys that somebody else reads.  Raises NS202, NS203 and NS204, all at once."""
    problems: list[Problem] = []
    values = read_fields(tree, cls, owner, problems, skip=skip)
    raise_all(problems)
    return cls(**values)


def read_fields(tree: Tree, cls: type, owner: str, problems: list[Problem], *,
                skip: Collection[str] = ()) -> dict[str, Any]:  # fmt: skip
    """The converted values of a record's keys; what does not fit goes to `problems`."""
    if not isinstance(tree, Map):
        problems.append(Problem("NS203", f"{owner} expects a mapping, received {show(tree.plain())}", tree.span))
        return {}
    fields = fields_of(cls)
    values: dict[str, Any] = {}
    for key, value in tree.entries.items():
        if key in skip:
            continue
        field = fields.get(key)
        if field is None:
            problems.append(unknown_key(key, tree.key_span(key), [*fields, *skip], owner))
        else:
            values[key] = read_value(value, field, f"`{key}` of {owner}", problems)
    missing = [f for f in fields.values() if f.required and f.name not in tree.entries and f.name not in skip]
    for f in missing:
        problems.append(Problem("NS204", f"{owner} needs `{f.name}`, {f.expected}", tree.span, f"add `{f.name}: …`"))
    return values


def read_value(tree: Tree, field: Field, owner: str, problems: list[Problem]) -> Any:
    """One value, checked and converted to the field's type."""
    nested = _record_in(field.annotation, tree)
    if isinstance(nested, OneOf):
        return read_choice(tree, nested, owner, problems)
    if nested is not None:
        found: list[Problem] = []
        values = read_fields(tree, nested, owner, found)
        problems += found
        return None if found else nested(**values)
    value = tree.plain()
    if not field.fits(value):
        problems.append(_misfit(tree, value, field, owner))
        return None
    return convert(value, field.annotation)


def read_choice(tree: Tree, choice: OneOf, owner: str, problems: list[Problem]) -> Any:
    """The record that `type` (or a bare name) chooses; None, with its problems, when it cannot be read."""
    kinds = choice.kinds()
    tag = tree.get("type") if isinstance(tree, Map) else tree
    if tag is None:
        problems.append(Problem("NS204", f"{owner} needs `type`, one of {', '.join(kinds)}", tree.span, "add `type: …`"))
        return None
    name = tag.value if isinstance(tag, Scalar) else None
    if not isinstance(name, str) or name not in kinds:
        hint = did_you_mean(str(name), kinds, f"there are {', '.join(kinds)}")
        problems.append(Problem("NS201", f"unknown {choice.what} {show(tag.plain())}", tag.span, hint))
        return None
    record = tree if isinstance(tree, Map) else Map({}, tree.span)
    found: list[Problem] = []
    values = read_fields(record, kinds[name], f"{choice.what} {name}", found, skip=("type",))
    problems += found
    return None if found else kinds[name](**values)


def _record_in(annotation: Any, tree: Tree) -> Any:
    """The dataclass or choice that a value of this annotation is read as, if any."""
    if get_origin(annotation) is Annotated:
        choice = next((e for e in get_args(annotation)[1:] if isinstance(e, OneOf)), None)
        return choice or _record_in(get_args(annotation)[0], tree)
    if get_origin(annotation) in (Union, types.UnionType):
        if isinstance(tree, Scalar) and tree.value is None:
            return None
        found = [r for r in (_record_in(a, tree) for a in get_args(annotation)) if r is not None]
        choices = [r for r in found if isinstance(r, OneOf)]
        return choices[0] if choices else found[0] if found and isinstance(tree, Map) else None
    return annotation if dataclasses.is_dataclass(annotation) else None


def _misfit(tree: Tree, value: Any, field: Field, owner: str) -> Problem:
    if isinstance(tree, Items):  # point at the one item that does not fit, when the list itself may stand here
        for i, item in enumerate(tree.items):
            fitting = next((tree.items[j].plain() for j in range(len(tree.items)) if j != i), None)
            rest = [fitting if j == i else t.plain() for j, t in enumerate(tree.items)]
            if fitting is not None and field.fits(rest):
                text = f"{owner} expects {field.expected}, received {show(item.plain())} as item {i + 1}"
                return Problem("NS203", text, item.span)
    hint = ""
    if isinstance(value, str) and "enum" in field.schema:
        hint = did_you_mean(value, [c for c in field.schema["enum"] if isinstance(c, str)])
    return Problem("NS203", f"{owner} expects {field.expected}, received {show(value)}", tree.span, hint)


def convert(value: Any, annotation: Any) -> Any:
    """A checked plain value in the annotation's own type: lists become tuples, whole numbers floats where asked."""
    if get_origin(annotation) is Annotated:
        return convert(value, get_args(annotation)[0])
    if isinstance(value, list):
        inner = [a for a in _options(annotation) if get_origin(a) is tuple]
        item = get_args(inner[0])[0] if inner else Any
        return tuple(convert(v, item) for v in value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    options = _options(annotation)
    if int in options and float(value).is_integer() if isinstance(value, float) else int in options:
        return int(value)
    return float(value) if float in options else value


def _options(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(o for a in get_args(annotation) for o in _options(a))
    return (annotation,)
