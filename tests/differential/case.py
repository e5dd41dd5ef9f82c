"""A network that both sides accept, and what it means that they agree.

Tolerances: float64 agrees to 1e-9 of the largest value.  In float32 both may round differently: the reference computes
in both precisions, and what it loses itself, 40 times over, is allowed beside 3e-5 of the largest value and 1e-6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

import netspec
from netspec.backends.parity.rounding import EPSILON, Rounded
from netspec.graph.model import Graph
from tests.differential.reference.network import Network, Run, Store
from tests.differential.trial import Trial

EXACT, ROUNDED, LOST = 1e-9, 3e-5, 40.0
HUGE = 1e30  # beyond it float32 is not compared: a square is infinite
REFUSALS = (RuntimeError, ValueError, IndexError, KeyError, AssertionError, TypeError)  # what torch raises


class DiffersError(Exception):
    """Netspec and the reference do not agree: `what` names the comparison, for the shrinker."""

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(f"{what}: {detail}")
        self.what = what


@dataclass
class Report:
    """What was compared."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: str = ""


@dataclass
class Case:
    """A network that both accept, with the weights of the reference in netspec's module."""

    document: Mapping[str, Any]
    graph: Graph
    module: torch.nn.Module
    network: Network
    store: Store
    values: Mapping[str, Tensor]
    report: Report

    def call(self, inputs: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
        """Netspec's module."""
        try:
            result = self.module(**inputs)
        except (*REFUSALS, netspec.NetspecError) as error:
            raise DiffersError("raises", f"{where}: {type(error).__name__}: {str(error)[:300]}") from None
        return result if isinstance(result, dict) else dict(zip(self.graph.outputs, [result], strict=True))


def run(
    network: Network,
    store: Store,
    inputs: Mapping[str, Tensor],
    trial: Trial,
    dtype: torch.dtype,
    training: bool = False,
) -> dict[str, Tensor]:
    given = {n: x.to(dtype) if x.is_floating_point() else x for n, x in inputs.items()}
    with torch.no_grad():
        return network.forward(Run(store, dtype, training, dict(trial.axes)), given)


def close(
    what: str,
    got: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    single: Mapping[str, Tensor] | None,
    trial: Trial,
    report: Report,
) -> None:
    """Raises DiffersError; counts the values compared."""
    for name, y in expected.items():
        x = got[name]
        if tuple(x.shape) != tuple(y.shape):
            raise DiffersError(
                f"{what} shapes", f"`{name}` is {tuple(x.shape)} at {trial.text()}, not {tuple(y.shape)}"
            )
        if y.is_floating_point() != x.is_floating_point():
            raise DiffersError(f"{what} types", f"`{name}` is {x.dtype}, not {y.dtype}")
        a, b = x.double(), y.double()
        exact = x.dtype != torch.float32
        if not y.numel() or (not exact and bool((b.abs() > HUGE).any())):
            continue
        scale = max(1e-3, float(b[b.isfinite()].abs().max())) if bool(b.isfinite().any()) else 1.0
        allowed = EXACT * scale if exact else 1e-6 + ROUNDED * scale
        if single is not None:
            lost = (single[name].double() - b).abs()
            allowed += LOST * float(lost.nan_to_num(0, 0, 0).max())
        gap = torch.where((a == b) | (a.isnan() & b.isnan()), torch.zeros_like(a), (a - b).abs())
        worst = float(gap.nan_to_num(float("inf"), float("inf")).max())
        report.counts["values compared"] += y.numel()
        if worst > allowed:
            raise DiffersError(
                what,
                f"`{name}` at {trial.text()} differs by {worst:.3g}, allowed {allowed:.3g} (largest value {scale:.3g})",
            )
    report.counts[f"comparisons {what}"] += 1


def alike(
    what: str,
    got: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    single: Mapping[str, Tensor] | None,
    trial: Trial,
    report: Report,
    again: Callable[[], Mapping[str, Tensor]],
) -> None:
    """Within what the reference loses in float32; it may lose nothing by chance, and differences of equal numbers are
    all rounding in float64, too: then within what `again` loses with every operation rounded."""
    try:
        close(what, got, expected, single, trial, report)
    except DiffersError:
        with Rounded(EPSILON if single else 2.0**-53):
            rounded = again()
        close(what, got, expected, rounded, trial, report)
