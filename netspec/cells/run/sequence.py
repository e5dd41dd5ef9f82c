"""Values of a step for all steps at once, by torch's operations and autograd: what stands before and after a loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from netspec.cells.ir.dag import Value, width_of
from netspec.cells.ir.loop import cut
from netspec.cells.kernels.interpret import compute

# T time, B batch


def evaluate(
    nodes: Iterable[Value],
    known: Mapping[Value, Tensor],
    x_TBI: Tensor,
    weights: Mapping[str, Tensor],
    initial: Mapping[str, Tensor],
    delayed: Mapping[str, Value],
) -> dict[Value, Tensor]:
    """Each node as (T, B, n), and everything that was computed on the way.

    `known` are values that stand already; `delayed` names, for a state that only delays, the value that it delays.
    """
    values: dict[Value, Tensor | float] = dict(known)

    def value(node: Value) -> Tensor | float:
        if node not in values:
            match node.op:
                case "input":
                    values[node] = x_TBI
                case "weight":
                    values[node] = weights[node.attr]
                case "product":
                    matrix = weights[node.attr.weight][:, node.attr.start : node.attr.stop]
                    values[node] = torch.nn.functional.linear(torch.as_tensor(value(node.args[0])), matrix)
                case "previous":
                    sequence = full(value(delayed[node.attr]), initial[node.attr])
                    values[node] = torch.cat([initial[node.attr].unsqueeze(0), sequence[:-1]])
                case _:
                    values[node] = compute(node, [value(a) for a in node.args])
        return values[node]

    def full(x: Tensor | float, like: Tensor) -> Tensor:
        return torch.as_tensor(x, dtype=like.dtype, device=like.device).expand(*x_TBI.shape[:2], like.shape[-1])

    steps = x_TBI.shape[:2]
    wanted = list(nodes)
    for node in cut(wanted, known):  # in order, so that no recursion is deep
        if node.op != "previous":
            value(node)
    out = {n: torch.as_tensor(value(n), dtype=x_TBI.dtype, device=x_TBI.device) for n in wanted}
    sequences = {n: v if v.dim() == 3 else v.expand(*steps, width_of(n)) for n, v in out.items()}
    # A weight itself would change with an output that is changed in place.
    return {n: v.clone() if n.op == "weight" else v for n, v in sequences.items()}
