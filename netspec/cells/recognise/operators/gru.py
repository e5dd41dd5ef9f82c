"""Is a step of one state a GRU?

h[t] = z·h[t-1] + (1 − z)·n       n reads r·(U h[t-1] + b), or U (r·h[t-1])
"""

from __future__ import annotations

from dataclasses import replace

from netspec.cells.ir.dag import Value
from netspec.cells.ir.step import CellStep
from netspec.cells.recognise.gates import (
    GateReader,
    flipped,
    flips,
    input_size,
    is_call,
    one_function,
    one_state,
    other_function,
    slice_of,
    text_of,
)
from netspec.cells.recognise.operator import DifferentError, Gate, Native, Operator
from netspec.cells.recognise.polynomial import Monomial, Polynomial, expand, scaled, split, total
from netspec.cells.recognise.shown import shown

# Always written: left out it is 0, which torch's GRU never is.
RESET_AFTER = "linear_before_reset"


def _resembles(step: CellStep) -> bool:
    """A mixture of values."""
    return len(step.states) == 1 and not any(map(is_call, step.next.values()))


def _recognise(step: CellStep) -> Native:
    h, hidden = one_state(step, "GRU")
    old = next((n for n in step.dag.nodes if (n.op, n.attr) == ("previous", h)), None)
    if old is None:
        raise DifferentError(f"`{h}[t-1]` is never read")
    by_h, rest = split(expand(step.next[h]), old)
    keep = flipped(by_h)
    if keep is None:
        if not by_h:
            raise DifferentError(f"`{h}[t]` is no mixture of the state before and a candidate")
        raise DifferentError(f"`{h}[t-1]` is kept by `{text_of(by_h)}`, which is no gate")
    functions = dict.fromkeys(n for m in rest for n in m if is_call(n) and n is not keep[0])
    mixed = [n for n in functions if _mixes(by_h, rest, n)]
    if not mixed:
        if all(flips(n) for n in functions):
            raise DifferentError("its candidate has no function: the GRU has tanh")
        raise DifferentError(f"`{h}[t]` is not z·{h}[t-1] + (1 − z)·n")
    candidate = mixed[0]
    reset, gate, after = _reset(candidate.args[0], h, old)
    shared = one_function([keep[0], reset[0]])
    gates = {}
    for letter, (node, flip) in {"z": keep, "r": reset}.items():
        read = GateReader(h, {}).gate(expand(node.args[0]))
        gates[letter] = read.negative() if flip else read
    gates["h"] = gate
    return Native(OPERATOR, (h,), hidden, input_size(step), gates, (shared, candidate.op), {RESET_AFTER: int(after)})


def _mixes(by_h: Polynomial, rest: Polynomial, candidate: Value) -> bool:
    """Is the rest (1 − z)·n, where by_h is z?"""
    by_candidate, more = split(rest, candidate)
    return not more and total((by_h, by_candidate)) == {(): 1.0}


def _reset(inside: Value, h: str, old: Value) -> tuple[tuple[Value, bool], Gate, bool]:
    """The reset gate, the candidate's weights, and whether it resets after the product."""
    polynomial = expand(inside)
    before: list[Monomial] = [
        m for m in polynomial if len(m) == 1 and m[0].op == "product" and m[0].args[0].op not in ("input", "previous")
    ]
    if before:
        return _reset_before(polynomial, before, h, old)
    gates: dict[Value, None] = dict.fromkeys(n for m in polynomial for n in m if flips(n))
    if len(gates) != 1:
        reads = any(n.op == "product" and n.args[0] is old for m in polynomial for n in m)
        if gates:
            raise DifferentError("its candidate has several gates")
        raise DifferentError("its candidate has no reset gate" if reads else f"its candidate does not read `{h}[t-1]`")
    [reset] = gates
    gated, plain = split(polynomial, reset)
    # 1 − s in the place of s: every gated term stands once more among the others, with the other sign
    flip = bool(gated) and all(plain.get(m) == -f for m, f in gated.items())
    if flip:
        plain = total((plain, gated))
        gated = scaled(gated, -1.0)
    outer, inner = GateReader(h, {}).gate(plain), GateReader(h, {}).gate(gated)
    if inner.input:
        raise DifferentError("its reset gate multiplies what is read of x[t]")
    if outer.state:
        raise DifferentError(f"its candidate reads `{h}[t-1]` past the reset gate too")
    return (reset, flip), replace(outer, state=inner.state, state_bias=inner.bias, state_constant=inner.constant), True


def _reset_before(
    polynomial: Polynomial, before: list[Monomial], h: str, old: Value
) -> tuple[tuple[Value, bool], Gate, bool]:
    operands = {m[0].args[0] for m in before}
    [operand, *others] = operands
    by_old, more = split(expand(operand), old)
    reset = flipped(by_old)
    if others or more or reset is None:
        raise DifferentError(f"its candidate multiplies a matrix with `{shown(operand)}`")
    outer = GateReader(h, {}).gate({m: f for m, f in polynomial.items() if m not in before})
    if outer.state:
        raise DifferentError(f"its candidate reads `{h}[t-1]` past the reset gate too")
    return reset, replace(outer, state=tuple(slice_of(m[0], polynomial[m]) for m in before)), False


def _torch_differs(native: Native) -> str:
    if not native.attributes[RESET_AFTER]:
        return "the reset gate stands before the product: nn.GRU resets after it"
    return other_function(native)


OPERATOR = Operator(
    name="GRU",
    states=1,
    resembles=_resembles,
    recognise=_recognise,
    functions=("sigmoid", "tanh"),  # of the gates, of the candidate
    onnx_order="zrh",
    onnx_inputs=("X", "W", "R", "B", "sequence_lens", "initial_h"),
    remark=lambda native: f", {RESET_AFTER}={native.attributes[RESET_AFTER]}",
    torch_order="rzh",
    torch_function=lambda native: "gru",
    torch_differs=_torch_differs,
    torch_kernel_on_cpu=False,
)
