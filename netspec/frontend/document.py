"""From text to one document: `extends`, `include` and `--set` put in, sections checked and in their types."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from netspec.frontend.overlay import overlay, set_path
from netspec.source.errors import NetspecError, Problem, raise_all
from netspec.source.records import unknown_key
from netspec.source.text import Source, show
from netspec.source.tree import Items, Map, Scalar, Tree, parse, parse_scalar, read_text

VERSION = 1
SECTIONS = {
    "netspec": "the language version, 1",
    "name": "text", "description": "text", "source": "text",
    "include": "a path or a list of paths",
    "extends": "a path",
    "vars": "a mapping", "inputs": "a mapping", "blocks": "a mapping", "cells": "a mapping",
    "layers": "a mapping", "outputs": "a mapping", "budget": "a mapping",
    "data": "a mapping", "train": "a mapping", "search": "a mapping",
}  # fmt: skip
_LATER = ("cells", "search")
_TAKEN = ("vars", "blocks", "cells")  # what `include` takes in


@dataclass
class Document:
    """A whole file, as trees: checked sections, nothing expanded yet."""

    source: Source
    folder: Path
    root: Map
    vars: dict[str, Any] = field(default_factory=dict)

    def section(self, name: str) -> Map | None:
        tree = self.root.get(name)
        return tree if isinstance(tree, Map) else None

    def text(self, name: str) -> str:
        tree = self.root.get(name)
        return str(tree.value) if isinstance(tree, Scalar) else ""

    def resolved(self) -> str:
        """The document as one file's text."""
        return dump(self.root.plain())


def load_document(source: Source, path: Path | None = None, folder: Path | None = None, sets: Sequence[str] = (),
                  variables: Mapping[str, Any] | None = None) -> Document:  # fmt: skip
    """Read a text with everything that it extends and includes; `path` is the file that it came from.

    Raises NS1xx, NS2xx, NS303, NS304, NS306 and NS307.
    """
    folder = folder or (path.parent if path else Path())
    root = _whole(source, folder, (path.resolve(),) if path else ())
    for name, value in (variables or {}).items():
        root = set_path(root, f"{name}={_flow(value)}")
    for assignment in sets:
        root = set_path(root, assignment)
    _check_sections(root)
    return Document(source, folder, root, _read_vars(root))


def _whole(source: Source, folder: Path, above: tuple[Path, ...]) -> Map:
    tree = parse(source)
    if not isinstance(tree, Map):
        raise NetspecError("NS201", f"a netspec file is a mapping of sections, received {show(tree.plain())}", tree.span,
                           hint="begin with `netspec: 1`")  # fmt: skip
    _check_version(tree, source)
    problems: list[Problem] = []
    for key in tree.entries:
        if key not in SECTIONS:
            problems.append(unknown_key(key, tree.key_span(key), SECTIONS, "a netspec file", "NS201"))
    raise_all(problems)

    kept = {k: v for k, v in tree.entries.items() if k not in ("include", "extends")}
    own = Map(kept, tree.span, tree.key_spans)
    base: Map | None = None
    if (parent := tree.get("extends")) is not None:
        base = _other(parent, folder, above, "extends")
    for path in _paths(tree.get("include")):
        own = _with_included(own, _other(path, folder, above, "include"))
    if base is not None:
        own = overlay(base, own)
    return own


def _check_version(tree: Map, source: Source) -> None:
    version = tree.get("netspec")
    if version is None:
        raise NetspecError("NS204", "`netspec`, the language version, is missing", tree.span, hint="begin with `netspec: 1`")
    if not isinstance(version, Scalar) or version.value is True or version.value != VERSION:
        raise NetspecError("NS203", f"`netspec` is the language version, {VERSION}; received {show(version.plain())}",
                           version.span, hint="write `netspec: 1`")  # fmt: skip


def _paths(tree: Tree | None) -> list[Tree]:
    return [] if tree is None else tree.items if isinstance(tree, Items) else [tree]


def _other(tree: Tree, folder: Path, above: tuple[Path, ...], key: str) -> Map:
    """Another file, named by `extends` or `include`, whole."""
    if not isinstance(tree, Scalar) or not isinstance(tree.value, str) or not tree.value:
        raise NetspecError("NS203", f"`{key}` expects {SECTIONS[key]}, received {show(tree.plain())}", tree.span)
    place = tree.span
    if "\0" in tree.value:
        raise NetspecError("NS306", f"`{key}: {show(tree.value)}` is not a path", place)
    path = folder / tree.value
    try:
        real, root = path.resolve(), folder.resolve()
    except (OSError, RuntimeError) as error:
        raise NetspecError("NS306", f"`{key}: {tree.value}` cannot be followed: {error}", place) from None
    if Path(tree.value).is_absolute() or not real.is_relative_to(root):
        raise NetspecError("NS306", f"`{key}: {tree.value}` leads outside the folder of this file", place,
                           hint="keep the file beside this one or in a folder below it")  # fmt: skip
    if real in above or len(above) > 16:
        chain = " -> ".join(p.name for p in (*above, real))
        raise NetspecError("NS307", f"`{key}` goes in a circle: {chain}", place, hint="remove one of them")
    try:
        source = read_text(path)
    except NetspecError as error:
        problem = error.problems[0]
        raise NetspecError("NS306", f"`{key}: {tree.value}` {problem.message}", place, hint=problem.hint) from None
    here = (*above, real)
    return _whole(source, path.parent, here)


def _with_included(own: Map, other: Map) -> Map:
    """Take in another file's vars, blocks and cells; this file's own stand over them."""
    entries, spans = dict(own.entries), dict(own.key_spans)
    for section in _TAKEN:
        theirs, mine = other.get(section), entries.get(section)
        if not isinstance(theirs, Map):
            continue
        if mine is None:
            entries[section], spans[section] = theirs, other.key_span(section)
        elif isinstance(mine, Map):
            merged = {**theirs.entries, **mine.entries}
            entries[section] = Map(merged, mine.span, {**theirs.key_spans, **mine.key_spans})
    return Map(entries, own.span, spans)


def _check_sections(root: Map) -> None:
    problems = []
    for key, tree in root.entries.items():
        expected = SECTIONS[key]
        if key in _LATER:
            problems.append(Problem("NS205", f"`{key}` is not in this version of netspec yet", root.key_span(key)))
        elif expected == "a mapping" and not isinstance(tree, Map):
            problems.append(Problem("NS203", f"`{key}` expects {expected}, received {show(tree.plain())}", tree.span))
        elif expected == "text" and not (isinstance(tree, Scalar) and tree.value is not None):
            problems.append(Problem("NS203", f"`{key}` expects {expected}, received {show(tree.plain())}", tree.span))
    for key, example in (("inputs", "x: [3, 32, 32]"), ("layers", "fc: {type: linear, out_features: 10}")):
        section = root.get(key)
        if section is None:
            problems.append(Problem("NS204", f"`{key}` is missing", root.span, f"add `{key}: {{{example}}}`"))
        elif isinstance(section, Map) and not section.entries:
            problems.append(Problem("NS204", f"`{key}` is empty", section.span, f"for example `{example}`"))
    raise_all(problems)


def _read_vars(root: Map) -> dict[str, Any]:
    section = root.get("vars")
    problems, values = [], {}
    for name, tree in section.entries.items() if isinstance(section, Map) else ():
        value = tree.plain()
        if not name.isidentifier():
            problems.append(Problem("NS203", f"a variable is named by letters, digits and _, received {show(name)}",
                                    root.get("vars").key_span(name)))  # type: ignore[union-attr]  # it is a Map here  # fmt: skip
        elif isinstance(tree, Map) or value is None or (isinstance(value, list) and any(isinstance(v, (list, dict)) for v in value)):
            problems.append(Problem("NS203", f"variable `{name}` expects a number, text, true or false, or a list of them, "
                                    f"received {show(value)}", tree.span))  # fmt: skip
        values[name] = value
    raise_all(problems)
    return values


class _Dumper(yaml.SafeDumper):
    """Writes text that YAML 1.2 would read as something else in quotes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    other = not value or not isinstance(parse_scalar(value), str)
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="'" if other else None)


_Dumper.add_representer(str, _text)


def dump(value: Any) -> str:
    """Plain values as YAML that `parse` reads back equal."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


def _flow(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=10**6).removesuffix("...\n").strip()


def text_hash(text: str) -> str:
    """What a run, a checkpoint and an exported model remember of the spec they came from."""
    return hashlib.sha256(text.encode()).hexdigest()
