"""Parts of a data set as tensors on the device, batch by batch.

The order of the batches depends on (seed, epoch) alone, so that a training goes on in the middle of an epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netspec.data.parts import DataPart, ImageRows
from netspec.data.sequence_inputs import LENGTHS
from netspec.data.symbols import Symbols

Batch = tuple[list[Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class Vectors:
    """Symbols (N, T) on the device, (N, T, count) with a 1 in the symbol's place once they are taken."""

    codes: Tensor
    count: int

    def of(self, codes: Tensor) -> Tensor:
        return (codes.unsqueeze(-1) == torch.arange(self.count, device=codes.device)).float()


@dataclass(frozen=True)
class Batches:
    """One part.  Arrays lie on the device whole; images are decoded, symbols spread out, as they are asked for.

    `lengths`: how many steps of each sample there are, where a batch is cut to its longest; `told`: which input holds
    them; `ordered`: the samples follow each other in a text.
    """

    inputs: list[Tensor | ImageRows | Vectors]
    targets: dict[str, Tensor]
    count: int
    size: int
    device: torch.device
    lengths: NDArray[np.int64] | None = None
    told: int | None = None
    ordered: bool = False
    least: int = 1  # a last batch of fewer samples is left out

    @staticmethod
    def of(part: DataPart, size: int, device: torch.device, least: int = 1) -> Batches:
        inputs: list[Tensor | ImageRows | Vectors] = []
        for x in part.inputs.values():
            if isinstance(x, Symbols):
                inputs.append(Vectors(torch.from_numpy(x.codes).to(device), x.count))
            else:
                inputs.append(x if isinstance(x, ImageRows) else torch.from_numpy(x).to(device))
        targets = {name: torch.from_numpy(y).to(device) for name, y in part.targets.items()}
        names = list(part.inputs)
        told = names.index(LENGTHS) if LENGTHS in names and len(names) > 1 else None
        return Batches(inputs, targets, part.count, size, device, part.lengths, told, part.ordered, least)

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        whole, rest = divmod(self.count, self.size)
        return whole + (rest >= self.least)

    @property
    def left_out(self) -> int:
        """Samples that an epoch leaves out, others in each."""
        rest = self.count % self.size
        return rest if rest < self.least and not self.ordered else 0

    @property
    def extent(self) -> tuple[int, str]:
        """How much there is, and of what."""
        if self.ordered:
            return next(iter(self.targets.values())).numel(), "characters"
        return self.count, "samples"

    def order(self, seed: int, epoch: int) -> Tensor:
        """The samples in the random order of an epoch."""
        mixed = int(np.random.SeedSequence([seed, epoch, 0xBA7C4]).generate_state(1, np.uint64)[0] >> 1)
        return torch.randperm(self.count, generator=torch.Generator().manual_seed(mixed))

    def shuffled(self, seed: int, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch in its random order, from batch `first` on."""
        order, size = self.order(seed, epoch), self.size
        if len(self.inputs) == 1 and isinstance(x := self.inputs[0], Tensor) and len(self.targets) == 1:
            [(name, y)] = self.targets.items()  # the common case, without loops: it is a good part of a small step
            for index in torch.split(order.to(self.device), size)[first : self.steps]:
                yield [x.index_select(0, index)], {name: y.index_select(0, index)}
            return
        for index in torch.split(order, size)[first : self.steps]:
            yield self.take(index, self._longest(index))

    def in_order(self) -> Iterator[tuple[list[Tensor], dict[str, Tensor], int]]:
        """All samples once, in larger batches, with the number of samples in each."""
        size = 4 * self.size  # nothing is kept for a backward pass
        for start in range(0, self.count, size):
            stop = min(start + size, self.count)
            if all(isinstance(x, Tensor) for x in self.inputs) and self.lengths is None:
                inputs = [x[start:stop] for x in self.inputs if isinstance(x, Tensor)]
                yield inputs, {name: y[start:stop] for name, y in self.targets.items()}, stop - start
            else:
                index = torch.arange(start, stop)
                yield *self.take(index, self._longest(index)), stop - start

    def _longest(self, index: Tensor) -> slice | None:
        """The steps that some of the samples have, where the rest of them can be left out."""
        return None if self.lengths is None else slice(0, int(self.lengths[index.numpy()].max()))

    def take(self, index: Tensor, steps: slice | None = None) -> Batch:
        """Some samples; `steps`: these of their sequences alone."""
        here = index.to(self.device)
        span = slice(None) if steps is None else steps
        inputs = []
        for i, x in enumerate(self.inputs):
            if isinstance(x, ImageRows):
                inputs.append(torch.from_numpy(x.take(index.numpy())).to(self.device, non_blocking=True))
            elif isinstance(x, Vectors):
                inputs.append(x.of(x.codes.index_select(0, here)[:, span]))
            elif steps is None:
                inputs.append(x.index_select(0, here))
            elif i == self.told:  # a sample that has ended has one step more than none: layers refuse a length of 0
                inputs.append((x.index_select(0, here) - steps.start).clamp(1, steps.stop - steps.start))
            else:
                inputs.append(x.index_select(0, here)[:, span])
        whole = self.sequence_steps
        targets = {name: y.index_select(0, here) for name, y in self.targets.items()}
        if steps is not None:
            targets = {n: y[:, span] if y.ndim > 1 and y.shape[1] == whole else y for n, y in targets.items()}
        return inputs, targets

    @property
    def sequence_steps(self) -> int:
        """T of the first input with an axis of steps; 0 when there is none."""
        found = [x.codes if isinstance(x, Vectors) else x for x in self.inputs if not isinstance(x, ImageRows)]
        return next((x.shape[1] for x in found if x.ndim > 1), 0)
