"""`--set path=value`: one value put into a document."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from netspec.frontend.holds import NAMED, inside
from netspec.frontend.overlay import overlay
from netspec.source.errors import NetspecError, Problems, did_you_mean, raise_all
from netspec.source.text import Source, Span
from netspec.source.tree import Items, Map, Scalar, Tree, parse

_SINGULAR = {"vars": "variable", "params": "parameter", "branches": "path"}


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
    tree, holds = root.get(keys[0]), inside("", keys[0])
    for i in range(1, len(keys)):
        names = tree.entries if isinstance(tree, Map) else {}
        if holds in NAMED and keys[i] not in names:
            short = _SINGULAR.get(holds, holds.removesuffix("s"))
            listing = f"there are {', '.join(list(names)[-12:])}" if names else f"it has no `{keys[i - 1]}`"
            near = [*names, *(f"{s}.…" for s in sections)] if keys[0] == "vars" else names
            hint = did_you_mean(keys[i], near, listing)
            raise NetspecError("NS304", f"the file has no {short} `{keys[i]}`", places[i], hint=hint)
        tree, holds = names.get(keys[i]), inside(holds, keys[i])


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
