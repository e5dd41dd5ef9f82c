"""The copy memory task."""

from __future__ import annotations

from netspec.data.generated_sequences import Sequences, drawn
from netspec.data.sources._task import SequenceTask
from netspec.data.sources.base import source
from netspec.source.records import Count, Positive

CATEGORIES = 8
BLANK, DELIMITER = 8, 9


@source("copy")
class Copy(SequenceTask):
    """Repeat `items` symbols after a pause of T = `delay` steps.

    10 symbols: 0 to 7, blank, and the delimiter.  The input is `items` symbols of 0 to 7 at random, T − 1 blanks, the
    delimiter, and `items` blanks; the target of the first T + `items` steps is the blank, of the last `items` the
    symbols of the beginning (9 classes).  Without memory the best loss is `items`·ln 8 / (T + 2·`items`).
    Hochreiter & Schmidhuber 1997; as in Arjovsky, Shah & Bengio 2016, arXiv:1511.06464.
    """

    delay: Positive = 100
    items: Positive = 10
    samples: Positive = 10_000
    seed: Count = 0

    def make(self) -> Sequences:
        import numpy as np

        rng, n, items = drawn(self.seed, 4), self.samples, self.items
        steps = self.delay + 2 * items
        presented = rng.integers(0, CATEGORIES, (n, items))
        x = np.full((n, steps), BLANK)
        x[:, :items] = presented
        x[:, steps - items - 1] = DELIMITER
        target = np.full((n, steps), BLANK)
        target[:, steps - items :] = presented
        symbols = (*map(str, range(CATEGORIES)), "blank", "delimiter")
        mask = np.ones((n, steps), bool)
        return Sequences(x, np.full(n, steps), {"classes": target}, symbols, symbols[:DELIMITER], mask)
