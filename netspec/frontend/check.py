"""The schema stage: every layer of the file against the schema of its own kind, before anything is expanded.

What holds an expression is left to the expansion, which knows its value; keys are checked here all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from netspec.frontend.blocks import Block, check_arguments, check_cycles, read_block
from netspec.frontend.cells import Cells, library_hint, read_cells
from netspec.frontend.containers import CONTAINERS, LAYERED, RESERVED, WIRING, body_key, read_container
from netspec.frontend.document import Document
from netspec.frontend.expression import has_expression, syntax_errors
from netspec.frontend.identifiers import check_name
from netspec.frontend.read_layer import check_dropout, explain_params, make_layer
from netspec.frontend.wiring import check_wiring
from netspec.layers import kinds
from netspec.layers.base import Layer
from netspec.layers.torch_names import explain_key
from netspec.source.errors import Problem, Problems, did_you_mean, meant, nearest
from netspec.source.records import fields_of, read_fields
from netspec.source.text import Span, show
from netspec.source.tree import Map, Scalar, Tree


@dataclass
class CheckedDocument:
    """A document whose layers fit their schemas as far as can be known without values."""

    document: Document
    cells: Cells = field(default_factory=Cells)
    blocks: dict[str, Block] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)  # blocks that are reported: their uses stay silent
    layers: dict[Tree, Layer] = field(default_factory=dict)  # the entry -> its layer, when it has no `$`


def check(document: Document, problems: Problems) -> CheckedDocument:
    """Run the schema stage: reports all NS2xx of the layers and blocks, and all that is wrong with cells."""
    checked = CheckedDocument(document, read_cells(document, problems))
    section = document.section("blocks")
    for name, tree in section.entries.items() if section else ():
        block = read_block(name, tree, section.key_span(name), problems)  # type: ignore[union-attr]  # there are entries
        if block:
            checked.blocks[name] = block
        else:
            checked.broken.add(name)
    for block in checked.blocks.values():
        _layers(block.layers, checked, problems, dict.fromkeys(block.inputs, "an input of the block"))
    check_cycles(checked.blocks, problems)
    layers = document.section("layers")
    assert layers is not None  # document.py refused a file without
    inputs = document.section("inputs")
    _layers(layers, checked, problems, dict.fromkeys(inputs.entries if inputs else (), "an input"))
    return checked


def _layers(tree: Map, checked: CheckedDocument, problems: Problems, taken: Mapping[str, str] | None = None) -> None:
    for name, layer in tree.entries.items():
        span = tree.key_span(name)
        if taken and name in taken:
            problems.append(
                Problem(
                    "NS206",
                    f"a layer cannot be named `{name}`: {taken[name]} has the name",
                    span,
                    "choose another name",
                )
            )
        else:
            check_name(name, span, "a layer", problems)
        _layer(name, layer, span, checked, problems)


def _layer(name: str, tree: Tree, span: Span, checked: CheckedDocument, problems: Problems) -> None:
    fields = _mended(tree) if isinstance(tree, Map) else Map({"type": tree}, tree.span)
    tag = fields.get("type")
    for key, value in fields.entries.items():
        if key not in ("layers", "branches", *LAYERED):
            problems += syntax_errors(value)
    check_wiring(fields, problems)
    if tag is None:
        word = next((k for k in fields.entries if nearest(k, ["type"])), None)
        if word:
            problems.append(
                Problem("NS202", f"layer `{name}` has no key `{word}`", fields.key_span(word), meant(word, "type"))
            )
        else:
            problems.append(
                Problem(
                    "NS204", f"layer `{name}` needs `type`, its kind", _spot(fields, span), "for example `type: relu`"
                )
            )
        return
    kind = tag.value if isinstance(tag, Scalar) else None
    if not isinstance(kind, str):
        problems.append(
            Problem(
                "NS203",
                f"layer `{name}` expects a kind, or a mapping with `type`; received {show(tag.plain())}",
                span if tag.plain() is None else tag.span,
                "for example `relu`, or `{type: linear, out_features: 10}`",
            )
        )
        return
    if "$" in kind:
        return  # the expansion knows which kind it is, and checks all of it
    owner = f"{kind} `{name}`"
    if kind in checked.blocks:
        check_arguments(fields, checked.blocks[kind], owner, _spot(tree, span), problems)
    elif kind in CONTAINERS:
        _container(kind, fields, owner, _spot(tree, span), checked, problems)
    elif kind in kinds():
        _check_layer(kind, tree, fields, owner, _spot(tree, span), checked, problems)
    elif kind not in checked.broken:
        problems.append(unknown_kind(kind, tag.span, checked))


def _mended(tree: Map) -> Map:
    """Without the pieces that an unquoted comma cut off an expression: `{a: $(min(2, 3))}` has a key `3))`."""
    if not any(isinstance(v, Scalar) and v.value is None and ")" in k for k, v in tree.entries.items()):
        return tree
    entries: dict[str, Tree] = {}
    unclosed = False
    for key, value in tree.entries.items():
        text = value.value if isinstance(value, Scalar) else ""
        if unclosed and text is None:
            unclosed = ")" not in key
            continue
        unclosed = isinstance(text, str) and "$(" in text and text.count("(") > text.count(")")
        entries[key] = value
    return Map(entries, tree.span, tree.key_spans)


def unknown_kind(kind: str, span: Span, checked: CheckedDocument) -> Problem:
    """A kind that is neither netspec's nor a block, with the nearest that is."""
    known = [*kinds(), *CONTAINERS, *checked.blocks]
    near = library_hint(kind) or did_you_mean(kind, known, "`netspec layers` lists all kinds")
    if kind in checked.cells.own or kind in checked.cells.broken:
        near = f"`{kind}` is a cell: write `type: recurrent, cell: {kind}`"
    return Problem("NS201", f"unknown layer kind `{kind}`", span, near)


def _spot(tree: Tree, span: Span) -> Span:
    """Where to report what a layer lacks: the whole entry when it stands on one line, its name otherwise."""
    return tree.span if tree.span.line == tree.span.end_line else span


def _container(kind: str, tree: Map, owner: str, span: Span, checked: CheckedDocument, problems: Problems) -> None:
    key = body_key(kind)
    body = tree.get(key)
    if body is None:
        if not any(nearest(k, [key]) for k in tree.entries):  # else the unknown key's did-you-mean says it
            problems.append(
                Problem(
                    "NS204", f"{owner} needs `{key}`, a mapping of name to {_CONTENT[key]}", span, f"add `{key}: …`"
                )
            )
    elif not isinstance(body, Map) or not body.entries:
        problems.append(
            Problem(
                "NS203",
                f"`{key}` of {owner} expects a mapping of name to {_CONTENT[key]}, received {show(body.plain())}",
                tree.key_span(key),
                "for example `relu: relu`",
            )
        )
    elif kind == "branches":
        for path, layers in body.entries.items():
            check_name(path, body.key_span(path), "a path", problems)
            if isinstance(layers, Map):
                _layers(layers, checked, problems)
            elif layers.plain() is not None:
                problems.append(
                    Problem(
                        "NS203",
                        f"path `{path}` of {owner} expects a mapping of name to layer, received {show(layers.plain())}",
                        layers.span,
                        "for example `relu: relu`",
                    )
                )
    else:
        _layers(body, checked, problems, dict.fromkeys(RESERVED[kind], f"a part that {kind} adds"))
    read_container(kind, tree, owner, problems, final=False)
    for option in LAYERED:
        value = tree.get(option)
        if isinstance(value, Map) and isinstance(inner := value.get("layers"), Map):
            _layers(inner, checked, problems)


_CONTENT = {"layers": "layer", "branches": "path"}


def _check_layer(
    kind: str, tree: Tree, fields: Map, owner: str, span: Span, checked: CheckedDocument, problems: Problems
) -> None:
    """Check a layer's keys, and its values where they are known; keep the layer when all are."""
    cls = kinds()[kind]
    known = fields_of(cls)
    dynamic = [k for k, v in fields.entries.items() if k in known and has_expression(v)]
    before = len(problems)
    if dynamic:
        read_fields(fields, cls, owner, problems, skip=(*dynamic, *WIRING), span=span, explain=explain_key)
    elif (layer := make_layer(cls, fields, owner, problems, span, checked.cells)) is not None:
        checked.layers[tree] = layer
        problems += check_dropout(layer, fields)
    problems[before:] = explain_params(problems[before:], fields, checked.cells)
    tag = fields.entries["type"]
    for i, problem in enumerate(problems[before:], start=before):  # a variant changed the kind and left the rest
        source = problem.span.source if problem.span else tag.span.source
        if problem.code == "NS202" and problem.key and source is not tag.span.source and source.name != "--set":
            remove = f"remove it there with `{problem.key[-1]}: null`"
            problems[i] = replace(problem, hint=f"it comes from the parent, the kind from {tag.span}: {remove}")
