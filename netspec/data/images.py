"""Images of files, decoded when they are first asked for, and once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from netspec.data.pixels import Pixels, quiet, read_image, unit, unreadable
from netspec.data.standard_scale import Standard
from netspec.source.errors import NetspecError, Problem, raise_all
from netspec.source.input_files import open_file
from netspec.source.text import Span

MOST_BYTES = 4 << 30  # decoded images are kept up to here; what is more is decoded again each time
CHUNK = 256
MOST_SHOWN = 10

T = TypeVar("T")


class Images:
    """N images as (N, C, H, W), by path; `take` decodes what has not been decoded yet, on all cores."""

    def __init__(self, paths: list[Path], channels: int, size: tuple[int, int], span: Span | None = None) -> None:
        self.paths = paths
        self.channels = channels
        self.size = size
        self.span = span
        self._done = np.zeros(len(paths), bool)
        self._fine: dict[int, NDArray[np.float32]] = {}  # those of more than 8 bits

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(os.cpu_count() or 1, "decode")

    @cached_property
    def _decoded(self) -> NDArray[np.uint8] | None:
        """(N, C, H, W), filled as images are decoded; None where they are too many to hold."""
        shape = (len(self.paths), self.channels, *self.size)
        return np.empty(shape, np.uint8) if np.prod(shape, dtype=np.float64) <= MOST_BYTES else None

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """The images of these numbers, from 0 to 1.  Raises NS608 for those that cannot be read, all at once."""
        decoded = self._decoded
        if decoded is None:
            return np.stack([unit(pixels) for pixels in self._decode(indices.tolist())])
        missing = np.unique(indices[~self._done[indices]]).tolist()
        fine: dict[int, NDArray[np.float32]] = {}
        for i, pixels in zip(missing, self._decode(missing), strict=True) if missing else ():
            if pixels.dtype == np.uint8:
                decoded[i] = pixels
            else:
                fine[i] = unit(pixels)
        room = MOST_BYTES // (4 * self.channels * self.size[0] * self.size[1]) - len(self._fine)
        self._fine.update(islice(fine.items(), max(room, 0)))
        self._done[[i for i in missing if i not in fine or i in self._fine]] = True
        images = decoded[indices] * np.float32(1 / 255)
        if self._fine or fine:
            for image, i in zip(images, indices.tolist(), strict=True):
                if i in fine or i in self._fine:
                    image[...] = fine[i] if i in fine else self._fine[i]
        return images

    def _decode(self, indices: list[int]) -> list[Pixels]:
        def decode(i: int) -> Pixels:
            return read_image(self.paths[i], self.channels, self.size, self.span)

        return self._each(decode, indices)

    def digests(self) -> list[bytes]:
        """A hash of each file's bytes.  Raises NS608 for those that cannot be read."""

        def digest(i: int) -> bytes:
            path = self.paths[i]
            try:
                with open_file(path) as file:
                    return hashlib.file_digest(file, "blake2b").digest()
            except OSError as error:
                raise NetspecError.of([unreadable(path, error.strerror or str(error), self.span)]) from None

        return self._each(digest, list(range(len(self))))

    def _each(self, read: Callable[[int], T], indices: list[int]) -> list[T]:
        """Of several images at once, with the problems of all, in the order of the images."""
        problems: dict[int, tuple[Problem, ...]] = {}

        def tried(i: int) -> T | None:
            try:
                return read(i)
            except NetspecError as error:
                problems[i] = error.problems
                return None

        with quiet():
            results = list(self._pool.map(tried, indices))
        raise_all([problem for i in sorted(problems) for problem in problems[i]][:MOST_SHOWN])
        return [result for result in results if result is not None]

    def standard(self, indices: NDArray[np.int64]) -> Standard:
        """Mean and deviation of each channel over these images, of values from 0 to 1."""
        total = np.zeros(self.channels)
        square = np.zeros(self.channels)
        for part in chunks(indices):
            x = self.take(part).astype(np.float64)
            total += x.sum(axis=(0, 2, 3))
            square += np.square(x).sum(axis=(0, 2, 3))
        count = len(indices) * self.size[0] * self.size[1]
        mean = total / count
        return Standard.of(mean, np.maximum(square / count - np.square(mean), 0.0))


def chunks(indices: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(indices), CHUNK):
        yield indices[start : start + CHUNK]
