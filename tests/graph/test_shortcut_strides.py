"""Shortcuts and gates follow F(x) by what its layers say, held against networks written by hand in torch."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

import netspec
from netspec.graph.cost import params_of
from netspec.graph.model import Graph


def net(shape: str, body: str, options: str = "shortcut: projection", kind: str = "residual") -> Graph:
    return netspec.load(
        f"netspec: 1\ninputs: {{x: {shape}}}\nlayers:\n  r: {{type: {kind}, {options}, layers: {{{body}}}}}\n"
    )


def conv(rank: int, channels: int, kernel: int, stride: object, padding: int = 0) -> str:
    return (
        f"{{type: conv{rank}d, out_channels: {channels}, kernel_size: {kernel}, stride: {stride}, padding: {padding}}}"
    )


def flat(features: int, shape: str) -> str:
    """A path that mixes everything with everything."""
    return f"a: flatten, l: {{type: linear, out_features: {features}}}, n: {{type: reshape, shape: {shape}}}"


def added(graph: Graph) -> dict[str, Any]:
    """The layers of a shortcut or gate: what decides of each."""
    return {
        n.name.removeprefix("r."): getattr(n.layer, "stride", None)
        for n in graph.layers()
        if n.name.startswith(("r.shortcut", "r.gate"))
    }


def params(graph: Graph) -> int:
    return sum(params_of(graph, n) for n in graph.layers() if n.name.startswith("r.shortcut"))


CONV2 = "c: " + conv(2, 6, 3, [1, 2], 1)
WIDTH = 6 * 6 + 2 * 6  # a 1×1 convolution of six channels without bias, and its norm


@pytest.mark.parametrize(
    ("shape", "body", "stride"),
    {
        "the last axis alone": ("[6, 24]", "c: " + conv(1, 6, 3, 2, 1), (2,)),
        "symbolic": ("[6, T]", "c: " + conv(1, 6, 3, 2, 1), (2,)),
        "two axes": ("[6, 8, 24]", CONV2, (1, 2)),
        "two axes, symbolic": ("[6, T, W]", CONV2, (1, 2)),
        "4 to 2 by 3": ("[6, 4]", "c: " + conv(1, 6, 1, 3), (3,)),
        "4 to 2 by 2": ("[6, 4]", "c: " + conv(1, 6, 1, 2), (2,)),
        "a product": ("[6, 25]", f"c: {conv(1, 6, 3, 2, 1)}, p: {{type: max_pool1d, kernel_size: 1, stride: 3}}", (6,)),
        "pooling alone": ("[6, 9]", "p: {type: max_pool1d, kernel_size: 3, stride: 2, padding: 1}", (2,)),
        "down and up": (
            "[6, 24]",
            f"c: {conv(1, 6, 3, 4, 1)}, u: {{type: conv_transpose1d, out_channels: 6, kernel_size: 2, stride: 2}}",
            (2,),
        ),
        "dilation": (
            "[6, 4]",
            "c: {type: conv1d, out_channels: 6, kernel_size: 3, dilation: 2, stride: 3, padding: 2}",
            (3,),
        ),
        "a container inside": (
            "[6, 4]",
            f"s: {{type: residual, shortcut: pad, layers: {{c: {conv(1, 6, 1, 3)}}}}}",
            (3,),
        ),
        "paths that agree": (
            "[6, 5]",
            f"b: {{type: branches, merge: add, branches: {{a: {{c: {conv(1, 6, 1, 2)}}}, "
            "b: {p: {type: max_pool1d, kernel_size: 3, stride: 2, padding: 1}}}}",
            (2,),
        ),
        "squeeze and excitation": (
            "[6, 4, 4]",
            f"c: {conv(2, 6, 1, 3)}, n: {{type: group_norm, num_groups: 2}}, p: global_avg_pool2d, "
            "f: {type: linear, out_features: 6}, e: {type: reshape, shape: [6, 1, 1]}, "
            "m: {type: multiply, from: [n, e]}",
            (3, 3),
        ),
        "slices": ("[6, 4]", "p: {type: slice, dim: 2, step: 3}", (3,)),
    }.values(),
)
def test_channels_are_projected_by_the_stride_of_the_path(shape: str, body: str, stride: tuple[int, ...]) -> None:
    graph = net(shape, body)
    assert added(graph) == {"shortcut.conv": stride, "shortcut.norm": None}
    assert params(graph) == WIDTH


@pytest.mark.parametrize(
    "body",
    [
        "l: {type: linear, out_features: 12}",
        "a: {type: multi_head_attention, num_heads: 2}, l: {type: linear, out_features: 12}",
        "n: layer_norm, l: {type: linear, out_features: 12}, s: softmax",
        "l: {type: lstm, hidden: 12}",
    ],
)
@pytest.mark.parametrize("axis", ["6", "T"])
def test_features_are_projected_where_the_path_maps_features(axis: str, body: str) -> None:
    graph = net(f"[{axis}, 24]", body)
    assert added(graph) == {"shortcut.linear": None}
    assert params(graph) == 24 * 12 + 12


def test_one_stride_alone_may_fit_where_nothing_is_said() -> None:
    assert added(net("[6, 24]", flat(96, "[8, 12]"))) == {"shortcut.conv": (2,), "shortcut.norm": None}
    assert added(net("[6, 24]", flat(8, "[8, 1]"))) == {"shortcut.conv": (24,), "shortcut.norm": None}


def test_channels_last_in_between_are_still_channels() -> None:
    body = (
        "c: {type: conv2d, out_channels: 8, kernel_size: 7, groups: 8, padding: 3}, "
        "p: {type: permute, dims: [0, 2, 3, 1]}, n: layer_norm, l: {type: linear, out_features: 12}, "
        "q: {type: permute, dims: [0, 3, 1, 2]}"
    )
    assert added(net("[8, 16, 16]", body)) == {"shortcut.conv": (1, 1), "shortcut.norm": None}


REFUSED = {
    "several products": (
        "[6, 4]",
        f"b: {{type: branches, merge: add, branches: {{a: {{c: {conv(1, 6, 2, 2)}}}, b: {{c: {conv(1, 6, 1, 3)}}}}}}}",
        "different strides along axis 2, 2 and 3",
    ),
    "more positions": ("[6, 4]", "u: {type: upsample, scale_factor: 2}", "stride 1/2 along axis 2"),
    "no whole stride": ("[6, 23]", "p: {type: adaptive_avg_pool1d, output_size: 8}", "stride 23/8 along axis 2"),
    "no padding": ("[6, 24]", "c: " + conv(1, 6, 3, 1), "takes 24 of 24 positions; F.x. has 22"),
    "a stride that rounds down": ("[6, 5]", "c: " + conv(1, 6, 2, 2), "takes 3 of 5 positions; F.x. has 2"),
    "nothing is said": (
        "[6, 4]",
        flat(10, "[5, 2]"),
        "strides 2 and 3 all lead from 4 positions along axis 2 to 2",
    ),
    "a map of both": ("[6, 4]", flat(12, "[6, 2]"), "F.x. mixes both"),
    "channels and features": (
        "[6, 24]",
        f"c: {conv(1, 6, 3, 1, 1)}, l: {{type: linear, out_features: 12}}",
        "F.x. mixes both",
    ),
    "a mean is no map": ("[6, 24]", "p: {type: mean, dim: 2, keepdim: true}", "where F.x. maps it by weights"),
    "axes that change places": (
        "[6, 6, 4]",
        "p: {type: permute, dims: [0, 1, 3, 2]}",
        "axis 3 of x in the place of axis",
    ),
}


@pytest.mark.parametrize("mode", ["projection", "pad"])
@pytest.mark.parametrize(("shape", "body", "why"), REFUSED.values(), ids=list(REFUSED))
def test_what_the_path_does_not_say_is_refused_and_the_key_named(shape: str, body: str, why: str, mode: str) -> None:
    with pytest.raises(netspec.NetspecError, match=rf"NS401 cannot add [\s\S]*{why}.*`shortcut: {{layers: …}}`"):
        net(shape, body, f"shortcut: {mode}")


def test_gates_follow_the_path_too() -> None:
    body = "c: " + conv(3, 2, 1, 3)
    graph = net("[2, 4, 4, 4]", body, "gate: conv, shortcut: projection", "highway")
    assert added(graph)["gate.conv"] == added(graph)["shortcut.conv"] == (3, 3, 3)
    for axis in ("24", "T"):
        with pytest.raises(
            netspec.NetspecError, match=r"NS402 a `linear` gate maps the last axis of [\s\S]*`gate: conv`"
        ):
            net(f"[6, {axis}]", "c: " + conv(1, 6, 3, 1, 1), "gate_bias: -1", "highway")
    with pytest.raises(
        netspec.NetspecError, match=r"NS401 cannot gate[\s\S]*strides 2 and 3[\s\S]*`gate: {layers: …}`"
    ):
        net("[6, 4]", REFUSED["nothing is said"][1], "gate: conv, shortcut: none", "highway")


def weights(module: Any) -> dict[str, torch.Tensor]:
    """A module's own values, the norms' statistics no longer 0 and 1."""
    generator = torch.Generator().manual_seed(1)
    for name, value in module.state_dict().items():
        if "running" in name:
            value.uniform_(0.5, 2, generator=generator)
    return dict(module.state_dict())


@pytest.mark.parametrize("size", [4, 5, 7, 12])
@pytest.mark.parametrize("mode", ["projection", "pad"])
@pytest.mark.parametrize("strides", [(3, 1), (2, 2), (1, 3)])
def test_values_are_those_of_a_residual_written_by_hand(size: int, mode: str, strides: tuple[int, int]) -> None:
    one, two = strides
    body = f"a: {conv(1, 5, 3, one, 1)}, r: relu, b: {conv(1, 7, 3, two, 1)}"
    module = netspec.to_torch(net(f"[4, {size}]", body, f"shortcut: {mode}")).eval()
    w = weights(module)
    x = torch.randn(3, 4, size, generator=torch.Generator().manual_seed(2))
    f = F.conv1d(x, w["r.a.weight"], w["r.a.bias"], one, 1).relu()
    f = F.conv1d(f, w["r.b.weight"], w["r.b.bias"], two, 1)
    s = x[..., :: one * two]
    if mode == "pad":
        s = torch.cat([s, torch.zeros(3, 3, s.shape[2])], 1)
    else:
        norm = "r.shortcut.norm"
        s = torch.einsum("oi,bit->bot", w["r.shortcut.conv.weight"][..., 0], s)
        s = F.batch_norm(s, w[f"{norm}.running_mean"], w[f"{norm}.running_var"], w[f"{norm}.weight"], w[f"{norm}.bias"])
    torch.testing.assert_close(module(x), f + s)


def test_values_of_a_highway_written_by_hand() -> None:
    module = netspec.to_torch(
        net("[2, 4, 5, 4]", "c: " + conv(3, 3, 3, [3, 2, 1], 1), "gate: conv, shortcut: pad", "highway")
    )
    w = weights(module.eval())
    x = torch.randn(2, 2, 4, 5, 4, generator=torch.Generator().manual_seed(3))
    f = F.conv3d(x, w["r.c.weight"], w["r.c.bias"], (3, 2, 1), 1)
    gate = F.conv3d(x, w["r.gate.conv.weight"], w["r.gate.conv.bias"], (3, 2, 1), 1).sigmoid()
    s = F.pad(x[:, :, ::3, ::2], (0, 0) * 3 + (0, 1))
    torch.testing.assert_close(module(x), f * gate + s * (1 - gate))


def test_zeros_stand_where_features_are_new() -> None:
    module = netspec.to_torch(net("[T, 4]", "l: {type: linear, out_features: 6}", "shortcut: pad")).eval()
    w, x = weights(module), torch.randn(2, 3, 4)
    torch.testing.assert_close(module(x), F.pad(x, (0, 2)) + F.linear(x, w["r.l.weight"], w["r.l.bias"]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from([1, 3, 5]), st.booleans()), min_size=1, max_size=4),
    st.integers(1, 3),
    st.integers(1, 40),
    st.booleans(),
)
def test_any_path_of_strides(steps: list[tuple[int, int, bool]], rank: int, size: int, symbolic: bool) -> None:
    """Whatever the sizes, the projection has the product of the strides."""
    body = ", ".join(
        f"l{i}: {{type: max_pool{rank}d, kernel_size: {k}, stride: {s}, padding: {k // 2}}}"
        if pool
        else f"l{i}: {conv(rank, 3, k, s, k // 2)}"
        for i, (s, k, pool) in enumerate(steps)
    )
    axes = ", ".join(["T" if symbolic else str(size)] * rank)
    graph = net(f"[2, {axes}]", f"{body}, last: {conv(rank, 3, 1, 1)}")
    assert added(graph)["shortcut.conv"] == (prod(s for s, _, _ in steps) if symbolic or size > 1 else 1,) * rank
