"""Splits: disjoint, seeded, each class and the whole within one sample of its share."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.data.split import split_indices

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=200),
    st.integers(0, 9),
    st.tuples(st.floats(0.01, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
)
def test_parts(classes: list[int], seed: int, weights: tuple[float, ...]) -> None:
    labels = np.array(classes)
    total = sum(weights)
    shares = {"train": weights[0] / total, "validation": weights[1] / total, "test": weights[2] / total}
    parts = split_indices(len(labels), shares, seed, labels)
    together = np.concatenate(list(parts.values()))
    assert len(np.unique(together)) == len(together) <= len(labels)
    for name, rows in parts.items():
        assert abs(len(rows) - shares[name] * len(labels)) < 1.001
        for label in np.unique(labels):
            assert abs((labels[rows] == label).sum() - shares[name] * (labels == label).sum()) < 2.001


def test_whole_when_the_shares_are() -> None:
    parts = split_indices(1797, SHARES, 0, np.arange(1797) % 10)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(1797))
    assert [len(rows) for rows in parts.values()] == [1437, 180, 180]


def test_seed_decides() -> None:
    a, b, c = (split_indices(100, SHARES, seed)["test"] for seed in (1, 1, 2))
    assert (a == b).all()
    assert not np.array_equal(a, c)


def test_samples_are_shuffled() -> None:
    test = split_indices(1000, SHARES, 0)["test"]
    assert 300 < test.mean() < 700


def test_a_class_of_one_is_trained_on() -> None:
    labels = np.array([0] * 20 + [1])
    assert 20 in split_indices(21, SHARES, 0, labels)["train"]
