"""Batch norm folded into the convolution or linear layer before it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from netspec.graph.model import Graph, Node
from netspec.graph.rewrite import Rewrite
from netspec.passes.declare import inference_pass
from netspec.passes.properties import carries_weights, without_dead_nodes, without_identities


@inference_pass(requires=(carries_weights, without_identities, without_dead_nodes))
def fold_batch_norm(graph: Graph) -> Graph:
    """W' = W·s, b' = (b − mean)·s + β with s = γ / sqrt(var + eps), where only the norm reads the product.

    A weight that several layers share is left alone, and so is a linear layer over a sequence, whose last axis is
    not the norm's channel axis.
    """
    rewrite = Rewrite(graph)
    for norm in rewrite:
        if norm.layer.batch_norm and _folds(rewrite, product := rewrite[norm.inputs[0].node], norm):
            layer = replace(product.layer, bias=True)  # type: ignore[type-var]  # has `bias`
            fused = replace(product, layer=layer)
            rewrite.replace(product, norm, by=fused, weights=_folded(rewrite, product, norm))
    return rewrite.done()


def _axis(product: Node) -> int | None:
    return product.layer.channel_axis(tuple(product.outputs.values()))


def _folds(rewrite: Rewrite, product: Node, norm: Node) -> bool:
    return (
        _axis(product) is not None
        and rewrite.readers(product) == [norm]
        and not rewrite.is_output(product)
        and not rewrite.shares_weights(product)
        and not rewrite.shares_weights(norm)
        and rewrite.weight(f"{norm.name}.running_mean") is not None  # of the batch otherwise
    )


def _folded(rewrite: Rewrite, product: Node, norm: Node) -> dict[str, Any]:
    def values(node: Node, name: str, default: float) -> Any:
        tensor = rewrite.weight(f"{node.name}.{name}")
        return np.asarray(default if tensor is None else tensor, dtype=np.float64)

    scale = values(norm, "weight", 1.0) / np.sqrt(values(norm, "running_var", 1.0) + norm.layer.eps)  # type: ignore[attr-defined]  # a batch norm
    weight, axis = rewrite.weight(f"{product.name}.weight"), _axis(product)
    shape = [-1 if i == axis else 1 for i in range(weight.ndim)]
    bias = (values(product, "bias", 0.0) - values(norm, "running_mean", 0.0)) * scale + values(norm, "bias", 0.0)
    return {"weight": weight * scale.astype(np.float32).reshape(shape), "bias": bias.astype(np.float32)}
