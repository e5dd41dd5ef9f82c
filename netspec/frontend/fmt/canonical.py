"""Documents in canonical form: a file (`netspec fmt`, and what an editor formats with), or all that it names in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from netspec.frontend.document import Document
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
        text = write(root, notes, root.span)
        after = _check(root, text, source.name)
        if _comments(notes) != _comments(notes_of(after.span.source, after)):
            raise NetspecError("NS106", "the formatted text would lack a comment", name=source.name, hint=_HINT)
    return text.replace("\n", "\r\n") if source.text.partition("\n")[0].endswith("\r") else text


def resolved_file(document: Document) -> str:
    """One file in place of a document's files: what it extends, includes and `--set` put in.

    Comments of all files stay beside what is still there; those below the last entry of a mapping that another is laid
    over are left out.  Raises NS106 where the result would mean something else.
    """
    with collecting_later():
        notes: dict[Span, Notes] = {}
        for file in document.files.values():
            notes |= notes_of(file.source, file.tree)
        main = next(iter(document.files.values()))
        text = write(document.root, notes, head=main.tree.span)
        _check(document.root, text, document.source.name)
    return text


_HINT = "nothing was written; please report the file"


def _check(root: Map, text: str, name: str) -> Map:
    """The tree of a result.  Raises NS106 where it is not read as the same document."""
    after = parse(Source(name, text))
    if not isinstance(after, Map) or not same_document(root, after):
        raise NetspecError("NS106", "the formatted text would mean something else", name=name, hint=_HINT)
    return after


def same_text(before: str, after: str) -> bool:
    """Whether two texts say the same; a broken one says nothing."""
    try:
        return _same(parse(Source("", before)), parse(Source("", after)), "", short=True)
    except NetspecError:
        return False


def same_document(before: Map, after: Map) -> bool:
    """Whether two trees say the same, in the same order wherever an order says something."""
    return _same(before, after, "", short="extends" not in before)


def _same(before: Tree, after: Tree, holds: str, *, short: bool) -> bool:
    if isinstance(before, Map) and isinstance(after, Map):
        if _names(before, holds) != _names(after, holds):
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


def _names(tree: Map, holds: str) -> list[str]:
    """The names of a mapping in an order that is the same for all in which they mean the same."""
    if holds == "typed":  # `type` may stand anywhere; the others may be names of outputs, whose losses are added up
        return sorted(tree.entries, key=lambda name: name != "type")
    return sorted(tree.entries) if is_ordered(holds) else list(tree.entries)


def _alike(before: Tree, after: Tree, short: bool) -> tuple[Tree, Tree]:
    """Both as mappings, where a kind alone is short for one."""
    return (spelled_out(before), spelled_out(after)) if short else (before, after)


def _comments(notes: Mapping[Span, Notes]) -> Counter[str]:
    return Counter(c.text for n in notes.values() for c in (*n.above, *n.behind, *n.below))
