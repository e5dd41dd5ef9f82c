"""A key that nothing reads: what was meant by it, and where it belongs."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from netspec.source.errors import Hint, Problem, did_you_mean
from netspec.source.records.constraints import OneOf
from netspec.source.records.fields import Field, fields_of
from netspec.source.text import Span
from netspec.source.tree import Map, Scalar

Explain = Callable[[str], str]  # what to do about a key that other libraries have; empty for a key that none has


def unexplained(key: str) -> str:
    """For mappings that no other library has."""
    return ""


def unknown_key(
    key: str, span: Span, known: Collection[str], owner: str, code: str = "NS202", explain: Explain = unexplained
) -> Problem:
    """A key that nothing reads, with the nearest that something does."""
    word, colon, value = key.partition(":")
    if colon and value and word in known:
        spaced = f"{word}: {value}"
        hint: str = Hint(f"put a space after the colon: `{spaced}`", key, spaced)
    else:
        listing = f"it has {', '.join(f'`{k}`' for k in known)}" if known else "it takes none"
        hint = explain(key) or did_you_mean(key, known, listing)
    return Problem(code, f"{owner} has no key `{key}`", span, hint, key=(key,))


def offered(key: str, known: Collection[str], tree: Map) -> list[str]:
    """The keys that may have been meant: those that are not there yet; of one that `--set` changes, those that are."""
    changed = tree.key_span(key).source.name == "--set"
    return [name for name in known if changed or name not in tree.entries]


def where_it_belongs(key: str, name: str, fields: Mapping[str, Field], tree: Map, owner: str) -> str:
    """What to write where a key stands one level too high, or is called something else here; "" for neither."""
    subject = f"`{key}`" if key == name else f"`{key}` is `{name}` here"
    if name in fields:
        return f"{subject}: write `{name}: …`"
    for f in fields.values():
        kinds = {kind: cls for kind, cls in _kinds_in(f.annotation).items() if name in fields_of(cls)}
        if not kinds:
            continue
        value = tree.get(f.name)
        tag = value.get("type") if isinstance(value, Map) else value
        kind = str(tag.value) if isinstance(tag, Scalar) else ""
        if value is None:
            first = min(kinds, key=lambda kind: list(fields_of(kinds[kind])).index(name))  # where it stands first
            kind = next((k for k, cls in kinds.items() if isinstance(f.default, cls)), first)
        if kind not in kinds:
            continue  # what is there has no such key
        text = f"{f.name}: {{type: {kind}, {name}: …}}" if kind else f"{f.name}: {{{name}: …}}"
        if tree.key_span(key).source.name == "--set" and owner.isidentifier():
            path = f"{owner}.{f.name}"
            text = f"--set {path}.{name}=…"
            text = f"--set {path}.type={kind} {text}" if kind and not isinstance(value, Map) else text
        return f"{subject}{' is' if key == name else ','} a key of `{f.name}`: write `{text}`"
    return ""


def _kinds_in(annotation: Any) -> dict[str, type]:
    """The records that a value may be read as, by their `type`; "" for one without."""
    if get_origin(annotation) is Annotated:
        choice = next((e for e in get_args(annotation)[1:] if isinstance(e, OneOf)), None)
        return dict(choice.records) if choice else _kinds_in(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return {kind: cls for a in get_args(annotation) for kind, cls in _kinds_in(a).items()}
    return {"": annotation} if dataclasses.is_dataclass(annotation) and isinstance(annotation, type) else {}
