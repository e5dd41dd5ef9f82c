"""The losses of batches: on the device until they are needed, then brought into the sums of the epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from netspec.source.errors import NetspecError
from netspec.training.state import Progress


class BatchLosses:
    """Those that are in no sum yet.  `rate` of the running loss Q := (1 − rate)·Q + rate·L."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.pending: list[Tensor] = []  # (K,) of K outputs, or () of one
        self._counts: list[Sequence[Tensor | int]] = []  # over how much each of these losses is a mean
        self._batches: list[int] = []  # of which batch of the epoch, from 1

    def add(self, losses: Tensor, counts: Sequence[Tensor | int], batch: int) -> None:
        self.pending.append(losses.detach())
        self._counts.append(counts)
        self._batches.append(batch)

    def fetch(self, progress: Progress) -> None:
        """Bring them into the sums of the epoch, one by one: the order of additions is always the same.

        Raises NS623 at the first loss that is not finite.
        """
        if not self.pending:
            return
        stacked = torch.stack(self.pending).double()
        per_output = stacked.reshape(len(stacked), -1).tolist()
        for batch, losses, counts in zip(self._batches, per_output, self._fetched_counts(), strict=True):
            loss = sum(losses)
            if not math.isfinite(loss):
                raise NetspecError(
                    "NS623",
                    f"the loss is {loss} in epoch {progress.epoch + 1}, batch {batch}",
                    hint="lower `lr`, add `clip: 1.0` or `standardize: true`; what was saved before is still there",
                )
            sums, totals = progress.loss_sums or [0.0] * len(losses), progress.counts or [0] * len(counts)
            progress.loss_sums = [s + x * n for s, x, n in zip(sums, losses, counts, strict=True)]
            progress.counts = [total + n for total, n in zip(totals, counts, strict=True)]
            q = progress.running
            progress.running = loss if q is None else (1 - self.rate) * q + self.rate * loss
        self.pending.clear()
        self._counts.clear()
        self._batches.clear()

    def _fetched_counts(self) -> list[list[int]]:
        """In one transfer from the device."""
        on_device = [n for row in self._counts for n in row if isinstance(n, Tensor)]
        fetched = iter(torch.stack(on_device).tolist() if on_device else ())
        return [[int(next(fetched)) if isinstance(n, Tensor) else n for n in row] for row in self._counts]
