"""Is a step of one state a plain RNN?

h[t] = s(W x[t] + U h[t-1] + b)
"""

from __future__ import annotations

from netspec.cells.ir.step import CellStep
from netspec.cells.recognise.gates import GateReader, function_shown, input_size, is_call, one_state
from netspec.cells.recognise.operator import Native, Operator
from netspec.cells.recognise.polynomial import expand

TORCH_FUNCTIONS = ("tanh", "relu")


def _resembles(step: CellStep) -> bool:
    """A function of everything."""
    return len(step.states) == 1 and all(map(is_call, step.next.values()))


def _recognise(step: CellStep) -> Native:
    h, hidden = one_state(step, "RNN")
    new = step.next[h]
    gate = GateReader(h, {}).gate(expand(new.args[0]))
    return Native(OPERATOR, (h,), hidden, input_size(step), {"i": gate}, (new.op,))


def _torch_differs(native: Native) -> str:
    [function] = native.functions
    return "" if function in TORCH_FUNCTIONS else f"nn.RNN has tanh and relu, not {function_shown(function)}"


OPERATOR = Operator(
    name="RNN",
    states=1,
    resembles=_resembles,
    recognise=_recognise,
    functions=("tanh",),
    onnx_order="i",
    onnx_inputs=("X", "W", "R", "B", "sequence_lens", "initial_h"),
    torch_order="i",
    torch_function=lambda native: f"rnn_{native.functions[0]}",
    torch_differs=_torch_differs,
    torch_kernel_on_cpu=False,
)
