"""The weights of a cell that is a known operator, put together as the operator takes them.

The same code packs torch tensors (differentiable: slices, sums, one concatenation) and NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netspec.cells.recognise.operator import Gate, Native, WeightSlice

# H hidden, I input, G gates


def matrices(native: Native, order: str, weights: Mapping[str, Any], library: Any) -> tuple[Any, Any]:
    """(W (G·H, I), U (G·H, H)): what multiplies x[t] and h[t-1].  `library` is torch or numpy."""
    gates = [native.gates[letter] for letter in order]
    if (cut := _common_cut(gates)) is not None:
        at, state_first = cut
        joined = _joined(library, [weights[g.input[0].weight] for g in gates])
        # Cut as one operation: its gradient is one concatenation, that of two slices is two matrices full of zeros.
        sizes = [at, joined.shape[1] - at]
        left, right = joined.split(sizes, 1) if hasattr(joined, "split") else library.split(joined, [at], 1)
        return (right, left) if state_first else (left, right)
    some = next(iter(weights.values()))
    inputs = [_sum(g.input, weights, library, some, (native.hidden, native.input)) for g in gates]
    states = [_sum(g.state, weights, library, some, (native.hidden, native.hidden)) for g in gates]
    return _joined(library, inputs), _joined(library, states)


def _common_cut(gates: Sequence[Gate]) -> tuple[int, bool] | None:
    """(column, True) when every gate is W @ [h, x] with the cut there, (column, False) for W @ [x, h]."""
    cuts = set()
    for gate in gates:
        if len(gate.input) != 1 or len(gate.state) != 1:
            return None
        x, h = gate.input[0], gate.state[0]
        if x.weight != h.weight or (x.factor, h.factor) != (1.0, 1.0):
            return None
        cuts.add((x.start, x.stop, h.start, h.stop))
    [(x_start, x_stop, h_start, h_stop), *others] = cuts
    if others or x_start is None or h_start is None:
        return None
    # Products of a weight with two operands are columns of one concatenation: the two parts are the whole.
    return (
        (x_start, True)
        if h_start == 0 and h_stop == x_start
        else ((h_start, False) if x_start == 0 and x_stop == h_start else None)
    )


def biases(native: Native, order: str, weights: Mapping[str, Any], library: Any) -> tuple[Any, Any]:
    """(b_W (G·H,), b_U (G·H,)): all biases of a gate are in the first, but for one inside of r·(…)."""
    gates = [native.gates[letter] for letter in order]
    some = next(iter(weights.values()))
    shape = (native.hidden,)
    first = [_sum(g.bias, weights, library, some, shape, g.constant) for g in gates]
    if not any(g.state_bias or g.state_constant for g in gates):
        return _joined(library, first), _full(library, (native.hidden * len(gates),), 0.0, some)
    second = [_sum(g.state_bias, weights, library, some, shape, g.state_constant) for g in gates]
    return _joined(library, first), _joined(library, second)


def peepholes(native: Native, weights: Mapping[str, Any], library: Any) -> Any:
    """P (3·H,) in the operator's order."""
    some = next(iter(weights.values()))
    gates: Sequence[Gate] = [native.gates[letter] for letter in native.operator.peephole_order]
    return _joined(library, [_sum(g.peephole, weights, library, some, (native.hidden,)) for g in gates])


def _sum(
    parts: Sequence[WeightSlice],
    weights: Mapping[str, Any],
    library: Any,
    some: Any,
    shape: tuple[int, ...],
    constant: float = 0.0,
) -> Any:
    total = None
    for part in parts:
        value = weights[part.weight]
        if part.start is not None and (part.start, part.stop) != (0, value.shape[1]):
            value = value[:, part.start : part.stop]
        if value.ndim < len(shape):  # one number for all elements
            value = library.broadcast_to(value, shape)
        if part.factor != 1:
            value = -value if part.factor == -1 else value * part.factor
        total = value if total is None else total + value
    if total is None:
        return _full(library, shape, constant, some)
    return total + constant if constant else total


def _full(library: Any, shape: tuple[int, ...], value: float, some: Any) -> Any:
    if hasattr(some, "new_full"):
        return some.new_full(shape, value)
    return library.full(shape, value, some.dtype)


def _joined(library: Any, parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else library.concatenate(parts, 0)
