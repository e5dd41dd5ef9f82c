"""An ONNX model held against the PyTorch module it came from, under onnxruntime."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import onnxruntime
import torch

from netspec.backends.onnx.streaming import Streaming
from netspec.backends.parity.inputs import random_inputs
from netspec.backends.parity.pieces import Pieces, Run
from netspec.backends.parity.rounding import Rounded
from netspec.backends.parity.trials import trial_sizes
from netspec.graph.model import Graph
from netspec.shapes.dim import at
from netspec.source.errors import NetspecError
from netspec.source.memory import is_shortage

BATCHES = (1, 2, 7)
TOLERANCE = 1e-4  # of the largest value of an output: float32 rounding over some hundred layers stays well below
_MORE = 16  # times what rounding to float32 loses against float64
_EVERY = 3  # lengths that are tried at every batch size; the others at one of them


@dataclass(frozen=True)
class Parity:
    """The comparison: the largest error in parts of the largest value, what of it rounding does not explain, and what
    was tried."""

    error: float
    tolerance: float
    batches: tuple[int, ...]
    sizes: tuple[dict[str, int], ...]
    beyond: float = 0.0

    def text(self) -> str:
        lengths = "; ".join(", ".join(f"{k}={v}" for k, v in s.items()) for s in self.sizes if s)
        tried = f"batches {', '.join(map(str, self.batches))}" + (f"; {lengths}" if lengths else "")
        rounding = f", {self.beyond:.1e} more than rounding" if self.tolerance < self.error != self.beyond else ""
        return (
            f"largest error {self.error:.1e} of the largest value{rounding} (tolerance {self.tolerance:.0e}; {tried})"
        )


def compare(
    graph: Graph,
    module: torch.nn.Module,
    model: bytes,
    batches: Sequence[int] = BATCHES,
    tolerance: float = TOLERANCE,
    streaming: Streaming | None = None,
) -> Parity:
    """Run both on the same random inputs, every batch size, and every named axis at the lengths that matter
    (backends.parity.trials).

    A `streaming` model is run on the whole and in pieces.  Raises NS703 when onnxruntime refuses the model, the outputs
    differ by more than the tolerance, or their shapes are not the inferred ones.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that share no base but Exception
        if is_shortage(error):
            raise
        raise NetspecError("NS703", f"onnxruntime refuses the model: {error}") from error
    generator = torch.Generator().manual_seed(0)
    was_training, device = module.training, next((p.device for p in module.parameters()), torch.device("cpu"))
    module.eval().to("cpu")
    try:
        sizes = tuple(trial_sizes(graph))
        runs = [session.run]
        if streaming:
            weights = {name: value.numpy() for name, value in module.state_dict().items()}
            pieces = Pieces(graph, streaming, weights, session.run)
            runs = [pieces.whole, pieces.pieces]
        turns = [
            (batch, size)
            for i, size in enumerate(sizes)
            for batch in (batches if i < _EVERY else batches[i % len(batches) :][:1])
            if graph.lengths.allows({"B": batch, **size})
        ]
        if not turns:
            raise NetspecError("NS703", f"the network takes {graph.lengths.text()}: nothing was compared")
        trials = [_trial(graph, module, run, batch, size, generator) for batch, size in turns for run in runs]
        if any(error > tolerance for error in _errors(graph, trials)):
            exact = copy.deepcopy(module).double()
            trials = [
                _trial(graph, module, run, batch, size, generator, exact) for batch, size in turns for run in runs
            ]
    finally:
        module.train(was_training).to(device)
    for name in graph.outputs:
        if all(trial[name].scale != trial[name].scale for trial in trials):
            raise NetspecError(
                "NS703",
                f"output `{name}` has no finite value in any trial: nothing was compared",
                hint="look for an overflow, or a division by zero, in the network",
            )
    errors = dict(zip(graph.outputs, _errors(graph, trials, beyond=True), strict=True))
    parity = Parity(
        max(_errors(graph, trials)),
        tolerance,
        tuple(sorted({batch for batch, _ in turns})),
        sizes,
        max(errors.values()),
    )
    if not parity.beyond <= tolerance:
        turns = [turn for turn in turns for _ in runs]
        _refuse_overflow(graph, module, turns, [name for name, error in errors.items() if not error <= tolerance])
        raise NetspecError(
            "NS703",
            f"the ONNX model differs from the PyTorch module: {parity.text()}",
            hint="the file was not written; please report the network",
        )
    return parity


class _Deviation(NamedTuple):
    """Of one output in one trial: the largest error, what of it rounding does not explain, the largest value."""

    error: float
    beyond: float
    scale: float


def _errors(graph: Graph, trials: Sequence[dict[str, _Deviation]], beyond: bool = False) -> list[float]:
    """Of each output the largest error, in parts of its largest value in any trial: one number may be near 0."""
    outputs = [[trial[name] for trial in trials] for name in graph.outputs]
    return [
        _finite(
            max(t.beyond if beyond else t.error for t in turns)
            / max([1e-30, *(t.scale for t in turns if t.scale == t.scale)])
        )
        for turns in outputs
    ]


def _trial(
    graph: Graph,
    module: torch.nn.Module,
    run: Run,
    batch: int,
    sizes: dict[str, int],
    generator: torch.Generator,
    exact: torch.nn.Module | None = None,
) -> dict[str, _Deviation]:
    """The largest error and the largest value of each output.

    With `exact`, the module in float64, what float32 itself loses is no error: differences of equal numbers, such as
    the mean of normalised values, are all rounding.
    """
    inputs = random_inputs(graph, batch, sizes, generator)
    place = ", ".join([f"batch {batch}", *(f"{name} = {size}" for name, size in sizes.items())])
    try:
        with torch.no_grad():
            expected = module(**inputs)
    except RuntimeError as error:
        if is_shortage(error):
            raise
        raise NetspecError(
            "NS703", f"PyTorch fails at {place}, which the layers allow: {error}", hint="please report the network"
        ) from error
    expected = _named(graph, expected)
    try:
        got = run(list(expected), {k: v.numpy() for k, v in inputs.items()})
    except Exception as error:  # onnxruntime raises classes of its own that share no base but Exception
        if is_shortage(error):
            raise
        raise NetspecError("NS703", f"onnxruntime fails at {place}: {error}") from error
    truth: Mapping[str, torch.Tensor] = {}
    rounded: Mapping[str, torch.Tensor] = {}
    if exact is not None:
        doubles = {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}
        with torch.no_grad():
            truth = _named(graph, exact(**doubles))
            with Rounded():
                rounded = _named(graph, exact(**doubles))
    deviations: dict[str, _Deviation] = {}
    inferred = {name: tuple(at(s, {"B": batch, **sizes}) for s in t.shape) for name, t in graph.output_types().items()}
    for (name, theirs), ours in zip(expected.items(), got, strict=True):
        if not tuple(theirs.shape) == ours.shape == inferred[name]:
            raise NetspecError(
                "NS703",
                f"output `{name}` has shape {ours.shape} in ONNX, {tuple(theirs.shape)} in "
                f"PyTorch, and {inferred[name]} was inferred, at {place}",
                hint="please report the network",
            )
        a, b = theirs.double(), torch.from_numpy(ours).double()
        # Where both are the same infinity or both NaN they agree.
        same = (a == b) | (a.isnan() & b.isnan())
        gap = torch.where(same, torch.zeros_like(a), (a - b).abs())
        beyond = gap
        if exact is not None:
            here = truth[name].double()
            lost, could = ((y.double() - here).abs().nan_to_num(0.0, 0.0, 0.0).max() for y in (a, rounded[name]))
            if lost > TOLERANCE:  # of inputs of about 1: another value, such as another pixel, unless rounding does it
                lost = could
            beyond = (gap - _MORE * torch.maximum(lost, could)).clamp(min=0.0)
        scale = a[a.isfinite()].abs().max().item() if bool(a.isfinite().any()) else float("nan")
        deviations[name] = _Deviation(_finite(gap.max().item()), _finite(beyond.max().item()), scale)
    return deviations


def _named(graph: Graph, result: Any) -> Mapping[str, torch.Tensor]:
    return result if isinstance(result, dict) else {next(iter(graph.outputs)): result}


def _refuse_overflow(
    graph: Graph, module: torch.nn.Module, turns: Sequence[tuple[int, dict[str, int]]], failing: Sequence[str]
) -> None:
    """Raises NS703 where PyTorch itself has no finite values of an output that differs: what the network computes
    overflows, and runtimes need not do so at the same step."""
    module = copy.deepcopy(module).eval().to("cpu")
    generator = torch.Generator().manual_seed(0)
    for batch, sizes in turns:
        with torch.no_grad():
            outputs = module(**random_inputs(graph, batch, sizes, generator))
        for name in failing:
            values = outputs[name] if isinstance(outputs, dict) else outputs
            if not bool(values.isfinite().all()):
                place = ", ".join([f"batch {batch}", *(f"{axis} = {size}" for axis, size in sizes.items())])
                raise NetspecError(
                    "NS703",
                    f"output `{name}` overflows: PyTorch itself gives infinity or NaN at "
                    f"{place}, and the ONNX model other values",
                    hint="the file was not written; bound "
                    "what grows from step to step or layer to layer: `tanh`, a norm, smaller "
                    "weights",
                )


def _finite(value: float) -> float:
    return value if value == value else float("inf")
