"""From a name to where it is defined, and to every place where it is used."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lsprotocol.types import (
    DefinitionParams,
    DocumentHighlight,
    DocumentHighlightKind,
    DocumentHighlightParams,
    DocumentLink,
    DocumentLinkParams,
    Location,
    Position,
    Range,
    ReferenceParams,
)

from netspec.lsp.buffers import OpenFile, real
from netspec.lsp.family import Family, named_files
from netspec.lsp.scope import Symbol
from netspec.lsp.session import Session
from netspec.lsp.symbols import Occurrence, at, covers, occurrences


def definition(session: Session, buffer: OpenFile, params: DefinitionParams) -> list[Location]:
    """Where a name is defined, here and in what this file extends and includes; a path leads to its file."""
    line, column = session.line_and_column(buffer, params.position)
    family = session.family(buffer)
    spans = session.spans()
    for _, item in named_files(family.root.tree):
        if covers(item.span, line, column):
            path = real(buffer.path.parent / item.value)
            start = Range(Position(0, 0), Position(0, 0))
            return [Location(session.buffers.uri_of(path), start)] if path in family.members else []
    names = occurrences(family)
    at_cursor = at(names, real(buffer.path), line, column)
    if at_cursor is None:
        return []
    defining = [o for o in names if o.symbol == at_cursor.symbol and o.defines]
    return [spans.location(o.span) for o in _once(defining)]


def references(session: Session, buffer: OpenFile, params: ReferenceParams) -> list[Location]:
    """Every place of a name, in this file and in all files that are open or in the workspace and read the same."""
    line, column = session.line_and_column(buffer, params.position)
    at_cursor = at(occurrences(session.family(buffer)), real(buffer.path), line, column)
    if at_cursor is None:
        return []
    uses = everywhere(session, at_cursor.symbol, session.family(buffer))
    with_definition = params.context.include_declaration
    return [session.spans().location(o.span) for o in uses if with_definition or not o.defines]


def highlights(session: Session, buffer: OpenFile, params: DocumentHighlightParams) -> list[DocumentHighlight]:
    """The places of a name in this file."""
    line, column = session.line_and_column(buffer, params.position)
    names = [o for o in occurrences(session.family(buffer)) if o.file == real(buffer.path)]
    at_cursor = at(names, real(buffer.path), line, column)
    lines = session.spans().lines(buffer.source)
    kinds = {True: DocumentHighlightKind.Write, False: DocumentHighlightKind.Read}
    same = [o for o in names if at_cursor is not None and o.symbol == at_cursor.symbol]
    return [DocumentHighlight(lines.range(o.span), kinds[o.defines]) for o in _once(same)]


def links(session: Session, buffer: OpenFile, _: DocumentLinkParams) -> list[DocumentLink]:
    """The files that `extends` and `include` name."""
    family = session.family(buffer)
    lines = session.spans().lines(buffer.source)
    return [
        DocumentLink(lines.range(item.span), target=session.buffers.uri_of(path))
        for _, item in named_files(family.root.tree)
        if (path := real(buffer.path.parent / item.value)) in family.members
    ]


def everywhere(session: Session, symbol: Symbol, family: Family) -> list[Occurrence]:
    """Every place of a symbol, also in other files that read one of those which write it."""
    return _once(o for _, names in related(session, symbol, family) for o in names if o.symbol == symbol)


def related(session: Session, symbol: Symbol, family: Family) -> list[tuple[Family, list[Occurrence]]]:
    """The families in which a symbol is the same, with all of their names."""
    others = {f.root.path: f for f in session.families() if f.names(symbol.name)}
    others[family.root.path] = family
    indexed = {path: occurrences(f) for path, f in others.items()}
    writing = {o.file for o in indexed[family.root.path] if o.symbol == symbol}
    chosen = {family.root.path}
    while True:
        more = {p for p, f in others.items() if p not in chosen and writing & f.members.keys()}
        if not more:
            return [(others[path], indexed[path]) for path in others if path in chosen]
        chosen |= more
        writing |= {o.file for path in more for o in indexed[path] if o.symbol == symbol}


def _once(names: Iterable[Occurrence]) -> list[Occurrence]:
    """Each place once, file by file."""
    unique: dict[tuple[Path, int, int], Occurrence] = {}
    for o in names:
        unique.setdefault((o.file, o.span.line, o.span.column), o)
    return sorted(unique.values(), key=lambda o: (str(o.file), o.span.line, o.span.column))
