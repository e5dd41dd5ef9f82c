"""Dropout and identities are gone at inference."""

from __future__ import annotations

from netspec.passes.drop_identities import drop_identities
from tests.passes.carrying import HEAD, carrying, same_values

TEXT = HEAD + "  a: identity\n  b: {type: dropout, p: 0.3}\n  c: relu\n  d: {type: dropout2d}\noutputs: {y: d, z: b}\n"


def test_they_are_gone_also_as_outputs() -> None:
    graph, _ = carrying(TEXT)
    after = drop_identities(graph)
    assert [n.name for n in after.layers()] == ["c"]
    assert {k: str(r) for k, r in after.outputs.items()} == {"y": "c", "z": "x"}
    assert after.removed == {"a": "identity", "b": "trained only", "d": "trained only"}


def test_values() -> None:
    graph, _ = carrying(TEXT)
    same_values(graph, drop_identities(graph))
