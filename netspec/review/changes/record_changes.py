"""What changed between two records that were read from text, `data` or `train`: by path, defaults made visible."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from netspec.data.config import DataSplit
from netspec.review.difference import Cause
from netspec.review.explain.tree_values import short
from netspec.source.records import fields_of
from netspec.source.registry import Registered
from netspec.source.text import show
from netspec.source.tree import Map, Tree
from netspec.source.written import Written

DEFAULT = "(default)"


@dataclasses.dataclass(frozen=True)
class Setting:
    """A value of a record and where it is written; a default is written nowhere."""

    value: Any
    tree: Tree | None

    def below(self, key: str) -> Setting:
        """The value of a field."""
        value = effective(self.value)[key]
        tree = value.tree if isinstance(value, Written) and value.tree is not None else None
        here = self.tree if isinstance(self.tree, Map) else None
        if here is not None and key in here:
            return Setting(value, here.entries[key])
        return Setting(value, tree)

    @property
    def text(self) -> str:
        """The value as it is written, or as netspec has it where nothing is."""
        if self.tree is not None:
            return short(self.tree)
        return f"{_plain(self.value)} {DEFAULT}"


def effective(record: Any) -> dict[str, Any]:
    """The fields of a record, with what one that was left out comes to."""
    values = {key: getattr(record, key) for key in fields_of(type(record))}
    return {**values, **record.shares()} if isinstance(record, DataSplit) else values


def record_changes(before: Setting, after: Setting, path: str, file_of: Mapping[object, str]) -> Iterator[Cause]:
    """The fields that differ; `file_of`: text -> the file that it is of, where that is not the file named."""
    old, new = before.value, after.value
    if old == new:
        return
    if dataclasses.is_dataclass(old) and type(old) is type(new):
        for key in effective(old):
            yield from record_changes(before.below(key), after.below(key), f"{path}.{key}", file_of)
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        if len(old) == len(new) == 1:  # the loss of the only output, whatever that is called
            item, other = (_item(side, *side.value) for side in (before, after))
            yield from record_changes(item, other, path, file_of)
            return
        yield from _of_mappings(before, after, path, file_of)
        return
    yield change(path, before, after, file_of)


def change(path: str, before: Setting | None, after: Setting | None, file_of: Mapping[object, str]) -> Cause:
    """One value that is another now, was added, or removed."""
    kind = "added" if before is None else "removed" if after is None else "changed"
    tree = next((p.tree for p in (after, before) if p is not None and p.tree is not None), None)
    span = None if tree is None else tree.span
    file = "" if span is None else file_of.get(span.source, "")
    old, new = (None if p is None else p.text for p in (before, after))
    return Cause(path, old, new, span, file, kind)


def _of_mappings(before: Setting, after: Setting, path: str, file_of: Mapping[object, str]) -> Iterator[Cause]:
    """Output -> loss, and the like."""
    for key in dict.fromkeys((*before.value, *after.value)):
        items = [_item(side, key) if key in side.value else None for side in (before, after)]
        if items[0] is not None and items[1] is not None:
            yield from record_changes(items[0], items[1], f"{path}.{key}", file_of)
        else:
            yield change(f"{path}.{key}", items[0], items[1], file_of)


def _item(mapping: Setting, key: str) -> Setting:
    tree = mapping.tree.get(key) if isinstance(mapping.tree, Map) else None
    return Setting(mapping.value[key], tree if tree is not None else mapping.tree)


def _plain(value: Any) -> str:
    """A value that is written nowhere, as it would be."""
    if value is None:
        return "none"
    if isinstance(value, Registered):
        return value.name
    if dataclasses.is_dataclass(value):
        fields = effective(value).items()
        return f"{{{', '.join(f'{key}: {_plain(v)}' for key, v in fields if v is not None)}}}"
    if isinstance(value, str):
        return value
    return show(list(value) if isinstance(value, tuple) else value)
