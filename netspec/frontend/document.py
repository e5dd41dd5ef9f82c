"""From text to one document: `extends`, `include` and `--set` put in, sections checked and in their types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from netspec.frontend.assign import set_path
from netspec.frontend.expression import NAME, VALUE, is_value
from netspec.frontend.files import NOT_YET, SECTIONS, Files, WrittenFile
from netspec.frontend.resolved import Dumper, dump
from netspec.source.errors import NetspecError, Problem, Problems, raise_all
from netspec.source.file_tree import FileTree
from netspec.source.text import Source, show
from netspec.source.tree import Map, Scalar

NETWORK = ("inputs", "layers")  # the sections without which a file is no network


@dataclass
class Document:
    """A whole file, as trees: checked sections, nothing expanded yet.

    `files`: every file that was read for it, as it is written, by its path from the folder of the first, which is
    `path` (None for a text that is in no file).  `sets`: the changes of `--set`, and of variables.
    """

    source: Source
    folder: Path
    root: Map
    vars: dict[str, Any] = field(default_factory=dict)
    files: Mapping[str, WrittenFile] = field(default_factory=dict)
    path: Path | None = None
    sets: tuple[str, ...] = ()

    def section(self, name: str) -> Map | None:
        tree = self.root.get(name)
        return tree if isinstance(tree, Map) else None

    def text(self, name: str) -> str:
        tree = self.root.get(name)
        return str(tree.value) if isinstance(tree, Scalar) else ""

    def resolved(self) -> str:
        """The document as one file's text."""
        return dump(self.root.plain())


def load_document(
    source: Source,
    path: Path | None = None,
    folder: Path | None = None,
    sets: Sequence[str] = (),
    variables: Mapping[str, Any] | None = None,
    tree: FileTree | None = None,
) -> Document:
    """Read a text with everything that it extends and includes; `path` is the file that it came from.

    `tree` is where the files are that it names: the disk, where nothing is given.

    Raises NS1xx, NS2xx, NS303, NS304, NS306 and NS307.
    """
    document = read_document(source, path, folder, tree)
    problems = Problems()
    document.sets = (*_assignments(variables or {}), *sets)
    for assignment in document.sets:
        try:
            document.root = set_path(document.root, assignment, SECTIONS)
        except NetspecError as error:
            problems += error.problems
    raise_all(problems)
    problems += (problem for _, problem in section_problems(document.root))
    document.vars = read_vars(document.root, problems)
    raise_all(problems)
    return document


def read_document(
    source: Source, path: Path | None = None, folder: Path | None = None, tree: FileTree | None = None
) -> Document:
    """A text with everything that it extends and includes, its sections not yet checked.  Raises NS1xx to NS307."""
    folder = folder or (path.parent if path else Path())
    files = Files(tree)
    return Document(source, folder, files.load(source, path, folder), files=files.written, path=path)


def _assignments(variables: Mapping[str, Any]) -> Iterator[str]:
    for name, value in variables.items():
        try:
            text = yaml.dump(value, Dumper=Dumper, default_flow_style=True, width=10**6)
        except (yaml.YAMLError, RecursionError):
            raise NetspecError(
                "NS304", f"variable `{name}` expects {VALUE}, received a {type(value).__name__}"
            ) from None
        text = text.removesuffix("...\n").strip()
        yield f"{name}={text}"


def section_problems(root: Map) -> Iterator[tuple[str, Problem]]:
    """What is wrong with the form of the sections: name of the section, problem."""
    for key, tree in root.entries.items():
        expected = SECTIONS[key]
        if key in NOT_YET:
            yield key, Problem("NS205", f"`{key}` is not in this version of netspec yet", root.key_span(key))
        elif expected == "a mapping" and not isinstance(tree, Map):
            span = root.key_span(key) if tree.plain() is None else tree.span
            message = f"`{key}` expects {expected}, received {show(tree.plain())}"
            yield key, Problem("NS203", message, span, _EXAMPLES.get(key, ""))
        elif expected == "text" and not (isinstance(tree, Scalar) and tree.value is not None):
            yield key, Problem("NS203", f"`{key}` expects {expected}, received {show(tree.plain())}", tree.span)
    for key in NETWORK:
        section = root.get(key)
        if section is None:
            hint = f"add {_EXAMPLES[key].removeprefix('for example ')}"
            yield key, Problem("NS204", f"`{key}` is missing", root.span, hint, key=(key,))
        elif isinstance(section, Map) and not section.entries:
            yield key, Problem("NS204", f"`{key}` is empty", section.span, _EXAMPLES[key])


_EXAMPLES = {
    "vars": "for example `vars: {width: 64}`",
    "inputs": "for example `inputs: {x: [3, 32, 32]}`",
    "layers": "for example `layers: {fc: {type: linear, out_features: 10}}`",
    "blocks": "for example `blocks: {twice: {layers: {fc: {type: linear, out_features: 8}, relu: relu}}}`",
    "cells": "for example `cells: {mine: {state: {h: hidden}, output: h, …}}`",
    "outputs": "a name and the layer that it shows: `outputs: {logits: fc}`",
    "budget": "for example `budget: {params: 12M}`",
}


def read_vars(root: Map, problems: Problems) -> dict[str, Any]:
    """The values of `vars`.  Reports NS203."""
    section = root.get("vars")
    values: dict[str, Any] = {}
    if not isinstance(section, Map):
        return values
    for name, tree in section.entries.items():
        value = tree.plain()
        span = section.key_span(name) if value is None else tree.span
        if not name.isidentifier():
            problems.append(
                Problem(
                    "NS203",
                    f"a variable is named by letters, digits and _, received {show(name)}",
                    section.key_span(name),
                )
            )
        elif not is_value(value):
            problems.append(Problem("NS203", f"variable `{name}` expects {VALUE}, received {show(value)}", span))
        elif any(
            isinstance(v, str) and (NAME.search(v) or "$(" in v)
            for v in (value if isinstance(value, list) else [value])
        ):
            problems.append(
                Problem(
                    "NS203",
                    f"variable `{name}` expects a plain value, received the expression {show(value)}",
                    span,
                    "expressions stand below layers, blocks, inputs, data and train: write it there",
                )
            )
        values[name] = value
    return values
