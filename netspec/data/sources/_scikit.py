"""The tables that scikit-learn brings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from netspec.data.network import Network, need_columns, need_floating, only_name
from netspec.data.sources.base import DataSource

if TYPE_CHECKING:
    from netspec.data.raw import Raw


@dataclass(frozen=True)
class ScikitTable(DataSource, ABC):
    """A table of measurements for one input, and one column to learn."""

    predicted_from: ClassVar[str] = "csv"

    @abstractmethod
    def load(self) -> Any:
        """scikit-learn's `Bunch` of data, feature names, target, and target names where it has classes."""

    def read(self, network: Network) -> Raw:
        from netspec.data.preprocess import InputRule, shape_of
        from netspec.data.raw import Raw, RawTarget

        span = self.span_at()
        x_name = only_name(network.inputs, "input", self.name, span)
        y_name = only_name(network.outputs, "output", self.name, span)
        bunch = self.load()
        type_ = network.inputs[x_name]
        need_columns(type_, bunch.data.shape[1], x_name, self.name, span)
        need_floating(type_, x_name, span)
        rule = InputRule("table", shape_of(type_), type_.dtype, columns=tuple(map(str, bunch.feature_names)))
        names = tuple(map(str, bunch.target_names)) if "target_names" in bunch else ()
        target = RawTarget(bunch.target, self.name, span, names)
        return Raw({x_name: bunch.data}, {x_name: rule}, {y_name: target}, len(bunch.data))
