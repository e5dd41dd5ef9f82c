"""The source `digits`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from netspec.data.network import Network, need_floating, only_name
from netspec.data.sources.base import DataSource, source
from netspec.source.errors import NetspecError

if TYPE_CHECKING:
    from netspec.data.raw import Raw


@source("digits")
class Digits(DataSource):
    """1,797 handwritten digits of 8×8 pixels scaled to [0, 1]; 10 classes.  Alpaydin & Kaynak 1998 (scikit-learn)."""

    predicted_from: ClassVar[str] = "image_folder"

    def read(self, network: Network) -> Raw:
        from sklearn.datasets import load_digits

        from netspec.data.preprocess import InputRule, shape_of
        from netspec.data.raw import Raw, RawTarget

        span = self.span_at()
        x_name = only_name(network.inputs, "input", self.name, span)
        y_name = only_name(network.outputs, "output", self.name, span)
        type_ = network.inputs[x_name]
        if type_.numel() != 64:
            raise NetspecError(
                "NS605",
                f"input `{x_name}` is {type_}, a digit is 8×8 = 64 pixels",
                span,
                hint=f"write `{x_name}: [1, 8, 8]` or `{x_name}: [64]` in `inputs`",
            )
        need_floating(type_, x_name, span)
        bunch = load_digits()
        rule = InputRule("image", shape_of(type_), type_.dtype, channels=1, size=(8, 8), divide=16.0)
        target = RawTarget(bunch.target, self.name, span, tuple(map(str, bunch.target_names)))
        return Raw({x_name: bunch.images[:, None]}, {x_name: rule}, {y_name: target}, len(bunch.images))
