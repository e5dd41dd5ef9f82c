"""Inputs for a network: by the names of its inputs, so that a file alone says how it is tried.

`ids…` are whole numbers below the smallest table, `len_T` lengths of the axis T (or `len_5` of five steps), bool inputs
are masks that hide some keys, at the left or the right too, and whole rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Trial:
    """A batch size and a size of every symbolic axis."""

    batch: int
    axes: tuple[tuple[str, int], ...] = ()
    seed: int = 0

    def text(self) -> str:
        return ", ".join(f"{name}={size}" for name, size in (("B", self.batch), *self.axes))


def axes_of(document: Mapping[str, Any]) -> list[str]:
    """The symbolic axes of the inputs."""
    found = {size for spec in document["inputs"].values() for size in shape_of(spec) if isinstance(size, str)}
    return sorted(found)


def shape_of(spec: Any) -> list[Any]:
    return list(spec if isinstance(spec, list) else spec["shape"])


def dtype_of(spec: Any) -> str:
    return "float32" if isinstance(spec, list) else str(spec.get("dtype", "float32"))


def inputs_of(document: Mapping[str, Any], trial: Trial) -> dict[str, Tensor]:
    """Float inputs are float64 with values that float32 holds."""
    axes = dict(trial.axes)
    generator = torch.Generator().manual_seed(trial.seed * 7919 + trial.batch)
    rng = random.Random(trial.seed * 31 + trial.batch)
    high = min(_tables(document), default=4)
    found = {}
    for name, spec in document["inputs"].items():
        shape = [trial.batch, *(axes[s] if isinstance(s, str) else s for s in shape_of(spec))]
        dtype = dtype_of(spec)
        if dtype == "bool":
            found[name] = _mask(shape, rng)
        elif dtype == "float32":
            found[name] = torch.randn(shape, generator=generator).double()
        else:
            if name.startswith("len_"):
                of = name.split("_")[1]
                high_ = axes[of] if of in axes else int(of)
                value = torch.tensor([rng.choice((0, 1, high_, rng.randint(0, high_))) for _ in range(trial.batch)])
                value = value.clamp(max=high_)
            else:
                value = torch.randint(0, high, shape, generator=generator)
            found[name] = value.to(getattr(torch, dtype))
    return found


def _mask(shape: list[int], rng: random.Random) -> Tensor:
    """True hides: rows with nothing hidden, padded at the right, at the left, here and there, or hidden whole."""
    mask = torch.zeros(shape, dtype=torch.bool)
    for row in mask:
        flat, size = row.reshape(-1), row.numel()
        how, cut = rng.randrange(5), rng.randint(0, size)
        if how == 1:
            flat[cut:] = True
        elif how == 2:
            flat[:cut] = True
        elif how == 3:
            flat[:] = torch.tensor([rng.random() < 0.5 for _ in range(size)], dtype=torch.bool)
        elif how == 4:
            flat[:] = True
    return mask


def _tables(node: Any) -> Iterator[int]:
    """Sizes of the tables that whole numbers may look up."""
    if isinstance(node, Mapping):
        if isinstance(node.get("num_embeddings"), int):
            yield node["num_embeddings"]
        for value in node.values():
            yield from _tables(value)
