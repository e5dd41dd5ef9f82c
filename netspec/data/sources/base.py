"""What a data source declares: its keys, how its samples are read, and in which files `predict` gets new ones.

A source is one file of this folder.  `validate` reads the records alone: NumPy, and what opens files, are imported
inside the functions that need them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from netspec.data.network import Network
from netspec.source.errors import Problem
from netspec.source.registry import Declared, Registry
from netspec.source.written import Written

if TYPE_CHECKING:
    from netspec.data.preprocess import InputRule, Preprocess
    from netspec.data.raw import Raw, Samples


@dataclass(frozen=True)
class Source(Written, Declared):
    """One source of samples.  Its fields are the YAML keys; `path`, where there is one, is relative to the file.

    New samples for `predict` come in the files of one source, which may be another: those of `iris` are rows of a
    table, which `csv` reads.  That one has `suffixes`, `files`,
    `wanted` and `read_samples`.
    """

    measured: ClassVar[bool] = True  # its values are measurements, which can be standardised
    prompted: ClassVar[bool] = False  # `predict` takes the beginning of a text, and writes on
    path_is_folder: ClassVar[bool] = False
    predicted_from: ClassVar[str]  # the source in whose files new samples come
    suffixes: ClassVar[frozenset[str]] = frozenset()  # of those files
    folders: ClassVar[bool] = False  # a folder holds them too
    files: ClassVar[str] = ""  # what they are called
    any_name: ClassVar[bool] = False  # files of other names are read so too, by a network that takes such files

    def problems(self) -> Iterator[Problem]:
        """What the types of the keys cannot say (NS601)."""
        return iter(())

    def read(self, network: Network) -> Raw:
        """All samples.  Raises NS602 to NS607 at the place in the `data` section."""
        raise NotImplementedError(f"{self.name} has no `read`")

    def as_trained(self, inputs: Mapping[str, InputRule]) -> Self:
        """The source as it reads what a run was trained on, whatever has been added to it since."""
        return self

    @classmethod
    def wanted(cls, preprocess: Preprocess) -> str:
        """One of the `files` in words, for a network that takes them; "" for one that does not."""
        return ""

    @classmethod
    def read_samples(cls, path: Path, preprocess: Preprocess) -> Samples:
        """New samples without targets, from one of the `files`.  Raises NS602 to NS608 and NS632."""
        raise NotImplementedError(f"{cls.name} has no `read_samples`")


SOURCES: Registry[Source] = Registry("netspec.data.sources")

S = TypeVar("S", bound=type[Source])


def source(name: str) -> Callable[[S], S]:
    """Declare a data source under this name, that of its file."""

    def declare(cls: S) -> S:
        SOURCES.declare(name, cls)
        return cls

    return declare


def instead(preprocess: Preprocess) -> str:
    """What to give `predict`, for a network that does not take what it was given."""
    return "give " + ", or ".join(text for cls in SOURCES.values() if (text := cls.wanted(preprocess)))
