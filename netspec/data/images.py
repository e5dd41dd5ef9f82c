"""Image folders: which files they hold; decoded when first asked for, and once."""

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
from netspec.data.preprocess import Standard
from netspec.source.errors import NetspecError, Problem, raise_all
from netspec.source.input_files import open_file
from netspec.source.text import Span

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"))
PARTS = frozenset(("train", "training", "val", "valid", "validation", "dev", "test", "testing"))
KEPT_BYTES = 4 << 30  # decoded images are kept up to here; what is more is decoded again each time
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
    def _kept(self) -> NDArray[np.uint8] | None:
        shape = (len(self.paths), self.channels, *self.size)
        return np.empty(shape, np.uint8) if np.prod(shape, dtype=np.float64) <= KEPT_BYTES else None

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """The images of these numbers, from 0 to 1.  Raises NS608 for those that cannot be read, all at once."""
        kept = self._kept
        if kept is None:
            return np.stack([unit(pixels) for pixels in self._decode(indices.tolist())])
        missing = np.unique(indices[~self._done[indices]]).tolist()
        fine: dict[int, NDArray[np.float32]] = {}
        for i, pixels in zip(missing, self._decode(missing), strict=True) if missing else ():
            if pixels.dtype == np.uint8:
                kept[i] = pixels
            else:
                fine[i] = unit(pixels)
        room = KEPT_BYTES // (4 * self.channels * self.size[0] * self.size[1]) - len(self._fine)
        self._fine.update(islice(fine.items(), max(room, 0)))
        self._done[[i for i in missing if i not in fine or i in self._fine]] = True
        found = kept[indices] * np.float32(1 / 255)
        if self._fine or fine:
            for row, i in zip(found, indices.tolist(), strict=True):
                if i in fine or i in self._fine:
                    row[...] = fine[i] if i in fine else self._fine[i]
        return found

    def _decode(self, indices: list[int]) -> list[Pixels]:
        def one(i: int) -> Pixels:
            return read_image(self.paths[i], self.channels, self.size, self.span)

        return self._each(one, indices)

    def digests(self) -> list[bytes]:
        """A hash of each file's bytes.  Raises NS608 for those that cannot be read."""

        def one(i: int) -> bytes:
            path = self.paths[i]
            try:
                with open_file(path) as file:
                    return hashlib.file_digest(file, "blake2b").digest()
            except OSError as error:
                raise NetspecError.of([unreadable(path, error.strerror or str(error), self.span)]) from None

        return self._each(one, list(range(len(self))))

    def _each(self, one: Callable[[int], T], indices: list[int]) -> list[T]:
        """Of several images at once, with the problems of all."""
        problems: list[Problem] = []

        def tried(i: int) -> T | None:
            try:
                return one(i)
            except NetspecError as error:
                problems.extend(error.problems)
                return None

        with quiet():
            found = list(self._pool.map(tried, indices))
        raise_all(sorted(problems, key=lambda p: p.message)[:MOST_SHOWN])
        return [each for each in found if each is not None]

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


def find_images(folder: Path, shown: str, span: Span | None) -> tuple[list[Path], list[str]]:
    """The image files in the folder's folders, in the order of the alphabet, and each one's folder name.

    Raises NS602 (no such folder) and NS607 (nothing in it, or its folders are no classes).
    """
    if not folder.is_dir():
        what = "is a file, expected a folder" if folder.exists() else "no such folder"
        raise NetspecError("NS602", f"{what}: {shown}", span, hint="paths are relative to the netspec file")
    classes = [p for p in _entries(folder, shown, span) if p.is_dir()]
    if not classes:
        raise NetspecError("NS607", f"{shown} holds no folders", span, hint="put the images into one folder a class")
    _check_links(classes, folder, shown, span)
    found = {each: images_below(each, f"{shown}/{each.name}", span) for each in classes}
    for each, images in found.items():
        _check_class(each, images, shown, span)
    if len(classes) > 1 and PARTS.issuperset(each.name.lower() for each in classes):
        raise NetspecError("NS607", f"the folders of {shown} are parts, not classes: "
                           f"{', '.join(each.name for each in classes)}", span,
                           hint="put all images into one folder a class: `split` draws the parts")  # fmt: skip
    return [p for images in found.values() for p in images], [p.name for p, images in found.items() for _ in images]


def images_below(folder: Path, shown: str, span: Span | None) -> list[Path]:
    """The files that are named as images, in the folder and those in it.

    What is hidden counts for nothing, and links to folders are not followed.  Raises NS602.
    """
    found = []
    for path in _entries(folder, shown, span):
        if path.is_dir():
            found += [] if path.is_symlink() else images_below(path, f"{shown}/{path.name}", span)
        elif path.suffix.lower() in SUFFIXES:
            found.append(path)
    return found


def _entries(folder: Path, shown: str, span: Span | None) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        raise NetspecError("NS602", f"{shown} cannot be read: {error.strerror or error}", span) from None


def _check_class(each: Path, images: list[Path], shown: str, span: Span | None) -> None:
    here = f"{shown}/{each.name}"
    if not here.isprintable():
        raise NetspecError(
            "NS607",
            f"the name of {here} cannot be shown",
            span,
            hint="rename the folder",
        )
    if not images:
        kinds = ", ".join(sorted(SUFFIXES))
        raise NetspecError("NS607", f"no images in {here}", span, hint=f"an image ends in one of {kinds}")
    if not any(path.parent == each for path in images):
        inner = images[0].relative_to(each).parts[0]
        raise NetspecError("NS607", f"{here} holds folders ({inner}, …) and no images: a folder of {shown} is a class",
                           span, hint=f"are its folders the classes? then write `path: {here}`; `split` draws the "
                           "parts")  # fmt: skip


def _check_links(classes: list[Path], folder: Path, shown: str, span: Span | None) -> None:
    """A link may lead to another class, or above all of them: the same images would be in two."""
    real = {each: each.resolve() for each in classes}
    for each, at in real.items():
        above = at in (folder.resolve(), *folder.resolve().parents)
        other = next((o for o, place in real.items() if o != each and (at == place or at in place.parents)), None)
        if above or other is not None:
            what = shown if other is None or above else f"{shown}/{other.name}"
            raise NetspecError("NS607", f"{shown}/{each.name} and {what} hold the same images", span,
                               hint="remove the link")  # fmt: skip
