"""A lock, read back as the network that it is of."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from netspec.frontend.calls import Call, CallSite, Expansion, Inherited
from netspec.frontend.cells import Cells, read_cells
from netspec.frontend.document import Document
from netspec.frontend.names import Wire
from netspec.frontend.read_layer import make_layer
from netspec.frontend.resolved import dump
from netspec.graph.build import Builder
from netspec.graph.digest import VERSION as DIGESTS
from netspec.graph.digest import digests
from netspec.graph.inputs import read_inputs
from netspec.graph.model import Graph
from netspec.layers import kinds
from netspec.layers.init import read_init
from netspec.review.lock.lockfile import RESULTS, VERSION, lock_text
from netspec.source.errors import NetspecError, Problems, raise_all
from netspec.source.files import reason
from netspec.source.garbage import collecting_later
from netspec.source.input_files import read_whole
from netspec.source.text import Source, Span, show
from netspec.source.tree import Items, Map, Scalar, Tree, parse

AGAIN = "`netspec lock` writes it anew"
CHANGED = "it was changed by hand or by a merge, or another netspec wrote it"


def lock_source(path: Path) -> Source:
    """The text of a lock, however long it is.  Raises NS108."""
    try:
        return Source(str(path), read_whole(path).decode("utf-8").replace("\r\n", "\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise NetspecError("NS108", f"cannot be read: {reason(error)}", name=str(path), hint=AGAIN) from None


def read_lock(source: Source) -> Graph:
    """The network of a lock.  Raises NS108 where the text is no lock, or not the one that its own layers give."""
    with collecting_later():
        try:
            return _read(source)
        except NetspecError as error:
            hints = [p if p.code == "NS108" else replace(p, code="NS108", hint=AGAIN) for p in error.problems]
            raise NetspecError.of(hints) from None


def _read(source: Source) -> Graph:
    root = parse(source, most=len(source.text))
    if not isinstance(root, Map) or "lock" not in root:
        raise NetspecError("NS108", "is no lock of netspec", name=source.name, hint="name a netspec file, not its lock")
    version = root.entries["lock"]
    if version.plain() != VERSION:
        text = f"is a lock of version {show(version.plain())}, this netspec writes version {VERSION}"
        raise NetspecError("NS108", text, version.span, hint=AGAIN)
    problems = Problems()
    document = Document(source, Path(), root)
    graph = Graph(document.text("name"), write_resolved=partial(_text, root))
    inputs, outputs, layers = (_section(root, name) for name in ("inputs", "outputs", "layers"))
    graph.inputs = read_inputs(document, problems)
    cells = read_cells(document, problems)
    raise_all(problems)
    expansion = Expansion(
        scopes={path: str(kind.plain()) for path, kind in _section(root, "containers").entries.items()}
    )
    above = next(reversed(graph.inputs), "")
    for name, tree in layers.entries.items():
        expansion.items.append(_call(name, tree, layers, above, expansion.scopes, cells))
        above = name
    for name, tree in outputs.entries.items():
        expansion.outputs[name] = _wire(tree.below("from") or tree)
    Builder(graph, expansion).run(inputs)
    written, computed = _section(root, "digests").plain(), asdict(digests(graph))
    comparable = all(str(digest).startswith(f"{DIGESTS}:") for digest in written.values())  # else of another version
    if comparable and written != computed:
        text = "is not the network of its digests: it was changed by hand or by a merge"
        raise NetspecError("NS108", text, name=source.name, hint=AGAIN)
    if comparable:
        _refuse_changes(source, root, lock_text(graph, document, ""))
    return graph


def _refuse_changes(source: Source, written: Map, text: str) -> None:
    """Raises NS108 at the first place where a lock is not `text`, the lock of its own layers; line 1 is free."""
    if source.text.partition("\n")[2] == text.partition("\n")[2]:
        return
    computed = parse(Source(source.name, text), most=len(text))
    span, message = _first_change(written, computed, ()) or (
        first_other_line(source, text, first=2),
        "is not as `netspec lock` writes this line",
    )
    raise NetspecError("NS108", f"{message}: {CHANGED}", span, hint=AGAIN)


def _first_change(written: Tree, computed: Tree, path: tuple[str, ...]) -> tuple[Span, str] | None:
    """The first value that is not the computed one, and in words what it should be; None: all are equal."""
    if isinstance(written, Map) and isinstance(computed, Map):
        for key in {**computed.entries, **written.entries}:
            value, expected, name = written.get(key), computed.get(key), ".".join((*path, key))
            if value is None and expected is not None:
                return written.span, f"`{name}` is missing, the layers give {show(expected.plain())}"
            if value is not None and expected is None:
                return written.key_span(key), f"`{name}` is {show(value.plain())}, the layers give none"
            if value and expected and (change := _first_change(value, expected, (*path, key))):
                return change
        return None
    if written.plain() == computed.plain():
        return None
    return written.span, f"`{'.'.join(path)}` is {show(written.plain())}, the layers give {show(computed.plain())}"


def first_other_line(source: Source, text: str, *, first: int = 1) -> Span:
    """The first line of a lock from line `first` on that is not as in `text`; its last where `text` goes on."""
    lines, others = source.lines, text.split("\n")
    differing = (n for n in range(first, len(lines) + 1) if n > len(others) or lines[n - 1] != others[n - 1])
    line = next(differing, len(lines))
    return Span(source, line, 1, line, len(lines[line - 1]) + 1)


def _text(root: Map) -> str:
    """What stands in no layer: the cells."""
    cells = root.get("cells")
    return dump({"netspec": 1, **({"cells": cells.plain()} if cells else {})})


def _section(root: Map, name: str) -> Map:
    section = root.get(name)
    if isinstance(section, Map):
        return section
    if name == "containers":
        return Map({}, root.span)
    raise NetspecError("NS108", f"`{name}` is missing, or no mapping", root.key_span(name), hint=AGAIN)


def _call(name: str, tree: Tree, layers: Map, above: str, scopes: dict[str, str], cells: Cells) -> Call:
    span, kind = layers.key_span(name), tree.below("type")
    if not isinstance(tree, Map) or kind is None or kind.plain() not in kinds():
        raise NetspecError("NS108", f"layer `{name}` has no kind that this netspec knows", span, hint=AGAIN)
    problems = Problems()
    own = Map({key: value for key, value in tree.entries.items() if key not in RESULTS}, tree.span, tree.key_spans)
    layer = make_layer(kinds()[str(kind.plain())], own, f"`{name}`", problems, span, cells)
    raise_all(problems)
    assert layer is not None  # else there is a problem
    reads = tree.get("from")
    wires = [_wire(item) for item in reads.items] if isinstance(reads, Items) else [Wire.to(above, above, span)]
    init, share, freeze = (tree.get(key) for key in ("init", "share", "freeze"))
    scope = name  # what brings a container together has its name, and stands in it
    while scope and scope not in scopes:
        scope = scope.rpartition(".")[0]
    return Call(
        CallSite(name, scope, span, ""),
        layer,
        tuple(wires),
        read_init(init) if init else {},
        Inherited(share=str(share.plain()) if share else "", freeze=freeze is not None),
    )


def _wire(tree: Tree) -> Wire:
    text = tree.value if isinstance(tree, Scalar) else None
    node, _, port = str(text).partition(":")
    return replace(Wire.to(node, str(text), tree.span), port=port)
