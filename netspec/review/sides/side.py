"""One side of a comparison: a file, a revision of it, a run, or an exported model.

    net.yaml  HEAD~1:net.yaml  :net.yaml (the index)  runs/resnet18-3  model.onnx  /dev/null (no file)

What a file extends and includes is of the same revision.  A path behind a revision counts from the current folder, or
from the top of the repository.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from netspec.backends.onnx.spec_meta import read_spec
from netspec.frontend.assign import set_path
from netspec.frontend.document import NETWORK, Document, read_document, read_vars, section_problems
from netspec.frontend.files import SECTIONS
from netspec.graph.build import build, read_network
from netspec.review.difference import Side
from netspec.source.errors import NetspecError, Problem, Problems, raise_all
from netspec.source.file_tree import FileTree
from netspec.source.garbage import collecting_later
from netspec.source.git import check_revision, git, objects
from netspec.source.git_tree import GitTree, index_tree, revision_tree
from netspec.source.text import Source
from netspec.source.tree import read_text
from netspec.spec import LEARNING, Spec, learning_sections, read_learning
from netspec.training.info import INFO, SPEC, read_info


def read_sides(before: str, after: str) -> tuple[Side, Side]:
    """Both sides of a comparison.

    Raises what `read_side` raises, and NS101 for a side that is not there unless the other one is the same file, which
    is then new or deleted: a name with a typing error in it is no new file.
    """
    sides = read_side(before), read_side(after)
    absent = [side.absent for side in sides if side.absent and side.name != os.devnull]
    if absent and (path_of(before) != path_of(after) or all(side.absent for side in sides)):
        raise NetspecError.of(absent[:1])
    return sides


def path_of(name: str) -> str:
    """The path in a side's name, in its shortest spelling."""
    located = None if _is_there(Path(name)) else split_revision(name)
    return posixpath.normpath(located[1] if located else name)


def read_side(name: str) -> Side:
    """A side by its name.  A file or a revision of it that is not there is a side without a network.

    Raises NS1xx for what cannot be read, NS2xx to NS4xx for a broken file; a network over its budget passes.
    """
    path = Path(name)
    if name == os.devnull:
        return Side(name, absent=Problem("NS101", "no file", name=name))
    if not _is_there(path) and (located := split_revision(name)):
        return _of_revision(name, *located)
    if path.is_dir():
        return _of_run(name, path)
    if path.suffix == ".onnx" and path.exists():
        return _of_model(name, path)
    try:
        source = read_text(path, name)
    except NetspecError as error:
        if _is_there(path):
            raise
        return Side(name, absent=error.problems[0])
    return compile_side(name, source, path)


def _is_there(path: Path) -> bool:
    """Whether there is anything under a path, a link that leads nowhere included."""
    return path.exists() or path.is_symlink()


def split_revision(name: str) -> tuple[str, str] | None:
    """`HEAD~1:net.yaml` to revision and path; the revision is empty for the index.  None for a name without one."""
    match = re.match(r"((?:[^:{]|\{[^}]*\})*):(.*)", name, re.DOTALL)  # a date in braces has colons: HEAD@{12:00}
    return (match[1], match[2]) if match else None


def _of_revision(name: str, revision: str, path: str) -> Side:
    check_revision(revision, name)
    here = git(name, "rev-parse", "--show-prefix").decode(errors="surrogateescape").strip("\n")
    with objects(name) as store:
        if revision:
            tree = revision_tree(store, revision, name)
        else:
            stage, path = (int(path[0]), path[2:]) if re.match("[0-3]:", path) else (0, path)
            tree = index_tree(store, name, stage)
        return side_of_tree(name, tree, _from_top(name, tree, here, path))


def _from_top(name: str, tree: GitTree, here: str, path: str) -> Path:
    """A path as it counts from the top of the repository."""
    from_here = posixpath.normpath(posixpath.join(here, path))
    if path.startswith("/"):
        top = git(name, "rev-parse", "--show-toplevel").decode(errors="surrogateescape").strip("\n")
        from_here = posixpath.relpath(path, top)
    if from_here.split("/")[0] == "..":
        raise NetspecError("NS101", "is outside of the repository", name=name, hint="name a file in it")
    from_top = posixpath.normpath(path)
    explicit = path.startswith(("./", "../", "/"))
    if explicit or not here or tree.holds(Path(from_here)) or not tree.holds(Path(from_top)):
        return Path(from_here)
    return Path(from_top)


def side_of_tree(name: str, tree: GitTree, path: Path) -> Side:
    """A file of a revision; a side without a network where the revision has no such file."""
    try:
        source = tree.read(path)
    except NetspecError as error:
        if tree.holds(path):
            raise
        return Side(name, absent=replace(error.problems[0], name=name), main=path.name)
    return compile_side(name, Source(name, source.text), path, tree)


def _of_run(name: str, folder: Path) -> Side:
    """The spec of a run, under the run's name, its paths relative to the folder that it was trained in."""
    file = folder / SPEC
    if not file.is_file():
        hint = f"name one .yaml file in it, or a run: a folder that holds {SPEC}"
        raise NetspecError("NS101", "a folder, expected a netspec file or a run", name=name, hint=hint)
    side = compile_side(name, read_text(file), file)
    if isinstance(side.spec, Spec) and (folder / INFO).exists():
        info = read_info(folder)
        side.spec.name, side.spec.folder = info.name, Path(info.folder)
    return side


def _of_model(name: str, path: Path) -> Side:
    """The spec that an exported model carries."""
    carried = read_spec(path)
    side = compile_side(name, Source(name, carried.text), path)
    if side.spec is not None:
        side.spec.name = carried.name
    return side


def compile_side(name: str, source: Source, path: Path, tree: FileTree | None = None, sets: Sequence[str] = ()) -> Side:
    """A text and the file that it came from, with what it extends and includes, and the changes of `--set`.

    Raises as `read_side` does, and NS304 for a change that leads nowhere.
    """
    try:
        with collecting_later():
            document = read_document(source, path, tree=tree)
            for assignment in sets:
                document.root = set_path(document.root, assignment, SECTIONS)
            files = {file: written.source for file, written in document.files.items()}
            side = Side(name, files=files, document=document, main=path.name)
            _compile(side, document)
            if side.spec is not None:
                side.spec.name = document.text("name") or path.stem
            return side
    except NetspecError as error:  # what has no place in a text has at least the name of its side
        raise NetspecError.of(p if p.span or p.name else replace(p, name=name) for p in error.problems) from None


def _compile(side: Side, document: Document) -> None:
    """The network of a document, where there is one; what is wrong with its learning is noted."""
    problems, notes = Problems(), Problems()
    missing = [key for key in NETWORK if key not in document.root]
    for section, problem in section_problems(document.root):
        if section not in missing:
            (notes if section in LEARNING else problems).append(problem)
    document.vars = read_vars(document.root, problems)
    raise_all(problems)
    if not missing:
        network = read_network(document, problems)
        sections = learning_sections(document, notes)
        raise_all(problems)
        side.spec = spec = build(network, Spec(folder=document.folder), hold_budget=False)
        notes.extend(read_learning(spec, sections))
    side.notes = tuple(notes)
