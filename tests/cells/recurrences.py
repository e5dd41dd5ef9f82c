"""Steps with random weights, and torch's own layers with the same weights, for the tests of the cells."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from netspec.cells.ir.read import read_cell
from netspec.cells.ir.step import CellStep
from netspec.cells.language.cell import Cell
from netspec.source.errors import Problems
from netspec.source.text import Source
from netspec.source.tree import parse

FLOAT64 = torch.float64


def cell_of(text: str, name: str = "it") -> Cell:
    """A cell from what stands below its name in a file."""
    problems = Problems()
    source = Source("cell.yaml", text)
    tree = parse(source)
    cell = read_cell(name, tree, tree.span, problems)
    assert cell is not None, "\n".join(p.render() for p in problems)
    return cell


def drawn(
    shapes: Mapping[str, Any], seed: int = 0, dtype: torch.dtype = FLOAT64, scale: float = 0.5
) -> dict[str, Tensor]:
    """Normal values of these shapes, as leaves."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: (torch.randn(shape, generator=generator, dtype=FLOAT64) * scale).to(dtype).requires_grad_()
        for name, shape in shapes.items()
    }


def inputs_of(
    step: CellStep, steps: int, batch: int, seed: int = 1, dtype: torch.dtype = FLOAT64
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """x (T, B, I) and the initial states (B, size)."""
    shapes = {"x": (steps, batch, step.sizes["input"])} | {f"state {s}": (batch, n) for s, n in step.states.items()}
    x, *states = drawn(shapes, seed, dtype, 1.0).values()
    return x, tuple(states)


# name of the library's cell -> torch's layer, and for each of its gates the library's matrices and biases

LSTM = ("W_i", "W_f", "W_c", "W_o"), ("b_i", "b_f", "b_c", "b_o")


def as_torch(kind: str, weights: Mapping[str, Tensor], suffix: str = "", into: str = "_l0") -> dict[str, Tensor]:
    """The weights of `lstm`, `gru_reset_after` or `rnn` as torch names and packs them."""

    def packed(*names: str) -> Tensor:
        return torch.cat([weights[n + suffix] for n in names]).detach()

    match kind:
        case "lstm":
            matrices, biases = packed("W_i", "W_f", "W_c", "W_o"), packed("b_i", "b_f", "b_c", "b_o")
            hidden = matrices.shape[0] // 4
            found = (matrices[:, hidden:], matrices[:, :hidden], biases, torch.zeros_like(biases))
        case "gru_reset_after":
            found = (
                packed("W_ir", "W_iz", "W_in"),
                packed("W_hr", "W_hz", "W_hn"),
                packed("b_ir", "b_iz", "b_in"),
                packed("b_hr", "b_hz", "b_hn"),
            )
        case _:
            found = packed("U"), packed("W"), packed("b"), torch.zeros_like(packed("b"))
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return {name + into: value for name, value in zip(names, found, strict=True)}


def gradients_as_torch(
    kind: str, weights: Mapping[str, Tensor], suffix: str = "", into: str = "_l0"
) -> dict[str, Tensor]:
    """The gradients that the weights have, packed like the weights.  What torch has twice, both biases, is left out."""
    grads = {name: w.grad for name, w in weights.items() if w.grad is not None}
    found = as_torch(kind, grads, suffix, into)
    return found if kind == "gru_reset_after" else {k: v for k, v in found.items() if not k.startswith("bias_hh")}


LAYERS: dict[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru_reset_after": nn.GRU, "rnn": nn.RNN}


def backward(*values: Tensor) -> None:
    """The backward pass of a sum that gives every element a gradient of its own."""
    seeds = count(1)
    total = sum(
        (v * torch.sin(torch.arange(v.numel(), dtype=v.dtype).view(v.shape) * next(seeds))).sum() for v in values
    )
    assert isinstance(total, Tensor)
    total.backward()
