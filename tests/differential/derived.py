"""What follows from a network: gradients, FLOPs, receptive fields."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from netspec.graph.cost import reaches, total
from netspec.graph.model import Graph
from netspec.shapes.dim import at
from tests.differential.case import REFUSALS, Case, DiffersError, alike, run
from tests.differential.draw import text_of
from tests.differential.reference.network import Run
from tests.differential.trial import Trial, inputs_of


def gradients(case: Case, trial: Trial) -> None:
    """Of all inputs and weights, float64."""
    inputs = inputs_of(case.document, trial)
    ours = {n: x.clone().requires_grad_() if x.is_floating_point() else x for n, x in inputs.items()}
    theirs = {n: x.clone().requires_grad_() if x.is_floating_point() else x for n, x in inputs.items()}
    reference = Run(case.store, torch.float64, False, dict(trial.axes), with_grad=True)
    outputs = case.network.forward(reference, theirs)
    got = case.call(ours, f"gradients at {trial.text()}")
    names = [n for n, y in outputs.items() if y.is_floating_point()]
    if not names:
        return
    torch.manual_seed(trial.seed)
    directions = {n: torch.randn(outputs[n].shape, dtype=torch.float64) for n in names}
    if not all(bool(outputs[n].isfinite().all()) for n in names):
        return
    weights = [n for n in reference.leaves if case.store.trainable.get(n)]
    leaves_a = [x for x in ours.values() if x.is_floating_point()] + [case.module.get_parameter(n) for n in weights]
    leaves_b = [x for x in theirs.values() if x.is_floating_point()] + [reference.leaves[n] for n in weights]
    labels = [n for n, x in ours.items() if x.is_floating_point()] + weights
    if not labels or not any(outputs[n].requires_grad for n in names):
        return

    def grads(outputs_: Mapping[str, Tensor], leaves: list[Tensor]) -> list[Tensor]:
        loss = sum(((outputs_[n] * directions[n]).sum() for n in names), torch.zeros((), dtype=torch.float64))
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True)]

    def again() -> dict[str, Tensor]:
        run = Run(case.store, torch.float64, False, dict(trial.axes), with_grad=True)
        moved = case.network.forward(run, theirs)
        leaves = [x for x in theirs.values() if x.is_floating_point()] + [run.leaves[n] for n in weights]
        return dict(zip(labels, grads(moved, leaves), strict=True))

    a, b = (dict(zip(labels, grads(*of), strict=True)) for of in ((got, leaves_a), (outputs, leaves_b)))
    alike("gradients", a, b, None, trial, case.report, again)


UNCOUNTED = {"bilinear"}  # torch's counter does not know it
SUMMING = {"sum", "mean", *(f"{what}avg_pool{n}d" for what in ("", "adaptive_", "global_") for n in (1, 2, 3))}


def _uncounted(graph: Graph) -> bool:
    """Products that are half of a multiply-add: torch's counter knows them as matrix products only."""
    kinds = {node.kind for node in graph.layers()}
    outer = any(
        node.kind == "multiply" and all(x.shape != node.type.shape for x in graph.input_types(node))
        for node in graph.layers()
    )
    return bool(kinds & UNCOUNTED) or outer or ("multiply" in kinds and bool(kinds & SUMMING))


def flops(case: Case, trial: Trial) -> None:
    """Multiply-adds of one sample by torch's counter, which counts each as two."""
    if _uncounted(case.graph):
        return
    one = Trial(1, trial.axes, trial.seed)
    counter = FlopCounterMode(display=False)
    try:
        with counter:
            run(case.network, case.store, inputs_of(case.document, one), one, torch.float32)
    except REFUSALS:  # a batch of one has no variance
        return
    counted, ours = counter.get_total_flops(), at(total(case.graph).flops, {"B": 1, **dict(one.axes)})
    case.report.counts["comparisons FLOPs"] += 1
    if counted != 2 * ours:
        raise DiffersError("FLOPs", f"{ours} at {one.text()}, torch counts {counted / 2:g}")


_BORDERED = re.compile(r"(padding_mode|mode): (reflect|replicate|circular)")  # a border reads from elsewhere
_AXES_MOVE = {"permute", "reshape", "flatten", "stack"}  # behind them an axis is no longer the input's of that number


def receptive_field(case: Case, trial: Trial) -> None:
    """No gradient from outside the receptive field, at the first, middle and last position of each axis."""
    inputs = inputs_of(case.document, trial)
    floating = [n for n, x in inputs.items() if x.is_floating_point()]
    if (
        len(inputs) != 1
        or len(floating) != 1
        or _BORDERED.search(text_of(case.document))
        or not _AXES_MOVE.isdisjoint(n.kind for n in case.graph.layers())
    ):
        return
    [name] = floating
    x = inputs[name].clone().requires_grad_()
    outputs = case.network.forward(Run(case.store, torch.float64, False, dict(trial.axes)), {name: x})
    found = {node.name: reach for node, reach in reaches(case.graph)}
    for output, ref in case.graph.outputs.items():
        y, reach = outputs[output], found[ref.node]
        if not y.requires_grad or len(reach) != y.ndim - 1 or ref.port:
            continue
        for axis, along in enumerate(reach, start=1):
            if along is None or y.ndim != x.ndim:
                continue
            size = y.shape[axis]
            for i in sorted({0, size // 2, size - 1}):
                [grad] = torch.autograd.grad(y.select(axis, i).sum(), x, retain_graph=True)
                seen = grad.abs().sum([k for k in range(grad.ndim) if k != axis]).nonzero().flatten().tolist()
                case.report.counts["comparisons receptive field"] += 1
                low, high = along.jump * i + along.low, along.jump * i + along.high
                if seen and not (low <= seen[0] and seen[-1] <= high):
                    raise DiffersError(
                        "receptive field",
                        f"`{output}` position {i} of axis {axis} sees {seen[0]} to "
                        f"{seen[-1]} of the input, said to see {low} to {high}",
                    )
