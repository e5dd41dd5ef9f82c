"""The whole state of a training in one safetensors file: tensors as tensors, the rest as JSON in its metadata.

Nothing is pickled: a file from elsewhere cannot run code.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from netspec.source.errors import NetspecError
from netspec.train.weights import Weights, put_weights, read_tensors, shared_names, write_tensors

VERSION = 2


@dataclass
class Progress:
    """How far a training is.  Every number that a later step depends on is here or among the tensors."""

    epoch: int = 0  # finished epochs
    batch: int = 0  # finished batches of the next one
    step: int = 0  # optimiser steps in all
    loss_sums: list[float] = field(default_factory=list)  # of the epoch so far, per output: batch losses times counts
    counts: list[int] = field(default_factory=list)  # of the epoch so far, per output: what the mean is over
    running: float | None = None  # Q
    settled: list[float] = field(default_factory=list)  # Q at the end of the last epochs
    best: float | None = None  # the monitored loss at its lowest
    best_epoch: int = 0
    mark: float | None = None  # the loss that patience compares with
    waited: int = 0  # epochs since then
    stopped: str = ""  # why the training ended before its last epoch
    seconds: float = 0.0
    scaler: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(path: Path, spec: str, progress: Progress, module: nn.Module, optimizer: Optimizer,
                    best: Weights | None, device: torch.device, carried: Weights) -> None:  # fmt: skip
    """`spec`: the hash of the text that is trained; `carried`: what recurrent layers go on from.  Raises NS624."""
    state = module.state_dict()
    again = shared_names(state)
    tensors = {f"weights.{name}": tensor for name, tensor in state.items() if name not in again}
    tensors |= {f"best.{name}": tensor for name, tensor in (best or {}).items() if name not in again}
    tensors |= {f"carried.{name}": tensor for name, tensor in carried.items()}
    numbers: dict[str, dict[str, Any]] = {}
    for index, entries in optimizer.state_dict()["state"].items():
        for name, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                numbers.setdefault(str(index), {})[name] = value
    tensors["rng.cpu"] = torch.get_rng_state()
    if device.type == "cuda":
        tensors["rng.cuda"] = torch.cuda.get_rng_state(device)
    header = {"version": VERSION, "spec": spec, "progress": asdict(progress), "optimizer": numbers}
    write_tensors(path, tensors, {"netspec": json.dumps(header)})


def load_checkpoint(path: Path, spec: str, module: nn.Module, optimizer: Optimizer,
                    device: torch.device) -> tuple[Progress, Weights | None, Weights]:  # fmt: skip
    """Put everything back; gives how far it was, the best weights, and what recurrent layers go on from.

    Raises NS622 for a file of another kind.
    """
    tensors, metadata = read_tensors(path)
    try:
        header = json.loads(metadata["netspec"])
        progress = Progress(**header["progress"])
        numbers = header["optimizer"]
        if header["version"] != VERSION or header["spec"] != spec:
            raise KeyError("spec")
    except (KeyError, TypeError, ValueError):
        raise NetspecError(
            "NS622", "is no checkpoint of this training", name=str(path), hint="start a new run"
        ) from None

    try:
        best, carried = _put_back(tensors, numbers, module, optimizer, device, path)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, IndexError) as error:
        raise NetspecError(
            "NS622", f"is no whole checkpoint: {error}", name=str(path), hint="start a new run"
        ) from None
    return progress, best, carried


def _put_back(tensors: Weights, numbers: dict[str, Any], module: nn.Module, optimizer: Optimizer,
              device: torch.device, path: Path) -> tuple[Weights | None, Weights]:  # fmt: skip
    def part(prefix: str) -> Weights:
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    put_weights(module, part("weights."), str(path))
    state: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in numbers.items()}
    for key, tensor in part("optimizer.").items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    torch.set_rng_state(tensors["rng.cpu"])
    if device.type == "cuda" and "rng.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["rng.cuda"], device)
    best = {name: tensor.to(device) for name, tensor in part("best.").items()}
    return best or None, {name: tensor.to(device) for name, tensor in part("carried.").items()}
