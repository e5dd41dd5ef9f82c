"""`--fail-on`: which limits there are, and which changes cross them."""

from __future__ import annotations

import re

import pytest

import netspec
from netspec.review.difference import Change, Difference, Matching, Side, Verdict, WeightFates
from netspec.review.limits import crossed, read_limits

NET = """
netspec: 1
vars: {width: 100}
inputs: {x: [T, 10]}
layers:
  fc: {type: linear, out_features: $width, bias: false}
outputs: {y: fc}
"""


def difference(
    width: int = 100, *, verdict: Verdict = Verdict.ARCHITECTURE, text: str = NET, **more: object
) -> Difference:
    before, after = netspec.load(NET), netspec.load(text, width=width)
    return Difference(
        Side("a", before), Side("b", after), verdict, verdict, Matching(before, after, {}, {}, {}, {}, False), **more
    )  # type: ignore[arg-type]


def reasons(limits: str, change: Difference) -> list[str]:
    return list(crossed(read_limits(limits), change))


@pytest.mark.parametrize(
    ("limits", "width", "reason"),
    [
        ("params:+5%", 105, ""),
        ("params:+5%", 106, "params:+5%: 1,000 -> 1,060 parameters (+6.0%)"),
        ("params:+0", 101, "params:+0: 1,000 -> 1,010 parameters (+1.0%)"),
        ("params:+0%", 99, ""),
        ("params:+60", 106, ""),
        ("params:+59", 106, "params:+59: 1,000 -> 1,060 parameters (+6.0%)"),
        ("params:+1k", 200, ""),
        ("params:+0.9k", 200, "params:+0.9k: 1,000 -> 2,000 parameters (+100.0%)"),
        ("params:+2.5%", 103, "params:+2.5%: 1,000 -> 1,030 parameters (+3.0%)"),
        ("flops:+0", 101, "flops:+0: 1,000 -> 1,010 FLOPs (+1.0%) at T = 1"),
        ("flops:+1k", 101, "flops:+1k: 1,000,000 -> 1,010,000 FLOPs (+1.0%) at T = 1,000"),
        ("activations:+0", 101, "activations:+0: 400 -> 404 bytes of activations (+1.0%) at T = 1"),
        ("depth:+0", 101, ""),
    ],
)
def test_growth(limits: str, width: int, reason: str) -> None:
    found = reasons(limits, difference(width))
    assert len(found) == bool(reason) and all(text.startswith(reason) for text in found), found


def test_a_deeper_network() -> None:
    deeper = NET.replace("layers:\n", "layers:\n  first: {type: linear, out_features: 10}\n")
    assert reasons("depth:+0", difference(text=deeper)) == ["depth:+0: 1 -> 2 layers deep (+100.0%)"]
    assert reasons("depth:+1", difference(text=deeper)) == []


def test_properties() -> None:
    same = difference(verdict=Verdict.SAME_FUNCTION)
    assert reasons("interface,weights,function", same) == []
    assert reasons("function", difference()) == ["function: the network computes something else"]
    assert reasons("interface", difference(interface=[Change("output y", "(B, 3)", None)])) == ["interface: output y"]
    fates = WeightFates({"a.w": "a.w", "b.w": "c.w"}, {"d.w": "d.w"}, new=("e.w",), lost=("f.w", "g.w"))
    assert reasons("weights", difference(weights=fates)) == [
        "weights: of the tensors of a checkpoint 1 renamed, 1 of another shape, 1 new, 2 lost"
    ]
    assert reasons("weights", difference(weights=WeightFates({"a.w": "a.w"}))) == []


def test_every_crossed_limit_is_named() -> None:
    named = [text.partition(": ")[0] for text in reasons("params:+5%,flops:+0, function", difference(200))]
    assert named == ["params:+5%", "flops:+0", "function"]


def test_a_new_network_has_nothing_to_grow_from() -> None:
    new = difference(200)
    new.before = Side("a")
    assert reasons("params:+0,interface,weights,function", new) == []


def test_of_a_deleted_network_nothing_stays() -> None:
    deleted = difference(200)
    deleted.after = Side("b")
    assert reasons("params:+0,interface,weights,function", deleted) == [
        f"{name}: the network is deleted" for name in ("interface", "weights", "function")
    ]


TWO_AXES = """
netspec: 1
inputs: {x: [H, 10], y: [W, 10]}
layers:
  long: {type: linear, out_features: 4, from: x}
  short: {type: relu, from: y}
outputs: {a: long, b: short}
"""


def test_growth_along_one_of_several_axes() -> None:
    other = TWO_AXES.replace("from: x", "from: z").replace("from: y", "from: x").replace("from: z", "from: y")
    change = netspec.diff(netspec.load(TWO_AXES), netspec.load(other))
    assert reasons("flops:+0", change) == ["flops:+0: 40 -> 80 FLOPs (+100.0%) at H = 1, W = 2"]


def test_an_axis_of_another_name_does_not_grow() -> None:
    renamed = netspec.diff(netspec.load(TWO_AXES), netspec.load(TWO_AXES.replace("[H,", "[T,")))
    assert reasons("flops:+0,activations:+0", renamed) == []


def test_growth_at_lengths_that_no_power_of_ten_shows() -> None:
    text = """
netspec: 1
inputs: {x: [4, T]}
layers:
  pool: {type: max_pool1d, kernel_size: 3, stride: 3}
  turned: {type: permute, dims: [0, 2, 1]}
  fc: {type: linear, out_features: 5}
"""
    change = netspec.diff(netspec.load(text), netspec.load(text.replace("size: 3", "size: 2")))
    assert reasons("flops:+0", change) == ["flops:+0: 0 -> 20 FLOPs at T = 2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parms:+5%", "unknown limit `parms`; did you mean `params`?"),
        ("interfaces", "did you mean `interface`?"),
        ("wombat", "expected params:+N or :+N%, flops"),
        ("params", "`params` expects how much it may grow, `params:+5%` or `params:+10k`; received `params`"),
        ("params:5%", "received `params:5%`"),
        ("params:-5%", "received `params:-5%`"),
        ("params:+5k%", "received `params:+5k%`"),
        ("params:+5%,weights:+3", "`weights` takes no amount"),
    ],
)
def test_what_is_no_limit(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_limits(text)


def test_a_list_of_limits() -> None:
    assert read_limits("") == ()
    assert [limit.name for limit in read_limits("params:+1M , function,")] == ["params", "function"]
