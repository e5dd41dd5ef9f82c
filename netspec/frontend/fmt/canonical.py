"""A file in canonical form: `netspec fmt`, and what an editor formats with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from netspec.frontend.files import read_root
from netspec.frontend.fmt.notes import Notes, notes_of
from netspec.frontend.fmt.places import held_by, is_ordered
from netspec.frontend.fmt.write import write
from netspec.frontend.holds import is_short, spelled_out
from netspec.source.errors import NetspecError, Problems, raise_all
from netspec.source.garbage import collecting_later
from netspec.source.text import Source, Span
from netspec.source.tree import Items, Map, Scalar, Tree, parse


def formatted(source: Source) -> str:
    """The text in canonical form, with the line ends that it has.

    Raises NS1xx and NS2xx for a text that is no netspec file; what stands in its sections may be wrong.  Raises NS106
    where the result would mean something else or lack a comment: a fault of netspec, and nothing is to be written.
    """
    problems = Problems()
    with collecting_later():
        root = read_root(source, problems)
        raise_all(problems)
        notes = notes_of(source, root)
        text = write(root, notes)
        _check(root, notes, text, source.name)
    return text.replace("\n", "\r\n") if source.text.partition("\n")[0].endswith("\r") else text


def _check(root: Map, notes: Mapping[Span, Notes], text: str, name: str) -> None:
    """Raises NS106 for a result that is not read as the same document, or has other comments."""
    hint = "nothing was written; please report the file"
    after = parse(source := Source(name, text))
    if not isinstance(after, Map) or not _same(root, after, "", short="extends" not in root):
        raise NetspecError("NS106", "the formatted text would mean something else", name=name, hint=hint)
    if _comments(notes) != _comments(notes_of(source, after)):
        raise NetspecError("NS106", "the formatted text would lack a comment", name=name, hint=hint)


def _same(before: Tree, after: Tree, holds: str, *, short: bool) -> bool:
    """Whether two trees are one document: names in the same order, except where the order says nothing."""
    if isinstance(before, Map) and isinstance(after, Map):
        names, others = list(before.entries), list(after.entries)
        if names != others and not (is_ordered(holds) and sorted(names) == sorted(others)):
            return False
        for name, value in before.entries.items():
            pair = _alike(value, after.entries[name], short and is_short(holds, name))
            if not _same(*pair, held_by(holds, name), short=short):
                return False
        return True
    if isinstance(before, Items) and isinstance(after, Items):
        inner = "typed" if holds == "typed" else "other"
        pairs = zip(before.items, after.items, strict=False)
        return len(before.items) == len(after.items) and all(_same(a, b, inner, short=short) for a, b in pairs)
    if isinstance(before, Scalar) and isinstance(after, Scalar):
        return type(before.value) is type(after.value) and repr(before.value) == repr(after.value)
    return False


def _alike(before: Tree, after: Tree, short: bool) -> tuple[Tree, Tree]:
    """Both as mappings, where a kind alone is short for one."""
    return (spelled_out(before), spelled_out(after)) if short else (before, after)


def _comments(notes: Mapping[Span, Notes]) -> Counter[str]:
    return Counter(c.text for n in notes.values() for c in (*n.above, *n.behind, *n.below))
