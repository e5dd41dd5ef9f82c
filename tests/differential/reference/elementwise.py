"""Activations, arithmetic, joins, dropout."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.differential.reference.run import KINDS, Call, kinds

_PLAIN = {
    "relu": F.relu, "relu6": F.relu6, "selu": F.selu, "silu": F.silu, "mish": F.mish, "sigmoid": torch.sigmoid,
    "tanh": torch.tanh, "log_sigmoid": F.logsigmoid, "softsign": F.softsign, "hard_sigmoid": F.hardsigmoid,
    "hard_swish": F.hardswish, "identity": lambda x: x,
}  # fmt: skip
for _name, _function in _PLAIN.items():
    KINDS[_name] = lambda c, f=_function: f(c.x)  # type: ignore[misc]
KINDS["elu"] = lambda c: F.elu(c.x, c.get("alpha", 1.0))
KINDS["celu"] = lambda c: F.celu(c.x, c.get("alpha", 1.0))
KINDS["gelu"] = lambda c: F.gelu(c.x, approximate=c.get("approximate", "none"))
KINDS["softplus"] = lambda c: F.softplus(c.x, c.get("beta", 1.0), c.get("threshold", 20.0))
KINDS["hard_tanh"] = lambda c: F.hardtanh(c.x, c.get("min_val", -1.0), c.get("max_val", 1.0))
KINDS["leaky_relu"] = lambda c: F.leaky_relu(c.x, c.get("negative_slope", 0.01))


@kinds("concat", "stack")
def join(c: Call) -> Tensor:
    if len({x.dtype for x in c.inputs}) > 1:
        raise ValueError("one element type only")
    if c.kind == "concat" and c.get("dim", 1) % c.x.ndim == 0:
        raise ValueError("not along the batch")
    return (torch.cat if c.kind == "concat" else torch.stack)(c.inputs, c.get("dim", 1))


@kinds("softmax", "log_softmax", "glu")
def along(c: Call) -> Tensor:
    functions = {"softmax": F.softmax, "log_softmax": F.log_softmax, "glu": F.glu}
    dim = c.get("dim", -1)
    if dim % c.x.ndim == 0:
        raise ValueError("samples are not mixed")
    return functions[c.kind](c.x, dim)


@kinds("add", "multiply", "subtract")
def arithmetic(c: Call) -> Tensor:
    if c.x.dtype == torch.bool or len({x.dtype for x in c.inputs}) > 1:
        raise ValueError("numbers of one type only")
    operation = {"add": torch.add, "multiply": torch.mul, "subtract": torch.sub}[c.kind]
    return reduce(operation, c.inputs)


@kinds("lerp")
def lerp(c: Call) -> Tensor:
    start, end, weight = (c.ports.get(name) for name in ("start", "end", "weight")) if c.ports else c.inputs
    assert start is not None and end is not None and weight is not None
    return start + weight * (end - start)


@kinds("prelu")
def prelu(c: Call) -> Tensor:
    return F.prelu(c.x, c.weight("weight", c.x.shape[1] if c.get("per_channel") else 1))


@kinds("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")
def dropout(c: Call) -> Tensor:
    functions = {"dropout": F.dropout, "dropout1d": F.dropout1d, "dropout2d": F.dropout2d, "dropout3d": F.dropout3d,
                 "alpha_dropout": F.alpha_dropout}  # fmt: skip
    rank = {"dropout1d": 3, "dropout2d": 4, "dropout3d": 5}.get(c.kind)
    if rank and c.x.ndim != rank:  # torch takes a batch of one without its axis: netspec's batch is always there
        raise ValueError(f"{c.kind} of rank {c.x.ndim}")
    p = c.get("p", 0.5)
    c.run.drops = c.run.drops or (c.run.training and 0 < p < 1)
    return functions[c.kind](c.x, p, c.run.training)


@kinds("split")
def split(c: Call) -> dict[str, Tensor]:
    dim = c.get("dim")
    if c.get("num"):
        if c.x.shape[dim] % c.get("num"):
            raise ValueError("unequal parts")
        parts = c.x.chunk(c.get("num"), dim)
    else:
        parts = c.x.split(c.get("sizes"), dim)
    return {str(i): part for i, part in enumerate(parts)}
