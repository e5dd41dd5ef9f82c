"""The weights of an exported model: the export run backwards.

Most weights stand in a model under their names.  A batch norm that was folded is one that does nothing: its shift alone
is left, and the layer before it has the rest.  What a layer packs (the gates of a recurrent cell) is found by packing
numbers that say where they came from.  What comes of it is exported again and held against the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from netspec.backends.onnx.model import emit_model
from netspec.backends.onnx.spec_meta import read_spec
from netspec.backends.onnx.streaming_meta import META as STREAMING
from netspec.backends.torch.module import to_torch
from netspec.graph.model import Graph, Node
from netspec.passes.inference import for_inference
from netspec.source.errors import NetspecError
from netspec.spec import Spec, load
from netspec.training.foreign import read_model

Arrays = dict[str, Any]  # NumPy arrays by name
EXACT = 2**24  # whole numbers of float32
CLOSE = 1e-5  # of the largest value: folding rounds


def weights_of_model(path: Path) -> tuple[Spec, Mapping[str, Tensor], tuple[str, ...]]:
    """The network of a model, its weights by name, and what whoever uses them has to know.

    Raises NS101 and NS631 for a file that is no model of netspec's, NS641 where its weights cannot be had.
    """
    model = read_model(path)
    carried = read_spec(path)
    spec = load(carried.text, hold_budget=False)
    spec.name = carried.name
    initializers = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    streaming = any(entry.key == STREAMING for entry in model.metadata_props)
    weights: Arrays = {name: tensor.numpy() for name, tensor in to_torch(spec).state_dict().items()}
    after = for_inference(spec.with_weights(weights))
    missing = _take_named(spec, after, weights, initializers)
    _take_packed(spec, weights, initializers, missing, streaming)
    _hold(path, spec, weights, initializers, streaming)
    dead = [node.name for node in spec.layers() if node.name not in after and spec.weights_of(node)]
    folded = {name for node in after.layers() for name in node.origin}
    lost = [name for name in dead if name not in folded]
    notes = [f"the model has no weights of {', '.join(lost)}, which no output needs"] if lost else []
    if folded:
        notes.append("batch norms are folded into the layers before them: each begins as one that does nothing")
    return spec, {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}, tuple(notes)


def _take_named(graph: Graph, after: Graph, weights: Arrays, initializers: Arrays) -> set[str]:
    """Put in what stands in the model under its name; gives the layers of which something does not."""
    missing: set[str] = set()
    for node in after.layers():
        if len(node.origin) == 2:
            product, norm = (graph[name] for name in node.origin)
            _unfold(graph, product, norm, weights, initializers)
            continue
        for name, weight in after.weights_of(node).items():
            full = f"{after.owner(node, name)}.{name}"
            if full in initializers and initializers[full].shape == weight.shape:
                weights[full] = initializers[full]
            elif weight.shape:
                missing.add(node.name)
    return missing


def _unfold(graph: Graph, product: Node, norm: Node, weights: Arrays, initializers: Arrays) -> None:
    """(x − 0) / √(1 + eps) · √(1 + eps) + shift, behind the layer that has the scale."""
    for name in ("weight", "bias"):
        if (full := f"{product.name}.{name}") in initializers and (name == "weight" or full in weights):
            weights[full] = initializers[full]
    shift = initializers.get(f"{product.name}.bias")
    for name, weight in graph.weights_of(norm).items():
        value = {"running_var": 1.0, "weight": (1.0 + float(getattr(norm.layer, "eps", 0.0))) ** 0.5}.get(name, 0.0)
        weights[f"{norm.name}.{name}"] = np.full(weight.shape, value, weight.dtype)
    if f"{product.name}.bias" in weights or shift is None:
        return
    if f"{norm.name}.bias" in weights:
        weights[f"{norm.name}.bias"] = shift
    else:  # the shift of a norm that has none of its own is that of its mean
        weights[f"{norm.name}.running_mean"] = -shift


def _take_packed(graph: Graph, weights: Arrays, initializers: Arrays, missing: set[str], streaming: bool) -> None:
    """Export whole numbers in the place of weights, and see where they come to stand."""
    for name in missing:
        node = graph[name]
        names = [f"{graph.owner(node, short)}.{short}" for short in graph.weights_of(node)]
        marked = dict(weights)
        end = 0
        for full in names:
            begin, end = end, end + weights[full].size
            marked[full] = np.arange(begin + 1, end + 1, dtype=np.float32).reshape(weights[full].shape)
        if end >= EXACT:
            continue
        flat = np.zeros(end, dtype=np.float32)
        empty = {full: np.zeros_like(array) if full in names else array for full, array in weights.items()}
        constants = {t.name: numpy_helper.to_array(t) for t in _initializers(graph, empty, streaming)}
        for tensor in _initializers(graph, marked, streaming):
            if not tensor.name.startswith((f"{name}/", f"{name}.")) or tensor.name not in initializers:
                continue
            values, constant = initializers[tensor.name], constants[tensor.name]
            if values.dtype == constant.dtype == np.float32 and values.shape == constant.shape:
                marks = numpy_helper.to_array(tensor) - constant  # ± the number of a weight, 0 where there is none
                numbers = np.rint(np.nan_to_num(np.abs(marks))).astype(np.int64)
                inside = (numbers > 0) & (numbers <= end)
                flat[numbers[inside] - 1] = ((values - constant) * np.sign(marks))[inside]
        start = 0
        for full in names:
            size = weights[full].size
            weights[full] = flat[start : start + size].reshape(weights[full].shape)
            start += size


def _initializers(graph: Graph, weights: Arrays, streaming: bool) -> list[onnx.TensorProto]:
    return list(emit_model(for_inference(graph.with_weights(weights)), streaming).graph.initializer)


def _hold(path: Path, graph: Graph, weights: Arrays, initializers: Arrays, streaming: bool) -> None:
    """Raises NS641 where the weights do not give the model that they were taken from."""
    for tensor in _initializers(graph, weights, streaming):
        mine, its = numpy_helper.to_array(tensor), initializers.get(tensor.name)
        if its is None or mine.shape != its.shape or mine.dtype != its.dtype or not _close(mine, its):
            raise NetspecError(
                "NS641",
                f"its weights cannot be had from the model: `{tensor.name}` is not what an export of them has",
                name=str(path),
                hint="take them from the run that the model was exported from",
            )


def _close(mine: Any, its: Any) -> bool:
    """Equal, infinities too, but for rounding."""
    scale = np.abs(its[np.isfinite(its)]).max(initial=0)
    return bool(np.allclose(mine, its, rtol=0, atol=CLOSE * scale, equal_nan=True))
