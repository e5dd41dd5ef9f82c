"""Is a step one that torch and ONNX have as a whole?  Found from its graph, never from its name.

    LSTM   c[t] = f·c[t-1] + i·g,  h[t] = o·s(c[t])                        gates f, i, o and the candidate g
    GRU    h[t] = z·h[t-1] + (1 − z)·n                                     n reads r·(U h[t-1] + b) or U (r·h[t-1])
    RNN    h[t] = s(W x[t] + U h[t-1] + b)

Every gate is a function of sums of products with x[t] and h[t-1], of bias vectors, and in ONNX of peepholes p·c.  Gates
may stand in any order, terms in any order, matrices whole or in parts, biases in any number; 1 − σ(a) is read as
σ(−a), so that either mixing convention of z and coupled gates (i = 1 − f) are found too.

nn.LSTM, nn.GRU and nn.RNN have fixed functions and no peepholes; ONNX's operators have peepholes (diagonal; i and f
read c[t-1], o reads c[t]) and some other functions, and also the GRU that resets before the product.
"""

from __future__ import annotations

from dataclasses import dataclass

from netspec.cells.ir.step import CellStep
from netspec.cells.recognise.gates import IDENTITY, DifferentError, Native
from netspec.cells.recognise.gru import one_state
from netspec.cells.recognise.lstm import lstm
from netspec.cells.recognise.polynomial import TooLargeError


@dataclass(frozen=True)
class Match:
    """What torch and ONNX have for a step, and why one of them has nothing."""

    torch: Native | None = None
    onnx: Native | None = None
    torch_reason: str = ""
    onnx_reason: str = ""


_PLAIN = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh")}
ONNX_FUNCTIONS = ("sigmoid", "tanh", "relu", "hard_sigmoid", "softplus", IDENTITY)


def match(step: CellStep) -> Match:
    """What the step is to torch and to ONNX.  Sizes are numbers.  Found once for a step."""
    kept = vars(step)
    if "match" not in kept:
        kept["match"] = _match(step)
    found: Match = kept["match"]
    return found


def why_torch(step: CellStep) -> str:
    """One line for a reader: the torch layer that the step is, or what keeps it from being one."""
    found = match(step)
    return f"is nn.{found.torch.kind}" if found.torch else found.torch_reason


def why_onnx(step: CellStep) -> str:
    """One line for a reader: ONNX's operator, or what makes it a Scan."""
    found = match(step)
    if found.onnx is None:
        return found.onnx_reason
    extra = {"LSTM": " with peepholes" if found.onnx.peepholes else "", "RNN": "",
             "GRU": f", linear_before_reset={int(found.onnx.reset_after)}"}[found.onnx.kind]  # fmt: skip
    return f"is ONNX's {found.onnx.kind}{extra}"


def _match(step: CellStep) -> Match:
    try:
        found = lstm(step) if len(step.states) == 2 else one_state(step)
    except DifferentError as differs:
        return Match(None, None, str(differs), str(differs))
    except TooLargeError:
        reason = "it has too many products of sums to compare"
        return Match(None, None, reason, reason)
    torch_reason, onnx_reason = _torch_differs(found), ""
    odd = next((f for f in found.functions if f not in ONNX_FUNCTIONS), None)
    if odd:
        onnx_reason = f"ONNX's {found.kind} has no activation `{odd}`"
    return Match(None if torch_reason else found, None if onnx_reason else found, torch_reason, onnx_reason)


def _torch_differs(found: Native) -> str:
    """Why torch's layer is not the operator that ONNX has; empty when it is."""
    if found.kind == "RNN":
        [function] = found.functions
        return "" if function in ("tanh", "relu") else f"nn.RNN has tanh and relu, not {_function(function)}"
    if found.peepholes:
        names = ", ".join(dict.fromkeys(p.weight for g in found.gates.values() for p in g.peephole))
        return f"the gates read `{found.states[1]}` through {names}: nn.LSTM has no peepholes"
    if not found.reset_after:
        return "the reset gate stands before the product: nn.GRU resets after it"
    for function, plain in zip(found.functions, _PLAIN[found.kind], strict=True):
        if function != plain:
            return f"nn.{found.kind} has {plain} where the cell has {_function(function)}"
    return ""


def _function(name: str) -> str:
    return "no function" if name == IDENTITY else name
