"""What may stand at a place of a file: keys with their types and defaults, and values of closed lists.

Everything comes from the declarations that also read the file: the records of layers, `data` and `train`.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, get_args, get_origin

from netspec.cells.language.parse import KEYS as CELL_KEYS
from netspec.frontend.containers import CONTAINERS, body_key
from netspec.frontend.files import SECTIONS
from netspec.frontend.holds import inside
from netspec.graph.model import Budget
from netspec.layers import kinds
from netspec.layers.init import INITS
from netspec.lsp.family import Family
from netspec.report.schema.layers import WIRING, first_sentence
from netspec.shapes.tensor import DTYPES
from netspec.source.records import NameOf, OneOf, fields_of, schema_of
from netspec.source.records.prose import expected
from netspec.source.text import show
from netspec.source.tree import Items, Map, Scalar

# What `frontend/holds.py` need not tell apart: mappings whose keys are netspec's own.
_FURTHER: dict[str, dict[str, str]] = {
    "": {"budget": "budget"},
    "inputs": {"*": "input"},
    "layer": {"from": "sources", "init": "init"},
    "init": {"*": "init"},
    "data": {"*": "data"},
    "train": {"*": "train"},
}
RECORDS = ("data", "train")  # read into records, all the way down

_SECTIONS = {
    "netspec": "The language version.",
    "name": "What the network is called; left out: the name of the file.",
    "description": "What it is, in a line.",
    "source": "The paper.",
    "include": "Other netspec files whose `vars`, `blocks` and `cells` are taken in, by path relative to this file.",
    "extends": "One parent file; this file's keys are laid over it by name, and `null` removes.",
    "vars": "Name -> number, text, true or false, or a list of them; used as `$name`, changed by `--set name=value`.",
    "inputs": "Name -> shape without the batch axis, or `{shape, dtype}`; a bare name such as `T` is a symbolic size.",
    "blocks": "Layer kinds of the file's own: name -> `{params, inputs, layers, outputs}`.",
    "cells": "Recurrent cells of the file's own, given by their equations.",
    "layers": "Name -> layer, in the order of the data.",
    "outputs": "Output name -> layer name; left out: the last layer.",
    "budget": "Upper bounds that `validate` holds the network to.",
    "data": "What to learn from.",
    "train": "How to learn.",
}
_BLOCK = {
    "params": ("name -> default; no value: required", "The parameters of the block, used as `$name` in its layers."),
    "inputs": ("a list of names", "What the block takes; left out: one input, `in`."),
    "layers": ("a mapping of name to layer", "The layers of the block, which see only each other and its inputs."),
    "outputs": ("a mapping of name to layer", "What the block gives; left out: what its last layer gives."),
}
_CELL = {
    "description": ("text", "What the cell is."),
    "source": ("text", "The paper."),
    "params": ("name -> default", "Numbers that a layer can give; no default: every layer has to."),
    "state": ("name -> size", "What goes from step to step."),
    "output": ("text", "What the layer gives: a state, or a value of an equation."),
    "weights": ("name -> [], [size] or [rows, columns]", "What is learned; `W, U: [hidden, hidden]` declares two."),
    "init": ("weight -> rule", "How weights begin."),
    "equations": ("a list of equations", "`h[t] = tanh(W @ [h[t-1], x[t]] + b)`, in the order of the computation."),
}
_BUDGET = {
    "params": "Trainable parameters.",
    "flops": "Multiply-adds of one sample.",
    "activations": "Bytes of all outputs of one sample.",
    "depth": "Layers with weights on the longest path.",
}


@dataclass(frozen=True)
class Key:
    """One key of a mapping."""

    name: str
    expects: str
    doc: str = ""
    required: bool = False
    default: str = ""  # as it would be written; "" where there is none
    values: tuple[str, ...] = ()  # all that may stand there, where the list is closed
    nested: bool = False  # its value is a mapping on lines of its own


def role_of(path: Sequence[str]) -> str:
    """What the mapping at a path holds: `layers`, `layer`, `input`, …; "" for the document."""
    role = ""
    for key in path:
        further = _FURTHER.get(role, {})
        role = further.get(key) or further.get("*") or inside(role, key)
    return role


def keys_at(path: tuple[str, ...], levels: Sequence[Mapping[str, str]], family: Family) -> dict[str, Key]:
    """The keys that the mapping at a path may have; `levels` are the plain values of the mappings down to it."""
    role = role_of(path)
    values = levels[-1] if levels else {}
    if role == "":
        return {
            k: Key(k, SECTIONS[k], doc, required=k == "netspec", nested=SECTIONS[k] == "a mapping")
            for k, doc in _SECTIONS.items()
        }
    if role == "input":
        shape = Key("shape", "a list without the batch axis", "For example `[3, 32, 32]`.", required=True)
        return {"shape": shape, "dtype": Key("dtype", "an element type", default="float32", values=tuple(DTYPES))}
    if role == "block":
        return {
            k: Key(k, expects, doc, required=k == "layers", nested=k != "inputs")
            for k, (expects, doc) in _BLOCK.items()
        }
    if role == "cell":
        return {k: Key(k, *_CELL[k]) for k in CELL_KEYS}
    if role == "layer":
        return layer_keys(values.get("type", ""), family)
    if role == "part":
        return {"layers": Key("layers", "a mapping of name to layer", required=True, nested=True)}
    if role == "sources":
        kind = levels[-2].get("type", "") if len(levels) > 1 else ""
        return {port: Key(port, "the name of a layer or input") for port in ports_of(kind, family)}
    if role == "init":
        return _choice_keys(INITS, values) if "type" in values or not values else {}
    if role == "budget":
        return {k: Key(k, "a number, such as `12M`", _BUDGET.get(k, "")) for k in fields_of(Budget)}
    if role in RECORDS:
        return _record_keys(path, levels)
    return {}


def layer_keys(kind: str, family: Family) -> dict[str, Key]:
    """Of a layer's entry: its kind's own keys first, then those that wire it."""
    tag = Key("type", "a layer kind", "The kind of the layer, or a block of the file.", required=True)
    fields: dict[str, Key] = {}
    params = family.at("blocks", kind, "params")
    if isinstance(family.at("blocks", kind), Map):
        for name, default in params.entries.items() if isinstance(params, Map) else ():
            plain = default.plain()
            shown = "" if plain is None else show(plain).strip("'")
            fields[name] = Key(name, f"a parameter of block {kind}", "", plain is None, shown)
    elif kind in CONTAINERS:
        body = body_key(kind)
        expects = "path name -> layers" if kind == "branches" else "layers, in the order of the data"
        fields = {body: Key(body, expects, required=True, nested=True), **_fields(CONTAINERS[kind])}
    elif kind in kinds():
        fields = _fields(kinds()[kind])
    wiring = {k: _wiring_key(k, text) for k, (text, _) in WIRING.items()}
    return {"type": tag, **fields, **wiring}


def _wiring_key(name: str, text: str) -> Key:
    expects = {"repeat": "a whole number of at least 0", "init": "a rule, a number, or weight -> rule"}
    switches = ("true", "false") if name in ("freeze", "when") else ()
    values = tuple(INITS.records) if name == "init" else switches
    return Key(name, "true or false" if switches else expects.get(name, "the name of a layer"), text, values=values)


def ports_of(kind: str, family: Family) -> tuple[str, ...]:
    """The names of the inputs of a kind or block."""
    if isinstance(family.at("blocks", kind), Map):
        named = family.at("blocks", kind, "inputs")
        items = named.items if isinstance(named, Items) else []
        return tuple(str(item.value) for item in items if isinstance(item, Scalar)) or ("in",)
    return kinds()[kind].ports if kind in kinds() else ()


def values_of(annotation: Any) -> tuple[str, ...]:
    """What may be written where this type is asked for, if that is a closed list."""
    record = _record_in(annotation)
    if isinstance(record, OneOf):
        return tuple(record.records)
    schema = schema_of(annotation)
    values: list[str] = []
    for option in schema.get("anyOf", [schema]):
        option = option.get("items", option) if isinstance(option.get("items"), dict) else option
        if option.get("type") == "boolean":
            values += ["true", "false"]
        values += [str(word) for word in option.get("enum", ())]
    return tuple(dict.fromkeys(values))


def _fields(cls: type) -> dict[str, Key]:
    doc = inspect.getdoc(cls) or ""
    keys = {}
    for f in fields_of(cls).values():
        default = "" if f.required else _written(f.default)
        about = expects_of(f.annotation)
        values, nested = values_of(f.annotation), is_dataclass(_record_in(f.annotation))
        nested = nested and not isinstance(_record_in(f.annotation), OneOf)
        keys[f.name] = Key(f.name, about, _about(f.name, doc), f.required, default, values, nested)
    return keys


def expects_of(annotation: Any) -> str:
    """What a type asks for, in words."""
    record = _record_in(annotation)
    if isinstance(record, OneOf):
        return f"one of {', '.join(record.records)}"
    if record is not None:
        return "a mapping"
    return expected(annotation)


def _written(value: Any) -> str:
    """A default as a file would have it."""
    name = getattr(type(value), "name", None)
    if is_dataclass(value) and not isinstance(value, type):
        return name if isinstance(name, str) else ""
    return "" if value is None else show(value).strip("'")


def _about(key: str, doc: str) -> str:
    """The sentence of a docstring that begins with a key in backticks, and those that follow up to the next key."""
    start = doc.find(f"`{key}`:")
    if start < 0:
        return ""
    text = " ".join(doc[start + len(key) + 3 :].split("\n\n")[0].split())
    end = text.find("  `")
    end = min((i for i in (end, text.find(". `")) if i >= 0), default=len(text))
    return text[: end + 1].strip()


def _record_keys(path: tuple[str, ...], levels: Sequence[Mapping[str, str]]) -> dict[str, Key]:
    """Of a mapping of `data` or `train`, down through records that `type` chooses."""
    from netspec.data.config import DataConfig
    from netspec.recipe.config import TrainConfig

    record: Any = DataConfig if path[0] == "data" else TrainConfig
    for depth, key in enumerate(path[1:], start=2):
        cls = _chosen(record, levels[depth - 1] if depth - 1 < len(levels) else {})
        field = fields_of(cls).get(key) if cls else None
        if field is not None:
            record = _record_in(field.annotation)
        elif get_origin(record) is not None or not isinstance(record, OneOf):
            return {}  # a mapping of names, such as output -> loss: its values are again what the field is
    if isinstance(record, OneOf):
        return _choice_keys(record, levels[-1] if levels else {})
    return _fields(record) if is_dataclass(record) and isinstance(record, type) else {}


def _chosen(record: Any, values: Mapping[str, str]) -> type | None:
    if isinstance(record, OneOf):
        return record.records[values["type"]] if values.get("type") in record.records else None
    return record if isinstance(record, type) else None


def _choice_keys(choice: OneOf, values: Mapping[str, str]) -> dict[str, Key]:
    words = tuple(choice.records)
    tag = Key("type", f"one of {', '.join(words)}", "", required=True, values=words)
    cls = _chosen(choice, values)
    return {"type": tag, **(_fields(cls) if cls else {})}


def _record_in(annotation: Any) -> Any:
    """The record or the choice of records that a type is of; None for plain values."""
    if get_origin(annotation) is Annotated:
        choice = next((extra for extra in get_args(annotation)[1:] if isinstance(extra, OneOf)), None)
        return choice or _record_in(get_args(annotation)[0])
    if is_dataclass(annotation):
        return annotation
    if any(isinstance(extra, NameOf) for extra in get_args(annotation)):
        return None
    return next((r for r in map(_record_in, get_args(annotation)) if r is not None), None)


def choice_doc(path: tuple[str, ...], key: str, word: str) -> str:
    """What one value of a closed list means, where it is a record with a docstring."""
    choices: Collection[OneOf] = (INITS,) if key == "init" or role_of(path) == "init" else ()
    if role_of(path) in RECORDS:
        from netspec.data.config import DataConfig
        from netspec.recipe.config import TrainConfig

        record: Any = DataConfig if path[0] == "data" else TrainConfig
        for step in (*path[1:], *((key,) if key != "type" else ())):
            cls = _chosen(record, {}) if not isinstance(record, OneOf) else None
            field = fields_of(cls).get(step) if cls else None
            record = _record_in(field.annotation) if field else record
        choices = (record,) if isinstance(record, OneOf) else ()
    return next((first_sentence(c.records[word]) for c in choices if word in c.records), "")
