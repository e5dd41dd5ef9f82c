"""The embedded Reber grammar."""

from __future__ import annotations

from typing import Any

from netspec.data.generated_sequences import Sequences, drawn, next_symbols
from netspec.data.sources._task import SequenceTask
from netspec.data.sources.base import source
from netspec.source.records import Count, Positive

ALPHABET = "BTPSXVE"
# Node -> symbol -> next node, from B to E (Reber 1967).
GRAMMAR = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
)
END = 7


@source("reber")
class Reber(SequenceTask):
    """Strings of the embedded Reber grammar, B(T|P) string (T|P)E: predict what may follow each symbol.

    The symbol before the last is the same as the second, whatever comes between.  Every branch is taken with
    probability 1/2.  7 symbols, B T P S X V E; the target of a step is the set of legal next symbols (with the loss
    `logistic`, or one of numbers), or the symbol that does follow (`cross_entropy`).
    Smith & Zipser 1989; Fahlman 1991; Hochreiter & Schmidhuber 1997, experiment 1.
    """

    samples: Positive = 2_000
    seed: Count = 0

    def make(self) -> Sequences:
        rng = drawn(self.seed, 3)
        texts, legal = [], []
        for _ in range(self.samples):
            inner, may = _walk(rng)
            outer = "TP"[rng.integers(2)]
            texts.append(f"B{outer}{inner}{outer}E")
            legal.append(["TP", "B", *may, outer, "E"])  # after B, after the outer symbol, …
        return next_symbols(texts, legal, ALPHABET)


def _walk(rng: Any) -> tuple[str, list[str]]:
    """A string of the grammar, and after each of its symbols but the last what may follow."""
    text, legal, node = "", [], 0
    while node != END:
        choices = GRAMMAR[node]
        if text:
            legal.append("".join(choices))
        symbol = list(choices)[rng.integers(len(choices))] if len(choices) > 1 else next(iter(choices))
        text, node = text + symbol, choices[symbol]
    return text, legal
