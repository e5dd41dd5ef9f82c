"""Indices and weights of `upsample` and the adaptive pools in ONNX: torch's own at every size, scale and mode.

By brute force: torch rounds in float32, copies axes that rounding leaves as they are in some modes, and takes another
kernel for nearest pixels of small images.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

import netspec
from netspec.backends.onnx.model import to_onnx

SCALES = (0.25, 0.3, 1 / 3, 0.5, 0.6, 0.75, 0.9, 1.0, 65 / 64, 1.1, 1.25, 1.5, 1.9, 2, 2.1, 2.25, 2.5, 3, 3.3, 7, 41)
SIZES = (1, 2, 3, 4, 5, 7, 10, 13, 30, 49)
MODES = [
    ("nearest", 1),
    ("nearest", 2),
    ("nearest", 3),
    ("linear", 1),
    ("bilinear", 2),
    ("bicubic", 2),
    ("trilinear", 3),
]
CASES = [
    (mode, rank, corners) for mode, rank in MODES for corners in ((False,) if mode == "nearest" else (False, True))
]


@cache
def session(shape: tuple[Any, ...], layer: str) -> tuple[nn.Module, Any]:
    graph = netspec.load(f"netspec: 1\ninputs: {{x: [2, {', '.join(map(str, shape))}]}}\nlayers: {{u: {{{layer}}}}}\n")
    module = netspec.to_torch(graph).eval()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return module, onnxruntime.InferenceSession(to_onnx(graph, module).SerializeToString(), options)


def agrees(shape: tuple[Any, ...], layer: str, sizes: tuple[int, ...], direct: nn.Module, exact: bool) -> None:
    """The ONNX is torch's own module, which knows nothing of this project."""
    module, run = session(shape, layer)
    x = torch.from_numpy(np.random.default_rng(sum(sizes)).standard_normal((1, 2, *sizes), np.float32))
    y = direct(x)
    assert torch.equal(module(x), y)
    [ours] = run.run(None, {"x": x.numpy()})
    if exact:
        np.testing.assert_array_equal(ours, y.numpy(), err_msg=f"{layer} of {sizes}")
    else:  # weights in float32 of positions up to some hundred
        np.testing.assert_allclose(ours, y.numpy(), rtol=0, atol=1e-4, err_msg=f"{layer} of {sizes}")


def dyadic(scale: float) -> bool:
    return float(scale * 64).is_integer()


def beside(rank: int, n: Any) -> tuple[Any, ...]:
    """An axis of n with small ones beside it, which 1.25 leaves as they are."""
    return {1: (n,), 2: (n, 3), 3: (2, n, 3)}[rank]


@pytest.mark.parametrize(("mode", "rank", "corners"), CASES)
def test_every_scale(mode: str, rank: int, corners: bool) -> None:
    fields = f", mode: {mode}" + ", align_corners: true" * corners
    for scale in SCALES:
        scales = {1: (scale,), 2: (scale, 1.25), 3: (1.5, scale, 1.25)}[rank]
        direct = nn.Upsample(
            scale_factor=tuple(map(float, scales)), mode=mode, align_corners=None if mode == "nearest" else corners
        )
        layer = f"type: upsample, scale_factor: {list(scales)}{fields}"
        for n in SIZES:
            if int(n * scale):
                agrees(beside(rank, n), layer, beside(rank, n), direct, mode == "nearest")
                if dyadic(scale):
                    agrees(beside(rank, "T"), layer, beside(rank, n), direct, mode == "nearest")


@pytest.mark.parametrize(("mode", "rank", "corners"), CASES)
def test_every_size(mode: str, rank: int, corners: bool) -> None:
    fields = f", mode: {mode}" + ", align_corners: true" * corners
    for m in (1, 2, 3, 5, 7, 10, 18, 60, 140):
        sizes = {1: (m,), 2: (m, 4), 3: (3, m, 4)}[rank]
        direct = nn.Upsample(sizes, mode=mode, align_corners=None if mode == "nearest" else corners)
        layer = f"type: upsample, size: {list(sizes)}{fields}"
        for n in range(1, 61):
            agrees(beside(rank, "T"), layer, beside(rank, n), direct, mode == "nearest")
        for n in (3, 35, 49):
            agrees(beside(rank, n), layer, beside(rank, n), direct, mode == "nearest")


@pytest.mark.parametrize("scale", [(1.25, 1.5), (1.25, 1.25), (2.25, 1.0), (2.5, 1.125), (3, 0.6)])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_images_on_either_side_of_the_size_at_which_torch_changes_its_kernel(
    mode: str, scale: tuple[float, float]
) -> None:
    direct = nn.Upsample(scale_factor=tuple(map(float, scale)), mode=mode)
    layer = f"type: upsample, scale_factor: {list(scale)}, mode: {mode}"
    for n in (1, 2, 3, 4, 40, 51, 52, 90, 101, 130):
        for other in (1, 2, 3, 60):
            if not int(other * scale[1]):
                continue
            agrees((n, other), layer, (n, other), direct, mode == "nearest")
            if all(map(dyadic, scale)):
                agrees(("T", "S"), layer, (n, other), direct, mode == "nearest")
                agrees(("T", other), layer, (n, other), direct, mode == "nearest")


def lengths() -> Iterator[int]:
    yield from range(1, 41)
    yield from (97, 128)


@pytest.mark.parametrize("kind", ["avg", "max"])
def test_adaptive_pools_at_every_size(kind: str) -> None:
    for m in (1, 2, 3, 4, 5, 7, 12):
        direct = getattr(nn, f"Adaptive{kind.title()}Pool1d")(m)
        for n in lengths():
            agrees(("T",), f"type: adaptive_{kind}_pool1d, output_size: {m}", (n,), direct, False)
            if n % 3 == 0 or n < 4:
                agrees((n,), f"type: adaptive_{kind}_pool1d, output_size: {m}", (n,), direct, False)
    for sizes in ((3, 2), (5, 7), (1, 4)):
        direct = getattr(nn, f"Adaptive{kind.title()}Pool2d")(sizes)
        for n in range(1, 15):
            for shape in (("T", "S"), ("T", n), (n, n)):
                agrees(shape, f"type: adaptive_{kind}_pool2d, output_size: {list(sizes)}", (n, n), direct, False)
