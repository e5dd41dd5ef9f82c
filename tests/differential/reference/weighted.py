"""Linear maps, tables, attention, normalisation."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from tests.differential.reference.run import Call, kinds
from tests.differential.reference.windows import rank_of


@kinds("linear")
def linear(c: Call) -> Tensor:
    out = c.get("out_features")
    bias = c.weight("bias", out) if c.get("bias", True) else None
    return F.linear(c.x, c.weight("weight", out, c.x.shape[-1]), bias)


@kinds("bilinear")
def bilinear(c: Call) -> Tensor:
    a, b = c.inputs
    weight = c.weight("weight", c.get("out_features"), a.shape[-1], b.shape[-1])
    return F.bilinear(a, b, weight, c.weight("bias", c.get("out_features")) if c.get("bias", True) else None)


@kinds("maxout")
def maxout(c: Call) -> Tensor:
    out, pieces = c.get("out_features"), c.get("pieces", 2)
    bias = c.weight("bias", out * pieces) if c.get("bias", True) else None
    y = F.linear(c.x, c.weight("weight", out * pieces, c.x.shape[-1]), bias)
    return y.unflatten(-1, (out, pieces)).amax(-1)


@kinds("embedding")
def embedding(c: Call) -> Tensor:
    weight = c.weight("weight", c.get("num_embeddings"), c.get("embedding_dim"))
    return F.embedding(c.x, weight, c.get("padding_idx"))


@kinds("multi_head_attention")
def attention(c: Call) -> Tensor:
    """softmax(Q Kᵀ / √(E/H)) V with hidden keys; a query that sees no key takes nothing: 0 before the output map."""
    hidden = c.ports.get("mask")
    dense = [c.ports[name] for name in ("query", "key", "value") if name in c.ports]
    if not c.ports:
        dense = [x for x in c.inputs if x.dtype != torch.bool]
        hidden = next((x for x in c.inputs if x.dtype == torch.bool), None)
    query, key, value = dense[0], dense[min(1, len(dense) - 1)], dense[-1]
    heads, features = c.get("num_heads"), query.shape[-1]
    if features % heads:
        raise ValueError("heads do not divide features")
    if query.shape[-1] == key.shape[-1] == value.shape[-1]:
        w_q, w_k, w_v = c.weight("in_proj_weight", 3 * features, features).chunk(3)
    else:
        w_q, w_k, w_v = (
            c.weight(f"{n}_proj_weight", features, t.shape[-1]) for n, t in zip("qkv", (query, key, value), strict=True)
        )
    with_bias = c.get("bias", True)
    biases = c.weight("in_proj_bias", 3 * features).chunk(3) if with_bias else (None,) * 3

    def split(x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        return F.linear(x, w, b).unflatten(-1, (heads, features // heads)).transpose(1, 2)

    q, k, v = split(query, w_q, biases[0]), split(key, w_k, biases[1]), split(value, w_v, biases[2])
    never = torch.zeros(query.shape[0], 1, q.shape[2], k.shape[2], dtype=torch.bool)
    if c.get("causal"):
        never = never | torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).triu(1)
    if hidden is not None:
        never = never | hidden[:, None, None, :]
    nothing = never.all(-1, keepdim=True)
    scores = (q @ k.transpose(-1, -2) / sqrt(features // heads)).masked_fill(never & ~nothing, float("-inf"))
    p = scores.softmax(-1).masked_fill(nothing, 0.0)
    if c.get("dropout", 0.0) > 0 and c.run.training:
        c.run.random = True
    y = (p @ v).transpose(1, 2).flatten(2)
    out_bias = c.weight("out_proj.bias", features) if with_bias else None
    return F.linear(y, c.weight("out_proj.weight", features, features), out_bias)


@kinds("group_norm")
def group_norm(c: Call) -> Tensor:
    channels = c.x.shape[1]
    affine = (c.weight("weight", channels), c.weight("bias", channels)) if c.get("affine", True) else (None, None)
    return F.group_norm(c.x, c.get("num_groups"), *affine, eps=float(c.get("eps", 1e-5)))


@kinds("layer_norm")
def layer_norm(c: Call) -> Tensor:
    count = c.get("num_axes", 1)
    if count >= c.x.ndim:
        raise ValueError("the batch is not normalised")
    shape = c.x.shape[-count:]
    affine = c.get("elementwise_affine", True)
    weight = c.weight("weight", *shape) if affine else None
    bias = c.weight("bias", *shape) if affine and c.get("bias", True) else None
    return F.layer_norm(c.x, shape, weight, bias, float(c.get("eps", 1e-5)))


@kinds("rms_norm")
def rms_norm(c: Call) -> Tensor:
    count = c.get("num_axes", 1)
    if count >= c.x.ndim:
        raise ValueError("the batch is not normalised")
    shape = c.x.shape[-count:]
    weight = c.weight("weight", *shape) if c.get("elementwise_affine", True) else None
    eps = c.get("eps")
    y = c.x / torch.sqrt(
        c.x.square().mean(list(range(-count, 0)), keepdim=True)
        + (torch.finfo(c.x.dtype).eps if eps is None else float(eps))
    )
    return y if weight is None else y * weight


@kinds(*(f"{how}_norm{n}d" for how in ("batch", "instance") for n in (1, 2, 3)))
def running_norm(c: Call) -> Tensor:
    """torch's module; its running statistics are changed in this run's copies."""
    batch = c.kind.startswith("batch")
    if not (c.kind == "batch_norm1d" and c.x.ndim == 2):
        rank_of(c)
    channels = c.x.shape[1]
    module = getattr(nn, f"{'Batch' if batch else 'Instance'}Norm{c.kind[-2:]}")(
        channels,
        float(c.get("eps", 1e-5)),
        c.get("momentum", 0.1),
        c.get("affine", batch),
        c.get("track_running_stats", batch),
        device="meta",
    )
    state: dict[str, Tensor] = {name: c.weight(name, *p.shape) for name, p in module.named_parameters()}
    for name, value in module.named_buffers():
        if name == "num_batches_tracked":
            state[name] = c.run.counter(c.owner(name))
        else:
            state[name] = c.run.buffer(c.owner(name), value.shape, *((0.4, 1.2) if "var" in name else (-0.3, 0.3)))
    module.train(c.run.training)
    return functional_call(module, state, (c.x,))  # type: ignore[no-any-return]
