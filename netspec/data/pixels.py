"""One image file -> values from 0 to 1, whatever its bits, its mode and its transparency."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from netspec.data.bounds import open_file
from netspec.source.errors import NetspecError, Problem
from netspec.source.text import Span

if TYPE_CHECKING:
    from PIL.Image import Image

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
MOST_PIXELS = 89_478_485  # Pillow warns from here on: a file of some bytes may claim as many pixels as it likes
BACKGROUND = 255  # white, behind what is transparent: drawings are dark on nothing

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]


def unit(pixels: Pixels) -> NDArray[np.float32]:
    """Values from 0 to 1."""
    return pixels * np.float32(1 / 255) if pixels.dtype == np.uint8 else pixels.astype(np.float32, copy=False)


def read_image(path: Path, channels: int, size: tuple[int, int], span: Span | None = None) -> Pixels:
    """One image file as (C, H, W): turned upright, scaled to cover H×W, and cropped about the centre.

    uint8 from 0 to 255, or float32 from 0 to 1 where the file has a finer grey: 16 bits are v / 65535, floating values
    stand as they are.  Colour goes to grey as ITU-R 601 has it, 0.299 R + 0.587 G + 0.114 B; grey into three channels
    is three times the same.  What is transparent shows white, but for four channels.  Of an animation the first image.
    Raises NS608 when it cannot be decoded, or its values have no scale.
    """
    from PIL import Image, ImageOps

    try:
        with open_file(path) as file, Image.open(file) as image:
            if (count := image.width * image.height) > MOST_PIXELS:
                raise ValueError(f"it has {count:,} pixels, the limit is {MOST_PIXELS:,}")
            upright = ImageOps.exif_transpose(image)
            values = _fine(upright, image) if image.mode.startswith("I") or image.mode == "F" else None
            flat = _flat(upright, channels) if values is None else Image.fromarray(values)
            fitted = ImageOps.fit(flat, (size[1], size[0]), Image.Resampling.BILINEAR)
    except Exception as error:  # Pillow's plugins raise whatever reading a broken file leads to
        raise NetspecError.of([unreadable(path, _reason(error), span)]) from None
    pixels = np.asarray(fitted)
    if pixels.ndim == 2:
        grey = np.broadcast_to(pixels, (min(channels, 3), *size))
        return np.concatenate([grey, np.ones_like(grey[:1])]) if channels == 4 else np.array(grey)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def unreadable(path: Path, reason: str, span: Span | None) -> Problem:
    return Problem("NS608", f"cannot read the image {path}: {reason}", span, "remove or replace the file")


@contextmanager
def quiet() -> Iterator[None]:
    """While images are read: what Pillow warns of is an error of the image, or nobody's concern."""
    from PIL import Image

    log = logging.getLogger("PIL")
    if not log.handlers:  # else what it logs is printed
        log.addHandler(logging.NullHandler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _reason(error: Exception) -> str:
    from PIL import Image

    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"it has too many pixels, the limit is {MOST_PIXELS:,}"
    if "cannot identify" in str(error):
        return "it is not an image"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _fine(upright: Image, image: Image) -> NDArray[np.float32]:
    """Grey of more than 8 bits as values from 0 to 1; `image` as it was opened.  Raises ValueError without a scale."""
    raw = np.asarray(upright).astype(np.float64)
    tags = getattr(image, "tag_v2", {})
    if image.mode == "F":
        if not np.isfinite(raw).all():
            raise ValueError("it holds NaN or infinity")
        if raw.min() < 0 or raw.max() > 1:
            raise ValueError(f"its floating values go from {raw.min():g} to {raw.max():g}, expected 0 to 1")
        values = raw
    elif image.mode == "I" and image.format not in ("PNG", "PPM"):  # of those Pillow makes 16 bits
        raise ValueError("whole numbers of 32 bits, or with a sign, have no scale: save it with 8 or 16 bits")
    else:
        bits = int(tags.get(258, (16,))[0]) if image.format == "TIFF" else 16
        values = raw / (2**bits - 1)
    if tags.get(262) == 0:  # TIFF's "white is zero", which Pillow turns for 8 bits only
        values = 1 - values
    if isinstance(key := image.info.get("transparency"), int):
        values[raw == key] = BACKGROUND / 255
    return values.astype(np.float32)


def _flat(image: Image, channels: int) -> Image:
    """In the mode of so many channels; what is transparent before the background, but for four of them."""
    from PIL import Image

    if channels < 4 and image.has_transparency_data:
        behind = Image.new("RGBA", image.size, (BACKGROUND, BACKGROUND, BACKGROUND, 255))
        image = Image.alpha_composite(behind, image.convert("RGBA"))
    return image.convert(MODES[channels])
