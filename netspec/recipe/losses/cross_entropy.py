"""The negative log-likelihood of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netspec.recipe.losses.base import Loss, LossFunction, loss
from netspec.shapes.dim import Dim
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError
from netspec.source.records import Share

if TYPE_CHECKING:
    from torch import Tensor

_AS_MANY = "end with `linear` of as many `out_features` as there are classes"


@loss("cross_entropy")
class CrossEntropy(Loss):
    """L = −ln softmax(output)[class]; with `label_smoothing` s the target is (1 − s)·one-hot + s/classes.

    Bridle 1990; Szegedy et al. 2016, arXiv:1512.00567.
    """

    targets = "classes"
    likelihood = True
    elsewhere = (
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
        "nll",
        "nll_loss",
        "softmax",
        "softmax_cross_entropy",
        "crossentropyloss",
    )

    label_smoothing: Share = 0.0

    def check_output(self, name: str, output: TensorType) -> None:
        """(B, classes) or of higher rank: there the axis of the classes follows from the targets."""
        super().check_output(name, output)
        if output.rank < 2:
            raise NetspecError(
                "NS611", f"cross_entropy expects (B, classes), output `{name}` is {output}", hint=_AS_MANY
            )
        if output.rank == 2 and output.shape[1] == 1:
            raise NetspecError(
                "NS611",
                f"cross_entropy of one value is always 0: output `{name}` is {output}",
                hint="use `logistic`, or give it one value a class",
            )
        if output.rank == 2 and isinstance(output.shape[1], Dim):
            raise NetspecError(
                "NS611", f"cross_entropy of an unknown number of classes: output `{name}` is {output}", hint=_AS_MANY
            )

    def to_torch(self) -> LossFunction:
        from torch.nn import functional

        def mean(output: Tensor, target: Tensor) -> Tensor:
            return functional.cross_entropy(output, target, label_smoothing=self.label_smoothing)

        return mean
