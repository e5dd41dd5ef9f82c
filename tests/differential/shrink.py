"""A failing network made smaller while it goes on failing in the same way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

Document = dict[str, Any]
SECONDS = 20.0


def shrink(document: Document, fails: Callable[[Document], bool]) -> Document:
    """The smallest found; `fails` says whether a document still fails as the first did."""
    end = time.monotonic() + SECONDS
    smaller = True
    while smaller and time.monotonic() < end:
        smaller = False
        for candidate in candidates(document):
            if time.monotonic() > end:
                break
            if fails(candidate):
                document, smaller = candidate, True
                break
    return document


def candidates(document: Document) -> Iterator[Document]:
    """Documents one step smaller, the largest steps first."""
    for path in list(_scopes(document)):
        for name in reversed(list(_at(document, path))):
            changed = deepcopy(document)
            _drop(changed, path, name)
            yield changed
    for name in document.get("outputs", {}):
        changed = deepcopy(document)
        del changed["outputs"][name]
        if not changed["outputs"]:
            del changed["outputs"]
        yield changed
    if len(document["inputs"]) > 1:
        for name in document["inputs"]:
            changed = deepcopy(document)
            del changed["inputs"][name]
            yield changed
    for path in list(_scopes(document)):
        for name, entry in _at(document, path).items():
            if not isinstance(entry, dict):
                continue
            for key in entry:
                if key != "type":
                    changed = deepcopy(document)
                    del _at(changed, path)[name][key]
                    yield changed
            for key, value in entry.items():
                for less in _less(value):
                    changed = deepcopy(document)
                    _at(changed, path)[name][key] = less
                    yield changed
            if "layers" in entry:  # a container gives way to what it holds
                changed = deepcopy(document)
                scope = _at(changed, path)
                items = list(scope.items())
                scope.clear()
                for other, value in items:
                    scope.update(value["layers"] if other == name else {other: value})
                yield changed
    for name, spec in document["inputs"].items():
        shape = spec if isinstance(spec, list) else spec["shape"]
        for i, size in enumerate(shape):
            for less in [*_less(size), *([3] if isinstance(size, str) else [])]:
                changed = deepcopy(document)
                target = changed["inputs"][name]
                (target if isinstance(target, list) else target["shape"])[i] = less
                yield changed


def _less(value: Any) -> Iterator[Any]:
    if isinstance(value, bool) or not isinstance(value, (int, list)):
        return
    if isinstance(value, int):
        yield from sorted({n for n in (1, value // 2, value - 1) if 0 < n < value})
    elif value and all(isinstance(v, (int, float)) for v in value) and len(set(value)) == 1:
        yield value[0]
    elif len(value) > 1:
        yield from (value[:i] + value[i + 1 :] for i in range(len(value)))


def _scopes(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all mappings of layers, the outermost first."""
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key in ("layers", "branches", "blocks") and isinstance(value, dict):
            yield (*path, key)
        if isinstance(value, dict):
            yield from _scopes(value, (*path, key))


def _at(node: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        node = node[step]
    return node


def _drop(document: Document, path: tuple[Any, ...], name: str) -> None:
    """Without the entry; what read it reads what it read, or the entry above."""
    scope = _at(document, path)
    entry = scope[name]
    source = entry.get("from") if isinstance(entry, dict) else None
    if isinstance(source, dict):
        source = next(iter(source.values()))
    if isinstance(source, list):
        source = source[0]
    if source is None:
        names = list(scope)
        place = names.index(name)
        source = names[place - 1] if place else next(iter(document["inputs"])) if path == ("layers",) else None
    del scope[name]
    if source is not None and path[-1] == "layers":
        _rename(document, name, source)


def _rename(node: Any, old: str, new: str) -> None:
    """References to `old`, by `from` and `outputs`, become references to `new`."""

    def put(value: Any) -> Any:
        if isinstance(value, str):
            return new if value == old or value.startswith(f"{old}.") else value
        if isinstance(value, list):
            return [put(v) for v in value]
        return {k: put(v) for k, v in value.items()} if isinstance(value, dict) else value

    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("from", "outputs"):
                node[key] = put(value)
            else:
                _rename(value, old, new)
