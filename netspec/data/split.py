"""Seeded, stratified splits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def split_indices(
    count: int, shares: Mapping[str, float], seed: int, classes: NDArray[np.int64] | None = None
) -> dict[str, NDArray[np.int64]]:
    """Part name -> sample numbers in increasing order; the parts have no sample in common.

    Within each class the samples are shuffled and dealt out by the shares.  Fractions of a sample are carried from
    class to class, so that the whole is within one sample of its share, and every class within two.
    """
    rng = np.random.default_rng([seed, 0x5411])
    groups = np.zeros(count, np.int64) if classes is None else classes
    names = [*shares, "unused"]
    fractions = np.array([*shares.values(), max(0.0, 1.0 - sum(shares.values()))])
    fractions /= fractions.sum()
    dealt: dict[str, list[NDArray[np.int64]]] = {name: [] for name in names}
    carry = np.zeros(len(names))
    for group in np.unique(groups):
        members = rng.permutation(np.flatnonzero(groups == group))
        want = fractions * len(members) + carry
        counts = np.maximum(np.floor(want + 1e-9), 0).astype(np.int64)
        _settle(counts, want, len(members))
        carry = want - counts
        start = 0
        for name, size in zip(names, counts, strict=True):
            dealt[name].append(members[start : start + size])
            start += size
    return {name: np.sort(np.concatenate(dealt[name])) if dealt[name] else np.zeros(0, np.int64) for name in shares}


def ordered_indices(count: int, shares: Mapping[str, float]) -> dict[str, NDArray[np.int64]]:
    """Part name -> sample numbers, one part after the other: no part has a sample from between those of another."""
    ends = np.round(np.cumsum([0.0, *shares.values()]) * count + 1e-9).astype(np.int64)
    return {name: np.arange(start, end) for name, start, end in zip(shares, ends, ends[1:], strict=False)}


def _settle(counts: NDArray[np.int64], want: NDArray[np.float64], total: int) -> None:
    """Bring the counts to the total, one sample at a time where it is owed most."""
    while (left := total - int(counts.sum())) > 0:
        for k in np.argsort(counts - want, kind="stable")[:left]:
            counts[k] += 1
    while counts.sum() > total:
        counts[np.argmax(np.where(counts > 0, counts - want, -np.inf))] -= 1
