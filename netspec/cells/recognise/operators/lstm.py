"""Is a step of two states an LSTM?

c[t] = f·c[t-1] + i·g,  h[t] = o·s(c[t])      gates f, i, o and the candidate g
"""

from __future__ import annotations

from netspec.cells.ir.dag import Value
from netspec.cells.ir.step import CellStep
from netspec.cells.recognise.gates import (
    IDENTITY,
    GateReader,
    flipped,
    flips,
    input_size,
    is_call,
    is_odd,
    names_of,
    one_function,
    other_function,
    text_of,
)
from netspec.cells.recognise.operator import DifferentError, Gate, Native, Operator
from netspec.cells.recognise.polynomial import Polynomial, expand, scaled, split
from netspec.cells.recognise.shown import shown


def _recognise(step: CellStep) -> Native:
    """Raises DifferentError with the reason that tells a reader most."""
    first, second = step.states
    if step.output is step.next[second]:
        first, second = second, first
    elif step.output is not step.next[first]:
        raise DifferentError(
            f"the output is `{shown(step.output, names=names_of(step))}`, not a state: the LSTM gives out h[t]"
        )
    try:
        return _lstm_of(step, first, second)
    except DifferentError:
        try:
            _lstm_of(step, second, first)
        except DifferentError:
            pass
        else:
            raise DifferentError(f"the output is `{first}[t]`, the LSTM gives out `{second}[t]`") from None
        raise


def _lstm_of(step: CellStep, h: str, c: str) -> Native:
    hidden, new_c, names = step.states[h], step.next[c], names_of(step)
    if hidden != step.states[c] or not isinstance(hidden, int):
        raise DifferentError("its states differ in size")
    old_c = next((n for n in step.dag.nodes if (n.op, n.attr) == ("previous", c)), None)
    if old_c is None:
        raise DifferentError(f"`{c}[t-1]` is never read")
    by_c, rest = split(expand(new_c), old_c)
    forget = flipped(by_c)
    if forget is None:
        if not by_c:
            raise DifferentError(f"`{c}[t]` does not keep `{c}[t-1]`")
        raise DifferentError(f"`{c}[t-1]` is kept by `{text_of(by_c)}`, which is no gate")
    by_s, other = _output_function(expand(step.next[h], (new_c,)), new_c)
    output = flipped(by_s)
    if output is None or other:
        raise DifferentError(f"`{h}[t]` is not a gate times a function of `{c}[t]`")
    squash = _squash(step.next[h], new_c)
    write, candidate, function = _write(rest, c)
    gates = [forget[0], write[0], output[0]]
    shared = one_function(gates)
    seen = {"f": old_c, "i": old_c, "o": new_c}
    read: dict[str, Gate] = {}
    for letter, (node, flip) in {"i": write, "o": output, "f": forget}.items():
        reader = GateReader(h, names, seen[letter])
        gate = reader.gate(expand(node.args[0], (new_c,)))
        read[letter] = gate.negative() if flip else gate
    read["c"] = GateReader(h, names).gate(candidate)
    return Native(OPERATOR, (h, c), hidden, input_size(step), read, (shared, function, squash))


def _output_function(polynomial: Polynomial, new_c: Value) -> tuple[Polynomial, Polynomial]:
    """What multiplies s(c[t]), and the rest."""
    atoms = dict.fromkeys(n for m in polynomial for n in m if n is new_c or (n.args == (new_c,) and is_call(n)))
    if len(atoms) != 1:
        return {}, polynomial
    return split(polynomial, next(iter(atoms)))


def _squash(new_h: Value, new_c: Value) -> str:
    atoms = {n for m in expand(new_h, (new_c,)) for n in m}
    return IDENTITY if new_c in atoms else next(n.op for n in atoms if n.args == (new_c,))


def _write(rest: Polynomial, c: str) -> tuple[tuple[Value, bool], Polynomial, str]:
    """The input gate, what stands inside of the candidate, and the candidate's function."""
    shared = [n for n in dict.fromkeys(n for m in rest for n in m) if all(n in m for m in rest)]
    called = [n for n in shared if is_call(n)]
    for candidate in sorted(called, key=lambda n: flips(n)):  # the tanh of σ·tanh
        by_candidate, _ = split(rest, candidate)
        inside = expand(candidate.args[0])
        gate = flipped(by_candidate)
        if gate is None and is_odd(candidate) and (gate := flipped(scaled(by_candidate, -1.0))):
            inside = scaled(inside, -1.0)
        if gate is not None:
            return gate, inside, candidate.op
    if len(called) == 1:  # a gate times a sum without a function
        inside, _ = split(rest, called[0])
        if set(inside) == {()}:
            raise DifferentError(f"`{shown(called[0])}` is added to `{c}` without a gate")
        return (called[0], False), inside, IDENTITY
    raise DifferentError(f"what is added to `{c}` is not a gate times a candidate")


def _torch_differs(native: Native) -> str:
    if native.peepholes:
        names = ", ".join(dict.fromkeys(p.weight for g in native.gates.values() for p in g.peephole))
        return f"the gates read `{native.states[1]}` through {names}: nn.LSTM has no peepholes"
    return other_function(native)


OPERATOR = Operator(
    name="LSTM",
    states=2,
    resembles=lambda step: len(step.states) == 2,
    recognise=_recognise,
    functions=("sigmoid", "tanh", "tanh"),  # of the gates, of the candidate, of the output
    onnx_order="iofc",
    onnx_inputs=("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"),
    peephole_order="iof",
    remark=lambda native: " with peepholes" if native.peepholes else "",
    torch_order="ifco",
    torch_function=lambda native: "lstm",
    torch_differs=_torch_differs,
    torch_kernel_on_cpu=True,
)
