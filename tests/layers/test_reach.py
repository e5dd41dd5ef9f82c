"""Receptive fields against published figures and against what the gradient really sees."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

import netspec
from netspec.graph.cost import reaches
from netspec.layers.base import Reach


def stack_reach(layers: str, shape: str) -> tuple[Reach | None, ...]:
    """What one position of the last layer sees of the input."""
    graph = netspec.load(f"netspec: 1\ninputs: {{x: {shape}}}\nlayers: {{{layers}}}\n")
    *_, (_, last) = reaches(graph)
    return last


def conv(name: str, kernel: int, stride: int = 1) -> str:
    return f"{name}: {{type: conv2d, out_channels: 1, kernel_size: {kernel}, stride: {stride}, padding: {kernel // 2}}}"


def pool(name: str, kernel: int, stride: int = 2) -> str:
    return f"{name}: {{type: max_pool2d, kernel_size: {kernel}, stride: {stride}}}"


@pytest.mark.parametrize(
    ("layers", "size", "jump"),
    [
        # The published figures up to the last pooling: 195 and 212 pixels, 32 apart.
        (
            [conv("a", 11, 4), pool("b", 3), conv("c", 5), pool("d", 3), *(conv(n, 3) for n in "efg"), pool("h", 3)],
            195,
            32,
        ),
        (
            [
                line
                for i, n in enumerate((2, 2, 3, 3, 3))
                for line in (*(conv(f"c{i}{j}", 3) for j in range(n)), pool(f"p{i}", 2))
            ],
            212,
            32,
        ),
    ],
    ids=["alexnet", "vgg16"],
)
def test_receptive_field_of_published_networks(layers: list[str], size: int, jump: int) -> None:
    reach = stack_reach(", ".join(layers), "[3, 256, 256]")
    assert [(r.size, r.jump) for r in reach[1:] if r] == [(size, jump)] * 2
    assert reach[0] is None


def line(kernel: int, fields: str = "") -> str:
    return f"{{type: conv1d, out_channels: 1, kernel_size: {kernel}{', ' if fields else ''}{fields}}}"


STACKS = {
    "dilated": (f"a: {line(3)}, b: {line(3, 'dilation: 2')}, c: {line(3, 'dilation: 4')}", 15),
    "causal": (f"a: {line(2, 'dilation: 3, padding: causal')}", 4),
    "up": ("a: {type: conv_transpose1d, out_channels: 1, kernel_size: 4, stride: 2, padding: 1}", 2),
    "up and on": (
        f"a: {{type: conv_transpose1d, out_channels: 1, kernel_size: 2, stride: 2}}, b: {line(3, 'padding: 1')}",
        2,
    ),
    "down and up": (
        f"a: {{type: avg_pool1d, kernel_size: 2}}, b: {{type: upsample, scale_factor: 2}}, c: {line(3, 'padding: 1')}",
        5,
    ),
    "nearest": (f"a: {{type: upsample, scale_factor: 2}}, b: {line(5, 'padding: 2')}", 3),
    "linear": ("a: {type: upsample, scale_factor: 2, mode: linear}", 2),
    "linear by 3": (f"a: {{type: upsample, scale_factor: 3, mode: linear}}, b: {line(3)}", 3),
    "slice": (f"a: {line(3)}, b: {{type: slice, dim: 2, start: 2, step: 2}}, c: {line(2)}", 5),
    "pad": ("a: {type: pad, padding: [2, 0]}, b: {type: avg_pool1d, kernel_size: 3, stride: 1}", 3),
    "adaptive": (f"a: {line(3, 'padding: 1')}, b: {{type: adaptive_avg_pool1d, output_size: 6}}", 6),
    "skip": (f"a: {line(3, 'padding: 1')}, b: {line(5, 'padding: 2')}, c: {{type: add, from: [a, b]}}", 7),
    "concat of channels": (f"a: {line(3, 'padding: 1')}, c: {{type: concat, from: [x, a]}}", 3),
}


def seen(module: torch.nn.Module, length: int) -> list[list[int]]:
    """For each output position the input positions that its value depends on, by the gradient of positive weights."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(1.0)
    x = torch.rand(1, 1, length, requires_grad=True)
    y = module(x).sum((0, 1))
    rows = [torch.autograd.grad(y[i], x, retain_graph=True)[0][0, 0] for i in range(len(y))]
    return [row.nonzero().flatten().tolist() for row in rows]


@pytest.mark.parametrize("name", STACKS)
def test_receptive_field_is_what_the_gradient_sees(name: str) -> None:
    """Sound at every position, and as wide as the widest position of an input of 24.

    What repeats positions reads a staircase, which the reach bounds by two lines: one more where it is read again.
    """
    layers, size = STACKS[name]
    graph = netspec.load(f"netspec: 1\ninputs: {{x: [1, 24]}}\nlayers: {{{layers}}}\n")
    *_, (_, last) = reaches(graph)
    reach = last[1]
    assert reach is not None
    rows = seen(netspec.to_torch(graph), 24)
    for i, row in enumerate(rows):
        assert reach.jump * i + reach.low <= row[0]
        assert row[-1] <= reach.jump * i + reach.high
    widest = max(row[-1] - row[0] + 1 for row in rows)
    assert reach.size == size
    assert widest == (4 if name == "down and up" else size)


@pytest.mark.parametrize(
    ("layers", "shape", "shown"),
    [
        ("a: {type: permute, dims: [0, 2, 1]}", "[3, 8]", "11"),
        ("a: {type: conv1d, out_channels: 2, kernel_size: 3}, b: {type: permute, dims: [0, 2, 1]}", "[3, 8]", "3-"),
        ("a: flatten", "[3, 8]", "-"),
        ("a: {type: reshape, shape: [8, 6]}", "[8, 3, 2]", "1-"),
        ("a: {type: reshape, shape: [6, 8]}", "[3, 2, 8]", "-1"),
        ("a: global_avg_pool1d", "[3, 8]", "1"),
        ("a: {type: mean, dim: 1, keepdim: true}", "[3, 8]", "-1"),
        ("a: {type: mean, dim: 1}", "[3, 8]", "1"),
        ("a: {type: softmax, dim: 1}", "[3, 8]", "-1"),
        ("a: layer_norm", "[3, 8]", "1-"),
        ("a: {type: group_norm, num_groups: 3}", "[3, 8]", "--"),
        ("a: instance_norm1d", "[3, 8]", "1-"),
        ("a: {type: linear, out_features: 2}", "[3, 8]", "1-"),
        ("a: {type: multi_head_attention, num_heads: 2}", "[3, 8]", "--"),
        (
            "a: {type: global_avg_pool1d}, b: {type: reshape, shape: [3, 1]}, c: {type: multiply, from: [x, b]}",
            "[3, 8]",
            "1-",
        ),
        ("a: {type: stack, from: [x, x]}", "[3, 8]", "-11"),
        ("a: {type: split, dim: 1, num: 2}, b: {type: identity, from: a.1}", "[4, 8]", "31"),
        ("a: {type: concat, dim: 2, from: [x, x]}", "[3, 8]", "19"),
        ("a: {type: upsample, size: 7, mode: linear, align_corners: true}", "[3, T]", "1-"),
        ("a: {type: adaptive_avg_pool1d, output_size: 3}", "[3, T]", "1-"),
    ],
)
def test_what_is_mixed_is_seen_whole(layers: str, shape: str, shown: str) -> None:
    """One sign an axis: the size, or - for everything."""
    assert "".join(str(r.size) if r else "-" for r in stack_reach(layers, shape)) == shown


def test_reach_counts_whole_positions() -> None:
    assert Reach(Fraction(1, 2), Fraction(-1, 2), Fraction(1, 2)).size == 2
    assert Reach(Fraction(1, 2), Fraction(-1, 2), Fraction(0)).size == 1
