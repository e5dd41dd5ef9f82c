"""What layers of one kind have in common: they are equal when all their parameters are."""

from __future__ import annotations

from itertools import combinations

import pytest

from netspec.layers import kinds
from netspec.layers.base import Layer
from netspec.source.records import read
from netspec.source.text import Source
from netspec.source.tree import Map, parse


def examples(kind: str) -> list[Layer]:
    texts = dict.fromkeys(example.fields for example in kinds()[kind].examples)
    trees = [parse(Source("x", f"{{{text}}}")) for text in texts]
    assert all(isinstance(tree, Map) for tree in trees)
    return [read(tree, kinds()[kind], kind) for tree in trees]


@pytest.mark.parametrize("kind", kinds())
def test_layers_are_equal_when_their_parameters_are(kind: str) -> None:
    first, again = examples(kind), examples(kind)
    for a, b in zip(first, again, strict=True):
        assert a == b and hash(a) == hash(b) and repr(a) == repr(b)
    for a, b in combinations(first, 2):
        assert (a == b) is (vars(a) == vars(b)) and (repr(a) == repr(b)) is (vars(a) == vars(b))


def test_layers_of_different_parameters_or_kinds_differ() -> None:
    elu, celu, relu, tanh = (kinds()[name] for name in ("elu", "celu", "relu", "tanh"))
    assert elu(alpha=2.0) != elu(alpha=3.0) and elu(alpha=2.0) == elu(alpha=2.0)
    assert elu(alpha=2.0) != celu(alpha=2.0) and relu() != tanh()
    assert repr(elu(alpha=2.0)) == "Elu(alpha=2.0)"


def test_a_layer_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        kinds()["linear"](out_features=3).out_features = 4
