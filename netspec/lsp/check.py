"""A text checked as `netspec validate` checks it, with the network as far as there is one."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from netspec.frontend.document import Document, load_document
from netspec.frontend.files import WrittenFile
from netspec.graph.build import build, read_network
from netspec.graph.model import Graph
from netspec.source.errors import NetspecError, Problem, Problems, raise_all
from netspec.source.file_tree import FileTree
from netspec.source.garbage import collecting_later
from netspec.source.text import Source
from netspec.spec import compile_document

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkup:
    """What came of one version of a file."""

    source: Source
    problems: tuple[tuple[Problem, str], ...]  # with their levels
    graph: Graph | None  # also where only the budget, `data` or `train` is wrong
    reads: frozenset[Path]  # the files that were asked for, whether or not they are there
    files: tuple[WrittenFile, ...] = ()  # all that were read, where every one could be


@dataclass(frozen=True)
class _Noted:
    """A file tree that notes which files it is asked for."""

    under: FileTree
    requested: set[Path] = field(default_factory=set)

    def real(self, path: Path) -> Path:
        return self.under.real(path)

    def read(self, path: Path) -> Source:
        self.requested.add(path)
        return self.under.read(path)

    def near(self, path: Path) -> Path | None:
        return self.under.near(path)


def check(source: Source, path: Path, files: FileTree) -> Checkup:
    """Never raises: a mistake of netspec is logged, and shown as a problem of the file."""
    noted = _Noted(files)
    problems: list[tuple[Problem, str]] = []
    graph: Graph | None = None
    document: Document | None = None
    with collecting_later():
        try:
            document = load_document(source, path, tree=noted)
            graph = compile_document(document)
            problems = [(problem, "warning") for problem in graph.warnings]
        except NetspecError as error:
            problems = [(problem, "error") for problem in error.problems]
            graph = _network(document) if document else None
        except Exception:
            log.exception("checking %s", path)
            text = "netspec failed on this text: a mistake of its own, which its log describes"
            problems = [(Problem("NS313", text, name=source.name), "error")]
    written = tuple(document.files.values()) if document else ()
    return Checkup(source, tuple(problems), graph, frozenset(noted.requested), written)


def _network(document: Document) -> Graph | None:
    """The network of a file whose other sections may be wrong."""
    problems = Problems()
    try:
        network = read_network(document, problems)
        raise_all(problems)
        return build(network, Graph(), hold_budget=False)
    except NetspecError:
        return None
