"""The `data` section: where the samples come from, how they are split, and what is done to them first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

from netspec.data.sources.base import SOURCES, DataSource
from netspec.source.errors import Problem, Problems, raise_all
from netspec.source.records import Count, OneOf, Share, read_fields
from netspec.source.tree import Map
from netspec.source.written import Written


@dataclass(frozen=True)
class DataSplit(Written):
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
        shares = {"train": self.train, "validation": self.validation, "test": self.test}
        if all(share is None for share in shares.values()):
            return {"train": 0.8, "validation": 0.1, "test": 0.1}
        return {name: share or 0.0 for name, share in shares.items()}

    def problems(self) -> Iterator[Problem]:
        """NS601 for shares that do not go together."""
        shares = self.shares()
        if shares["train"] <= 0:
            text, hint = "`split` leaves nothing to train on", "give `train` a share, such as 0.8"
            yield Problem("NS601", text, self.span_at(), hint)
        total = math.fsum(shares.values())
        if total > 1 + 1e-9:
            terms = " + ".join(f"{share:g}" for share in shares.values())
            text = f"`split` gives away more than everything: {terms} = {total:g}"
            yield Problem("NS601", text, self.span_at(), "make the shares sum to at most 1")


@dataclass(frozen=True)
class DataConfig(Written):
    """What to learn from.

    `standardize`: bring the inputs to mean 0 and deviation 1, measured on the training part alone, each table column
    and image channel for itself; `both` does so with number targets too, and predictions are turned back.
    """

    source: Annotated[DataSource, OneOf("data source", SOURCES)]
    split: DataSplit = field(default_factory=DataSplit)
    standardize: bool | Literal["both"] = False


def read_data(tree: Map) -> DataConfig:
    """The `data` section.  Raises NS201 to NS204 for its form and NS601 for what does not go together."""
    problems = Problems()
    values = read_fields(tree, DataConfig, "data", problems)
    split, source = values.get("split"), values.get("source")
    if isinstance(split, DataSplit):
        problems += split.problems()
    if isinstance(source, DataSource):
        if values.get("standardize") and not source.measured:
            text = f"{source.name} has its values from its paper: there is nothing to standardize"
            problems.append(Problem("NS601", text, tree.span_at("standardize"), "leave `standardize` out"))
        problems += source.problems()
    raise_all(problems)
    return DataConfig(**values, tree=tree)
