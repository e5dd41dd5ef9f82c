"""Loss and metrics of a network over a whole part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from netspec.data.preprocess import OutputRule
from netspec.recipe.config import Measured, TrainConfig
from netspec.recipe.losses.base import LossFunction
from netspec.recipe.metrics.base import LossMetric, Predicted, PredictionMetric
from netspec.source.errors import NetspecError
from netspec.training.batches import Batches
from netspec.training.chunks import Streams
from netspec.training.objective import Losses, loss_function, steps_with_target

Piece = tuple[list[Tensor], dict[str, Tensor], int]  # inputs, targets, number of the first sample


class Averaged(NamedTuple):
    """A metric that is the mean of a loss in another unit; `name`: as it is shown."""

    name: str
    output: str
    loss: LossFunction
    unit: float


@dataclass(frozen=True)
class Scorer:
    """`losses`: what is minimised; `mixed`: a fresh context of the precision to compute in."""

    losses: Losses
    mixed: Callable[[], AbstractContextManager[None]]
    rules: Mapping[str, OutputRule]
    metrics: list[Measured]
    averaged: list[Averaged]
    bptt: int | None

    @staticmethod
    def of(config: TrainConfig, rules: Mapping[str, OutputRule], outputs: int, device: torch.device) -> Scorer:
        functions = {n: loss_function(loss, rules[n].axis, rules[n].masked) for n, loss in config.losses.items()}
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(config.precision)

        def autocast() -> AbstractContextManager[None]:
            return torch.autocast(device.type, dtype)

        plain: AbstractContextManager[None] = nullcontext()
        mixed = (lambda: plain) if dtype is None else autocast
        metrics = config.measured()
        averaged = [
            Averaged(name, output, loss_function(metric.loss(), rules[output].axis, rules[output].masked), metric.unit)
            for name, output, metric in metrics
            if isinstance(metric, LossMetric)
        ]
        masked = frozenset(name for name in functions if rules[name].masked)
        return Scorer(Losses(functions, masked, outputs == 1), mixed, rules, metrics, averaged, config.bptt)

    def score(self, module: nn.Module, batches: Batches) -> dict[str, float]:
        """`loss`, and each metric under the name to show."""
        wanted = {output for _, output, metric in self.metrics if isinstance(metric, PredictionMetric)}
        return self.figures(*self.collect(module, batches, wanted))

    def figures(self, means: Mapping[str, float], predicted: Mapping[str, Predicted]) -> dict[str, float]:
        """`loss`, and each metric under the name to show, from what `collect` gives."""
        values = {"loss": means["loss"]}
        for name, output, metric in self.metrics:
            values[name] = metric.value(predicted[output]) if isinstance(metric, PredictionMetric) else means[name]
        return values

    def collect(
        self, module: nn.Module, batches: Batches, wanted: set[str]
    ) -> tuple[dict[str, float], dict[str, Predicted]]:
        """`loss` and the averaged metrics of a part, and what each wanted output predicts of all its samples in order.

        `loss` is the sum over the outputs, each the mean over its own targets in the whole part: no order of outputs
        and no size of batches changes it.  Raises NS607 for an output without any target.
        """
        names = list(self.losses.functions)
        losses: list[Tensor] = []  # of each batch, per output
        counts: list[Tensor] = []
        values: dict[str, list[Tensor]] = {metric.name: [] for metric in self.averaged}
        parts: dict[str, list[Predicted]] = {name: [] for name in wanted}
        was_training = module.training
        module.eval()
        with torch.inference_mode():
            for inputs, targets, first in self._pieces(module, batches):
                with self.mixed():
                    outputs = module(*inputs)
                    losses.append(self.losses.each(outputs, targets).double().reshape(-1))
                by_name = {names[0]: outputs} if self.losses.alone else outputs
                counts.append(
                    torch.stack([torch.as_tensor(n, device=losses[-1].device) for n in self.losses.counts(targets)])
                )
                for name, output, loss, unit in self.averaged:
                    values[name].append(loss(by_name[output].float(), targets[output]).double() / unit)
                for name, predicted in parts.items():
                    predicted.append(_predicted(self.rules[name], by_name[name], targets[name], first))
        module.train(was_training)
        weights = torch.stack(counts).double()
        total = weights.sum(0)
        for name, count in zip(names, total.tolist(), strict=True):
            if not count:
                raise NetspecError(
                    "NS607",
                    f"output `{name}` has no target in any of {batches.extent[0]} samples",
                    hint="give that part a larger share of `split`",
                )
        means = {"loss": float(((torch.stack(losses) * weights).sum(0) / total).sum())}
        for metric in self.averaged:
            column = weights[:, names.index(metric.output)]
            means[metric.name] = float((torch.stack(values[metric.name]) * column).sum() / column.sum())
        return means, {name: _joined(pieces) for name, pieces in parts.items()}

    def _pieces(self, module: nn.Module, batches: Batches) -> Iterator[Piece]:
        """All samples once; with `bptt` a text as it is trained on, the state carried from piece to piece."""
        if self.bptt is None or not batches.ordered:
            first = 0
            for inputs, targets, count in batches.in_order():
                yield inputs, targets, first
                first += count
            return
        from netspec.cells.run.carry import carrying

        with carrying(module):
            for piece in Streams(batches, self.bptt).in_order():
                yield piece.inputs, piece.targets, 0


def _joined(pieces: list[Predicted]) -> Predicted:
    return pieces[0] if len(pieces) == 1 else Predicted(*map(torch.cat, zip(*pieces, strict=True)))


def _predicted(rule: OutputRule, output: Tensor, target: Tensor, first: int) -> Predicted:
    """Of one batch; `first`: the number of its first sample."""
    sample = torch.arange(first, first + len(target), device=target.device)
    if rule.masked:
        steps = steps_with_target(target)
        if rule.kind == "classes":
            classes = output.movedim(rule.axis, -1)[steps].argmax(-1)
            return Predicted(classes, target[steps], sample[:, None].expand_as(target)[steps])
        output, target, sample = output[steps], target[steps], sample[:, None].expand(target.shape[:2])[steps]
    true = true_of(rule, target)
    part = Predicted(predicted_of(rule, output), true, sample.reshape(-1, *[1] * (true.ndim - 1)).expand_as(true))
    if rule.masked or rule.kind == "numbers":
        return part
    return Predicted(*[x.flatten() for x in part])  # pieces differ in their steps


def predicted_of(rule: OutputRule, output: Tensor) -> Tensor:
    """What an output predicts: the number of a class, or numbers in the units of the data."""
    if rule.kind == "classes":
        return output.argmax(rule.axis)
    return (output > 0).long() if rule.kind == "signs" else _in_units(rule, output.float())


def true_of(rule: OutputRule, target: Tensor) -> Tensor:
    """The target in the same form."""
    if rule.kind == "classes":
        return target
    return (target > 0).long() if rule.kind == "signs" else _in_units(rule, target)


def _in_units(rule: OutputRule, values: Tensor) -> Tensor:
    if rule.standard is None:
        return values

    def along(numbers: tuple[float, ...]) -> Tensor:
        tensor = torch.tensor(numbers, dtype=torch.float64, device=values.device)
        return tensor if len(numbers) == 1 else tensor.reshape(1, -1, *[1] * (values.ndim - 2))

    return (values * along(rule.standard.deviation) + along(rule.standard.mean)).float()
