"""A mistake that repeats by copy is one message with its count."""

from __future__ import annotations

import pytest

import netspec
from netspec.report.problems.github import command
from netspec.report.problems.json import as_data

HEAD = "netspec: 1\ninputs: {x: [8]}\n"


def problems(text: str) -> list[tuple[str, int, str]]:
    with pytest.raises(netspec.NetspecError) as caught:
        netspec.load(HEAD + text)
    return [(p.code, p.times, p.route_shown()) for p in caught.value.problems]


BLOCK = "blocks: {b: {layers: {r: {type: relu, from: y}, s: {type: relu, from: in}}}}\nlayers:\n"


def test_copies_and_uses_count() -> None:
    [(code, times, way)] = problems(f"{BLOCK}  a: {{type: b, repeat: 5}}\n  c: b\n  d: b\n")
    assert (code, times) == ("NS308", 7)
    assert way == "in block b, a.0.r, used at line 5, and 6 more like it"
    assert problems(f"{BLOCK}  a: b\n") == [("NS308", 1, "in block b, a.r, used at line 5")]


def test_copies_without_a_block_count() -> None:
    [(code, times, way)] = problems("layers: {a: {type: linear, out_features: $(4 - i), repeat: 7}}\n")
    assert (code, times, way) == ("NS203", 3, "in a.4, copy 5 of 7, and 2 more like it")


INNER = "{f: {type: linear, out_features: $(2 - i)}, r: {type: $i}}"


def test_copies_go_on_for_what_else_is_wrong() -> None:
    found = problems(f"layers: {{a: {{type: sequence, repeat: 3, layers: {INNER}}}}}\n")
    assert found == [
        ("NS203", 1, "in a.2, copy 3 of 3"),
        ("NS203", 3, "in a.0, copy 1 of 3, and 2 more like it"),
    ]


def test_more_than_anybody_counts() -> None:
    inner = "{type: sequence, repeat: 300, layers: {r: {type: relu, from: y}}}"
    [(_, times, way)] = problems(f"layers: {{a: {{type: sequence, repeat: 300, layers: {{s: {inner}}}}}}}\n")
    assert 100 <= times < 110
    assert way.endswith("or more like it")


def test_shapes_that_do_not_fit_count_by_use() -> None:
    block = "blocks: {b: {layers: {f: {type: linear, out_features: 3}, s: {type: add, from: [f, in]}}}}\nlayers:\n"
    [(code, times, way)] = problems(f"{block}  a: b\n  c: {{type: b, from: x}}\n  d: {{type: b, from: x}}\n")
    assert (code, times) == ("NS401", 3)
    assert way == "in block b, a.s, used at line 5, and 2 more like it"


def test_warnings_count() -> None:
    block = "blocks: {b: {layers: {f: {type: tanh, from: in}, s: {type: relu, from: in}}}}\n"
    [warning] = netspec.load(f"{HEAD}{block}layers: {{a: {{type: b, repeat: 9}}}}\n").warnings
    assert (warning.code, warning.times) == ("NS312", 9)
    assert as_data(warning, "warning")["times"] == 9
    assert "and 8 more like it" in command(warning, "warning")
    body = "{n: identity, f: {type: tanh, from: n}, s: {type: relu, from: n}}"
    inside = f"layers: {{a: {{type: sequence, repeat: 9, layers: {body}}}}}"
    assert [w.times for w in netspec.load(f"{HEAD}{inside}\n").warnings] == [9]
