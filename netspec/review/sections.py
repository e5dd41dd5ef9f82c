"""What changed beside the layers: `data`, `train`, `budget`, and the equations of `cells`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from netspec.frontend.document import read_document
from netspec.graph.model import Graph
from netspec.review.difference import Cause, Side
from netspec.review.explain import causes
from netspec.source.text import Source
from netspec.spec import Spec

SECTIONS = ("data", "train", "budget", "cells")


def sections(before: Side, after: Side, written: Sequence[Cause]) -> dict[str, list[Cause]]:
    """The sections in which something changed, and what.

    `written` are the changes of the text.  Another spelling of the same data, training or budget is none.  What comes
    of another file to extend, and what networks without text differ in, the texts tell that they were resolved to.
    """
    if before.spec is None or after.spec is None:
        return {}
    changed = [*_changed(before.spec, after.spec), "cells"]
    found = {name: _of_section(name, written, after) for name in changed}
    if not all(found[name] for name in changed if name != "cells"):
        old, new = _resolved(before.name, before.spec), _resolved(after.name, after.spec)
        resolved = _of_no_place(causes(old, new))
        found |= {name: _of_section(name, resolved, new) for name in changed if not found[name]}
    return {name: found[name] for name in SECTIONS if found.get(name)}


def _of_section(name: str, written: Iterable[Cause], side: Side) -> list[Cause]:
    """The changes in a section; keys that belong to no entry belong to the section as a whole."""
    root = side.document.root if side.document is not None else None
    entry = root.key_spans.get(name) if root is not None else None
    return [replace(cause, entry=cause.entry or entry) for cause in written if _section(cause) == name]


def _of_no_place(written: Iterable[Cause]) -> list[Cause]:
    """Changes of a text that nobody wrote."""
    return [replace(cause, span=None) for cause in written]


def beside(written: Iterable[Cause], found: dict[str, list[Cause]]) -> list[Cause]:
    """The changes of the text that no section tells of."""
    return [cause for cause in written if _section(cause) not in found]


def _section(cause: Cause) -> str:
    return cause.path.partition(".")[0]


def _changed(before: Graph, after: Graph) -> Iterable[str]:
    """The sections whose meaning is another."""
    if isinstance(before, Spec) and isinstance(after, Spec):
        if before.data != after.data:
            yield "data"
        if before.train != after.train:
            yield "train"
    if before.budget != after.budget:
        yield "budget"


def _resolved(name: str, graph: Graph) -> Side:
    """A network by the text that it was resolved to: where something stands in it says nothing."""
    document = read_document(Source(name, graph.resolved))
    return Side(name, graph, document=document, main=next(iter(document.files)))
