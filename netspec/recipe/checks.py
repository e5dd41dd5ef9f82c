"""Rules of the `train` section over several keys, and over the network that is trained: NS611 and NS612."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from netspec.graph.model import Node
from netspec.layers.recurrent import CellLayer
from netspec.recipe.config import Stop
from netspec.recipe.losses.base import LOSSES, Loss
from netspec.recipe.metrics.base import METRICS
from netspec.recipe.optimizers.base import Optimizer
from netspec.recipe.schedules.base import Schedule
from netspec.shapes.dim import Dim
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError, Problem, Related
from netspec.source.tree import Map


def output_problems(tree: Map, name: str, loss: Loss, output: TensorType) -> Iterable[Problem]:
    """A loss has to fit its output."""
    try:
        loss.check_output(name, output)
    except NetspecError as error:
        return error.located(tree.span_at("loss", name)).problems
    return ()


def metric_problems(tree: Map, metrics: tuple[str, ...] | None, losses: Mapping[str, Loss]) -> Iterator[Problem]:
    """A metric has to fit one output at least."""
    kinds = {loss.targets for loss in losses.values()}
    for i, name in enumerate(metrics or () if kinds else ()):
        targets = METRICS[name].targets
        if not kinds.isdisjoint(targets):
            continue
        measured = "numbers" if "numbers" in targets else "classes"
        text = f"metric {name} measures {measured}, and no output has a loss of {measured}"
        if measured == "classes" and "signs" in kinds:
            needed = [other for other, cls in LOSSES.items() if cls.targets in targets]
            text = f"metric {name} needs the loss {' or '.join(needed)}"
        fitting = [other for other, cls in METRICS.items() if not kinds.isdisjoint(cls.targets)]
        yield Problem("NS611", text, tree.span_at("metrics", i), f"there are {', '.join(fitting)}")


def bptt_problems(tree: Map, losses: Iterable[str], outputs: Mapping[str, TensorType]) -> Iterator[Problem]:
    """A piece of a sequence can be learned from only when each step has an output."""
    for name in losses:
        type_ = outputs[name]
        if type_.rank < 3 and not (type_.rank == 2 and isinstance(type_.shape[1], Dim)):
            text = f"`bptt` needs an output for each step: output `{name}` is {type_}"
            hint = "give the recurrent layer `returns: sequence`, or leave `bptt` out"
            yield Problem("NS612", text, tree.span_at("bptt"), hint)


def direction_problems(tree: Map, layers: Iterable[Node]) -> Iterator[Problem]:
    """The state at the end of a piece is no beginning for a layer that reads from the end."""
    for node in layers:
        if isinstance(node.layer, CellLayer) and node.layer.bidirectional:
            text = f"`bptt` reads a sequence piece by piece: `{node.name}` is bidirectional and needs its end first"
            hint = f"leave `bidirectional` out of `{node.name}`, or `bptt` out of `train`"
            related = (Related("layer", f"`{node.name}`", node.span, node.route),)
            yield Problem("NS612", text, tree.span_at("bptt"), hint, related)


def optimizer_problems(tree: Map, optimizer: Optimizer | None) -> Iterator[Problem]:
    """The optimizer's own rules, each at its key."""
    for problem in optimizer.problems() if optimizer is not None else ():
        yield replace(problem, span=tree.span_at("optimizer", *problem.key))


def warmup_problems(tree: Map, schedule: Schedule | None, epochs: int | None) -> Iterator[Problem]:
    """The warm-up is a part of the training."""
    if schedule is not None and epochs is not None and schedule.warmup_epochs >= epochs:
        text = f"`warmup_epochs` {schedule.warmup_epochs:g} leaves nothing of {epochs} epochs"
        yield Problem("NS612", text, tree.span_at("schedule", "warmup_epochs"), "make it smaller than `epochs`")


def stop_problems(tree: Map, stop: Stop | None) -> Iterator[Problem]:
    """A rule to stop by, and enough values for it."""
    if stop is None:
        return
    if stop.patience is None and stop.settle is None:
        yield Problem("NS612", "`stop` has no rule", tree.span_at("stop"), "add `patience: 5` or `settle: {}`")
    if stop.settle and stop.settle.epochs < 2:
        text = "`settle` compares the running loss of at least 2 epochs"
        yield Problem("NS612", text, tree.span_at("stop", "settle", "epochs"), "such as 3")
