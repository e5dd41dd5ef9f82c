"""The `train` section: from a tree to its record, with every problem at its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING

from netspec.graph.model import Node
from netspec.recipe.checks import (
    bptt_problems,
    direction_problems,
    metric_problems,
    optimizer_problems,
    output_problems,
    stop_problems,
    warmup_problems,
)
from netspec.recipe.config import ELSEWHERE, AnyLoss, TrainConfig
from netspec.recipe.losses.base import LOSSES, Loss
from netspec.shapes.tensor import TensorType
from netspec.source.errors import Problem, Problems, did_you_mean, raise_all
from netspec.source.records import Field, read_fields, read_value
from netspec.source.tree import Map


def read_train(tree: Map, outputs: Mapping[str, TensorType], layers: Iterable[Node] = ()) -> TrainConfig:
    """The `train` section for a network with these outputs and layers.

    Raises NS201 to NS204 for its form, NS611 for a loss or metric that no output fits, NS612 for what does not go
    together.
    """
    problems = Problems()
    values = read_fields(tree, TrainConfig, "train", problems, skip=("loss",), elsewhere=ELSEWHERE)
    losses = _read_losses(tree, outputs, problems)
    for name, loss in losses.items():
        problems += output_problems(tree, name, loss, outputs[name])
    problems += metric_problems(tree, values.get("metrics"), losses)
    if values.get("bptt") is not None:
        problems += bptt_problems(tree, losses, outputs)
        problems += direction_problems(tree, layers)
    problems += optimizer_problems(tree, values.get("optimizer"))
    problems += warmup_problems(tree, values.get("schedule"), values.get("epochs", TrainConfig.epochs))
    problems += stop_problems(tree, values.get("stop"))
    raise_all(problems)
    return TrainConfig(**{**values, "loss": losses}, tree=tree)


def _read_losses(tree: Map, outputs: Mapping[str, TensorType], problems: Problems) -> dict[str, Loss]:
    """Output -> loss, from one loss for the only output, or from a mapping by output."""
    written = tree.get("loss")
    if written is None:
        text = f"train needs `loss`, one of {', '.join(LOSSES)}"
        problems.append(Problem("NS204", text, tree.span, "add `loss: …`"))
        return {}
    field = Field("loss", AnyLoss, MISSING, True)
    if not isinstance(written, Map) or "type" in written or not written.entries:
        loss = read_value(written, field, "`loss` of train", problems)
        if len(outputs) != 1:
            text = f"the network has several outputs, {', '.join(outputs)}: which one is this loss of?"
            hint = f"write `loss: {{{next(iter(outputs), 'output')}: …}}`"
            problems.append(Problem("NS611", text, written.span, hint))
            return {}
        return {name: loss for name in outputs if loss is not None}
    losses = {}
    for name, entry in written.entries.items():
        if name not in outputs:
            known = [*outputs, *(["type"] if len(outputs) == 1 else [])]
            hint = did_you_mean(name, known, f"the outputs are {', '.join(outputs)}")
            text = f"`loss` names `{name}`, which is no output"
            problems.append(Problem("NS611", text, written.key_span(name), hint))
            continue
        loss = read_value(entry, field, f"loss of `{name}`", problems)
        if loss is not None:
            losses[name] = loss
    return losses
