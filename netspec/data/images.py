"""Image folders: decoded when first asked for, and once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netspec.data.preprocess import Standard
from netspec.source.errors import NetspecError, Problem, raise_all
from netspec.source.text import Span

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"))
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
KEPT_BYTES = 4 << 30  # decoded images are kept up to here; a larger folder is decoded again each time
CHUNK = 256
MOST_SHOWN = 10

Pixels = NDArray[np.uint8]


class Images:
    """N images as (N, C, H, W) uint8, by path; `take` decodes what has not been decoded yet, on all cores."""

    def __init__(self, paths: list[Path], channels: int, size: tuple[int, int], span: Span | None = None) -> None:
        self.paths = paths
        self.channels = channels
        self.size = size
        self.span = span
        self._done = np.zeros(len(paths), bool)

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def _kept(self) -> Pixels | None:
        shape = (len(self.paths), self.channels, *self.size)
        return np.empty(shape, np.uint8) if np.prod(shape, dtype=np.float64) <= KEPT_BYTES else None

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(os.cpu_count() or 1, "decode")

    def take(self, indices: NDArray[np.int64]) -> Pixels:
        """The images of these numbers.  Raises NS608 for those that cannot be read, all at once."""
        kept = self._kept
        if kept is None:
            return np.stack(self._decode(indices))
        missing = np.unique(indices[~self._done[indices]])
        if len(missing):
            kept[missing] = np.stack(self._decode(missing))
            self._done[missing] = True
        return kept[indices]

    def _decode(self, indices: NDArray[np.int64]) -> list[Pixels]:
        problems: list[Problem] = []

        def one(i: int) -> Pixels | None:
            try:
                return read_image(self.paths[i], self.channels, self.size, self.span)
            except NetspecError as error:
                problems.extend(error.problems)
                return None

        found = list(self._pool.map(one, indices.tolist()))
        raise_all(sorted(problems, key=lambda p: p.message)[:MOST_SHOWN])
        return [pixels for pixels in found if pixels is not None]

    def digests(self) -> list[bytes]:
        """A hash of each file's bytes.  Raises NS608 for those that cannot be read."""
        problems: list[Problem] = []

        def one(path: Path) -> bytes:
            try:
                with path.open("rb") as file:
                    return hashlib.file_digest(file, "blake2b").digest()
            except OSError as error:
                problems.append(_unreadable(path, error.strerror or str(error), self.span))
                return b""

        found = list(self._pool.map(one, self.paths))
        raise_all(sorted(problems, key=lambda p: p.message)[:MOST_SHOWN])
        return found

    def standard(self, indices: NDArray[np.int64]) -> Standard:
        """Mean and deviation of each channel over these images, of values from 0 to 1."""
        total = np.zeros(self.channels)
        square = np.zeros(self.channels)
        for part in chunks(indices):
            x = self.take(part).astype(np.float64) / 255.0
            total += x.sum(axis=(0, 2, 3))
            square += np.square(x).sum(axis=(0, 2, 3))
        count = len(indices) * self.size[0] * self.size[1]
        mean = total / count
        return Standard.of(mean, np.maximum(square / count - np.square(mean), 0.0))


def chunks(indices: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(indices), CHUNK):
        yield indices[start : start + CHUNK]


def read_image(path: Path, channels: int, size: tuple[int, int], span: Span | None = None) -> Pixels:
    """One image file as (C, H, W) uint8: turned upright, scaled to cover H×W, and cropped about the centre.

    Raises NS608 when it cannot be decoded.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert(MODES[channels])
            fitted = ImageOps.fit(upright, (size[1], size[0]), Image.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = "it is not an image" if "cannot identify" in str(error) else str(error)
        raise NetspecError.of([_unreadable(path, reason, span)]) from None
    pixels = np.asarray(fitted, np.uint8)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _unreadable(path: Path, reason: str, span: Span | None) -> Problem:
    return Problem("NS608", f"cannot read the image {path}: {reason}", span, "remove or replace the file")


def find_images(folder: Path, shown: str, span: Span | None) -> tuple[list[Path], list[str]]:
    """The image files in the folder's folders, in the order of the alphabet, and each one's folder name.

    Raises NS602 (no such folder) and NS607 (nothing in it).
    """
    if not folder.is_dir():
        what = "is a file, expected a folder" if folder.exists() else "no such folder"
        raise NetspecError("NS602", f"{what}: {shown}", span, hint="paths are relative to the netspec file")
    classes = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not classes:
        raise NetspecError("NS607", f"{shown} holds no folders", span, hint="put the images into one folder a class")
    paths, labels = [], []
    empty = []
    for each in classes:
        found = sorted(p for p in each.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        paths += found
        labels += [each.name] * len(found)
        empty += [each.name] if not found else []
    if empty:
        kinds = ", ".join(sorted(SUFFIXES))
        raise NetspecError("NS607", f"no images in {shown}/{empty[0]}", span, hint=f"an image ends in one of {kinds}")
    return paths, labels
