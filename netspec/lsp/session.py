"""The files of one client: their texts, what their last check said, and the last network that each compiled to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from lsprotocol.types import (
    Diagnostic,
    OptionalVersionedTextDocumentIdentifier,
    Position,
    PositionEncodingKind,
    TextDocumentEdit,
    TextEdit,
    WorkspaceEdit,
)

from netspec.lsp.buffers import OpenFile, OpenFiles, real
from netspec.lsp.check import Checkup, check
from netspec.lsp.diagnostics import Spans, diagnostics
from netspec.lsp.family import Family, Member, read_family
from netspec.lsp.instances import CompiledNetwork
from netspec.lsp.mend import mended
from netspec.source.errors import NetspecError
from netspec.source.text import Source


class Session:
    """All that is known of a client's files; paths here are without links."""

    def __init__(self) -> None:
        self.buffers = OpenFiles()
        self.encoding: str = PositionEncodingKind.Utf16
        self.versioned_edits = False  # whether the client takes edits of a version of a text
        self.snippets = False  # whether it fills in `$1`
        self.checkups: dict[Path, Checkup] = {}  # of open files, and of closed ones that include an open one
        self.networks: dict[Path, CompiledNetwork] = {}  # of the last text of each that compiled
        self.includers: dict[Path, Path] = {}  # open file without layers -> a file that includes it
        self._families: dict[Path, Family] = {}
        self._shown: dict[Path, dict[str, list[Diagnostic]]] = {}  # checked file -> URI -> what its check says there

    def spans(self) -> Spans:
        return Spans(self.encoding, self.buffers.uri_of)

    def family(self, buffer: OpenFile) -> Family:
        """The open file with what it extends and includes, as their texts are now."""
        return self._family(buffer.source, buffer.path, real(buffer.path))

    def family_of(self, path: Path) -> Family | None:
        """The same of any file; None where it cannot be read."""
        buffer = self.buffers.opened.get(path)
        if buffer is not None:
            return self.family(buffer)
        try:
            source = self.buffers.read(path)
        except NetspecError:
            self._families.pop(path, None)
            return None
        return self._family(source, path, path)

    def _family(self, source: Source, path: Path, key: Path) -> Family:
        known = self._families.get(key)
        earlier: dict[Path, Member] = known.members if known else {}
        self._families[key] = read_family(source, path, self.buffers, earlier)
        return self._families[key]

    def families(self) -> Iterator[Family]:
        """Of every file that is open or in the workspace."""
        paths = list(self.buffers.networks())
        for closed in self._families.keys() - {*paths, *self.checkups}:
            del self._families[closed]
        for path in paths:
            family = self.family_of(path)
            if family is not None:
                yield family

    def network(self, buffer: OpenFile) -> CompiledNetwork | None:
        """The last network of an open file; of one without layers, that of a file which includes it."""
        path = real(buffer.path)
        return self.networks.get(path) or self.networks.get(self.includers.get(path, path))

    def workspace_edit(self, edits: Mapping[Path, list[TextEdit]]) -> WorkspaceEdit:
        """Edits by file in the form that the client takes."""
        uri_of = self.buffers.uri_of
        if not self.versioned_edits:
            return WorkspaceEdit(changes={uri_of(path): listed for path, listed in edits.items()})
        changes = []
        for path, listed in edits.items():
            opened = self.buffers.opened.get(path)
            document = OptionalVersionedTextDocumentIdentifier(uri_of(path), opened.version if opened else None)
            changes.append(TextDocumentEdit(document, [*listed]))
        return WorkspaceEdit(document_changes=[*changes])

    def offset(self, buffer: OpenFile, position: Position) -> int:
        return self.spans().lines(buffer.source).at(position)

    def line_and_column(self, buffer: OpenFile, position: Position) -> tuple[int, int]:
        """Line and column of a `Span`."""
        lines = self.spans().lines(buffer.source)
        return lines.line_and_column(lines.at(position))

    # what has to be checked, and what came of it

    def opened(self, buffer: OpenFile) -> None:
        """Find out who includes a file that is no network by itself: it is checked as a part of that."""
        path = real(buffer.path)
        tree = mended(buffer.source)
        if tree is None or any(key in tree for key in ("layers", "inputs", "extends")):
            return
        for family in self.families():
            if family.root.path != path and path in family.members:
                self.includers[path] = family.root.path
                return

    def closed(self, uri: str) -> list[str]:
        """Forget a file; gives the URIs whose diagnostics change."""
        buffer = self.buffers.get(uri)
        self.buffers.drop(uri)
        if buffer is None:
            return []
        path = real(buffer.path)
        self.includers.pop(path, None)
        changed: list[str] = []
        for key in [path, *(p for p in self.checkups if p not in self.buffers.opened and p not in self._included())]:
            self.checkups.pop(key, None)
            self.networks.pop(key, None)
            self._families.pop(key, None)
            changed += self._shown.pop(key, {})
        return changed

    def _included(self) -> list[Path]:
        return list(self.includers.values())

    def affected(self, paths: Iterable[Path], unknown: Iterable[Path] = ()) -> list[Path]:
        """What is to be checked again when these files change: themselves, and the checked files that read them.

        `unknown`: files that are being checked, of which it is not known what they read.
        """
        changed = set(paths)
        opened = self.buffers.opened
        roots = [path for path in changed if path in opened and (opened[path].is_network or path in self.checkups)]
        roots += [self.includers[path] for path in changed if path in self.includers]
        for path, checkup in self.checkups.items():
            if any(real(other) in changed for other in checkup.reads):
                roots.append(path)
        roots += [path for path in unknown if path not in self.checkups]
        return list(dict.fromkeys(roots))

    def check(self, path: Path) -> Checkup | None:
        """Check a file as its text is now.  Changes nothing here, so that it can run beside everything else."""
        buffer = self.buffers.opened.get(path)
        if buffer is not None and not buffer.is_network:  # it was one
            return Checkup(buffer.source, (), None, frozenset())
        try:
            source = self.buffers.read(path) if buffer is None else buffer.source
        except NetspecError:
            return None
        return check(source, buffer.path if buffer else path, self.buffers)

    def keep(self, path: Path, checkup: Checkup) -> set[str]:
        """Take a check in; gives the URIs whose diagnostics change."""
        self.checkups[path] = checkup
        if checkup.graph is not None:
            read = {real(Path(file.source.name)): file for file in checkup.files}
            members = {key: Member(key, file.source, file.tree) for key, file in read.items()}
            family = read_family(checkup.source, Path(checkup.source.name), self.buffers, members)
            self._families[path] = family
            self.networks[path] = CompiledNetwork(checkup.graph, family)
        before = self._shown.get(path, {})
        self._shown[path] = self._diagnostics(path, checkup)
        return {*before, *self._shown[path]}

    def _diagnostics(self, path: Path, checkup: Checkup) -> dict[str, list[Diagnostic]]:
        by_uri = diagnostics(checkup, self.spans())
        if path not in self.buffers.opened:  # an includer: what it says about open files alone
            opened = {buffer.uri for buffer in self.buffers.opened.values()}
            return {uri: shown for uri, shown in by_uri.items() if uri in opened}
        if path in self.includers:
            missing = (("layers",), ("inputs",))
            problems = tuple(p for p in checkup.problems if p[0].code != "NS204" or p[0].key not in missing)
            by_uri = diagnostics(Checkup(checkup.source, problems, None, checkup.reads), self.spans())
        return by_uri

    def shown(self, uri: str) -> list[Diagnostic]:
        """Every diagnostic of a file: what its own check says, and the checks of files that read it; each once."""
        unique: dict[tuple[object, ...], Diagnostic] = {}
        for by_uri in self._shown.values():
            for d in by_uri.get(uri, ()):
                key = (d.range.start.line, d.range.start.character, d.code, d.message)
                unique.setdefault(key, d)
        return sorted(unique.values(), key=lambda d: (d.range.start.line, d.range.start.character))
