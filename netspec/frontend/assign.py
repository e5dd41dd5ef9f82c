"""`--set path=value`: one value put into a document."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from netspec.frontend.overlay import overlay
from netspec.source.errors import NetspecError, Problems, did_you_mean, raise_all
from netspec.source.text import Source, Span
from netspec.source.tree import Items, Map, Scalar, Tree, parse

_NAMED = ("vars", "inputs", "blocks", "cells", "layers", "outputs")  # sections whose names are the file's own


def set_path(root: Map, assignment: str, sections: Collection[str]) -> Map:
    """The document with one `path=value` put in; a bare name that is no section is a variable.

    Raises NS304 for a path that leads nowhere, NS1xx for a value that is not YAML.
    """
    source = Source("--set", assignment)
    path, equals, text = assignment.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise NetspecError(
            "NS304",
            f"`{assignment}` is not `path=value`",
            Span(source, 1, 1, 1, len(assignment) + 1),
            hint="for example `--set width=32` or `--set train.epochs=5`",
        )
    places, column = [], 1
    for key in path.split("."):
        places.append(Span(source, 1, column, 1, column + len(key)))
        column += len(key) + 1
    if len(keys) == 1 and keys[0] not in sections:
        keys, places = ["vars", *keys], [places[0], *places]
    _check_path(root, keys, places, sections)
    tree = _value(source, len(path) + 1, text)
    for key, place in zip(reversed(keys), reversed(places), strict=True):
        tree = Map({key: tree}, place, {key: place})
    assert isinstance(tree, Map)  # there is at least one key
    problems = Problems()
    root = overlay(root, tree, problems)
    raise_all(problems)
    return root


def _check_path(root: Map, keys: list[str], places: list[Span], sections: Collection[str]) -> None:
    if keys[0] not in sections:
        raise NetspecError(
            "NS304",
            f"there is no section `{keys[0]}`",
            places[0],
            hint=did_you_mean(keys[0], sections, f"the sections are {', '.join(sections)}"),
        )
    if keys[0] not in _NAMED or len(keys) == 1:
        return
    section = root.get(keys[0])
    names = section.entries if isinstance(section, Map) else {}
    if keys[1] not in names:
        short = "variable" if keys[0] == "vars" else keys[0].removesuffix("s")
        listing = f"there are {', '.join(list(names)[-12:])}" if names else f"it has no `{keys[0]}`"
        near = [*names, *(f"{s}.…" for s in sections)] if keys[0] == "vars" else names
        raise NetspecError(
            "NS304", f"the file has no {short} `{keys[1]}`", places[1], hint=did_you_mean(keys[1], near, listing)
        )


def _value(source: Source, offset: int, text: str) -> Tree:
    """The value, its spans in the assignment, so that an error points into what was typed."""
    if not text.strip():
        return Scalar("", Span(source, 1, offset, 1, offset + 1))
    try:
        return _moved(parse(Source(source.name, " " * offset + text)), source)
    except NetspecError as error:
        raise NetspecError.of(
            replace(p, span=p.span and replace(p.span, source=source)) for p in error.problems
        ) from None


def _moved(tree: Tree, source: Source) -> Tree:
    span = replace(tree.span, source=source)
    if isinstance(tree, Scalar):
        return Scalar(tree.value, span, tree.inset)
    if isinstance(tree, Items):
        return Items([_moved(t, source) for t in tree.items], span)
    spans = {k: replace(s, source=source) for k, s in tree.key_spans.items()}
    return Map({k: _moved(v, source) for k, v in tree.entries.items()}, span, spans)
