"""Generated sequences: samples padded at their end to the longest, and what is true of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

# N samples, T steps, D numbers a step, K symbols


@dataclass(frozen=True)
class Sequences:
    """N samples of at most T steps.

    `x`: numbers (N, T, D), or whole numbers (N, T) that stand for `symbols`; after a sample's end 0, or −1 for symbols.
    `lengths`: (N,).  `targets`: what the loss compares with (classes, signs, numbers) -> (N, …), or (N, T, …) with a
    target for each step; `mask`, (N, T), are then the steps that count.  `names`: of the classes.
    `ordered`: the samples follow each other as pieces of one text, and stay in that order when they are split.
    """

    x: NDArray[Any]
    lengths: NDArray[Any]
    targets: dict[str, NDArray[Any]]
    symbols: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    mask: NDArray[Any] | None = None
    ordered: bool = False
    sets: tuple[str, ...] = field(default=())  # what each value of a target is about, where it is a set of symbols


def padded(rows: Sequence[NDArray[Any]], fill: float) -> NDArray[Any]:
    """Rows (T_i, …) side by side as (N, max T, …)."""
    import numpy as np

    steps = max(map(len, rows))
    array = np.full((len(rows), steps, *rows[0].shape[1:]), fill, rows[0].dtype)
    for i, row in enumerate(rows):
        array[i, : len(row)] = row
    return array


def next_symbols(texts: Sequence[str], legal: Sequence[Sequence[str]], alphabet: str) -> Sequences:
    """Predict, after each symbol of a text but the last, what may follow.

    `legal[i][t]`: all symbols that may stand where text i goes on at t + 1.  Targets: the set as 0/1 (numbers, signs),
    or the symbol that does follow (classes).
    """
    import numpy as np

    number = {symbol: k for k, symbol in enumerate(alphabet)}
    codes = [np.array([number[s] for s in text]) for text in texts]
    x = padded([c[:-1] for c in codes], -1)
    sets = np.zeros((*x.shape, len(alphabet)), np.float32)
    for i, steps in enumerate(legal):
        for t, may in enumerate(steps):
            sets[i, t, [number[s] for s in may]] = 1
    lengths = np.array([len(c) - 1 for c in codes])
    targets = {"classes": padded([c[1:] for c in codes], 0), "signs": sets, "numbers": sets}
    names = tuple(alphabet)
    return Sequences(x, lengths, targets, names, names, x >= 0, sets=names)


def drawn(seed: int, task: int) -> Any:
    """A generator of its own for each seed and task."""
    import numpy as np

    return np.random.default_rng([seed, task])
