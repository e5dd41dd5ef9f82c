"""A file compiled: its network, and what it says about data and training, each section read once.

The first stage checks every section by itself, the second builds the network, the third reads `data` and `train`, which
have to fit it.  Each stage reports all of its problems together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.frontend.document import Document, load_document
from netspec.frontend.expression import resolve
from netspec.graph.build import build, read_network
from netspec.graph.model import Graph
from netspec.source.errors import NetspecError, Problem, Problems, raise_all
from netspec.source.garbage import collecting_later
from netspec.source.text import Source
from netspec.source.tree import Map, read_text

if TYPE_CHECKING:  # a file without these sections is compiled without them
    from netspec.data.config import DataConfig
    from netspec.recipe.config import TrainConfig


LEARNING = ("data", "train")  # the sections that say what a network learns from, and how


@dataclass(repr=False)
class Spec(Graph):
    """A network with what its file says about learning; None: there is no such section."""

    data: DataConfig | None = None
    train: TrainConfig | None = None
    folder: Path = field(default_factory=Path)  # paths in the file are relative to it
    document: Document | None = field(default=None, compare=False)  # what it was compiled from

    def learning(self, file: str = "") -> tuple[DataConfig, TrainConfig]:
        """Both sections.  Raises NS613 where one is missing in `file`."""
        if self.data is None or self.train is None:
            raise NetspecError.of(
                Problem("NS613", f"there is no `{name}` section", name=file, hint=f"add `{name}: …` to the file")
                for name, section in (("data", self.data), ("train", self.train))
                if section is None
            )
        return self.data, self.train


def load(
    path_or_text: str | Path,
    *,
    sets: Sequence[str] = (),
    folder: Path | None = None,
    hold_budget: bool = True,
    **variables: Any,
) -> Spec:
    """Compile a netspec file, or a text (which holds a newline), to a graph with shapes.

    Keyword arguments replace the file's `vars`; `sets` are `path=value` as after `--set`; `folder` is what paths
    in the file are relative to, the file's own by default; `hold_budget=False` lets a network over its budget pass.
    Raises NetspecError with every independent problem of the first stage that has any.
    """
    with collecting_later():
        if isinstance(path_or_text, str) and "\n" in path_or_text:
            source, path = Source("<text>", path_or_text.removeprefix("\ufeff")), None
        else:
            path = Path(path_or_text)
            source = read_text(path)
        return compile_document(load_document(source, path, folder, sets, variables), hold_budget=hold_budget)


def compile_document(document: Document, *, hold_budget: bool = True) -> Spec:
    """Raises NS2xx, NS3xx, NS4xx and NS6xx, whole stages at a time."""
    problems = Problems()
    network = read_network(document, problems)
    sections = learning_sections(document, problems)
    raise_all(problems)
    spec = build(network, Spec(folder=document.folder, document=document), hold_budget=hold_budget)
    raise_all(read_learning(spec, sections))
    return spec


def learning_sections(document: Document, problems: Problems) -> dict[str, Map]:
    """`data` and `train`, as far as they are there, with expressions put in."""
    sections: dict[str, Map] = {}
    for name in LEARNING:
        tree = document.section(name)
        if tree is None:
            continue
        try:
            resolved = resolve(tree, document.vars)
        except NetspecError as error:
            problems += error.problems
            continue
        assert isinstance(resolved, Map)  # a mapping stays one
        sections[name] = resolved
    return sections


def read_learning(spec: Spec, sections: Mapping[str, Map]) -> list[Problem]:
    """Read both sections into a built network; gives the problems of both at once."""
    problems: list[Problem] = []
    if "data" in sections:
        from netspec.data.config import read_data

        try:
            spec.data = read_data(sections["data"])
        except NetspecError as error:
            problems += error.problems
    if "train" in sections:
        from netspec.recipe.read import read_train

        try:
            spec.train = read_train(sections["train"], spec.output_types(), spec.layers())
        except NetspecError as error:
            problems += error.problems
    return problems
