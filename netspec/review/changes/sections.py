"""What changed beside the layers: `data`, `train`, `budget`, and the equations of `cells`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from netspec.frontend.document import read_document
from netspec.frontend.expression import resolve
from netspec.frontend.formula import Env
from netspec.graph.model import Budget, Graph
from netspec.review.changes.cell_changes import cell_changes
from netspec.review.changes.record_changes import Setting, change, record_changes
from netspec.review.difference import Cause, Side
from netspec.review.explain.causes import causes, tree_causes
from netspec.source.errors import NetspecError
from netspec.source.records import fields_of
from netspec.source.text import Source, Span
from netspec.source.tree import Items, Map, Tree
from netspec.source.written import Written
from netspec.spec import LEARNING, Spec

SECTIONS = ("data", "train", "budget", "cells")
UNITS = {"activations": "bytes"}  # other keys say theirs


def sections(before: Side, after: Side, written: Sequence[Cause]) -> dict[str, list[Cause]]:
    """The sections in which something changed, and what; `written` are the changes of the text.

    `data`, `train` and `budget` are compared as netspec reads them: another spelling is no change, a key that was not
    there had its default.  Where one cannot be read, its text is compared.
    """
    files = _files(before, after)
    causes = {section: _learning(section, before, after, written, files) for section in LEARNING}
    causes["budget"] = _budget(before, after, files)
    causes["cells"] = cell_changes(*_with_text(before, after, written))
    return {section: causes[section] for section in SECTIONS if causes[section]}


def beside(written: Iterable[Cause], by_section: Mapping[str, list[Cause]]) -> list[Cause]:
    """The changes of the text that no section tells of."""
    return [cause for cause in written if _section(cause) not in by_section]


def _section(cause: Cause) -> str:
    return cause.path.partition(".")[0]


def _files(before: Side, after: Side) -> Mapping[object, str]:
    """Text -> the file that it is of, where that is not the file named."""
    return {
        source: "" if name == side.main else name for side in (before, after) for name, source in side.files.items()
    }


def _learning(
    section: str, before: Side, after: Side, written: Sequence[Cause], files: Mapping[object, str]
) -> list[Cause]:
    old, new = (_record(side, section) for side in (before, after))
    declared = [side.document is not None and section in side.document.root for side in (before, after)]
    if any(has_section and record is None for has_section, record in zip(declared, (old, new), strict=True)):
        return [cause for cause in written if _section(cause) == section] or _resolved_causes(section, before, after)
    records = [None if record is None else Setting(record, record.tree) for record in (old, new)]
    if records[0] is not None and records[1] is not None:
        key = _key(after, section)
        return [replace(cause, entry=key) for cause in record_changes(records[0], records[1], section, files)]
    return [] if records == [None, None] else [change(section, records[0], records[1], files)]


def _resolved_causes(section: str, before: Side, after: Side) -> list[Cause]:
    """What changed in a section through the variables in it."""
    roots = []
    for side in (before, after):
        tree = side.document.section(section) if side.document is not None else None
        if tree is None or side.document is None:
            return []  # new or gone, which is written
        resolved = _resolved_where_possible(tree, side.document.vars)
        roots.append(Map({section: resolved}, tree.span, {section: side.document.root.key_span(section)}))
    return tree_causes(before, after, *roots)


def _resolved_where_possible(tree: Tree, env: Env) -> Tree:
    """A tree with every expression that has a value replaced by it."""
    if isinstance(tree, Map):
        entries = {key: _resolved_where_possible(value, env) for key, value in tree.entries.items()}
        return Map(entries, tree.span, tree.key_spans)
    if isinstance(tree, Items):
        return Items([_resolved_where_possible(item, env) for item in tree.items], tree.span)
    try:
        return resolve(tree, env)
    except NetspecError:
        return tree


def _record(side: Side, section: str) -> Written | None:
    record = getattr(side.spec, section) if isinstance(side.spec, Spec) else None
    return record if isinstance(record, Written) else None


def _budget(before: Side, after: Side, files: Mapping[object, str]) -> list[Cause]:
    """Bounds; what has none had no bound."""
    if before.spec is None or after.spec is None:
        return []
    causes = []
    for key in fields_of(Budget):
        old, new = (Setting(getattr(side.spec.budget, key), _bound(side, key)) for side in (before, after) if side.spec)
        if old.value != new.value:
            cause = change(f"budget.{key}", old, new, files)
            unit = UNITS.get(key, "")
            bounds = _amount(old, "" if new.value is not None else unit), _amount(new, unit)
            causes.append(replace(cause, before=bounds[0], after=bounds[1], entry=_key(after, "budget")))
    return causes


def _bound(side: Side, key: str) -> Map | None:
    budget = side.document.section("budget") if side.document is not None else None
    return budget.get(key) if budget is not None else None  # type: ignore[return-value]  # any tree


def _amount(bound: Setting, unit: str) -> str:
    """A bound as it is written, `12M`; a bare number with its thousands marked."""
    if bound.value is None:
        return "no bound"
    written = bound.text if bound.tree is not None and not bound.text.isdigit() else f"{bound.value:,}"
    return f"{written} {unit}".strip()


def _key(side: Side, section: str) -> Span | None:
    """Where a section begins: what its changes have in common."""
    return side.document.root.key_spans.get(section) if side.document is not None else None


def _with_text(before: Side, after: Side, written: Sequence[Cause]) -> tuple[Side, Side, Sequence[Cause]]:
    """Networks without a text have the one that they were resolved to, and changes in no place."""
    if before.spec is None or after.spec is None or (before.document is not None and after.document is not None):
        return before, after, written
    old, new = _resolved(before.name, before.spec), _resolved(after.name, after.spec)
    return old, new, [replace(cause, span=None, entry=None) for cause in causes(old, new)]


def _resolved(name: str, graph: Graph) -> Side:
    document = read_document(Source(name, graph.resolved))
    return Side(name, graph, document=document, main=next(iter(document.files)))
