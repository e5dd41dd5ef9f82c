"""Batch norm in training takes the variance of each channel over the batch and its positions: of one value there is
none.  Which layers have only one, and what becomes of a batch of one sample then."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.data.config import DataConfig
from netspec.data.parts import DataPart, ImageRows
from netspec.data.symbols import Symbols
from netspec.graph.model import Graph, Node
from netspec.layers.batch_norm import BatchNorm
from netspec.recipe.config import TrainConfig
from netspec.shapes.dim import Dim, at, product
from netspec.source.errors import NetspecError, Related


def least_batch(graph: Graph, part: DataPart, data: DataConfig, config: TrainConfig) -> int:
    """2 where a batch of one sample cannot be trained on, else 1.

    Raises NS612, at the layer, where every batch would be one sample, and NS607 where the part is.
    """
    node = next(iter(norms_of_one_value(graph, smallest_sizes(graph, part, config.bptt))), None)
    if node is None:
        return 1
    text = f"`{node.name}` normalises over the batch: one sample has one value for each channel, and no variance"
    hint = "or use layer_norm or group_norm, which look at each sample alone"
    if config.batch_size == 1:
        related = (Related("batch size", "1", config.span_at("batch_size")),)
        raise NetspecError(
            "NS612", text, node.span, hint=f"make `batch_size` 2 or more, {hint}", related=related, route=node.route
        )
    if part.count == 1 and not part.ordered:
        related = (Related("split", "one sample is left for training", data.span_at("split")),)
        raise NetspecError(
            "NS607",
            text,
            node.span,
            hint=f"give the training part more samples, {hint}",
            related=related,
            route=node.route,
        )
    return 2


def norms_of_one_value(graph: Graph, sizes: Mapping[str, int]) -> list[Node]:
    """The batch norms that see one value of a channel in one sample, where the named axes have these sizes."""
    return [
        node
        for node in graph.layers()
        if isinstance(node.layer, BatchNorm) and at(product(graph.input_types(node)[0].shape[2:]), sizes) == 1
    ]


def smallest_sizes(graph: Graph, part: DataPart, bptt: int | None) -> dict[str, int]:
    """The smallest that each named axis is in a batch of one sample of the part."""
    found: dict[str, int] = {}
    for name, x in part.inputs.items():
        rows = x.codes if isinstance(x, Symbols) else x
        shape = (len(rows), *rows.rule.shape) if isinstance(rows, ImageRows) else rows.shape
        for axis, (size, extent) in enumerate(zip(graph.inputs[name].shape, shape, strict=False)):
            if axis and isinstance(size, Dim) and str(size).isidentifier() and isinstance(extent, int):
                if axis == 1 and part.lengths is not None and len(part.lengths):
                    extent = int(part.lengths.min())
                if axis == 1 and bptt is not None:  # pieces, the last of which is what is left
                    extent = 1 if part.ordered or part.lengths is not None else extent % bptt or bptt
                found[str(size)] = min(extent, found.get(str(size), extent))
    return found
