"""The language aⁿbⁿ."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.data.generated_sequences import Sequences, drawn, next_symbols
from netspec.data.sources._task import SequenceTask
from netspec.data.sources.base import source
from netspec.source.errors import Problem
from netspec.source.records import Count, Positive

ALPHABET = "SabT"


@source("anbn")
class AnBn(SequenceTask):
    """Strings S aⁿbⁿ T, n from `shortest` to `longest` at random: predict what may follow each symbol.

    4 symbols, S a b T.  After S may follow a or T (n = 0 is in the language), after an a another or b, after a b
    another, or T after the last.  The target of a step is the set of legal next symbols (with the loss `logistic`, or
    one of numbers), or the symbol that does follow (`cross_entropy`).
    Gers & Schmidhuber 2001, LSTM recurrent networks learn simple context-free and context-sensitive languages.
    """

    shortest: Positive = 1
    longest: Positive = 10
    samples: Positive = 1_000
    seed: Count = 0

    def problems(self) -> Iterator[Problem]:
        if self.shortest > self.longest:
            text = f"`shortest` {self.shortest} is more than `longest` {self.longest}"
            yield Problem("NS601", text, self.span_at("shortest"), "exchange them")

    def make(self) -> Sequences:
        numbers = drawn(self.seed, 5).integers(self.shortest, self.longest, self.samples, endpoint=True).tolist()
        texts = [f"S{'a' * n}{'b' * n}T" for n in numbers]
        legal = [["aT", *["ab"] * n, *["b"] * (n - 1), "T"] for n in numbers]
        return next_symbols(texts, legal, ALPHABET)
