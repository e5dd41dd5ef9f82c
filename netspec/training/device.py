"""Which device, and in which precision."""

from __future__ import annotations

import torch

from netspec.source.errors import NetspecError, did_you_mean


def pick_device(name: str, precision: str = "float32") -> torch.device:
    """auto, cpu, cuda or cuda:N.  Raises NS621 when it is not there, or cannot compute in the precision."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        name = "cuda" if count else "cpu"
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()) or name == "cpu:":
        hint = did_you_mean(kind, ("auto", "cpu", "cuda"), "there are auto, cpu, cuda and cuda:N")
        raise NetspecError("NS621", f"unknown device '{name}'", hint=hint)
    if kind == "cuda" and not count:
        raise NetspecError("NS621", f"no CUDA device: torch {torch.__version__} sees none", hint="use --device cpu")
    if kind == "cuda" and int(number or 0) >= count:
        listing = ", ".join(f"cuda:{i}" for i in range(count))
        raise NetspecError("NS621", f"no device {name}", hint=f"there {'is' if count == 1 else 'are'} {listing}")
    if precision != "float32" and kind != "cuda":
        raise NetspecError(
            "NS621",
            f"`precision: {precision}` computes on CUDA alone, this is the {kind}",
            hint="use `--set train.precision=float32`, or a CUDA device",
        )
    if precision == "bf16" and not torch.cuda.is_bf16_supported():
        raise NetspecError("NS621", f"{torch.cuda.get_device_name(0)} has no bf16", hint="use `precision: fp16`")
    return torch.device("cuda", int(number or 0)) if kind == "cuda" else torch.device("cpu")
