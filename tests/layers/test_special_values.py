"""NaN, infinities, and numbers near both ends of float32, through every example of every kind, in ONNX as in torch.

What may never be: a number where torch has none, or a number that neither torch nor float64 arithmetic gives.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from test_contract import EXAMPLES, FLOATING, compiled, trials, values_of
from torch import Tensor

from netspec.backends.onnx.model import emit_model
from netspec.layers.recurrent import CellLayer

INFINITE = (float("nan"), float("inf"), float("-inf"))
FINITE = (1e30, -1e30, 1e4, -1e4, 89.0, -89.0, 20.5, -20.5, 1e-6, -1e-6, 1e-30, -1e-30, 1e-42, -1e-42, 0.0, -0.0)
# A pixel beside another, or a copy in torch, is a product with weight 0 in ONNX: NaN where ∞ is beside.  torch's
# attention forgets that a query is NaN or ∞.
LOUDER = ("upsample", "bilinear", "multi_head_attention")
# Scores of attention are products of two such numbers, which torch's kernels among themselves treat differently once
# they are infinite; onnxruntime's LSTM and GRU limit what goes into a sigmoid to ±18, and σ(−18) · 1e30 is not 0.
NOT_HUGE = ("multi_head_attention", "niaf", "recurrent")


@cache
def session(case: str) -> Any:
    graph, module = compiled(case)
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    model = emit_model(graph.with_weights(weights))
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


@cache
def exact(case: str) -> torch.nn.Module:
    return copy.deepcopy(compiled(case)[1]).double()


def ran(case: str, module: torch.nn.Module, values: dict[str, Tensor]) -> list[np.ndarray]:
    with torch.no_grad():
        found = module(**values)
    return [y.double().numpy() for y in (found.values() if isinstance(found, dict) else [found])]


def with_some(values: dict[str, Tensor], special: float, everywhere: bool) -> dict[str, Tensor]:
    """Some entries of the floating inputs are this value, or all are multiples of it."""
    generator = torch.Generator().manual_seed(3)
    found = {}
    for name, x in values.items():
        found[name] = x.clone()
        if x.is_floating_point():
            flat = found[name].view(-1)
            some = torch.randperm(flat.numel(), generator=generator)[: max(1, flat.numel() // 6)]
            flat[some] = special
            if everywhere:
                found[name] = x * special
    return found


def close(a: np.ndarray, b: np.ndarray, scale: Any) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return (a == b) | (np.abs(a - b) <= 1e-4 * np.abs(b) + 1e-5 * scale)


def largest(y: np.ndarray) -> float:
    return max(1.0, np.abs(y[np.isfinite(y)]).max(initial=0.0))


@pytest.mark.parametrize("case", FLOATING)
def test_no_number_where_there_is_none(case: str) -> None:
    """NaN stays NaN, what is not finite stays not finite, and what is finite all the same is what torch gives."""
    graph, module = compiled(case)
    recurrent = isinstance(graph["it"].layer, CellLayer)
    for batch, sizes in trials(case):
        for special in INFINITE:
            values = with_some(values_of(case, batch, sizes), special, False)
            expected = ran(case, module, values)
            received = session(case).run(None, {name: v.numpy() for name, v in values.items()})
            for y, ours in zip(expected, received, strict=True):
                place = f"{special} at batch {batch}, {dict(sizes)}"
                assert not np.isfinite(ours[~np.isfinite(y)]).any(), place
                if special != special:
                    assert np.isnan(ours[np.isnan(y)]).all(), place
                if not (recurrent or EXAMPLES[case][0] in LOUDER):
                    assert close(ours, y, 1.0)[np.isfinite(y)].all(), place


@pytest.mark.parametrize("case", FLOATING)
def test_one_very_large_number_everywhere(case: str) -> None:
    """Deviations from the mean are 0 then, but torch may have squared the numbers."""
    if EXAMPLES[case][0] in NOT_HUGE:
        return
    _, module = compiled(case)
    for batch, sizes in trials(case):
        values = {n: v.fill_(1e30) if v.is_floating_point() else v for n, v in values_of(case, batch, sizes).items()}
        received = session(case).run(None, {name: v.numpy() for name, v in values.items()})
        for y, ours in zip(ran(case, module, values), received, strict=True):
            assert not np.isfinite(ours[np.isnan(y)]).any(), f"batch {batch}, {dict(sizes)}"


@pytest.mark.parametrize("everywhere", [False, True], ids=["some", "all"])
@pytest.mark.parametrize("case", FLOATING)
def test_large_and_small_numbers(case: str, everywhere: bool) -> None:
    """A number is torch's, or what float64 gives; where float32 does not hold what lies between, there is none."""
    _, module = compiled(case)
    for batch, sizes in [trial for trial in trials(case) if trial[0] == 5]:
        for special in FINITE:
            if abs(special) > 100 and EXAMPLES[case][0] in NOT_HUGE:
                continue
            values = with_some(values_of(case, batch, sizes), special, everywhere)
            theirs = ran(case, module, values)
            double = {name: v.double() if v.is_floating_point() else v for name, v in values.items()}
            received = session(case).run(None, {name: v.numpy() for name, v in values.items()})
            plain = ran(case, module, values_of(case, batch, sizes))
            for y, true, ours, base in zip(theirs, ran(case, exact(case), double), received, plain, strict=True):
                # Large numbers that cancel leave what float32 rounds; where none came in, nothing is left.
                scale = np.where(close(y, base, 1.0), 1.0, largest(true))
                right = close(ours, y, scale) | close(ours, true, scale)
                honest = ~np.isfinite(ours) & ~close(y, true, scale)  # torch's is none, or not right either
                wrong = ~(right | honest)
                assert not wrong.any(), (
                    f"{special} at batch {batch}, {dict(sizes)}: {ours[wrong][:3]}, torch {y[wrong][:3]}, "
                    f"float64 {true[wrong][:3]}"
                )
