"""Parts of a data set as tensors on the device, batch by batch.

The order of the batches depends on (seed, epoch) alone, so that a training goes on in the middle of an epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from netspec.data.dataset import ImageRows, Part

Batch = tuple[list[Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class Batches:
    """One part.  Arrays lie on the device whole; images are decoded as they are asked for."""

    inputs: list[Tensor | ImageRows]
    targets: dict[str, Tensor]
    count: int
    size: int
    device: torch.device

    @staticmethod
    def of(part: Part, size: int, device: torch.device) -> Batches:
        inputs = [x if isinstance(x, ImageRows) else torch.from_numpy(x).to(device) for x in part.inputs.values()]
        targets = {name: torch.from_numpy(y).to(device) for name, y in part.targets.items()}
        return Batches(inputs, targets, part.count, size, device)

    @property
    def steps(self) -> int:
        """Batches an epoch.  A last batch of one sample is left out: batch norm has no variance of it."""
        whole, rest = divmod(self.count, self.size)
        return whole + (rest > 1 or (rest == 1 and whole == 0))

    def shuffled(self, seed: int, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch in its random order, from batch `first` on."""
        mixed = int(np.random.SeedSequence([seed, epoch, 0xBA7C4]).generate_state(1, np.uint64)[0] >> 1)
        order = torch.randperm(self.count, generator=torch.Generator().manual_seed(mixed))
        size = self.size
        if len(self.inputs) == 1 and isinstance(x := self.inputs[0], Tensor) and len(self.targets) == 1:
            [(name, y)] = self.targets.items()  # the common case, without loops: it is a good part of a small step
            for index in torch.split(order.to(self.device), size)[first : self.steps]:
                yield [x.index_select(0, index)], {name: y.index_select(0, index)}
            return
        for index in torch.split(order, size)[first : self.steps]:
            yield self._take(index)

    def in_order(self) -> Iterator[tuple[list[Tensor], dict[str, Tensor], int]]:
        """All samples once, in larger batches, with the number of samples in each."""
        size = 4 * self.size  # nothing is kept for a backward pass
        for start in range(0, self.count, size):
            stop = min(start + size, self.count)
            if any(isinstance(x, ImageRows) for x in self.inputs):
                yield *self._take(torch.arange(start, stop)), stop - start
            else:
                inputs = [x[start:stop] for x in self.inputs if isinstance(x, Tensor)]
                yield inputs, {name: y[start:stop] for name, y in self.targets.items()}, stop - start

    def _take(self, index: Tensor) -> Batch:
        here = index.to(self.device)
        inputs = [
            torch.from_numpy(x.take(index.numpy())).to(self.device, non_blocking=True)
            if isinstance(x, ImageRows)
            else x.index_select(0, here)
            for x in self.inputs
        ]
        return inputs, {name: y.index_select(0, here) for name, y in self.targets.items()}
