"""The outline of a file, and what can be folded."""

from __future__ import annotations

from lsprotocol.types import (
    DocumentSymbol,
    DocumentSymbolParams,
    FoldingRange,
    FoldingRangeParams,
    SymbolKind,
)

from netspec.lsp.buffers import OpenFile
from netspec.lsp.hints import shape_label
from netspec.lsp.instances import CompiledNetwork
from netspec.lsp.keys import role_of
from netspec.lsp.lines import TextLines
from netspec.lsp.session import Session
from netspec.source.tree import Map, Scalar, Tree

_KINDS = {
    "": SymbolKind.Module,
    **dict.fromkeys(("vars", "params"), SymbolKind.Variable),
    **dict.fromkeys(("inputs", "outputs"), SymbolKind.Interface),
    **dict.fromkeys(("blocks", "cells"), SymbolKind.Class),
    "layers": SymbolKind.Function,
    "branches": SymbolKind.Namespace,
}


def symbols(session: Session, buffer: OpenFile, _: DocumentSymbolParams) -> list[DocumentSymbol]:
    """Sections, and what they name; of a layer its kind and shape."""
    tree = session.family(buffer).root.tree
    return _symbols(tree, (), session.spans().lines(buffer.source), session.network(buffer))


def _symbols(
    mapping: Map, path: tuple[str, ...], lines: TextLines, network: CompiledNetwork | None
) -> list[DocumentSymbol]:
    listed = []
    kind = _KINDS.get(role_of(path))
    for name, value in mapping.entries.items():
        key = mapping.key_span(name)
        inside = (*path, name)
        children = _symbols(value, inside, lines, network) if isinstance(value, Map) else []
        if kind is None:  # keys with a role of their own hold what has names: `layers` of a container
            listed += children
            continue
        range_ = lines.range(key)
        end = lines.range(value.span).end
        if (end.line, end.character) > (range_.end.line, range_.end.character):
            range_ = type(range_)(range_.start, end)
        detail = _detail(value, inside, network) if kind is SymbolKind.Function else ""
        listed.append(DocumentSymbol(name or "?", kind, range_, lines.range(key), detail=detail, children=children))
    return listed


def _detail(value: Tree, path: tuple[str, ...], network: CompiledNetwork | None) -> str:
    tag = value.get("type") if isinstance(value, Map) else value
    kind = str(tag.value) if isinstance(tag, Scalar) and tag.value else ""
    return "  ".join(part for part in (kind, shape_label(path, network) if network else "") if part)


def folds(session: Session, buffer: OpenFile, _: FoldingRangeParams) -> list[FoldingRange]:
    """Every mapping and list over several lines."""
    lines = session.spans().lines(buffer.source)
    folded: list[FoldingRange] = []
    stack: list[Map] = [session.family(buffer).root.tree]
    while stack:
        mapping = stack.pop()
        for name, value in mapping.entries.items():
            start, end = lines.range(mapping.key_span(name)).start.line, lines.range(value.span).end.line
            if end > start:
                folded.append(FoldingRange(start, end))
            if isinstance(value, Map):
                stack.append(value)
    return sorted(folded, key=lambda fold: (fold.start_line, -fold.end_line))
