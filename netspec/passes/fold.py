"""Batch norm folded into the convolution or linear layer before it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from netspec.graph.model import Graph, Node, Ref

# The axis of output channels in the weight.
_AXIS = {"linear": 0, "conv1d": 0, "conv2d": 0, "conv3d": 0,
         "conv_transpose1d": 1, "conv_transpose2d": 1, "conv_transpose3d": 1}  # fmt: skip


def fold_batch_norm(graph: Graph) -> Graph:
    """W' = W·s, b' = (b − mean)·s + β with s = γ / sqrt(var + eps), where only the norm reads the product.

    A weight that several layers share is left alone, and so is a linear layer over a sequence, whose last axis is
    not the norm's channel axis.
    """
    shared = {node.share for node in graph.nodes() if node.share}
    outputs = {ref.node for ref in graph.outputs.values()}
    weights = dict(graph.weights)
    fused: dict[str, Node] = {}
    instead: dict[Ref, Ref] = {}
    for norm in graph.nodes():
        if not norm.kind.startswith("batch_norm"):
            continue
        product = graph[norm.inputs[0].node]
        if (
            product.kind not in _AXIS
            or len(graph.nx.out_edges(product.name)) != 1
            or {product.name, norm.name} & shared
            or product.share
            or norm.share
            or product.name in outputs
            or (product.kind == "linear" and product.type.rank != 2)
            or (_AXIS[product.kind] == 1 and product.layer.groups != 1)  # type: ignore[attr-defined]  # a transposed convolution
            or f"{norm.name}.running_mean" not in weights
        ):
            continue
        weights.update(_folded(product, norm, weights))
        layer = replace(product.layer, bias=True)  # type: ignore[type-var]  # all of _AXIS have `bias`
        fused[product.name] = replace(product, layer=layer, origin=(product.name, norm.name))
        instead[Ref(norm.name)] = Ref(product.name)
    kept = [replace(fused.get(n.name, n), inputs=tuple(instead.get(r, r) for r in n.inputs))
            for n in graph.nodes() if Ref(n.name) not in instead]  # fmt: skip
    return graph.rebuilt(kept, {k: instead.get(r, r) for k, r in graph.outputs.items()}, weights)


def _folded(product: Node, norm: Node, weights: dict[str, Any]) -> dict[str, Any]:
    def of(node: Node, name: str, default: float) -> Any:
        return np.asarray(weights.get(f"{node.name}.{name}", default), dtype=np.float64)

    scale = of(norm, "weight", 1.0) / np.sqrt(of(norm, "running_var", 1.0) + norm.layer.eps)  # type: ignore[attr-defined]  # a batch norm
    weight = weights[f"{product.name}.weight"]
    shape = [1] * weight.ndim
    shape[_AXIS[product.kind]] = -1
    bias = (of(product, "bias", 0.0) - of(norm, "running_mean", 0.0)) * scale + of(norm, "bias", 0.0)
    return {
        f"{product.name}.weight": weight * scale.astype(np.float32).reshape(shape),
        f"{product.name}.bias": bias.astype(np.float32),
    }
