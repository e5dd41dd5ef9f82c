"""The shape behind each layer."""

from __future__ import annotations

from lsprotocol.types import InlayHint, InlayHintKind, InlayHintParams

from netspec.lsp.buffers import OpenFile
from netspec.lsp.instances import CompiledNetwork, entries_below
from netspec.lsp.session import Session
from netspec.shapes.tensor import TensorType
from netspec.source.tree import Map, Tree


def hints(session: Session, buffer: OpenFile, params: InlayHintParams) -> list[InlayHint]:
    """Of the layers in a range: of a block its output; of several copies the first and the last where they differ."""
    network = session.network(buffer)
    if network is None:
        return []
    lines = session.spans().lines(buffer.source)
    first = lines.line_and_column(lines.at(params.range.start))[0]
    last = lines.line_and_column(lines.at(params.range.end))[0]
    shown = []
    for path, body in entries_below(session.family(buffer).root.tree):
        for name, entry in body.entries.items():
            line, column = _behind(body, name, entry)
            if not first <= line <= last:
                continue
            label = shape_label((*path, name), network)
            if label:
                position = lines.position(lines.offset(line, column))
                shown.append(InlayHint(position, label, kind=InlayHintKind.Type, padding_left=True))
    return shown


def _behind(body: Map, name: str, entry: Tree) -> tuple[int, int]:
    """The end of an entry that stands on one line; of any other the end of its name, with the colon."""
    key = body.key_span(name)
    if key.line == entry.span.line == entry.span.end_line:
        return entry.span.end_line, entry.span.end_column
    return key.end_line, key.end_column + 1


def shape_label(path: tuple[str, ...], network: CompiledNetwork) -> str:
    """`(B, 64, 56, 56)`, of copies that differ `(B, 64, 56, 56) … (B, 512, 7, 7)`; "" where it is not known."""
    copies = network.instances(path)
    if not copies:
        return ""
    ends = [types_text(network.outputs(path, name)) for name in (copies[0], copies[-1])]
    return " … ".join(dict.fromkeys(end for end in ends if end))


def types_text(outputs: dict[str, TensorType]) -> str:
    return ", ".join(
        " ".join(part for part in (port, str(t), "" if t.dtype == "float32" else t.dtype) if part)
        for port, t in outputs.items()
    )
