"""The source `csv`: a table with a header line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from netspec.data.network import Network, need_columns, only_name
from netspec.data.sources.base import DataSource, SampleFiles, files_hint, source
from netspec.source.errors import NetspecError, Problem, did_you_mean
from netspec.source.text import Span

if TYPE_CHECKING:
    from netspec.data.preprocess import Array, InputRule, Preprocess
    from netspec.data.raw import Raw, RawTarget, Samples
    from netspec.data.table import Table

Columns = dict[str, tuple[str, ...]]  # input or output -> its columns


@source("csv")
class Csv(DataSource, SampleFiles):
    """A table with a header line.

    `target`: a column, several (one an output in order, or side by side for an output of several numbers), or output ->
    column(s).  `features`: columns, or input -> columns; default: all that are no target.
    """

    predicted_from: ClassVar[str] = "csv"
    suffixes: ClassVar[frozenset[str]] = frozenset((".csv",))
    files: ClassVar[str] = ".csv"
    any_name: ClassVar[bool] = True

    path: str
    target: str | tuple[str, ...] | dict[str, str | tuple[str, ...]]
    features: tuple[str, ...] | dict[str, tuple[str, ...]] | None = None
    delimiter: str = ","

    def problems(self) -> Iterator[Problem]:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            text = "`delimiter` is one character, no quote and no end of a line"
            yield Problem("NS601", text, self.span_at("delimiter"), 'such as ",", ";" or "\\t"')
        if not self.target:
            yield Problem("NS601", "`target` names no column", self.span_at("target"), "name the column to learn")

    def as_trained(self, inputs: Mapping[str, InputRule]) -> Self:
        if self.features:
            return self
        return replace(self, features={name: rule.columns for name, rule in inputs.items()})

    def read(self, network: Network) -> Raw:
        from netspec.data.columns import Wanted, raise_shown, read_columns
        from netspec.data.preprocess import InputRule, shape_of
        from netspec.data.raw import Raw
        from netspec.data.table import read_table

        table = read_table(network.folder / self.path, self.delimiter, self.span_at("path"), shown=self.path)
        targets = self._targets(table, network)
        features = self._features(table, network, {column for columns in targets.values() for column in columns})
        problems: list[Problem] = []
        inputs: dict[str, Any] = {}
        rules = {}
        for name, columns in features.items():
            type_ = network.inputs[name]
            wanted = Wanted(type_.dtype, network.entries.get(name, 0))
            inputs[name] = read_columns(table, columns, wanted, problems)
            rules[name] = InputRule("table", shape_of(type_), type_.dtype, columns=columns)
        targeted = {name: self._target(name, table, targets[name], network.kinds[name], problems) for name in targets}
        raise_shown(table, problems)
        for name, columns in features.items():
            listing = ", ".join(columns[:8]) + (", …" if len(columns) > 8 else "")
            span = self.span_at("features", name)
            need_columns(network.inputs[name], len(columns), name, f"{self.path} ({listing})", span)
        return Raw(inputs, rules, targeted, len(table.rows), delimiter=self.delimiter)

    def _target(
        self, name: str, table: Table, columns: tuple[str, ...], kind: str, problems: list[Problem]
    ) -> RawTarget:
        """What stands in an output's columns."""
        import numpy as np

        from netspec.data.raw import RawTarget

        values = [_target_column(table, column, kind, problems) for column in columns]
        return RawTarget(
            values[0] if len(values) == 1 else np.stack(values, axis=1),
            ", ".join(f"column `{column}`" for column in columns),
            self.span_at("target", name),
            columns=columns,
            lines=table.lines,
        )

    def _targets(self, table: Table, network: Network) -> Columns:
        span = self.span_at("target")
        outputs = list(network.outputs)
        if isinstance(self.target, dict):
            _same_names(self.target, outputs, "output", "target", span)
            chosen = {n: (columns,) if isinstance(columns, str) else columns for n, columns in self.target.items()}
        elif isinstance(self.target, str):
            chosen = {only_name(network.outputs, "output", f"column `{self.target}`", span): (self.target,)}
        elif len(outputs) == 1:
            chosen = {outputs[0]: self.target}
        elif len(outputs) == len(self.target):
            chosen = {name: (column,) for name, column in zip(outputs, self.target, strict=True)}
        else:
            text = f"`target` names {len(self.target)} columns for {len(outputs)} outputs: {', '.join(outputs)}"
            hint = f"name one an output, or write `target: {{{outputs[0]}: [column, …], …}}`"
            raise NetspecError("NS605", text, span, hint=hint)
        table.need([column for columns in chosen.values() for column in columns], span)
        return chosen

    def _features(self, table: Table, network: Network, targets: set[str]) -> Columns:
        from netspec.data.labels import clean

        span = self.span_at("features")
        known = {clean(column) for column in targets}
        if isinstance(self.features, dict):
            _same_names(self.features, list(network.inputs), "input", "features", span)
            chosen = dict(self.features)
        else:
            name = only_name(network.inputs, "input", "a list of `features`" if self.features else self.path, span)
            chosen = {name: self.features or tuple(c for c in table.names if c not in known)}
            if not self.features and "" in chosen[name]:
                text = f"column {table.names.index('') + 1} of {self.path} has no name"
                hint = "is it the number of the row? choose columns with `features`"
                raise NetspecError("NS603", text, span, hint=hint)
        table.need([column for columns in chosen.values() for column in columns], span)
        both = known & {clean(column) for columns in chosen.values() for column in columns}
        if both:
            text = f"column `{min(both)}` is both a feature and a target"
            raise NetspecError("NS603", text, span, hint="the network would read its answer")
        if not all(chosen.values()):
            text = f"{self.path} has no columns left for the features"
            raise NetspecError("NS603", text, span, hint="name them with `features`")
        return chosen

    @classmethod
    def describe(cls, preprocess: Preprocess) -> str:
        return "a .csv table" if all(rule.kind == "table" for rule in preprocess.inputs.values()) else ""

    @classmethod
    def read_samples(cls, path: Path, preprocess: Preprocess) -> Samples:
        from netspec.data.columns import Wanted, raise_shown, read_columns
        from netspec.data.raw import Samples
        from netspec.data.table import read_table

        for name, rule in preprocess.inputs.items():
            if rule.kind != "table":
                text = f"input `{name}` is not made from a table"
                raise NetspecError("NS632", text, name=str(path), hint=files_hint(preprocess))
        table = read_table(path, preprocess.delimiter, None, trained=True)
        rules = list(preprocess.inputs.values())
        problems: list[Problem] = []
        values = []
        for rule in rules:
            table.need(rule.columns, None)
            values.append(read_columns(table, rule.columns, Wanted(rule.dtype, rule.entries, "prediction"), problems))
        raise_shown(table, problems)
        inputs = [rule.apply(x) for rule, x in zip(rules, values, strict=True)]
        return Samples([f"line {line}" for line in table.lines], inputs)


def _target_column(table: Table, column: str, kind: str, problems: list[Problem]) -> Array:
    """Labels for classes, and for two classes where they are words; else numbers."""
    from netspec.data.columns import Wanted, are_numbers, read_columns, read_labels

    if kind == "classes" or (kind == "signs" and not are_numbers(table.cells(column))):
        return read_labels(table, column, problems)
    return read_columns(table, (column,), Wanted(use="target"), problems)[:, 0]


def _same_names(chosen: Mapping[str, Any], names: list[str], role: str, key: str, span: Span | None) -> None:
    """Raises NS603 where a mapping has not exactly the network's inputs, or outputs, as its keys."""
    for name in chosen:
        if name not in names:
            text = f"`{key}` names `{name}`, which is no trained {role}"
            raise NetspecError("NS603", text, span, hint=did_you_mean(name, names, f"there are {', '.join(names)}"))
    missing = [name for name in names if name not in chosen]
    if missing:
        text = f"`{key}` has nothing for the {role} `{missing[0]}`"
        raise NetspecError("NS603", text, span, hint=f"add `{missing[0]}: …`")
