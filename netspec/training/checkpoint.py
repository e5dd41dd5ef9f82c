"""The whole state of a training in one safetensors file: tensors as tensors, the rest as JSON in its metadata.

Nothing is pickled: a file from elsewhere cannot run code.  Nothing is believed: every tensor is held against what the
module and the optimizer expect, and every field against its declaration, before torch computes with any of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from netspec.recipe.config import TrainConfig
from netspec.recipe.optimizers.base import Optimizer
from netspec.source.errors import NetspecError, Problem, Problems, raise_all
from netspec.source.records import Count
from netspec.source.records.from_json import parse_json, read_record
from netspec.training.state import Progress
from netspec.training.weights import (
    Expected,
    Weights,
    check_finite,
    check_tensors,
    expected_of,
    put_weights,
    read_tensors,
    shared_names,
    write_tensors,
)

VERSION: Literal[2] = 2


@dataclass(frozen=True)
class Header:
    """What is no tensor.  `spec`: the hash of the text that is trained; `stateful`: the weights, by their number, for
    which the optimizer keeps something."""

    version: Literal[2]
    spec: str
    progress: Progress
    stateful: list[Count]


def save_checkpoint(
    path: Path,
    spec: str,
    progress: Progress,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: Weights | None,
    device: torch.device,
    carried: Weights,
) -> None:
    """`spec`: the hash of the text that is trained; `carried`: what recurrent layers go on from.  Raises NS624."""
    state = module.state_dict()
    again = shared_names(state)
    tensors = {f"weights.{name}": tensor for name, tensor in state.items() if name not in again}
    tensors |= {f"best.{name}": tensor for name, tensor in (best or {}).items() if name not in again}
    tensors |= {f"carried.{name}": tensor for name, tensor in carried.items()}
    states: Mapping[int, Mapping[str, Tensor]] = optimizer.state_dict()["state"]
    stateful = [index for index, entries in states.items() if entries]
    tensors |= {f"optimizer.{i}.{name}": tensor for i in stateful for name, tensor in states[i].items()}
    tensors["rng.cpu"] = torch.get_rng_state()
    if device.type == "cuda":
        tensors["rng.cuda"] = torch.cuda.get_rng_state(device)
    header = Header(VERSION, spec, progress, stateful)
    write_tensors(path, tensors, {"netspec": json.dumps(asdict(header))})


def load_checkpoint(
    path: Path,
    spec: str,
    config: TrainConfig,
    steps: int,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
) -> tuple[Progress, Weights | None, Weights]:
    """Put everything back; gives how far it was, the best weights, and what recurrent layers go on from.

    `steps`: batches an epoch.  Raises NS622 for a file of another kind, with each field and tensor that is not as it
    was written; then nothing has been put back.
    """
    tensors, metadata = read_tensors(path)
    header = _header(metadata, spec, config, steps, path)
    progress = header.progress
    params = [p for group in optimizer.param_groups for p in group["params"]]
    loose = {name for name in tensors if name.startswith("carried.") and config.bptt is not None}  # Carried.load knows
    loose |= {"rng.cuda"} if device.type != "cuda" else set()  # a training may go on where there is no such device
    expected = _expected(header, config, module, params, device, path)
    check_tensors({n: t for n, t in tensors.items() if n not in loose}, expected, str(path))

    def part(prefix: str) -> Weights:
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    check_finite({n: t for n, t in tensors.items() if n.startswith(("weights.", "best."))}, str(path))
    put_weights(module, part("weights."), str(path))
    state = {i: part(f"optimizer.{i}.") for i in header.stateful}
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    try:
        torch.set_rng_state(tensors["rng.cpu"])
        if device.type == "cuda" and "rng.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["rng.cuda"], device)
    except RuntimeError as error:  # its bytes are torch's own affair
        raise _refused(path, f"`rng` is no state of a generator: {str(error).splitlines()[0]}") from None
    best = {name: tensor.to(device) for name, tensor in part("best.").items()}
    return progress, best or None, {name: tensor.to(device) for name, tensor in part("carried.").items()}


def _refused(path: Path, what: str) -> NetspecError:
    return NetspecError("NS622", what, name=str(path), hint="start a new run")


def _header(metadata: Mapping[str, str], spec: str, config: TrainConfig, steps: int, path: Path) -> Header:
    if "netspec" not in metadata:
        raise _refused(path, "is no checkpoint: it has no `netspec` in its metadata")
    parsed = parse_json(metadata["netspec"], "NS622", str(path))
    if isinstance(parsed, dict) and parsed.get("version") != VERSION:
        raise _refused(path, f"is not of version {VERSION}, which this netspec reads")
    header = read_record(parsed, Header, "NS622", str(path), "start a new run")
    if header.spec != spec:
        raise _refused(path, "is a checkpoint of another training")
    problems = Problems()
    for name, expected in header.progress.misfits(config, steps):
        value = getattr(header.progress, name)
        problems.append(Problem("NS622", f"`progress.{name}` is {value}, expected {expected}", name=str(path)))
    raise_all(problems)
    return header


def _expected(
    header: Header, config: TrainConfig, module: nn.Module, params: list[Tensor], device: torch.device, path: Path
) -> dict[str, Expected]:
    """Name -> shape and type of every tensor that the file has to have."""
    weights = expected_of(module)
    expected = {f"weights.{name}": e for name, e in weights.items()}
    if header.progress.epoch:
        expected |= {f"best.{name}": e for name, e in weights.items()}
    entries = optimizer_entries(config.optimizer)
    known = set(range(len(params) if entries else 0))
    if not set(header.stateful) <= known or (known and header.progress.step and not header.stateful):
        raise _refused(
            path, f"`stateful` names {len(header.stateful)} weights, which are not of the optimizer's {len(known)}"
        )
    for index in header.stateful:
        like = Expected(tuple(params[index].shape), params[index].dtype)
        expected |= {f"optimizer.{index}.{name}": e or like for name, e in entries.items()}
    expected["rng.cpu"] = _bytes(torch.get_rng_state())
    if device.type == "cuda":
        expected["rng.cuda"] = _bytes(torch.cuda.get_rng_state(device))
    return expected


def _bytes(state: Tensor) -> Expected:
    return Expected(tuple(state.shape), state.dtype)


def optimizer_entries(config: Optimizer) -> dict[str, Expected | None]:
    """What the optimizer keeps for a weight, found by a step of it: name -> None for what is like the weight."""
    probe = nn.Parameter(torch.zeros(2, 3))
    optimizer = config.to_torch([probe])
    probe.grad = torch.zeros_like(probe)
    optimizer.step()
    return {
        name: None if value.shape == probe.shape else Expected(tuple(value.shape), value.dtype)
        for name, value in optimizer.state[probe].items()
    }
