"""What is shown of the word under the pointer."""

from __future__ import annotations

from pathlib import Path

from lsprotocol.types import Hover, HoverParams, MarkupContent, MarkupKind

from netspec.cells.language.library import library_names
from netspec.frontend.containers import CONTAINERS
from netspec.graph.cost import cost_of, flops_of
from netspec.graph.model import Graph, Node
from netspec.layers import kinds
from netspec.lsp.buffers import OpenFile, real
from netspec.lsp.documentation import cell_doc, escaped, key_doc, kind_doc, kind_summary, lead
from netspec.lsp.family import Family, named_files
from netspec.lsp.instances import CompiledNetwork
from netspec.lsp.keys import choice_doc, keys_at, role_of
from netspec.lsp.scope import Symbol
from netspec.lsp.session import Session
from netspec.lsp.symbols import Occurrence, at, covers, occurrences
from netspec.lsp.trees import Spot, spot_at
from netspec.report.numbers import byte_size, count, short
from netspec.shapes.tensor import TensorType
from netspec.source.text import Span, show
from netspec.source.tree import Map, Scalar

MAX_COPIES = 4  # of a repeat or a block that are spelled out


def hover(session: Session, buffer: OpenFile, params: HoverParams) -> Hover | None:
    line, column = session.line_and_column(buffer, params.position)
    family = session.family(buffer)
    names = occurrences(family)
    spot = spot_at(family.root.tree, line, column)
    at_cursor = at(names, real(buffer.path), line, column)
    text, span = "", None
    if at_cursor is not None:
        text, span = _symbol(at_cursor, family, names, session.network(buffer)), at_cursor.span
    if not text and spot is not None:
        text, span = _spot(spot, family), spot.span
    for key, item in named_files(family.root.tree):
        if covers(item.span, line, column):
            text, span = _file(item.value, key, family, buffer), item.span
    if not text or span is None:
        return None
    return Hover(MarkupContent(MarkupKind.Markdown, text), session.spans().range(_of(span, buffer)))


def _of(span: Span, buffer: OpenFile) -> Span:
    """The same place in the text that the editor has."""
    return Span(buffer.source, span.line, span.column, span.end_line, span.end_column)


def _symbol(at_cursor: Occurrence, family: Family, names: list[Occurrence], network: CompiledNetwork | None) -> str:
    symbol = at_cursor.symbol
    uses = [o for o in names if o.symbol == symbol and not o.defines]
    if symbol.kind in ("layer", "path"):
        return layer_text(symbol.path, family, network)
    if symbol.kind == "block":
        return kind_doc(symbol.name, family)
    if symbol.kind == "cell":
        return cell_doc(symbol.name, family)
    if symbol.kind in ("variable", "parameter"):
        return _value(symbol, family, uses)
    if symbol.kind == "input" and symbol.path[0] == "inputs":
        declared = network.graph.inputs.get(symbol.name) if network else None
        return f"**input {escaped(symbol.name)}**" + (f" · `{_type(declared)}`" if declared else "")
    if symbol.kind == "output" and symbol.path[0] == "outputs" and network:
        type_ = network.graph.output_types().get(symbol.name)
        return f"**output {escaped(symbol.name)}**" + (f" · `{_type(type_)}`" if type_ else "")
    return f"**{symbol.kind} {escaped(symbol.name)}**"


def _value(symbol: Symbol, family: Family, uses: list[Occurrence]) -> str:
    tree = family.at(*symbol.path)
    value = tree.plain() if tree is not None else None
    owner = f" of block {symbol.path[1]}" if symbol.kind == "parameter" else ""
    shown = "required" if value is None and symbol.kind == "parameter" else show(value)
    lines = [f"**{symbol.kind} {escaped(symbol.name)}**{escaped(owner)} · `{shown}`"]
    home = family.root.path
    lines_here = sorted({o.span.line for o in uses if o.file == home})
    listed = [f"line{'s' * (len(lines_here) > 1)} {', '.join(map(str, lines_here))}"] if lines_here else []
    listed += sorted({f"{o.file.name}:{o.span.line}" for o in uses if o.file != home})
    lines.append(escaped(f"used at {', '.join(listed)}" if listed else "used nowhere"))
    return "\n\n".join(lines)


def _spot(spot: Spot, family: Family) -> str:
    """What is no name of the file's own: a kind, a cell of the library, a key."""
    role = role_of(spot.path)
    if not spot.on_key and spot.scalar is not None and isinstance(spot.scalar.value, str):
        is_kind = (role == "layer" and spot.key == "type") or role == "layers"
        if is_kind:
            return kind_doc(spot.scalar.value, family)
        if role == "layer" and spot.key == "cell":
            return cell_doc(spot.scalar.value, family)
        doc = choice_doc(spot.path, spot.key, spot.scalar.value)
        return f"**{escaped(spot.scalar.value)}**\n\n{escaped(doc)}" if doc else ""
    if not spot.on_key:
        return ""
    key = keys_at(spot.path, spot.levels, family).get(spot.key)
    return key_doc(key) if key else ""


def layer_text(path: tuple[str, ...], family: Family, network: CompiledNetwork | None) -> str:
    """A layer: its kind and what that computes, shapes in and out, parameters and FLOPs."""
    entry = family.at(*path)
    tag = entry.get("type") if isinstance(entry, Map) else entry
    kind = str(tag.value) if isinstance(tag, Scalar) and tag.value else ""
    if path[-2:-1] == ("branches",):
        kind = "path"
    head = f"**{escaped(path[-1])}** · `{kind}`" if kind else f"**{escaped(path[-1])}**"
    cls = kinds().get(kind) or CONTAINERS.get(kind)
    parts = [head, lead(cls) if cls else escaped(kind_summary(kind, family))]
    cell = entry.get("cell") if isinstance(entry, Map) else None
    name = str(cell.value) if isinstance(cell, Scalar) else kind
    if (kind == "recurrent" or kind in library_names()) and (about := cell_doc(name, family)):
        parts.append(about)
    if network is not None:
        parts.append(_costs(path, network))
    return "\n\n".join(part for part in parts if part)


def _costs(path: tuple[str, ...], network: CompiledNetwork) -> str:
    """A row for each copy, of many the first and the last ones."""
    copies = network.instances(path)
    if not copies:
        return ""
    if len(copies) == 1:
        return _figures(path, copies[0], network)
    rows = ["| copy | in | out | parameters | FLOPs |", "| --- | --- | --- | ---: | ---: |"]
    shown = copies if len(copies) <= MAX_COPIES else [*copies[: MAX_COPIES - 1], "", copies[-1]]
    for name in shown:
        if not name:
            rows.append(f"| … {len(copies) - MAX_COPIES} more | | | | |")
            continue
        nodes = network.nodes(name)
        cells = (_inputs(nodes, network.graph), _outputs(path, name, network), *_sums(nodes, network.graph))
        rows.append(f"| {escaped(name)} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _figures(path: tuple[str, ...], name: str, network: CompiledNetwork) -> str:
    nodes = network.nodes(name)
    lines = [f"{_inputs(nodes, network.graph)} → {_outputs(path, name, network)}"]
    params, flops = _sums(nodes, network.graph)
    costs = [f"{params} parameters"] if params != "0" else []
    costs += [f"{flops} FLOPs"] if flops != "0" else []
    if len(nodes) == 1:
        costs.append(f"{byte_size(cost_of(network.graph, nodes[0]).activations)} activations")
    return "\n\n".join([*lines, " · ".join(costs)])


def _inputs(nodes: list[Node], graph: Graph) -> str:
    """The types of what comes from outside."""
    inside = {node.name for node in nodes}
    refs = dict.fromkeys(ref for node in nodes for ref in node.inputs if ref.node not in inside)
    return ", ".join(dict.fromkeys(_type(graph.type_of(ref)) for ref in refs)) or "–"


def _outputs(path: tuple[str, ...], name: str, network: CompiledNetwork) -> str:
    outputs = network.outputs(path, name)
    return ", ".join(f"{port} {_type(t)}" if port else _type(t) for port, t in outputs.items()) or "–"


def _sums(nodes: list[Node], graph: Graph) -> tuple[str, str]:
    params = sum(graph.params_of(node) for node in nodes)
    flops = sum((flops_of(graph, node) for node in nodes), start=0)
    return count(params), short(flops)


def _type(type_: TensorType) -> str:
    return f"{type_}" if type_.dtype == "float32" else f"{type_} {type_.dtype}"


def _file(text: str, key: str, family: Family, buffer: OpenFile) -> str:
    path = real(buffer.path.parent / text)
    member = family.members.get(path)
    if member is None:
        return ""
    about = [v.value for k in ("name", "description") if isinstance(v := member.tree.get(k), Scalar)]
    what = "the parent of this file" if key == "extends" else "its vars, blocks and cells are taken in"
    return "\n\n".join([f"**{escaped(Path(text).name)}** · {what}", *(escaped(str(a)) for a in about)])
