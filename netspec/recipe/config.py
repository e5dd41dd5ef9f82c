"""The `train` section as a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple, TypeAlias

from netspec.data.network import TargetKind
from netspec.recipe.losses.base import LOSSES, Loss
from netspec.recipe.metrics.base import DEFAULT, METRICS, Metric
from netspec.recipe.optimizers.adam import Adam
from netspec.recipe.optimizers.base import OPTIMIZERS, Optimizer
from netspec.recipe.schedules.base import SCHEDULES, Factor, Schedule
from netspec.recipe.schedules.constant import ConstantRate
from netspec.source.records import Above, Count, NameOf, NotNegative, OneOf, Positive
from netspec.source.written import Written

AnyLoss: TypeAlias = Annotated[Loss, OneOf("loss", LOSSES, LOSSES.called)]
# Keys of the section as other libraries call them.
ELSEWHERE = {"early_stopping": "patience", "early_stop": "patience", "learning_rate": "lr", "criterion": "loss",
             "objective": "loss", "grad_clip": "clip", "gradient_clip": "clip", "max_norm": "clip",
             "scheduler": "schedule",
             "lr_schedule": "schedule", "lr_scheduler": "schedule", "max_epochs": "epochs", "num_epochs": "epochs",
             "tbptt": "bptt", "random_state": "seed"}  # fmt: skip


@dataclass(frozen=True)
class Settle:
    """Stop once the running loss Q := (1 − rate)·Q + rate·L has settled.

    Q starts as the first batch's loss; it has settled when its values at the end of the last `epochs` epochs lie within
    `tolerance`·|Q| of each other.  Robbins & Monro 1951.
    """

    tolerance: Above = 1e-3
    rate: Factor = 0.01
    epochs: Positive = 3


@dataclass(frozen=True)
class Stop:
    """When to stop before `epochs`; the first rule that holds ends the training.

    `patience`: this many epochs in which the validation loss (without a validation part: the training loss) has not
    come below its best by more than `min_delta`.  `settle`: the running loss has settled.
    """

    patience: Positive | None = None
    min_delta: NotNegative = 0.0
    settle: Settle | None = None


class Measured(NamedTuple):
    """A metric of one output; `name`: as it is shown, without the output's where only one is trained."""

    name: str
    output: str
    metric: Metric


@dataclass(frozen=True)
class TrainConfig(Written):
    """How to learn.

    `loss`: one, or output -> loss; their sum, each times its `weight`, is what is minimised.  `clip`: scale the
    gradient down to this norm where it is longer.  `bptt`: back-propagate through this many steps of a sequence at a
    time; the state of recurrent layers goes on from one piece to the next, its gradient does not (Williams & Peng
    1990).  A text is then read from its beginning to its end in `batch_size` places at once.  `metrics`: default
    accuracy for classes, r2 for numbers.  `precision`: bf16 and fp16 compute mixed, on CUDA alone.  `seed`: of the
    weights, the batches' order, and dropout.
    """

    loss: AnyLoss | dict[str, AnyLoss]
    epochs: Positive = 10
    batch_size: Positive = 64
    optimizer: Annotated[Optimizer, OneOf("optimizer", OPTIMIZERS)] = field(default_factory=Adam)
    schedule: Annotated[Schedule, OneOf("schedule", SCHEDULES)] = field(default_factory=ConstantRate)
    metrics: tuple[Annotated[str, NameOf(METRICS)], ...] | None = None
    clip: Above | None = None
    bptt: Positive | None = None
    stop: Stop | None = None
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    seed: Count = 0

    @property
    def losses(self) -> dict[str, Loss]:
        """Output -> loss."""
        assert isinstance(self.loss, dict)  # as read_train leaves it
        return self.loss

    @property
    def target_kinds(self) -> dict[str, TargetKind]:
        """Output -> what its loss compares it with."""
        return {output: loss.targets for output, loss in self.losses.items()}

    @property
    def rate(self) -> float:
        """λ of the running loss."""
        return (self.stop.settle if self.stop and self.stop.settle else Settle()).rate

    def measured(self) -> list[Measured]:
        """Each metric of each output that it fits."""
        measured = []
        for output, kind in self.target_kinds.items():
            for name in (DEFAULT[kind],) if self.metrics is None else self.metrics:
                if kind in METRICS[name].targets:
                    shown = name if len(self.losses) == 1 else f"{output}.{name}"
                    measured.append(Measured(shown, output, METRICS[name]()))
        return measured
