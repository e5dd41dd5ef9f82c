"""A netspec file with the files that it names: `extends` and `include`, within its folder and without circles."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from netspec.frontend.overlay import overlay
from netspec.source.errors import NetspecError, Problem, Problems, Related, meant, nearest, raise_all
from netspec.source.file_tree import Disk, FileTree
from netspec.source.records import unknown_key
from netspec.source.text import Source, Span, show
from netspec.source.tree import Items, Map, Scalar, Tree, parse

VERSION = 1
SECTIONS = {
    "netspec": "the language version, 1",
    "name": "text",
    "description": "text",
    "source": "text",
    "include": "a path or a list of paths",
    "extends": "a path",
    "vars": "a mapping",
    "inputs": "a mapping",
    "blocks": "a mapping",
    "cells": "a mapping",
    "layers": "a mapping",
    "outputs": "a mapping",
    "budget": "a mapping",
    "data": "a mapping",
    "train": "a mapping",
    "search": "a mapping",
}
NOT_YET = ("search",)  # sections that the language has kept a name for
_OTHERS = {"extends": "resnet18.yaml", "include": "blocks.yaml"}
TAKEN = ("vars", "blocks", "cells")  # what `include` takes in
MAX_FILES = 256


@dataclass(frozen=True)
class WrittenFile:
    """A file as it is written: its text, and its tree before anything of another file is put in."""

    source: Source
    tree: Map


class Files:
    """Reads a file with all that it names, each once; `count` keeps a few files from naming millions.

    `written`: every file that was read, by its path from the folder of the first one.
    """

    def __init__(self, tree: FileTree | None = None) -> None:
        self.tree = tree or Disk()
        self.count = 0
        self.merged: dict[Path, Map] = {}
        self.written: dict[str, WrittenFile] = {}

    def load(self, source: Source, path: Path | None, folder: Path) -> Map:
        """A text with all that it names put in; `path` is the file that it came from."""
        name = (path or Path(source.name)).name
        return self.document(source, folder, (self.tree.real(path),) if path else (), Path(name))

    def document(self, source: Source, folder: Path, above: tuple[Path, ...], name: Path) -> Map:
        """The same, `above` being the files that led to it, and `name` its path from the folder of the first file."""
        problems = Problems()
        tree = read_root(source, problems)
        self.written[Path(os.path.normpath(name)).as_posix()] = WrittenFile(source, tree)
        entries = {k: v for k, v in tree.entries.items() if k not in ("include", "extends")}
        document = Map(entries, tree.span, tree.key_spans)
        parents = [t for t in [tree.get("extends")] if t is not None]
        others: dict[str, list[Map]] = {"extends": [], "include": []}
        for key, paths in (("extends", parents), ("include", _paths(tree.get("include")))):
            for path in paths:
                try:
                    others[key].append(self.other(path, folder, above, name.parent, key))
                except NetspecError as error:
                    problems += error.problems
        raise_all(problems)
        document = with_included(document, others["include"], problems)
        for base in others["extends"]:
            document = overlay(base, document, problems)
        raise_all(problems)
        return document

    def other(self, tree: Tree, folder: Path, above: tuple[Path, ...], beside: Path, key: str) -> Map:
        """Another file, named by `extends` or `include` of a file in `folder`, whole.

        `beside` is that folder as seen from the folder of the first file.
        """
        if not isinstance(tree, Scalar) or not isinstance(tree.value, str) or not tree.value:
            raise NetspecError(
                "NS203",
                f"`{key}` expects {SECTIONS[key]}, received {show(tree.plain())}",
                tree.span,
                hint=f"for example `{key}: {_OTHERS[key]}`",
            )
        path = folder / tree.value
        real = self.inside(tree.value, path, folder, key, tree.span)
        self.count += 1
        if self.count > MAX_FILES:
            raise NetspecError(
                "NS306",
                f"`{key}`: more than {MAX_FILES} files",
                tree.span,
                hint="files that name each other many times over",
            )
        if real in above:
            chain = " -> ".join(p.name for p in (*above[above.index(real) :], real))
            raise NetspecError("NS307", f"`{key}` goes in a circle: {chain}", tree.span, hint="remove one of them")
        if real in self.merged:
            return self.merged[real]
        try:
            source = self.tree.read(path)
        except NetspecError as error:
            problem, near = error.problems[0], self.tree.near(path)
            hint = meant(tree.value, near.relative_to(folder).as_posix()) if near else problem.hint
            raise NetspecError("NS306", f"`{key}: {tree.value}`: {problem.message}", tree.span, hint=hint) from None
        try:
            self.merged[real] = self.document(source, path.parent, (*above, real), beside / tree.value)
        except NetspecError as error:
            raise error.located(None, f"in a file that `{key}` names at {tree.span}") from None
        return self.merged[real]

    def inside(self, text: str, path: Path, folder: Path, key: str, place: Span) -> Path:
        """The real path of a file in the folder of the one that names it, or below."""
        try:
            real, root = self.tree.real(path), self.tree.real(folder)
        except (OSError, RuntimeError, ValueError) as error:
            raise NetspecError("NS306", f"`{key}: {text}` cannot be followed: {error}", place) from None
        if Path(text).is_absolute() or not real.is_relative_to(root):
            raise NetspecError(
                "NS306",
                f"`{key}: {text}` leads outside the folder of this file",
                place,
                hint="keep the file beside this one or in a folder below it",
            )
        return real


def read_root(source: Source, problems: Problems) -> Map:
    """One text alone, as a mapping of sections; unknown ones and a wrong version go to `problems`.

    Raises NS1xx, and NS201 for what is no mapping.
    """
    tree = parse(source)
    if isinstance(tree, Scalar) and tree.value is None:
        raise NetspecError("NS105", "the file is empty", name=source.name, hint="begin with `netspec: 1`")
    if not isinstance(tree, Map):
        raise NetspecError(
            "NS201",
            f"a netspec file is a mapping of sections, received {show(tree.plain())}",
            tree.span,
            hint="begin with `netspec: 1`",
        )
    _check_version(tree, problems)
    for key in tree.entries:
        if key not in SECTIONS:
            unused = [s for s in SECTIONS if s not in tree and s not in NOT_YET]
            problems.append(unknown_key(key, tree.key_span(key), unused, "a netspec file", "NS201"))
    return tree


def _check_version(tree: Map, problems: Problems) -> None:
    version = tree.get("netspec")
    if version is None:
        near = next((k for k in tree.entries if k not in SECTIONS and nearest(k, ["netspec"])), None)
        if near is None:  # else its did-you-mean says it
            problems.append(
                Problem("NS204", "`netspec`, the language version, is missing", tree.span, "begin with `netspec: 1`")
            )
    elif not isinstance(version, Scalar) or version.value is True or version.value != VERSION:
        problems.append(
            Problem(
                "NS203",
                f"`netspec` is the language version, {VERSION}; received {show(version.plain())}",
                version.span,
                "write `netspec: 1`",
            )
        )


def _paths(tree: Tree | None) -> list[Tree]:
    return [] if tree is None else tree.items if isinstance(tree, Items) else [tree]


def with_included(document: Map, others: list[Map], problems: Problems) -> Map:
    """Take in other files' vars, blocks and cells; this file's own stand over them."""
    entries, spans = dict(document.entries), dict(document.key_spans)
    for section in TAKEN:
        section_tree = document.get(section)
        if section_tree is not None and not isinstance(section_tree, Map):
            continue
        names: dict[str, Tree] = {}
        places: dict[str, Span] = {}
        for other in others:
            theirs = other.get(section)
            if not isinstance(theirs, Map):
                continue
            for name, tree in theirs.entries.items():
                place = theirs.key_span(name)
                if names.get(name, tree) is not tree and not (section_tree and name in section_tree):
                    problems.append(
                        Problem(
                            "NS303",
                            f"two included files define `{name}` in `{section}`",
                            place,
                            "define it here, or rename one",
                            related=(Related(name, "", places[name]),),
                        )
                    )
                if name not in names:
                    names[name], places[name] = tree, place
        if names:
            span = section_tree.span if section_tree else document.span
            entries[section] = Map(
                {**names, **(section_tree.entries if section_tree else {})},
                span,
                {**places, **(section_tree.key_spans if section_tree else {})},
            )
            spans.setdefault(section, span)
    return Map(entries, document.span, spans)
