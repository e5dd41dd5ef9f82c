"""A safetensors file that anybody may have written, opened without being read: its tensors are mapped, not copied."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from netspec.source.errors import NetspecError
from netspec.source.files import reason
from netspec.source.input_files import open_file
from netspec.source.netspec_file import MOST, is_netspec
from netspec.training.info import no_run

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
CHUNK = 1 << 24
CONVERT = (
    'in a program that trusts the file: `safetensors.torch.save_file(torch.load("x.pt", weights_only=True), '
    '"x.safetensors")`'
)


@dataclass(frozen=True)
class WeightsFile:
    """Its tensors by name, one that the file has under several names under each of them, and its metadata."""

    path: Path
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def open_weights(path: Path) -> WeightsFile:
    """The tensors of a file.

    Raises NS631 where there is none, NS622 for one that is no safetensors file, or not as long as its header says.
    A pickle is never read, whatever its name: it can run code.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with open_file(path) as file:
            head = file.read(MOST)
    except FileNotFoundError:
        raise no_run(path, "no such run, .safetensors file or .onnx model") from None
    except OSError as error:
        raise NetspecError("NS622", f"cannot be read: {reason(error)}", name=str(path)) from None
    if path.suffix in PICKLES or head[:2] in (b"PK", b"\x80\x02"):
        raise NetspecError("NS622", "is a pickle, which may run code, and is not read", name=str(path), hint=CONVERT)
    if path.suffix in (".yaml", ".yml") or (head[8:9] != b"{" and is_netspec(head)):
        hint = "name a run, a .safetensors file or an exported .onnx model"
        raise NetspecError("NS622", "is a netspec file, which has no weights", name=str(path), hint=hint)
    try:
        with safe_open(path, framework="pt") as opened:  # holds lengths, offsets and shapes against each other
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
            metadata = dict(opened.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise NetspecError("NS622", f"is no safetensors file: {reason(error)}", name=str(path)) from None
    again = {name: tensors[other] for name, other in metadata.items() if other in tensors and name not in tensors}
    return WeightsFile(path, {**tensors, **again}, metadata)


def sha256_of(path: Path) -> str:
    """Of a file's bytes."""
    digest = hashlib.sha256()
    try:
        with open_file(path) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise NetspecError("NS622", f"cannot be read: {reason(error)}", name=str(path)) from None
    return digest.hexdigest()
