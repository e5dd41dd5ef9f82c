"""Where a run or an exported model came from, and whether that file is still the same network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from netspec.backends.onnx.spec_meta import read_digests, read_metadata, read_origin
from netspec.frontend.origin import Origin
from netspec.graph.digest import Digests, digests
from netspec.graph.model import Graph
from netspec.review.diff import compare
from netspec.review.difference import Side, Verdict
from netspec.review.sides.side import compile_side, read_side
from netspec.source.errors import NetspecError
from netspec.source.git import git, objects
from netspec.source.git_tree import revision_tree
from netspec.source.text import Source
from netspec.source.tree import read_text
from netspec.training.info import INFO, RunInfo, no_run, read_info

ON_DISK, AT_HEAD = "on disk", "at HEAD"


@dataclass(frozen=True)
class Standing:
    """What the file is now, against what the run or model was made from.

    `file`: as `diff` takes it; empty where there is none.  `verdict` is None where it cannot be compared; `text` says
    why then, and else how much changed.
    """

    where: str  # ON_DISK | AT_HEAD
    file: str
    verdict: Verdict | None
    text: str


@dataclass(frozen=True)
class Provenance:
    """What a run or a model says of itself; what an older netspec did not write is None."""

    name: str  # as the user gave it
    graph: Graph
    info: RunInfo | None  # of a run
    origin: Origin | None
    recorded: Digests | None
    computed: Digests  # what the spec inside gives here
    commit: str = ""  # day and subject of the origin's commit, where a repository here has it
    standings: list[Standing] = field(default_factory=list)


def provenance(name: str) -> Provenance:
    """Of a run folder, or an ONNX model.  Raises NS631 for a missing, NS622 for a broken run, NS101 for all else."""
    path = Path(name)
    info, origin, recorded = None, None, None
    if path.is_dir():
        side = read_side(name)
        if (path / INFO).exists():
            info = read_info(path)
            origin, recorded = info.origin, info.digests
    elif not path.exists():
        raise no_run(path, "no such run or model")
    elif path.suffix == ".onnx":
        side = read_side(name)
        _, metadata = read_metadata(path)
        origin, recorded = read_origin(metadata, name), read_digests(metadata)
    else:
        hint = "name a run folder or an .onnx file; of a netspec file, `netspec summary` tells more"
        raise NetspecError("NS101", "is neither a run nor an exported model", name=name, hint=hint)
    if side.spec is None:
        raise NetspecError("NS101", "holds no network", name=name)
    if origin is None:
        return Provenance(name, side.spec, info, None, recorded, digests(side.spec))
    file = _file(path, origin, Path(info.folder) if info else None)
    folder = file.parent if file else Path()
    return Provenance(
        name,
        side.spec,
        info,
        origin,
        recorded,
        digests(side.spec),
        _commit(origin, folder),
        list(_standings(side, origin, file, folder)),
    )


def _file(artifact: Path, origin: Origin, folder: Path | None) -> Path | None:
    """Where the file is now: in the folder that it was in when the run began, in a repository here, or beside."""
    name = Path(origin.file).name
    candidates = [folder / name] if folder else []
    if origin.commit:
        candidates += [top / origin.file for where in (Path(), artifact.parent) if (top := _top(where))]
    else:
        candidates += [artifact.parent / name, Path(name)]
    return next((_shown(path) for path in candidates if path.is_file()), None)


def _shown(path: Path) -> Path:
    """From the current folder, where it is below."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


def _top(folder: Path) -> Path | None:
    try:
        top = git("", "rev-parse", "--show-toplevel", folder=folder if folder.parts else None)
    except (NetspecError, OSError):
        return None
    return Path(top.decode(errors="surrogateescape").strip("\n"))


def _commit(origin: Origin, folder: Path) -> str:
    """`2026-11-25, subject`; empty where git does not know the commit."""
    if not origin.commit:
        return ""
    try:
        shown = git("", "show", "-s", "--format=%cs, %s", origin.commit, folder=folder if folder.parts else None)
    except (NetspecError, OSError):
        return ""
    return shown.decode(errors="replace").strip()


def _standings(side: Side, origin: Origin, file: Path | None, folder: Path) -> Iterator[Standing]:
    """On disk, and in the current commit, each with what was set when the run or the model was made."""
    if file is None:
        yield Standing(ON_DISK, "", None, f"there is no {origin.file} here")
    else:
        yield _standing(ON_DISK, str(file), side, partial(_on_disk, file, origin))
    top = _top(folder) if origin.commit else None
    if top is not None:
        at_head = _standing(AT_HEAD, f"HEAD:{origin.file}", side, partial(_at_head, origin, top))
        if _top(Path()) != top:  # `diff` takes no revision of a repository that is elsewhere
            at_head = replace(at_head, file="", text=f"{at_head.file} in {top}: {at_head.text}")
        yield at_head


def _standing(where: str, file: str, side: Side, read: Callable[[], Side]) -> Standing:
    try:
        now = read()
        if now.spec is None:
            return Standing(where, file, None, "is no network any more")
        difference = compare(side, now)
    except NetspecError as error:
        problem = error.problems[0]
        return Standing(where, file, None, f"{problem.code} {problem.message}")
    return Standing(where, file, difference.verdict, difference.headline)


def _on_disk(file: Path, origin: Origin) -> Side:
    return compile_side(str(file), read_text(file), file, sets=origin.sets)


def _at_head(origin: Origin, top: Path) -> Side:
    name = f"HEAD:{origin.file}"
    with objects(name, top) as store:
        tree = revision_tree(store, "HEAD", name)
        source = Source(name, tree.read(Path(origin.file)).text)
        return compile_side(name, source, Path(origin.file), tree, origin.sets)
