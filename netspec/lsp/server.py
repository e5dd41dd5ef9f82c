"""The protocol: requests in, answers out.  An answer that cannot be given is null, and the log says why."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from netspec.lsp.actions import actions
from netspec.lsp.buffers import OpenFile, path_of, real
from netspec.lsp.completion import completion
from netspec.lsp.formatting import formatting
from netspec.lsp.hints import hints
from netspec.lsp.hover import hover
from netspec.lsp.navigation import definition, highlights, links, references
from netspec.lsp.outline import folds, symbols
from netspec.lsp.rename import RefusedError, prepare, rename
from netspec.lsp.session import Session
from netspec.version import VERSION

log = logging.getLogger("netspec.lsp")

DEBOUNCE = 0.02  # seconds: a burst of changes (a paste, a held key) is checked once


class NetspecServer(LanguageServer):
    """One client, one session.  Texts come whole: pygls counts the lines of a partial change as Python does, which is
    not as the protocol counts them."""

    def __init__(self) -> None:
        super().__init__("netspec", VERSION, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self.session = Session()
        self.orderly = False  # whether `shutdown` came before `exit`
        self.worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="check")
        self._pending: dict[Path, asyncio.Task[None]] = {}

    def report_server_error(self, error: Exception, source: Any) -> None:
        """To the log alone: a window that says what went wrong inside helps nobody who writes a network."""
        if not isinstance(error, RefusedError):
            log.error("%s: %s", getattr(source, "__name__", source), error)

    def recheck(self, paths: Iterable[Path]) -> None:
        """Check again what depends on these files, soon."""
        first = [path for path, pending in self._pending.items() if not pending.done()]  # may have read the old text
        for path in self.session.affected(paths, first):
            pending = self._pending.get(path)
            if pending is not None:
                pending.cancel()
            self._pending[path] = asyncio.ensure_future(self._check(path))

    async def _check(self, path: Path) -> None:
        await asyncio.sleep(DEBOUNCE)
        loop = asyncio.get_running_loop()
        checkup = await loop.run_in_executor(self.worker, self.session.check, path)
        with guarded("checking"):
            if checkup is not None and (path in self.session.buffers.opened or path in self.session.includers.values()):
                self.publish(self.session.keep(path, checkup))

    def publish(self, uris: Iterable[str]) -> None:
        for uri in uris:
            buffer = self.session.buffers.get(uri)
            version = buffer.version if buffer else None
            self.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(uri, self.session.shown(uri), version=version)
            )

    async def settled(self, path: Path) -> None:
        """Wait until a file is checked as it is now, or what it is a part of."""
        for checked in dict.fromkeys([path, self.session.includers.get(path, path)]):
            while (pending := self._pending.get(checked)) is not None and not pending.done():
                await asyncio.wait([pending])

    def stop(self) -> None:
        for pending in self._pending.values():
            pending.cancel()
        self.worker.shutdown(wait=False, cancel_futures=True)


@contextmanager
def guarded(doing: str) -> Iterator[None]:
    """A mistake of ours goes to the log and nowhere else."""
    try:
        yield
    except JsonRpcException:  # said to the user
        raise
    except Exception:
        log.exception("%s", doing)


def create() -> NetspecServer:
    """The server with everything that it answers."""
    server = NetspecServer()
    session = server.session

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        session.encoding = server.workspace.position_encoding or types.PositionEncodingKind.Utf16
        edits = params.capabilities.workspace and params.capabilities.workspace.workspace_edit
        session.versioned_edits = bool(edits and edits.document_changes)
        completion = params.capabilities.text_document and params.capabilities.text_document.completion
        item = completion and completion.completion_item
        session.snippets = bool(item and item.snippet_support)
        session.buffers.folders = [path_of(folder.uri) for folder in params.workspace_folders or ()]
        if not session.buffers.folders and params.root_uri:
            session.buffers.folders = [path_of(params.root_uri)]

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        removed = {path_of(folder.uri) for folder in params.event.removed}
        session.buffers.folders = [path for path in session.buffers.folders if path not in removed]
        session.buffers.folders += [path_of(folder.uri) for folder in params.event.added]

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        with guarded("didOpen"):
            document = params.text_document
            buffer = session.buffers.put(document.uri, document.version, document.text, document.language_id)
            if buffer.is_network:
                session.opened(buffer)
            server.recheck([real(buffer.path)])

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        with guarded("didChange"):
            document = params.text_document
            text = server.workspace.get_text_document(document.uri).source
            before = session.buffers.get(document.uri)
            language = before.language if before else ""
            buffer = session.buffers.put(document.uri, document.version, text, language)
            if buffer.is_network and not (before and before.is_network):
                session.opened(buffer)
            server.recheck([real(buffer.path)])

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        with guarded("didClose"):
            uri = params.text_document.uri
            server.publish(session.closed(uri))
            server.recheck([real(path_of(uri))])  # whoever reads it now reads the disk

    @server.feature(types.INITIALIZED)
    def initialized(_: Any) -> None:
        workspace = server.client_capabilities.workspace
        files = workspace and workspace.did_change_watched_files
        if files and files.dynamic_registration:  # what is not open may change as well
            watchers = [types.FileSystemWatcher("**/*.{yaml,yml}")]
            options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
            watch = types.Registration("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            server.client_register_capability(types.RegistrationParams([watch]))

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def watched(params: types.DidChangeWatchedFilesParams) -> None:
        with guarded("didChangeWatchedFiles"):
            server.recheck(real(path_of(change.uri)) for change in params.changes)

    @server.feature(types.SHUTDOWN)
    def shutdown(_: Any) -> None:
        server.orderly = True

    for answer in ANSWERS:
        server.feature(answer.method, answer.options)(_answering(server, answer))
    return server


@dataclass(frozen=True)
class Answer:
    """One kind of request about an open file; `settled`: only once the file is checked as it is now."""

    method: str
    function: Callable[[Session, OpenFile, Any], Any]
    options: Any = None
    settled: bool = False
    always: bool = False  # also in a file that is none of netspec's yet


ANSWERS = (
    Answer(types.TEXT_DOCUMENT_HOVER, hover, settled=True),
    Answer(types.TEXT_DOCUMENT_INLAY_HINT, hints, settled=True),
    Answer(types.TEXT_DOCUMENT_DEFINITION, definition),
    Answer(types.TEXT_DOCUMENT_REFERENCES, references),
    Answer(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, highlights),
    Answer(types.TEXT_DOCUMENT_DOCUMENT_LINK, links),
    Answer(types.TEXT_DOCUMENT_PREPARE_RENAME, prepare),
    Answer(types.TEXT_DOCUMENT_RENAME, rename, types.RenameOptions(prepare_provider=True)),
    Answer(
        types.TEXT_DOCUMENT_COMPLETION,
        completion,
        types.CompletionOptions(trigger_characters=list(" $.{[,/")),
        always=True,
    ),
    Answer(
        types.TEXT_DOCUMENT_CODE_ACTION,
        actions,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
        settled=True,
    ),
    Answer(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, symbols, settled=True),
    Answer(types.TEXT_DOCUMENT_FOLDING_RANGE, folds),
    Answer(types.TEXT_DOCUMENT_FORMATTING, formatting),
)


def _answering(server: NetspecServer, answer: Answer) -> Callable[[Any], Awaitable[Any]]:
    async def respond(params: Any) -> Any:
        with guarded(answer.method):
            buffer = server.session.buffers.get(params.text_document.uri)
            if buffer is None or not (buffer.is_network or answer.always):
                return None
            if answer.settled:
                await server.settled(real(buffer.path))
            return answer.function(server.session, buffer, params)
        return None

    return respond


def run() -> int:
    """Serve on standard input and output until the client is gone; the exit status, 0 after an orderly end."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(levelname)s: %(message)s")
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # what goes wrong in an answer is in our own log
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what anything else prints is no part of the protocol
    server = create()
    try:
        server.start_io(sys.stdin.buffer, output)
    finally:
        server.stop()
    return 0 if server.orderly else 1
