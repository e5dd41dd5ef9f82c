"""Random inputs for a comparison: numbers, indices, lengths of sequences, masks."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from netspec.graph.model import Graph
from netspec.layers.recurrent import CellLayer
from netspec.shapes.dim import Dim
from netspec.shapes.tensor import TensorType


def random_inputs(
    graph: Graph, batch: int, sizes: dict[str, int], generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Inputs for a trial: normal numbers, whole ones below the smallest embedding, lengths of sequences from 0, masks
    of every form that padding has, a row that is hidden whole among them."""
    high = min((n.layer.num_embeddings for n in graph.layers() if hasattr(n.layer, "num_embeddings")), default=2)
    lengths = _lengths(graph, sizes)
    return {
        name: _ends(lengths[name], batch, generator)
        if name in lengths
        else _random(type_, (batch, *_numbers(type_, sizes)), high, generator)
        for name, type_ in graph.inputs.items()
    }


def _lengths(graph: Graph, sizes: dict[str, int]) -> dict[str, int]:
    """The inputs that say how long each sequence is, and the steps that there are."""
    lengths: dict[str, int] = {}
    for node in graph.layers():
        types = graph.input_types(node)
        place = node.layer.lengths_of(types) if isinstance(node.layer, CellLayer) else None
        if place is not None and node.inputs[place].node in graph.inputs:
            name = node.inputs[place].node
            steps = _numbers(types[0], sizes)[0]
            lengths[name] = min(steps, lengths.get(name, steps))
    return lengths


def _numbers(type_: TensorType, sizes: dict[str, int]) -> Sequence[int]:
    return [s.at(sizes) if isinstance(s, Dim) else s for s in type_.shape[1:]]  # type: ignore[misc]  # every axis has a number


def _random(type_: TensorType, shape: Sequence[int], high: int, generator: torch.Generator) -> torch.Tensor:
    dtype = getattr(torch, type_.dtype)
    if type_.floating:
        return torch.randn(shape, generator=generator, dtype=torch.float32).to(dtype)
    if type_.dtype == "bool":
        return _mask(shape, generator)
    return torch.randint(0, high, shape, generator=generator, dtype=dtype)


def _ends(steps: int, batch: int, generator: torch.Generator) -> torch.Tensor:
    """A length for each sequence: none, all, and others in between, in turn."""
    lengths = torch.randint(0, steps + 1, (batch,), generator=generator)
    turn = (torch.arange(batch) + torch.randint(4, (), generator=generator)) % 4
    return torch.where(turn == 0, 0, torch.where(turn == 1, steps, lengths))


def _mask(shape: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    """True hides: a row whole, its beginning, its end, some of it, nothing, in turn."""
    some = torch.rand(shape, generator=generator) > 0.7
    if len(shape) < 2:
        return some
    place, cut = torch.arange(shape[-1]), torch.randint(shape[-1], (*shape[:-1], 1), generator=generator)
    forms = (torch.ones_like(some), place < cut, place > cut, some, torch.zeros_like(some))
    begin = int(torch.randint(len(forms), (), generator=generator))
    return torch.stack([forms[(begin + row) % len(forms)][row] for row in range(shape[0])])
