"""A value that does not fit its field: the problem, at the item or key that is wrong, and what was meant."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from netspec.source.errors import Hint, Problem, did_you_mean
from netspec.source.records.fields import Field
from netspec.source.records.fit import fits, item_fits, of_type
from netspec.source.records.prose import expected
from netspec.source.records.schema import schema_of
from netspec.source.text import show
from netspec.source.tree import Items, Map, Tree, parse_scalar

_YAML_1_1 = {"yes": True, "on": True, "no": False, "off": False}


def misfit(tree: Tree, value: Any, field: Field, owner: str) -> Problem:
    """The problem (NS203) of a value that does not fit; where an item or the value of a key is wrong, of that."""
    if isinstance(tree, Items):  # point at the item that does not fit, when the list itself may stand here
        for i, item in enumerate(tree.items):
            if not item_fits(item.plain(), i, len(tree.items), field.annotation):
                text = f"{owner} expects {expected(field.annotation)}, received {show(item.plain())} as item {i + 1}"
                return Problem("NS203", text, item.span, did_you_mean(str(item.plain()), _words(field.annotation)))
    if isinstance(tree, Map) and get_origin(field.annotation) in (dict, Mapping):  # likewise at the value of a key
        inside = Field(field.name, get_args(field.annotation)[1], None, required=True)
        for key, item in tree.entries.items():
            word = item.plain()
            if not fits(word, inside.annotation):
                problem = misfit(item, word, inside, f"`{key}` in {owner}")
                switch = word if isinstance(word, bool) else _YAML_1_1.get(word) if isinstance(word, str) else None
                written = switch is not None and fits(int(switch), inside.annotation)
                number = str(int(switch or 0))
                hint = Hint(f"write `{number}`", str(show(word)).strip("'"), number) if written else problem.hint
                return dataclasses.replace(problem, hint=hint, key=(key, *problem.key))
    hint = ""
    if isinstance(value, (int, float)) and of_type(value, field.annotation):
        hint = "whole numbers end at 2**63" if value == value else "NaN is no value of a parameter"
    if isinstance(value, str):
        hint = did_you_mean(value, _words(field.annotation))
        if value in _YAML_1_1 and fits(True, field.annotation):
            switched = "true" if _YAML_1_1[value] else "false"
            hint = Hint(f"`{value}` is text in YAML 1.2: write `{switched}`", value, switched)
        elif value and isinstance(meant := parse_scalar(value), (int, float)) and fits(meant, field.annotation):
            hint = "leave out the quotes"
    return Problem("NS203", f"{owner} expects {expected(field.annotation)}, received {show(value)}", tree.span, hint)


def _words(annotation: Any) -> list[str]:
    """The words that a type takes, itself or as items of a list."""
    schema = schema_of(annotation)
    options = schema.get("anyOf", [schema])
    options = [*options, *(s["items"] for s in options if isinstance(s.get("items"), dict))]
    return [word for s in options for word in s.get("enum", ()) if isinstance(word, str)]
