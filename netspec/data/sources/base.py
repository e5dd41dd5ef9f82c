"""What a data source declares: its keys, how its samples are read, and in which files `predict` gets new ones.

A source is one file of this folder.  `validate` reads the records alone: NumPy, and what opens files, are imported
inside the functions that need them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar, dataclass_transform

from netspec.data.network import Network
from netspec.source.errors import Problem
from netspec.source.registry import Registered, Registry
from netspec.source.written import Written

if TYPE_CHECKING:
    from netspec.data.preprocess import InputRule, Preprocess
    from netspec.data.raw import Raw, Samples


@dataclass(frozen=True)
class DataSource(Written, Registered, ABC):
    """One source of samples.  Its fields are the YAML keys; `path`, where there is one, is relative to the file."""

    measured: ClassVar[bool] = True  # its values are measurements, which can be standardised
    prompted: ClassVar[bool] = False  # `predict` takes the beginning of a text, and writes on
    path_is_folder: ClassVar[bool] = False
    predicted_from: ClassVar[str]  # the source in whose files new samples come: the rows of `iris` in those of `csv`

    def problems(self) -> Iterator[Problem]:
        """What the types of the keys cannot say (NS601)."""
        return iter(())

    @abstractmethod
    def read(self, network: Network) -> Raw:
        """All samples.  Raises NS602 to NS607 at the place in the `data` section."""

    def as_trained(self, inputs: Mapping[str, InputRule]) -> Self:
        """The source as it reads what a run was trained on, whatever has been added to it since."""
        return self


class SampleFiles(ABC):
    """A source whose files `predict` reads too: how they are recognised, what they are called, how they are read."""

    suffixes: ClassVar[frozenset[str]]
    folders: ClassVar[bool] = False  # a folder holds them too
    any_name: ClassVar[bool] = False  # files of other names are read so too, by a network that takes such files
    files: ClassVar[str]  # what they are called

    @classmethod
    @abstractmethod
    def describe(cls, preprocess: Preprocess) -> str:
        """One of them in words, for a network that takes such files; "" for one that does not."""

    @classmethod
    @abstractmethod
    def read_samples(cls, path: Path, preprocess: Preprocess) -> Samples:
        """New samples, without targets.  Raises NS602 to NS608 and NS632."""


SOURCES: Registry[DataSource] = Registry("netspec.data.sources")
S = TypeVar("S", bound=type[DataSource])


@dataclass_transform(frozen_default=True)
def source(name: str) -> Callable[[S], S]:
    """Declare a data source: a frozen dataclass under the name of its file."""

    def declare(cls: S) -> S:
        dataclass(frozen=True)(cls)
        SOURCES.declare(name, cls)
        return cls

    return declare


def sample_files() -> list[type[SampleFiles]]:
    """The sources whose files `predict` reads."""
    return [cls for cls in SOURCES.values() if issubclass(cls, SampleFiles)]


def files_hint(preprocess: Preprocess) -> str:
    """What to give `predict`, for a network that does not take what it was given."""
    return "give " + ", or ".join(text for files in sample_files() if (text := files.describe(preprocess)))
