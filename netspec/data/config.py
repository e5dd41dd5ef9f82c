"""The `data` section: where the samples come from, how they are split, and what is done to them first."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, TypeAlias

from netspec.data.sources.adding import Adding
from netspec.data.sources.anbn import AnBn
from netspec.data.sources.copy import Copy
from netspec.data.sources.msd import Msd
from netspec.data.sources.reber import Reber
from netspec.data.sources.temporal_order import TemporalOrder
from netspec.data.sources.text import Text
from netspec.source.errors import Problem, Problems, raise_all
from netspec.source.records import Count, OneOf, Positive, Share, read_fields
from netspec.source.tree import Map


@dataclass(frozen=True)
class Digits:
    """1,797 handwritten digits of 8×8 pixels scaled to [0, 1]; 10 classes.  Alpaydin & Kaynak 1998 (scikit-learn)."""


@dataclass(frozen=True)
class Iris:
    """150 flowers, 4 lengths in cm; 3 classes.  Fisher 1936 (scikit-learn)."""


@dataclass(frozen=True)
class Wine:
    """178 wines, 13 measurements; 3 classes.  Forina et al. 1988 (scikit-learn)."""


@dataclass(frozen=True)
class BreastCancer:
    """569 tumours, 30 measurements; 2 classes.  Wolberg, Street & Mangasarian 1993 (scikit-learn)."""


@dataclass(frozen=True)
class Diabetes:
    """442 patients, 10 measurements; the target is a number from 25 to 346.  Efron et al. 2004 (scikit-learn)."""


@dataclass(frozen=True)
class Csv:
    """A table with a header line.

    `target`: a column, several (one an output in order, or side by side for an output of several numbers), or output ->
    column(s).  `features`: columns, or input -> columns; default: all that are no target.
    """

    path: str
    target: str | tuple[str, ...] | dict[str, str | tuple[str, ...]]
    features: tuple[str, ...] | dict[str, tuple[str, ...]] | None = None
    delimiter: str = ","


@dataclass(frozen=True)
class Npz:
    """NumPy arrays saved with `np.savez`, named as the inputs and outputs; the first axis counts the samples."""

    path: str


@dataclass(frozen=True)
class ImageFolder:
    """Images in one folder a class, which gives the class its name.

    They are scaled and cropped about the centre to the input's height and width (`size` where those are symbolic), are
    grey, RGB or RGBA as the input has 1, 3 or 4 channels, and have values from 0 to 1.
    """

    path: str
    size: Positive | tuple[Positive, Positive] | None = None


Task: TypeAlias = Adding | TemporalOrder | Reber | Copy | AnBn | Msd
Source: TypeAlias = Digits | Iris | Wine | BreastCancer | Diabetes | Csv | Npz | ImageFolder | Task | Text
SOURCES: tuple[tuple[str, type], ...] = (
    ("digits", Digits),
    ("iris", Iris),
    ("wine", Wine),
    ("breast_cancer", BreastCancer),
    ("diabetes", Diabetes),
    ("csv", Csv),
    ("npz", Npz),
    ("image_folder", ImageFolder),
    ("adding", Adding),
    ("temporal_order", TemporalOrder),
    ("reber", Reber),
    ("copy", Copy),
    ("anbn", AnBn),
    ("msd", Msd),
    ("text", Text),
)
SOURCE_NAMES = {cls: name for name, cls in SOURCES}


@dataclass(frozen=True)
class Split:
    """Shares of the samples, drawn at random by `seed`, in the same proportion from every class.

    Without any share: 0.8, 0.1 and 0.1.  With some given, the others are 0; what is left over is not used.  The
    parts of a text follow each other in it.
    """

    train: Share | None = None
    validation: Share | None = None
    test: Share | None = None
    seed: Count = 0

    def shares(self) -> dict[str, float]:
        """Part name -> share."""
        given = {"train": self.train, "validation": self.validation, "test": self.test}
        if all(share is None for share in given.values()):
            return {"train": 0.8, "validation": 0.1, "test": 0.1}
        return {name: share or 0.0 for name, share in given.items()}


@dataclass(frozen=True)
class DataConfig:
    """What to learn from.

    `standardize`: bring the inputs to mean 0 and deviation 1, measured on the training part alone, each table column
    and image channel for itself; `both` does so with number targets too, and predictions are turned back.
    """

    source: Annotated[Source, OneOf("data source", dict(SOURCES))]
    split: Split = field(default_factory=Split)
    standardize: bool | Literal["both"] = False


def read_data(tree: Map) -> DataConfig:
    """The `data` section.  Raises NS201 to NS204 for its form and NS601 for what does not go together."""
    problems = Problems()
    values = read_fields(tree, DataConfig, "data", problems)
    split = values.get("split")
    if isinstance(split, Split):
        shares = split.shares()
        here = tree.span_at("split")
        if shares["train"] <= 0:
            problems.append(
                Problem("NS601", "`split` leaves nothing to train on", here, "give `train` a share, such as 0.8")
            )
        total = math.fsum(shares.values())
        if total > 1 + 1e-9:
            text = " + ".join(f"{share:g}" for share in shares.values())
            problems.append(
                Problem(
                    "NS601",
                    f"`split` gives away more than everything: {text} = {total:g}",
                    here,
                    "make the shares sum to at most 1",
                )
            )
    source = values.get("source")
    problems += _task_problems(tree, source, values.get("standardize", False))
    if isinstance(source, Csv):
        if len(source.delimiter) != 1 or source.delimiter in '"\r\n':
            problems.append(
                Problem(
                    "NS601",
                    "`delimiter` is one character, no quote and no end of a line",
                    tree.span_at("source", "delimiter"),
                    'such as ",", ";" or "\\t"',
                )
            )
        if not source.target:
            problems.append(
                Problem(
                    "NS601", "`target` names no column", tree.span_at("source", "target"), "name the column to learn"
                )
            )
        target, features = source.target, source.features
        if isinstance(target, dict):
            target = {name: tuple(c) if isinstance(c, list) else c for name, c in target.items()}
        if isinstance(features, dict):
            features = {name: tuple(c) for name, c in features.items()}
        source = replace(source, target=target, features=features)  # nothing below a record ever changes
    raise_all(problems)
    return DataConfig(**{**values, "source": source})


def _task_problems(tree: Map, source: Source | None, standardize: object) -> list[Problem]:
    """What the records of tasks on sequences cannot say."""
    found = []
    if isinstance(source, (Task, Text)) and standardize:
        text = f"{SOURCE_NAMES[type(source)]} has its values from its paper: there is nothing to standardize"
        found.append(Problem("NS601", text, tree.span_at("standardize"), "leave `standardize` out"))
    if isinstance(source, AnBn) and source.shortest > source.longest:
        text = f"`shortest` {source.shortest} is more than `longest` {source.longest}"
        found.append(Problem("NS601", text, tree.span_at("source", "shortest"), "exchange them"))
    if isinstance(source, Msd) and not source.delays:
        found.append(Problem("NS601", "`delays` is empty", tree.span_at("source", "delays"), "such as [0, 1]"))
    return found
