"""Typed records from located trees: a dataclass is the form of a mapping, its schema and its reader.

One declaration serves three readers: `schema_of` gives the JSON schema that editors use, `read` checks a tree
against that same schema with jsonschema and reports every wrong key at its own place, and the code beyond sees
only the dataclass.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from netspec.source.errors import Problem, Problems, did_you_mean, nearest, raise_all
from netspec.source.text import Span, show
from netspec.source.tree import Items, Map, Scalar, Tree, parse_scalar
from netspec.source.written import Written

R = TypeVar("R")

MAX_SIZE = 2**63  # whole numbers of tensors end here


@dataclass(frozen=True)
class Limit:
    """Bounds of a number, in the words of JSON Schema; for `Annotated`."""

    minimum: float | None = None
    maximum: float | None = None
    exclusiveMinimum: float | None = None  # noqa: N815 - JSON Schema's own name
    exclusiveMaximum: float | None = None  # noqa: N815 - JSON Schema's own name


@dataclass(frozen=True, eq=False)
class OneOf:
    """A record chosen by its `type` key, or by the bare name when all its fields have defaults; for `Annotated`.

    `records`: name -> record; `called`: what other libraries call one of them -> its name here, or "".
    """

    what: str
    records: Mapping[str, type]
    called: Callable[[str], str] = lambda word: ""


@dataclass(frozen=True, eq=False)
class NameOf:
    """The name of something registered; for `Annotated`."""

    names: Collection[str]


Positive = Annotated[int, Limit(minimum=1)]
Count = Annotated[int, Limit(minimum=0)]
Share = Annotated[float, Limit(minimum=0, maximum=1)]
Above = Annotated[float, Limit(exclusiveMinimum=0)]
NotNegative = Annotated[float, Limit(minimum=0)]


def _validator(schema: dict[str, Any]) -> Any:
    from jsonschema import Draft7Validator

    return Draft7Validator(schema)


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
        return _validator(self.schema)

    @cached_property
    def _lists(self) -> list[tuple[dict[str, Any], list[Any]]]:
        """The lists that may stand here: schema, and what checks their items (one for all, or one each)."""
        lists = [s for s in self.schema.get("anyOf", [self.schema]) if s.get("type") == "array"]
        return [
            (s, [_validator(i) for i in (s["items"] if isinstance(s["items"], list) else [s["items"]])]) for s in lists
        ]

    def item_fits(self, value: Any, index: int, length: int) -> bool:
        """Whether a value fits as one item of a list; True where no list of this length may stand."""
        for schema, checks in self._lists:
            if schema.get("minItems", 0) <= length <= schema.get("maxItems", length):
                return self._real(value) and bool(checks[min(index, len(checks) - 1)].is_valid(value))
        return True

    def fits(self, value: Any) -> bool:
        return self._real(value) and bool(self._validator.is_valid(value))

    @cached_property
    def _whole(self) -> bool:
        return "number" not in str(self.schema)

    def _real(self, value: Any) -> bool:
        """False for what JSON Schema takes for a number and no tensor holds: NaN, a whole number of over 64 bits."""
        if isinstance(value, list):
            return all(map(self._real, value))
        return not isinstance(value, (int, float)) or (value == value and not (self._whole and abs(value) >= MAX_SIZE))

    @cached_property
    def expected(self) -> str:
        return describe(self.schema)


_FIELDS: dict[type, dict[str, Field]] = {}


def fields_of(cls: type) -> dict[str, Field]:
    """The keys of a record by name, in the order of its signature: those that are keyword-only come last."""
    if cls not in _FIELDS:
        _FIELDS[cls] = _fields_of(cls)
    return _FIELDS[cls]


def _fields_of(cls: Any) -> dict[str, Field]:
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for f in sorted(dataclasses.fields(cls), key=lambda f: f.kw_only is True):
        if not f.metadata.get("key", True):
            continue
        default = (
            f.default if f.default is not MISSING else f.default_factory() if callable(f.default_factory) else MISSING
        )
        found[f.name] = Field(f.name, hints[f.name], default, required=default is MISSING)
    return found


def schema_of(annotation: Any) -> dict[str, Any]:
    """The JSON schema (draft-07) of a type annotation."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        choice = next((extra for extra in args[1:] if isinstance(extra, (OneOf, NameOf))), None)
        if choice is not None:
            return _choice_schema(choice) if isinstance(choice, OneOf) else {"enum": list(choice.names)}
        schema = schema_of(args[0])
        for extra in args[1:]:
            if isinstance(extra, Limit):
                schema = {**schema, **{k: v for k, v in dataclasses.asdict(extra).items() if v is not None}}
        return schema
    if annotation in _SIMPLE:
        return dict(_SIMPLE[annotation])
    if origin is Literal:
        return {"enum": list(args)}
    if origin in (Union, types.UnionType):
        choices = [schema_of(a) for a in args]
        return {"anyOf": [c for s in choices for c in s.get("anyOf", [s])]}
    if origin is list:
        return {"type": "array", "items": schema_of(args[0])}
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
    kinds = choice.records
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
            items = option.get("items") if i and option.get("type") == "array" else None
            if isinstance(items, dict) and describe(items) == parts[0]:
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
    words = {
        "integer": "a whole number",
        "number": "a number",
        "string": "text",
        "boolean": "true or false",
        "null": "nothing",
        "object": "a mapping",
    }.get(str(kind), "a value")
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"{words} from {low:g} to {high:g}"
    bounds = [
        text
        for text in (
            f"of at least {low:g}" if low is not None else "",
            f"of at most {high:g}" if high is not None else "",
            f"above {above:g}" if above is not None else "",
            f"below {below:g}" if below is not None else "",
        )
        if text
    ]
    return " ".join([words, " and ".join(bounds)]) if bounds else words


# Keys of torch's modules that no kind has: shape inference knows them.
_FOLLOWS = ("in_features", "in_channels", "num_features", "num_channels", "normalized_shape", "embed_dim", "input_size")


def unknown_key(key: str, span: Span, known: Collection[str], owner: str, code: str = "NS202") -> Problem:
    """A key that nothing reads, with the nearest that something does."""
    word, colon, value = key.partition(":")
    if colon and value and word in known:
        hint = f"put a space after the colon: `{word}: {value}`"
    elif key in _FOLLOWS:
        hint = "leave it out: it follows from the layer's input"
    else:
        listing = f"it has {', '.join(f'`{k}`' for k in known)}" if known else "it takes none"
        hint = did_you_mean(key, known, listing)
    return Problem(code, f"{owner} has no key `{key}`", span, hint, key=(key,))


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
    tree: Tree, cls: type, owner: str, problems: Problems, *, skip: Collection[str] = (), place: Span | None = None,
    elsewhere: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The converted values of a record's keys; what does not fit goes to `problems`.

    `place` is where a key that is missing is reported: the mapping itself where left out.  `elsewhere`: what other
    libraries call a key -> its name here.
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
            known = [name for name in (*fields, *skip) if name not in tree.entries]
            meant.add(nearest(key, known))
            found = unknown_key(key, tree.key_span(key), known, owner)
            hint = _belongs(key, (elsewhere or {}).get(key, key), fields, tree, owner)
            problems.append(dataclasses.replace(found, hint=hint or found.hint))
        else:
            if isinstance(value, Scalar) and value.value is None and value.span.column == value.span.end_column:
                value = Scalar(None, tree.key_span(key))  # nothing is written there: point at the key
            values[key] = read_value(value, field, f"`{key}` of {owner}", problems)
    for f in fields.values():
        if f.required and f.name not in tree.entries and f.name not in skip and f.name not in meant:
            text = f"{owner} needs `{f.name}`, {f.expected}"
            problems.append(Problem("NS204", text, place or tree.span, f"add `{f.name}: …`", key=(f.name,)))
    return values


def _belongs(key: str, name: str, fields: Mapping[str, Field], tree: Map, owner: str) -> str:
    """What to write where a key stands one level too high, or is called something else here; "" for neither."""
    what = f"`{key}`" if key == name else f"`{key}` is `{name}` here"
    if name in fields:
        return f"{what}: write `{name}: …`"
    for f in fields.values():
        kinds = {kind: cls for kind, cls in _kinds_in(f.annotation).items() if name in fields_of(cls)}
        if not kinds:
            continue
        given = tree.get(f.name)
        tag = given.get("type") if isinstance(given, Map) else given
        kind = str(tag.value) if isinstance(tag, Scalar) else ""
        if given is None:
            kind = next((k for k, cls in kinds.items() if isinstance(f.default, cls)), next(iter(kinds)))
        if kind not in kinds:
            continue  # what is there has no such key
        text = f"{f.name}: {{type: {kind}, {name}: …}}" if kind else f"{f.name}: {{{name}: …}}"
        if tree.key_span(key).source.name == "--set" and owner.isidentifier():
            path = f"{owner}.{f.name}"
            text = f"--set {path}.{name}=…"
            text = f"--set {path}.type={kind} {text}" if kind and not isinstance(given, Map) else text
        return f"{what}{' is' if key == name else ','} a key of `{f.name}`: write `{text}`"
    return ""


def _kinds_in(annotation: Any) -> dict[str, type]:
    """The records that a value may be read as, by their `type`; "" for one without."""
    if get_origin(annotation) is Annotated:
        choice = next((e for e in get_args(annotation)[1:] if isinstance(e, OneOf)), None)
        return dict(choice.records) if choice else _kinds_in(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return {kind: cls for a in get_args(annotation) for kind, cls in _kinds_in(a).items()}
    return {"": annotation} if dataclasses.is_dataclass(annotation) and isinstance(annotation, type) else {}


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
    if not field.fits(value):
        problems.append(_misfit(tree, value, field, owner))
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
        hint = f"it is called `{other}` here" if other else did_you_mean(
            name if isinstance(name, str) else "", kinds, f"there are {', '.join(kinds)}")  # fmt: skip
        problems.append(Problem("NS201", f"unknown {choice.what} {show(tag.plain())}", tag.span, hint))
        return None
    record = tree if isinstance(tree, Map) else Map({}, tree.span)
    found = Problems()
    values = read_fields(record, kinds[name], f"{choice.what} {name}", found, skip=("type",))
    problems += found
    return None if found else made(kinds[name], values, record)


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
    if isinstance(tree, Items):  # point at the item that does not fit, when the list itself may stand here
        for i, item in enumerate(tree.items):
            if not field.item_fits(item.plain(), i, len(tree.items)):
                text = f"{owner} expects {field.expected}, received {show(item.plain())} as item {i + 1}"
                return Problem("NS203", text, item.span)
    if isinstance(tree, Map) and get_origin(field.annotation) in (dict, Mapping):  # likewise at the value of a key
        one = Field(field.name, get_args(field.annotation)[1], None, required=True)
        for key, item in tree.entries.items():
            word = item.plain()
            if not one.fits(word):
                found = _misfit(item, word, one, f"`{key}` in {owner}")
                switch = word if isinstance(word, bool) else _YAML_1_1.get(word) if isinstance(word, str) else None
                written = switch is not None and one.fits(int(switch))
                hint = f"write `{int(switch or 0)}`" if written else found.hint
                return dataclasses.replace(found, hint=hint, key=(key, *found.key))
    hint = ""
    if isinstance(value, (int, float)) and field._validator.is_valid(value):
        hint = "whole numbers end at 2**63" if value == value else "NaN is no value of a parameter"
    if isinstance(value, str):
        words = [c for s in field.schema.get("anyOf", [field.schema]) for c in s.get("enum", ()) if isinstance(c, str)]
        hint = did_you_mean(value, words)
        if value in _YAML_1_1 and field.fits(True):
            hint = f"`{value}` is text in YAML 1.2: write `{'true' if _YAML_1_1[value] else 'false'}`"
        elif value and isinstance(meant := parse_scalar(value), (int, float)) and field.fits(meant):
            hint = "leave out the quotes"
    return Problem("NS203", f"{owner} expects {field.expected}, received {show(value)}", tree.span, hint)


_YAML_1_1 = {"yes": True, "on": True, "no": False, "off": False}


def convert(value: Any, annotation: Any) -> Any:
    """A checked plain value in the annotation's own type: lists become tuples, whole numbers floats where asked."""
    if get_origin(annotation) is Annotated:
        return convert(value, get_args(annotation)[0])
    if isinstance(value, list):
        inner = [a for a in _options(annotation) if get_origin(a) is tuple]
        item = get_args(inner[0])[0] if inner else Any
        return tuple(convert(v, item) for v in value)
    if isinstance(value, dict):
        inner = [a for a in _options(annotation) if get_origin(a) in (dict, Mapping)]
        item = get_args(inner[0])[1] if inner else Any
        return {key: convert(v, item) for key, v in value.items()}
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
