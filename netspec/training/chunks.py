"""Truncated back-propagation through time: sequences in pieces, the state of one carried into the next.

Williams & Peng 1990, An efficient gradient-based algorithm for on-line training of recurrent network trajectories.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from netspec.source.errors import NetspecError
from netspec.source.text import Span
from netspec.training.batches import Batches, Vectors
from netspec.training.objective import steps_with_target


@dataclass(frozen=True)
class Chunk:
    """Some steps of some sequences.

    `index`: its number in the epoch; `fresh`: the sequences begin here; `empty`: no step has a target, it only brings
    the state on.
    """

    inputs: list[Tensor]
    targets: dict[str, Tensor]
    index: int
    fresh: bool
    empty: bool


@dataclass(frozen=True)
class Chunks:
    """A part in pieces of `length` steps: batch after batch, each piece after piece."""

    batches: Batches
    length: int

    @staticmethod
    def of(batches: Batches, length: int, span: Span | None = None) -> Chunks:
        """Raises NS612 when inputs and targets are not sequences of the same steps."""
        if batches.ordered:
            return Streams(batches, length)
        steps = batches.sequence_steps
        for i, x in enumerate(batches.inputs):
            if i != batches.told and not (isinstance(x, (Tensor, Vectors)) and _steps(x) == steps):
                raise _no_steps("the inputs", span)
        for name, y in batches.targets.items():
            if y.ndim < 2 or y.shape[1] != steps:
                raise _no_steps(f"the targets of `{name}`", span)
        return Chunks(batches, length)

    @cached_property
    def each(self) -> int:
        """Pieces of one sequence."""
        return -(-self.batches.sequence_steps // self.length)

    @property
    def steps(self) -> int:
        """Pieces an epoch, those counted too that nothing can be learned from."""
        return self.batches.steps * self.each

    def rows(self, piece: int) -> int:
        """How many sequences the piece of this number has."""
        return min(self.batches.size, self.batches.count - piece // self.each * self.batches.size)

    @cached_property
    def _kept(self) -> Tensor:
        """(N, T) on the CPU: the steps that some output has a target for."""
        found = [steps_with_target(y) for y in self.batches.targets.values()]
        return torch.stack(found).any(0).cpu()

    def shuffled(self, seed: int, epoch: int, first: int = 0) -> Iterator[Chunk]:
        """The pieces of an epoch from piece `first` on; the order of the batches is as without pieces."""
        batches = self.batches
        for number, rows in enumerate(torch.split(batches.order(seed, epoch), batches.size)[: batches.steps]):
            if (number + 1) * self.each <= first:
                continue
            kept = self._kept[rows].any(0)
            last = int(kept.nonzero().max()) if bool(kept.any()) else -1
            for piece in range(self.each):
                start, index = piece * self.length, number * self.each + piece
                stop = min(start + self.length, batches.sequence_steps)
                if index >= first and start <= last:
                    inputs, targets = batches.take(rows, slice(start, stop))
                    yield Chunk(inputs, targets, index, piece == 0, not bool(kept[start:stop].any()))


@dataclass(frozen=True)
class Streams(Chunks):
    """A text in `size` places at once: stream b is its b-th part of equal length, and goes on from piece to piece.

    What is left over at the end, fewer characters than there are streams, is not used.
    """

    @cached_property
    def _streams(self) -> tuple[list[Tensor | Vectors], dict[str, Tensor]]:
        """Inputs and targets as (streams, steps, …)."""
        batches = self.batches
        count = min(batches.size, self._total)
        steps = self._total // count

        def laid(x: Tensor) -> Tensor:
            return x.flatten(0, 1)[: count * steps].reshape(count, steps, *x.shape[2:])

        inputs: list[Tensor | Vectors] = []
        for i, x in enumerate(batches.inputs):
            if i == batches.told:
                assert isinstance(x, Tensor)
                inputs.append(x.new_full((count,), steps))
            elif isinstance(x, Vectors):
                inputs.append(Vectors(laid(x.codes), x.count))
            else:
                assert isinstance(x, Tensor)  # a text is no images
                inputs.append(laid(x))
        return inputs, {name: laid(y) for name, y in batches.targets.items()}

    @property
    def _total(self) -> int:
        return next(iter(self.batches.targets.values())).numel()

    @cached_property
    def each(self) -> int:
        return -(-(self._total // min(self.batches.size, self._total)) // self.length)

    @property
    def steps(self) -> int:
        return self.each

    def rows(self, piece: int) -> int:
        return min(self.batches.size, self._total)

    def shuffled(self, seed: int, epoch: int, first: int = 0) -> Iterator[Chunk]:
        """The text in its order, whatever the seed."""
        yield from self._pieces(self.length, first)

    def in_order(self) -> Iterator[Chunk]:
        """The same in larger pieces: nothing is kept for a backward pass."""
        yield from self._pieces(4 * self.length)

    def _pieces(self, length: int, first: int = 0) -> Iterator[Chunk]:
        inputs, targets = self._streams
        steps = next(iter(targets.values())).shape[1]
        for index in range(first, -(-steps // length)):
            part = slice(index * length, min((index + 1) * length, steps))
            yield Chunk(
                [self._piece(x, part) for x in inputs],
                {n: y[:, part] for n, y in targets.items()},
                index,
                not index,
                False,
            )

    def _piece(self, x: Tensor | Vectors, part: slice) -> Tensor:
        if isinstance(x, Vectors):
            return x.of(x.codes[:, part])
        return x[:, part] if x.ndim > 1 else torch.full_like(x, part.stop - part.start)


def _steps(x: Tensor | Vectors) -> int:
    shape = x.codes.shape if isinstance(x, Vectors) else x.shape
    return shape[1] if len(shape) > 1 else 0


def _no_steps(what: str, span: Span | None) -> NetspecError:
    return NetspecError(
        "NS612",
        f"`bptt` splits sequences: {what} have no steps to split",
        span,
        hint="leave `bptt` out, or use a source of sequences with a target for each step",
    )
