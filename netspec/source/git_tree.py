"""The files of a revision, or of the index, as a file tree: links are followed, nothing is checked out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from netspec.source.errors import NetspecError
from netspec.source.files import reason
from netspec.source.git import FOLDER, LINK, SUBMODULE, GitEntry, Objects, check_revision, git
from netspec.source.text import Source
from netspec.source.tree import nearest_yaml, text_of

MAX_LINKS = 40  # as Linux has it


@dataclass
class GitTree:
    """Paths count from the top of the repository.

    `shown`: what stands before a path in messages, `HEAD~1:`; `index`: its folders and files, where it is the index.
    """

    objects: Objects
    shown: str
    top: str = ""  # the hash of the top folder of a revision
    index: Mapping[str, Mapping[str, GitEntry]] = field(default_factory=dict)  # folder -> name -> entry

    def entry(self, path: Path) -> GitEntry | None:
        """What a path without links in it names."""
        here = GitEntry(FOLDER, self.top)
        parts = path.parts
        for i, part in enumerate(parts):
            found = self.children("/".join(parts[:i]), here).get(part)
            if found is None:
                return None
            here = found
        return here

    def children(self, path: str, folder: GitEntry) -> Mapping[str, GitEntry]:
        """name -> what a folder holds; nothing for what is no folder."""
        if folder.mode != FOLDER:
            return {}
        return self.objects.folder(folder.hash) if self.top else self.index.get(path, {})

    def real(self, path: Path) -> Path:
        """The path with its links followed.  Raises OSError for links out of the repository, or in a circle."""
        waiting, parts, links = [*reversed(path.parts)], list[str](), 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                if not parts:
                    raise OSError("it leads out of the repository")
                parts.pop()
                continue
            entry = self.entry(Path(*parts, part))
            if entry is None or entry.mode != LINK:
                parts.append(part)
                continue
            links += 1
            target = os.fsdecode(self.objects.blob(entry.hash) or b"")
            if links > MAX_LINKS:
                raise OSError("its links lead in a circle")
            if target.startswith("/"):
                raise OSError(f"it is a link out of the repository, to {target}")
            waiting += reversed([p for p in target.split("/") if p not in ("", ".")])
        return Path(*parts)

    def holds(self, path: Path) -> bool:
        """Whether there is anything under a path, a link that leads nowhere included."""
        try:
            return self.entry(path) is not None or self.entry(self.real(path)) is not None
        except OSError:
            return True

    def read(self, path: Path) -> Source:
        name = f"{self.shown}{path.as_posix()}"

        def bad(message: str, hint: str = "") -> NetspecError:
            return NetspecError("NS101", message, name=name, hint=hint)

        try:
            entry = self.entry(self.real(path))
        except OSError as error:
            raise bad(f"cannot be read: {reason(error)}") from None
        if entry is None:
            near = self.near(path)
            raise bad("no such file", f"did you mean `{self.shown}{near.as_posix()}`?" if near else "check the path")
        if entry.mode == FOLDER:
            raise bad("a folder, expected a netspec file", "name one .yaml file in it")
        if entry.mode == SUBMODULE:
            raise bad("a submodule, expected a netspec file", "name a file of it from its own folder")
        data = self.objects.blob(entry.hash)
        if data is None:
            raise bad("its content is not in this repository", "fetch it first")
        return text_of(data, name)

    def near(self, path: Path) -> Path | None:
        try:
            folder = self.real(path.parent)
        except OSError:
            return None
        entry = self.entry(folder)
        names = self.children(folder.as_posix() if folder.parts else "", entry) if entry else {}
        return None if path.name in names else nearest_yaml(path, names)


def revision_tree(objects: Objects, revision: str, name: str) -> GitTree:
    """The files of a revision.  Raises NS101 for one that git does not know."""
    check_revision(revision, name)
    top = objects.tree(revision)
    if top is None:
        hint = "`git log --oneline` lists revisions; a shallow clone has few of them"
        raise NetspecError("NS101", f"git knows no revision `{revision}`", name=name, hint=hint)
    return GitTree(objects, f"{revision}:", top)


def index_tree(objects: Objects, name: str, stage: int = 0) -> GitTree:
    """The files of the index; after a merge with conflicts stage 1 is the common ancestor, 2 ours, 3 theirs."""
    folders: dict[str, dict[str, GitEntry]] = {"": {}}
    listing = git(name, "ls-files", "--stage", "-z", "--full-name", ":/")
    for line in listing.decode(errors="surrogateescape").split("\0"):
        head, _, path = line.partition("\t")
        if not path or head.split()[2] not in ("0", str(stage)):
            continue
        mode, hash, _ = head.split()
        folder, _, file = path.rpartition("/")
        folders.setdefault(folder, {})[file] = GitEntry(int(mode, 8), hash)
        while folder:  # the folders above
            above, _, part = folder.rpartition("/")
            known = part in folders.setdefault(above, {})
            folders[above][part] = GitEntry(FOLDER, "")
            folder = "" if known else above
    return GitTree(objects, f":{stage}:" if stage else ":", index=folders)
