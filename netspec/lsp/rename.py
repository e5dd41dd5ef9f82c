"""Renaming, in every file where the name is the same; refused where the network would become another.

What the new name would do is found out by doing it: the changed texts are read again, every place of the old name has
to be one of the new, no other may have joined, and every file that was valid has to be still.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lsprotocol.types import (
    PrepareRenameParams,
    PrepareRenamePlaceholder,
    RenameParams,
    TextEdit,
    WorkspaceEdit,
)
from pygls.exceptions import JsonRpcException

from netspec.data.sequence_inputs import LENGTHS
from netspec.frontend.containers import CONTAINERS, RESERVED, WIRING
from netspec.frontend.identifiers import check_name
from netspec.graph.model import Graph
from netspec.layers import kinds
from netspec.lsp.buffers import Changed, OpenFile, real
from netspec.lsp.check import check
from netspec.lsp.diagnostics import Spans
from netspec.lsp.family import Family, read_family
from netspec.lsp.navigation import related
from netspec.lsp.scope import Symbol
from netspec.lsp.session import Session
from netspec.lsp.symbols import Occurrence, at, occurrences
from netspec.lsp.trees import scalars
from netspec.source.errors import Problems
from netspec.source.file_tree import FileTree
from netspec.source.tree import Map, Scalar

MODULES = ("layer", "path")  # they name modules of PyTorch
FAILED = -32803  # RequestFailed, of the protocol


class RefusedError(JsonRpcException):
    """Said to the user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, FAILED)


def prepare(session: Session, buffer: OpenFile, params: PrepareRenameParams) -> PrepareRenamePlaceholder | None:
    """The name at a place, if there is one that can be changed."""
    line, column = session.line_and_column(buffer, params.position)
    at_cursor = at(occurrences(session.family(buffer)), real(buffer.path), line, column)
    if at_cursor is None or not at_cursor.as_named:
        return None
    lines = session.spans().lines(buffer.source)
    return PrepareRenamePlaceholder(lines.range(at_cursor.span), at_cursor.symbol.name)


def rename(session: Session, buffer: OpenFile, params: RenameParams) -> WorkspaceEdit | None:
    """Raises RefusedError with the reason."""
    line, column = session.line_and_column(buffer, params.position)
    family = session.family(buffer)
    at_cursor = at(occurrences(family), real(buffer.path), line, column)
    if at_cursor is None:
        raise RefusedError("there is no name here that this file gives")
    if params.new_name == at_cursor.symbol.name:
        return None
    change = _Change.of(session, at_cursor.symbol, params.new_name, family)
    change.check()
    return change.edit(session)


@dataclass
class _Change:
    symbol: Symbol
    new: str
    families: list[tuple[Family, list[Occurrence]]]
    uses: dict[Path, list[Occurrence]]  # of the old name, by file
    files: FileTree

    @classmethod
    def of(cls, session: Session, symbol: Symbol, new: str, family: Family) -> _Change:
        families = related(session, symbol, family)
        uses: dict[Path, dict[tuple[int, int], Occurrence]] = {}
        for _, names in families:
            for o in names:
                if o.symbol == symbol:
                    uses.setdefault(o.file, {})[o.span.line, o.span.column] = o
        listed = {path: [names[key] for key in sorted(names)] for path, names in uses.items()}
        return cls(symbol, new, families, listed, session.buffers)

    def check(self) -> None:
        self._check_name()
        for names in self.uses.values():
            for o in names:
                if not o.as_named:
                    raise RefusedError(f"{o.span} writes the name in a way that cannot be replaced: write it plainly")
        for family, names in self.families:
            self._check_clash(family)
            self._check_hidden(family, names)
            self._check_data(family)
        texts = {path: self._changed(path, names) for path, names in self.uses.items()}
        for family, names in self.families:
            self._check_after(family, names, texts)

    def _check_name(self) -> None:
        kind, new, problems = self.symbol.kind, self.new, Problems()
        span = next(iter(self.uses.values()))[0].span
        if kind == "variable":
            if not new.isidentifier() or not new.isascii():
                raise RefusedError("a variable is named by letters, digits and _")
        elif kind != "input" or new != "in":  # which a block's only input may be called
            article = "an" if kind in ("input", "output") else "a"
            check_name(new, span, f"{article} {kind}", problems, module=kind in MODULES)
        if kind == "block" and (new in kinds() or new in CONTAINERS):
            raise RefusedError(f"`{new}` is a kind that netspec has already")
        if kind == "parameter" and new in WIRING:
            raise RefusedError(f"`{new}` is a wiring key of every layer")
        if problems:
            raise RefusedError(problems[0].message)

    def _check_clash(self, family: Family) -> None:
        """Another of the same name where both would be seen."""
        *home, _ = self.symbol.path
        around = family.at(*home)
        names = list(around.entries) if isinstance(around, Map) else []
        if self.symbol.kind == "input" and self.symbol.path[0] == "blocks":
            names = [str(s.value) for s in scalars(around)] if around is not None else []
        if self.symbol.kind == "input":
            layers = family.at(*home[:-1], "layers")
            names += list(layers.entries) if isinstance(layers, Map) else []
        if self.symbol.kind == "layer" and len(home) in (1, 3):  # of the network or of a block, whose inputs it sees
            inputs = family.at(*home[:-1], "inputs")
            names += (
                list(inputs.entries)
                if isinstance(inputs, Map)
                else [str(s.value) for s in scalars(inputs)]
                if inputs
                else []
            )
        if self.symbol.kind == "output":
            inputs = family.at("inputs")
            names += list(inputs.entries) if home == ["outputs"] and isinstance(inputs, Map) else []
        if self.symbol.kind == "layer" and home[-1] == "layers" and len(home) > 3:
            owner = family.at(*home[:-1])
            tag = owner.get("type") if isinstance(owner, Map) else None
            names += RESERVED.get(str(tag.value) if isinstance(tag, Scalar) else "", ())
        if self.new in names:
            raise RefusedError(f"there is a `{self.new}` already, in {family.root.path.name}")

    def _check_hidden(self, family: Family, names: list[Occurrence]) -> None:
        """A block or cell may be chosen by a value: `type: $kind`."""
        if self.symbol.kind not in ("block", "cell"):
            return
        if not any("$" in str(s.value) for s in _tags(family.merged)):
            return
        for section in ("vars", "blocks"):
            tree = family.at(section)
            for scalar in scalars(tree) if tree is not None else ():
                if scalar.value == self.symbol.name and not any(o.span == scalar.span for o in names):
                    raise RefusedError(f"{scalar.span} holds the name as a value, which a `type` may choose by")

    def _check_data(self, family: Family) -> None:
        """Inputs and outputs may be found in the data by their names."""
        source = family.at("data", "source")
        if source is None or self.symbol.path[0] not in ("inputs", "outputs"):
            return
        tag = source.get("type") if isinstance(source, Map) else source
        if isinstance(tag, Scalar) and tag.value == "npz":
            raise RefusedError(f"{tag.span}: the arrays of the data have the names of inputs and outputs")
        if LENGTHS in (self.symbol.name, self.new) and self.symbol.kind == "input":
            raise RefusedError(f"`{LENGTHS}` is how the data calls the lengths of sequences")

    def _changed(self, path: Path, names: list[Occurrence]) -> str:
        """The text of a file with the new name in it."""
        source = self.files.read(path)
        lines = Spans("utf-32", str).lines(source)
        text = source.text
        for o in reversed(names):
            start = lines.offset(o.span.line, o.span.column)
            text = text[:start] + self.new + text[start + len(self.symbol.name) :]
        return text

    def _check_after(self, family: Family, names: list[Occurrence], texts: Mapping[Path, str]) -> None:
        root = family.root

        changed = Changed(self.files, texts)
        shown = Path(root.source.name)
        source = changed.read(shown)
        renamed = Symbol(self.symbol.kind, (*self.symbol.path[:-1], self.new))
        after = occurrences(read_family(source, shown, changed, {}))
        if _counts(after, renamed) != _counts(names, self.symbol):
            raise RefusedError(f"`{self.new}` would stand for something else in {root.path.name}")
        before = check(root.source, shown, self.files)
        now = check(source, shown, changed)
        if before.graph is not None and not any(level == "error" for _, level in before.problems):
            wrong = next((problem for problem, level in now.problems if level == "error"), None)
            if wrong is not None:
                raise RefusedError(f"{root.path.name} would be wrong: {wrong.message}")
            cells = self.symbol.kind != "cell"  # which a layer knows by its name
            if now.graph is None or _meaning(now.graph, cells) != _meaning(before.graph, cells):
                raise RefusedError(f"{root.path.name} would become another network")

    def edit(self, session: Session) -> WorkspaceEdit:
        edits = {}
        for path, names in self.uses.items():
            opened = session.buffers.opened.get(path)
            lines = session.spans().lines(opened.source if opened else names[0].span.source)
            edits[path] = [TextEdit(lines.range(o.span), self.new) for o in names]
        return session.workspace_edit(edits)


def _counts(names: Iterable[Occurrence], symbol: Symbol) -> dict[Path, int]:
    """How often each file writes a symbol."""
    counts: dict[Path, int] = {}
    for o in names:
        if o.symbol == symbol:
            counts[o.file] = counts.get(o.file, 0) + 1
    return counts


def _meaning(graph: Graph, cells: bool) -> list[tuple[object, ...]]:
    """What a renaming leaves as it is, layer by layer: what is computed of what, by position."""
    position = {node.name: i for i, node in enumerate(graph.nodes())}
    layers: list[tuple[object, ...]] = [
        (
            node.layer if cells else (node.kind, tuple(graph.weights_of(node).items())),
            tuple((position[ref.node], ref.port) for ref in node.inputs),
            tuple(node.outputs.values()),
            position.get(node.share),
        )
        for node in graph.nodes()
    ]
    return [*layers, tuple(position[ref.node] for ref in graph.outputs.values())]


def _tags(tree: Map) -> Iterable[Scalar]:
    """Every `type` and `cell` of a tree."""
    for key, value in tree.entries.items():
        if key in ("type", "cell") and isinstance(value, Scalar):
            yield value
        elif isinstance(value, Map):
            yield from _tags(value)
