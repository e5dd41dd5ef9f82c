"""Is a step one that torch and ONNX have as a whole?  Found from its graph, never from its name.

Every gate is a function of sums of products with x[t] and h[t-1], of bias vectors, and in ONNX of peepholes p·c.  Gates
may stand in any order, terms in any order, matrices whole or in parts, biases in any number; 1 − σ(a) is read as
σ(−a), so that either mixing convention of z and coupled gates (i = 1 − f) are found too.

torch's layers have fixed functions and no peepholes; ONNX's operators have peepholes (diagonal; i and f read c[t-1],
o reads c[t]) and those functions of which a row names the activation, and also the GRU that resets before the product.
"""

from __future__ import annotations

from dataclasses import dataclass

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.step import CellStep
from netspec.cells.recognise.operator import DifferentError, Native
from netspec.cells.recognise.operators import OPERATORS
from netspec.cells.recognise.polynomial import TooLargeError

_COUNTS = {1: "one", 2: "two", 3: "three"}


@dataclass(frozen=True)
class Match:
    """What torch and ONNX have for a step, and why one of them has nothing."""

    torch: Native | None = None
    onnx: Native | None = None
    torch_reason: str = ""
    onnx_reason: str = ""


def match(step: CellStep) -> Match:
    """What the step is to torch and to ONNX.  Sizes are numbers.  Found once for a step."""
    return step.once(_match)


def why_torch(step: CellStep) -> str:
    """One line for a reader: the torch layer that the step is, or what keeps it from being one."""
    native = match(step).torch
    return f"is {native.operator.torch_layer}" if native else match(step).torch_reason


def why_onnx(step: CellStep) -> str:
    """One line for a reader: ONNX's operator, or what makes it a Scan."""
    native = match(step).onnx
    return f"is ONNX's {native.kind}{native.operator.remark(native)}" if native else match(step).onnx_reason


def _match(step: CellStep) -> Match:
    try:
        native = _recognised(step)
    except DifferentError as differs:
        return Match(None, None, str(differs), str(differs))
    except TooLargeError:
        reason = "it has too many products of sums to compare"
        return Match(None, None, reason, reason)
    torch_reason, onnx_reason = native.operator.torch_differs(native), _onnx_differs(native)
    return Match(None if torch_reason else native, None if onnx_reason else native, torch_reason, onnx_reason)


def _recognised(step: CellStep) -> Native:
    """The step as the first operator that it is.  Raises the reason of the first operator that it resembles."""
    reason: DifferentError | None = None
    for operator in OPERATORS:
        if operator.resembles(step):
            try:
                return operator.recognise(step)
            except DifferentError as differs:
                reason = reason or differs
    raise reason or DifferentError(f"it has {len(step.states)} states: {_states_of_operators()}")


def _states_of_operators() -> str:
    """the LSTM has two, GRU and RNN have one"""
    counts = sorted({o.states for o in OPERATORS}, reverse=True)
    names = {count: [o.name for o in OPERATORS if o.states == count] for count in counts}
    return ", ".join(
        f"the {n[0]} has {_COUNTS[count]}" if len(n) == 1 else f"{' and '.join(n)} have {_COUNTS[count]}"
        for count, n in names.items()
    )


def _onnx_differs(native: Native) -> str:
    """The first function that ONNX's operator has no activation for; "" where it has all of them."""
    for function in native.functions:
        activation = FUNCTIONS[function].activation
        if activation is None:
            return f"ONNX's {native.kind} has no activation `{function}`"
        if activation.fault:
            return f"of ONNX's activation `{activation.name}`, {activation.fault}"
    return ""
