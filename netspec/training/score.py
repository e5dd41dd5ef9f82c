"""Loss and metrics of a network over a whole part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from netspec.data.preprocess import OutputRule
from netspec.recipe.config import CrossEntropy, TrainConfig
from netspec.source.errors import NetspecError
from netspec.training.batches import Batches
from netspec.training.chunks import Streams
from netspec.training.metrics import METRICS, chosen_metrics, sequence_accuracy
from netspec.training.objective import Losses, LossFunction, kept_steps, loss_function

Piece = tuple[list[Tensor], dict[str, Tensor], int]  # inputs, targets, number of the first sample


class Said(NamedTuple):
    """What an output says and what is true, where there is a target, and of which sample each value is."""

    said: Tensor
    true: Tensor
    sample: Tensor


@dataclass(frozen=True)
class Scorer:
    """`losses`: what is minimised; `mixed`: a fresh context of the precision to compute in; `bits`: the loss of outputs
    that are measured in bits.
    """

    losses: Losses
    mixed: Callable[[], AbstractContextManager[None]]
    rules: Mapping[str, OutputRule]
    metrics: list[tuple[str, str, str]]
    bits: Mapping[str, LossFunction]
    bptt: int | None

    @staticmethod
    def of(config: TrainConfig, rules: Mapping[str, OutputRule], outputs: int, device: torch.device) -> Scorer:
        functions = {n: loss_function(loss, rules[n].axis, rules[n].masked) for n, loss in config.losses.items()}
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(config.precision)

        def autocast() -> AbstractContextManager[None]:
            return torch.autocast(device.type, dtype)

        plain: AbstractContextManager[None] = nullcontext()
        mixed = (lambda: plain) if dtype is None else autocast
        metrics = chosen_metrics(config)
        bits = {
            name: loss_function(CrossEntropy(), rules[name].axis, rules[name].masked)
            for _, name, metric in metrics
            if metric == "bits_per_character"
        }
        masked = frozenset(name for name in functions if rules[name].masked)
        return Scorer(Losses(functions, masked, outputs == 1), mixed, rules, metrics, bits, config.bptt)

    def score(self, module: nn.Module, batches: Batches) -> dict[str, float]:
        """`loss`, and each metric under the name to show."""
        wanted = {output for _, output, metric in self.metrics if metric != "bits_per_character"}
        return self.figures(*self.collect(module, batches, wanted))

    def figures(self, means: Mapping[str, float], found: Mapping[str, Said]) -> dict[str, float]:
        """`loss`, and each metric under the name to show, from what `collect` found."""
        values = {"loss": means["loss"]}
        for name, output, metric in self.metrics:
            if metric == "bits_per_character":
                values[name] = means[f"{output} bits"]
            elif metric == "sequence_accuracy":
                values[name] = sequence_accuracy(*found[output])
            else:
                values[name] = METRICS[metric](found[output].said, found[output].true)
        return values

    def collect(
        self, module: nn.Module, batches: Batches, wanted: set[str]
    ) -> tuple[dict[str, float], dict[str, Said]]:
        """`loss` and `<output> bits` of the whole part, and of each wanted output what it says of all samples in order.

        `loss` is the sum over the outputs, each the mean over its own targets in the whole part: no order of outputs
        and no size of batches changes it.  Raises NS607 for an output without any target.
        """
        names = list(self.losses.functions)
        losses: list[Tensor] = []  # of each batch, per output
        counts: list[Tensor] = []
        bits: dict[str, list[Tensor]] = {name: [] for name in self.bits}
        parts: dict[str, list[Said]] = {name: [] for name in wanted}
        was_training = module.training
        module.eval()
        with torch.inference_mode():
            for inputs, targets, first in self._pieces(module, batches):
                with self.mixed():
                    outputs = module(*inputs)
                    losses.append(self.losses.each(outputs, targets).double().reshape(-1))
                by_name = {names[0]: outputs} if self.losses.alone else outputs
                counts.append(torch.stack([torch.as_tensor(n, device=losses[-1].device)
                                           for n in self.losses.counts(targets)]))  # fmt: skip
                for name, function in self.bits.items():
                    bits[name].append(function(by_name[name].float(), targets[name]).double() / math.log(2))
                for name, found in parts.items():
                    found.append(_said(self.rules[name], by_name[name], targets[name], first))
        module.train(was_training)
        weights = torch.stack(counts).double()
        total = weights.sum(0)
        for name, count in zip(names, total.tolist(), strict=True):
            if not count:
                raise NetspecError("NS607", f"output `{name}` has no target in any of {batches.extent[0]} samples",
                                   hint="give that part a larger share of `split`")  # fmt: skip
        means = {"loss": float(((torch.stack(losses) * weights).sum(0) / total).sum())}
        for name, values in bits.items():
            column = weights[:, names.index(name)]
            means[f"{name} bits"] = float((torch.stack(values) * column).sum() / column.sum())
        joined = {n: f[0] if len(f) == 1 else Said(*map(torch.cat, zip(*f, strict=True))) for n, f in parts.items()}
        return means, joined

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


def _said(rule: OutputRule, output: Tensor, target: Tensor, first: int) -> Said:
    """`first`: the number of the first sample."""
    sample = torch.arange(first, first + len(target), device=target.device)
    if not rule.masked:
        true = meant(rule, target)
        found = Said(said(rule, output), true, sample.reshape(-1, *[1] * (true.ndim - 1)).expand_as(true))
        return found if rule.kind == "numbers" else Said(*[x.flatten() for x in found])  # pieces differ in their steps
    kept = kept_steps(target)
    if rule.kind == "classes":
        output = output.movedim(rule.axis, -1)
        return Said(output[kept].argmax(-1), target[kept], sample[:, None].expand_as(target)[kept])
    true = meant(rule, target[kept])
    sample = sample[:, None].expand(target.shape[:2])[kept]
    return Said(said(rule, output[kept]), true, sample.reshape(-1, *[1] * (true.ndim - 1)).expand_as(true))


def said(rule: OutputRule, output: Tensor) -> Tensor:
    """What an output says: a class number, or numbers in the units of the data."""
    if rule.kind == "classes":
        return output.argmax(rule.axis)
    return (output > 0).long() if rule.kind == "signs" else _in_units(rule, output.float())


def meant(rule: OutputRule, target: Tensor) -> Tensor:
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
