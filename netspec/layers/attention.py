"""Attention with several heads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from math import inf, sqrt
from typing import Any, ClassVar

from netspec.layers.axes import known, need_rank
from netspec.layers.base import Example, Layer, OnnxBuilder, Reaches, TorchBuilder, Types, Weight, bad_input, kind
from netspec.layers.weight_axes import Units, WeightAxes
from netspec.shapes.dim import Size, product
from netspec.shapes.tensor import TensorType
from netspec.source.records import Positive, Share

_BOOL = 9  # TensorProto.BOOL

# B batch, T query positions, S memory positions, E features of the query, H heads


@dataclass(frozen=True)
class AttentionRoles:
    """Which input is what."""

    query: int
    key: int
    value: int
    mask: int | None


def roles_of(inputs: Types) -> AttentionRoles:
    """One floating input is all three; two are query and memory; the mask is the bool one, and comes last."""
    mask = len(inputs) - 1 if inputs[-1].dtype == "bool" else None
    count = len(inputs) - (mask is not None)
    return AttentionRoles(0, min(1, count - 1), count - 1, mask)


@kind("multi_head_attention")
class MultiHeadAttention(Layer):
    """y = concat_h(softmax(Q_h K_hᵀ / √(E/H)) V_h) W_O + b_O with Q = q W_Q + b_Q, K = k W_K + b_K, V = v W_V + b_V.

    query (B, T, E), key (B, S, ·), value (B, S, ·) -> (B, T, E).  One input is self-attention, two are query and memory
    (keys and values), three are query, key and value.  `mask` (B, S) is bool and comes last: True marks a key that is
    ignored (padding), as in torch's key_padding_mask.  `causal` hides the keys s > t from query t.  A query from which
    every key is hidden gets softmax 0, and so y = b_O, while training, at inference and in ONNX.
    Weights are those of torch's MultiheadAttention.
    Raises NS401 when key and value differ in length or the inputs in batch, NS402 for another rank or unknown features,
    NS403 when num_heads does not divide E, NS405 for wrong element types.  Vaswani et al. 2017, arXiv:1706.03762.
    """

    num_heads: Positive
    causal: bool = False
    dropout: Share = 0.0
    bias: bool = True

    ports: ClassVar[tuple[str, ...]] = ("query", "key", "value", "mask")
    arity: ClassVar[tuple[int, int | None]] = (1, 4)
    weighted: ClassVar[bool] = True
    floating: ClassVar[bool] = False
    examples: ClassVar[tuple[Example, ...]] = (
        Example("num_heads: 2", ("[5, 4]",)),
        Example("num_heads: 2, causal: true, bias: false, dropout: 0.1", ("[T, 4]",)),
        Example("num_heads: 2", ("[3, 4]", "[T, 6]")),
        Example("num_heads: 1, causal: true", ("[T, 4]", "[S, 4]", "[S, 3]"), ({"T": 5, "S": 3}, {"T": 4, "S": 8})),
        Example("num_heads: 2", ("[T, 4]", "{shape: [T], dtype: bool}"), wiring="from: {query: a, mask: b}"),
        Example(
            "num_heads: 2, causal: true",
            ("[T, 4]", "[T, 4]", "[T, 4]", "{shape: [T], dtype: bool}"),
            wiring="from: {value: c, key: b, query: a, mask: d}",
        ),
    )

    def infer(self, *inputs: TensorType) -> TensorType:
        roles = roles_of(inputs)
        dense = [x for i, x in enumerate(inputs) if i != roles.mask]
        wrong = next((x for x in dense if not x.floating), None)
        if wrong or not 1 <= len(dense) <= 3:
            received = ", ".join(f"{x.dtype} {x}" for x in inputs)
            raise bad_input(
                "NS405",
                "multi_head_attention expects one to three floating inputs, then at most one bool "
                f"mask, received {received}",
                "name them: `from: {query: a, key: b, value: c, mask: m}`",
            )
        for x in dense:
            need_rank(self, x, 3, "(B, T, E)")
            known(self, x.shape[2], "a last axis", x)
        query, key, value = inputs[roles.query], inputs[roles.key], inputs[roles.value]
        if key.shape[1] != value.shape[1]:
            raise bad_input("NS401", f"multi_head_attention expects as many keys as values, received {key} and {value}")
        if len({x.shape[0] for x in inputs}) > 1:
            raise bad_input(
                "NS401",
                "multi_head_attention expects inputs of one batch, received " + " and ".join(str(x) for x in inputs),
            )
        if roles.mask is not None and inputs[roles.mask].shape != key.shape[:2]:
            raise bad_input(
                "NS401",
                f"multi_head_attention expects a mask for the keys {key}, received {inputs[roles.mask]}",
                f"one bool for each key: {TensorType(key.shape[:2])}",
            )
        features = known(self, query.shape[2], "a last axis", query)
        if features % self.num_heads:
            raise bad_input(
                "NS403",
                f"multi_head_attention num_heads {self.num_heads} does not divide {features} features",
                f"{features}/{self.num_heads} is not whole; use a divisor of {features}",
            )
        return query

    def sizes(self, inputs: Types) -> tuple[int, int, int]:
        """The features of query, key and value."""
        roles = roles_of(inputs)
        query, key, value = (
            known(self, inputs[i].shape[2], "a last axis", inputs[i]) for i in (roles.query, roles.key, roles.value)
        )
        return query, key, value

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        query, key, value = self.sizes(inputs)
        if query == key == value:
            weights = {"in_proj_weight": Weight((3 * query, query))}
        else:
            weights = {
                "q_proj_weight": Weight((query, query)),
                "k_proj_weight": Weight((query, key)),
                "v_proj_weight": Weight((query, value)),
            }
        if self.bias:
            weights["in_proj_bias"] = Weight((3 * query,))
        weights["out_proj.weight"] = Weight((query, query))
        if self.bias:
            weights["out_proj.bias"] = Weight((query,))
        return weights

    def weight_axes(self, inputs: Types, outputs: Types) -> dict[str, WeightAxes]:
        # Scores are sums over the features of each head, over √(E/H); the output sums over those of all heads.
        roles = roles_of(inputs)
        query, key, value = self.sizes(inputs)
        places = (roles.query, roles.key, roles.value)
        scores = Units("scores", query, blocks=self.num_heads)
        keys = replace(scores, summed=True, gain=(query / self.num_heads) ** -0.5)
        values = Units("values", query, blocks=self.num_heads)
        summed = Units("input", query, 2, tuple(dict.fromkeys(places)), summed=True)
        out = (Units("output", query, 2),)
        each = {
            f"{letter}_proj_weight": ((rows,), (Units("input", size, 2, (place,), summed=True),))
            for letter, rows, size, place in zip(
                "qkv", (scores, keys, values), (query, key, value), places, strict=True
            )
        }
        return {
            **each,
            "in_proj_weight": ((scores, keys, values), (summed,)),
            "in_proj_bias": ((scores, keys, values),),
            "out_proj.weight": (out, (replace(values, summed=True, blocks=1),)),
            "out_proj.bias": (out,),
        }

    def flops(self, inputs: Types, outputs: Types) -> Size:
        roles = roles_of(inputs)
        query, key, value = self.sizes(inputs)
        t, s = inputs[roles.query].shape[1], inputs[roles.key].shape[1]
        projections = t * 2 * query * query + s * query * (key + value)
        return projections + product((t, s)) * 2 * query  # Q Kᵀ, and the weights times V

    def reach(self, reaches: tuple[Reaches, ...], inputs: Types, outputs: Types) -> Reaches:
        along = reaches[0][0]
        return (along and along.everywhere(), None)

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        features, key_size, value_size = self.sizes(inputs)
        return nn.MultiheadAttention(
            features, self.num_heads, self.dropout, self.bias, kdim=key_size, vdim=value_size, batch_first=True
        )

    def to_torch(self, build: TorchBuilder) -> Any:
        import torch

        roles = roles_of(build.types)
        query, key, value = (build.inputs[i] for i in (roles.query, roles.key, roles.value))
        hidden: dict[str, Any] = {}
        if self.causal:
            t, s = (build.size(build.types[i].shape[1]) for i in (roles.query, roles.key))
            hidden["attn_mask"] = query.new_ones((t, s), dtype=torch.bool).triu(1)
        if roles.mask is not None:
            # As −∞ that is added: with bool masks torch takes another path at inference, in which a query without a
            # key is NaN.  With floating ones it takes `scaled_dot_product_attention`, in which it is 0.
            hidden["key_padding_mask"] = build.inputs[roles.mask]
            hidden = {k: torch.zeros_like(m, dtype=query.dtype).masked_fill(m, -inf) for k, m in hidden.items()}
        alone = self.causal and roles.mask is None
        return build.call(query, key, value, **hidden, need_weights=False, is_causal=alone)[0]

    def to_onnx(self, build: OnnxBuilder) -> str:
        roles = roles_of(build.types)
        features, key_size, value_size = self.sizes(build.types)
        width = features // self.num_heads
        if features == key_size == value_size:
            matrices = build.ops("Split", [build.weight("in_proj_weight")], 3, axis=0, num_outputs=3)
        else:
            matrices = tuple(build.weight(f"{name}_proj_weight") for name in "qkv")
        biases = build.ops("Split", [build.weight("in_proj_bias")], 3, axis=0, num_outputs=3) if self.bias else ()

        def heads(role: int, which: int, perm: list[int]) -> str:
            turned = build.op("Transpose", [matrices[which]], perm=[1, 0])
            y = build.op("MatMul", [build.inputs[role], turned])
            y = build.op("Add", [y, biases[which]]) if self.bias else y
            y = build.op("Reshape", [y, build.const([0, 0, self.num_heads, width], "int64")])
            return build.op("Transpose", [y], perm=perm)

        query = heads(roles.query, 0, [0, 2, 1, 3])  # (B, H, T, E/H)
        key = heads(roles.key, 1, [0, 2, 3, 1])  # (B, H, E/H, S)
        value = heads(roles.value, 2, [0, 2, 1, 3])  # (B, H, S, E/H)
        scores = build.op("MatMul", [build.op("Mul", [query, build.const(1 / sqrt(width))]), key])
        hidden: list[str] = []  # which keys, each in a shape that goes with (B, H, T, S)
        if self.causal:
            sizes = build.shape([build.types[roles.query].shape[1], build.types[roles.key].shape[1]])
            ones = build.op("Expand", [build.const(1.0), sizes])
            later = build.op("Trilu", [ones, build.const(1, "int64")], upper=1)
            hidden.append(build.op("Cast", [later], to=_BOOL))
        if roles.mask is not None:
            hidden.append(build.op("Unsqueeze", [build.inputs[roles.mask], build.const([1, 2], "int64")]))
        if hidden:
            never = reduce(lambda a, b: build.op("Or", [a, b]), hidden)
            if roles.mask is None:
                scores = build.op("Where", [never, build.const(-inf), scores])
            else:  # added, as in torch: NaN and ∞ of a key stay what they are, hidden or not
                scores = build.op("Add", [scores, build.op("Where", [never, build.const(-inf), build.const(0.0)])])
        shares = build.op("Softmax", [scores], axis=-1)
        if roles.mask is not None:  # the softmax of nothing but −∞ is NaN: without a key it is 0
            shares = build.op("Where", [never, build.const(0.0), shares])
        y = build.op("MatMul", [shares, value])
        y = build.op("Transpose", [y], perm=[0, 2, 1, 3])
        y = build.op("Reshape", [y, build.const([0, 0, features], "int64")])
        y = build.op("MatMul", [y, build.op("Transpose", [build.weight("out_proj.weight")], perm=[1, 0])])
        return build.op("Add", [y, build.weight("out_proj.bias")]) if self.bias else y
