"""Which files a network was compiled from, and of which commit they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from netspec.frontend.document import Document
from netspec.source.errors import NetspecError
from netspec.source.git import git, objects
from netspec.source.git_tree import GitTree, revision_tree


@dataclass(frozen=True)
class Origin:
    """What a run and an exported model remember of the file that they came from.

    `file` counts from the top of the repository where there is a commit, and from its own folder where there is none.
    `changed`: those of the files that were put together which are not as they are in the commit.  `sets`: what was
    changed by `--set`.
    """

    file: str
    commit: str = ""
    changed: list[str] = field(default_factory=list)
    sets: list[str] = field(default_factory=list)

    def faults(self) -> Iterator[tuple[str, str]]:
        """A model may come from anywhere: what it names is looked up below a folder, and handed to git."""
        if not self.file or "\0" in self.file or Path(self.file).is_absolute() or ".." in Path(self.file).parts:
            yield "file", "the path of a file, as it counts from the top of its repository"
        if not re.fullmatch("([0-9a-f]{40,64})?", self.commit):
            yield "commit", "the hash of a commit, or nothing"


def origin_of(document: Document | None) -> Origin | None:
    """Where a document was read; None for a text that is in no file.  Asks git where there is one, and never fails."""
    if document is None or document.path is None:
        return None
    main = document.path
    try:
        return _in_repository(document, main.resolve())
    except (NetspecError, OSError, ValueError, RuntimeError):  # no git, no repository, no commit yet
        return Origin(main.name, sets=list(document.sets))


def _in_repository(document: Document, main: Path) -> Origin:
    """Raises NS101 where git answers nothing, ValueError for a file that is in another place than its repository."""
    name, folder = str(main), main.parent
    top = Path(git(name, "rev-parse", "--show-toplevel", folder=folder).decode(errors="surrogateescape").strip("\n"))
    commit = git(name, "rev-parse", "--verify", "HEAD^{commit}", folder=folder).decode().strip()
    paths = {shown: (document.folder.resolve() / shown).resolve().relative_to(top) for shown in document.files}
    with objects(name, folder) as store:
        tree = revision_tree(store, commit, name)
        texts = {shown: file.source.text for shown, file in document.files.items()}
        changed = sorted(p.as_posix() for shown, p in paths.items() if not _is_in(tree, p, texts[shown]))
    return Origin(main.relative_to(top).as_posix(), commit, changed, list(document.sets))


def _is_in(tree: GitTree, path: Path, text: str) -> bool:
    """Whether a file stands in a revision with this text, line ends apart, which git may change."""
    try:
        return _lines(tree.read(path).text) == _lines(text)
    except NetspecError:
        return False


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")
