"""Loss and metrics of a network over a whole part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netspec.data.preprocess import OutputRule
from netspec.train.batches import Batches
from netspec.train.config import TrainConfig
from netspec.train.losses import Outputs, loss_function, total_loss
from netspec.train.metrics import METRICS, chosen_metrics


@dataclass(frozen=True)
class Scorer:
    """`loss`: (outputs, targets) -> what is minimised; `mixed`: a fresh context of the precision to compute in.

    `alone`: the network gives its one output as a tensor, not in a dict.
    """

    loss: Callable[[Outputs, Mapping[str, Tensor]], Tensor]
    mixed: Callable[[], AbstractContextManager[None]]
    rules: Mapping[str, OutputRule]
    metrics: list[tuple[str, str, str]]
    alone: bool

    @staticmethod
    def of(config: TrainConfig, rules: Mapping[str, OutputRule], outputs: int, device: torch.device) -> Scorer:
        functions = {name: loss_function(loss, rules[name].axis) for name, loss in config.losses.items()}
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(config.precision)

        def autocast() -> AbstractContextManager[None]:
            return torch.autocast(device.type, dtype)

        plain: AbstractContextManager[None] = nullcontext()
        mixed = (lambda: plain) if dtype is None else autocast
        return Scorer(total_loss(functions, outputs == 1), mixed, rules, chosen_metrics(config), outputs == 1)

    def score(self, module: nn.Module, batches: Batches) -> dict[str, float]:
        """`loss`, and each metric under the name to show."""
        wanted = {output for _, output, _ in self.metrics}
        loss, found = self.collect(module, batches, wanted)
        return {"loss": loss, **{name: METRICS[metric](*found[output]) for name, output, metric in self.metrics}}

    def collect(
        self, module: nn.Module, batches: Batches, wanted: set[str]
    ) -> tuple[float, dict[str, tuple[Tensor, Tensor]]]:
        """The mean loss, and of each wanted output what it says and what is true, for all samples in order."""
        total: Tensor | float = 0.0
        pairs: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in wanted}
        was_training = module.training
        module.eval()
        with torch.inference_mode():
            for inputs, targets, count in batches.in_order():
                with self.mixed():
                    outputs = module(*inputs)
                    total = total + self.loss(outputs, targets) * count
                for name, found in pairs.items():
                    rule = self.rules[name]
                    found.append((said(rule, outputs if self.alone else outputs[name]), meant(rule, targets[name])))
        module.train(was_training)
        joined = {
            name: found[0] if len(found) == 1 else (torch.cat([p for p, _ in found]), torch.cat([y for _, y in found]))
            for name, found in pairs.items()
        }
        return float(total) / batches.count, joined


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
