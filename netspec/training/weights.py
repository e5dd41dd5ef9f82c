"""Weights as safetensors.  One tensor under several names is stored once, as `safetensors.torch.save_model` does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import torch
from torch import Tensor, nn

from netspec.source.errors import NetspecError
from netspec.source.files import reason, write_whole
from netspec.source.input_files import open_file
from netspec.training.files import cannot_write

Weights = dict[str, Tensor]
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def shared_names(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """The names of tensors that another name before them holds already -> that name."""
    first: dict[tuple[object, ...], str] = {}
    again = {}
    for name, tensor in tensors.items():
        if tensor.numel():
            key = (tensor.device, tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
            kept = first.setdefault(key, name)
            if kept != name:
                again[name] = kept
    return again


def write_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    refuse: Callable[[Path, OSError], Exception] = cannot_write,
) -> None:
    """Raises what `refuse` makes of the path and the reason when it cannot be written: NS624 of a run's file."""
    again = shared_names(tensors)
    plain = {name: tensor for name, tensor in tensors.items() if name not in again}
    ordered = sorted(plain, key=lambda name: (-plain[name].element_size(), name))  # each begins where its type may
    # Written here and not by safetensors: it opens a path again, which may have become a link, and puts the metadata
    # in an order of chance; in one order, equal weights are equal files.
    header: dict[str, object] = {"__metadata__": dict(sorted({"format": "pt", **metadata, **again}.items()))}
    end = 0
    for name in ordered:
        tensor = plain[name]
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)

    def write(file: BinaryIO) -> None:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in ordered:
            values = plain[name].detach().cpu().contiguous().reshape(-1)
            file.write(values.view(torch.uint8).numpy().data)

    write_whole(path, write, refuse)


def read_tensors(path: Path) -> tuple[Weights, dict[str, str]]:
    """All tensors, each in memory of its own, and the metadata.  Raises NS622."""
    from safetensors import SafetensorError, safe_open

    try:
        open_file(path).close()  # a pipe has no end
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            # Cloned: a mapped file is not aligned as torch aligns, and products may then round another way.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise NetspecError("NS622", f"cannot be read: {reason(error)}", name=str(path)) from None
    return tensors, metadata


def save_weights(path: Path, module: nn.Module, weights: Weights | None = None, **metadata: str) -> None:
    """A module's state, or `weights` in its place.  Raises NS624 when it cannot be written."""
    state = module.state_dict()
    write_tensors(
        path,
        {n: t for n, t in (weights or state).items() if n not in shared_names(state)},
        {**shared_names(state), **metadata},
    )


def load_weights(path: Path, module: nn.Module) -> dict[str, str]:
    """Put a file's weights into the module; gives the metadata.  Raises NS622 when they are another network's."""
    tensors, metadata = read_tensors(path)
    put_weights(module, tensors, str(path))
    return metadata


class Expected(NamedTuple):
    """What a tensor of a file has to be."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    def __str__(self) -> str:
        return f"{self.shape} of {str(self.dtype).removeprefix('torch.')}"


def expected_of(module: nn.Module) -> dict[str, Expected]:
    """Every tensor that a module's state is stored as."""
    state = module.state_dict()
    again = shared_names(state)
    return {n: Expected(tuple(t.shape), t.dtype) for n, t in state.items() if n not in again}


def check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, Expected], name: str) -> None:
    """Before torch computes with them, and a kernel reads past their end.  Raises NS622; `name` is the file's."""
    found = {n: Expected(tuple(t.shape), t.dtype) for n, t in tensors.items()}
    wrong = [f"{n} is {found[n]}, expected {e}" for n, e in expected.items() if n in found and found[n] != e]
    missing, unknown = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    told = [f"no {n}" for n in missing[:3]] + [f"unknown {n}" for n in unknown[:3]] + wrong[:3]
    if told:
        raise NetspecError("NS622", f"these weights are another network's: {'; '.join(told)}", name=name)


def check_finite(tensors: Mapping[str, Tensor], name: str) -> None:
    """Raises NS622: weights that are not finite are never saved."""
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise NetspecError("NS622", f"{key} holds NaN or infinity", name=name, hint="the file is damaged")


def put_weights(module: nn.Module, tensors: Weights, name: str) -> None:
    """Raises NS622 when names, shapes or types differ from the module's, or a value is not finite."""
    check_tensors(tensors, expected_of(module), name)
    check_finite(tensors, name)
    state = module.state_dict()
    with torch.no_grad():
        for key, tensor in tensors.items():
            state[key].copy_(tensor)
