"""One image file -> values from 0 to 1, whatever its bits, its mode and its transparency."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from netspec.source.errors import NetspecError, Problem
from netspec.source.input_files import open_file
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
            _scale_key(image)
            upright = ImageOps.exif_transpose(image)

            def fitted(flat: Image.Image) -> Pixels:
                pixels: Pixels = np.asarray(ImageOps.fit(flat, (size[1], size[0]), Image.Resampling.BILINEAR))
                return pixels

            if not image.mode.startswith("I") and image.mode != "F":
                pixels = fitted(_flat(upright, channels))
            else:
                values, hidden = _fine(upright, image)
                if channels == 4 and hidden.any():
                    shown = fitted(Image.fromarray(np.where(hidden, 0, np.float32(1))))
                    seen = fitted(Image.fromarray(np.where(hidden, 0, values)))  # as Pillow does: what is hidden
                    under = fitted(Image.fromarray(values))  # does not run into what is seen
                    colour = np.divide(seen, shown, out=np.array(under), where=shown > 0)
                    planes: Pixels = np.stack([colour, colour, colour, shown])
                    return planes
                values[hidden] = BACKGROUND / 255
                pixels = fitted(Image.fromarray(values))
    except Exception as error:  # Pillow's plugins raise whatever reading a broken file leads to
        raise NetspecError.of([unreadable(path, _reason(error), span)]) from None
    if pixels.ndim == 2:
        grey: Any = np.broadcast_to(pixels, (min(channels, 3), *size))
        return np.concatenate([grey, np.ones_like(grey[:1])]) if channels == 4 else np.array(grey)
    first: Any = pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(first)


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
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"it has too many pixels, the limit is {MOST_PIXELS:,}"
    if isinstance(error, UnidentifiedImageError):
        return "it is no image that Pillow can read"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _scale_key(image: Image) -> None:
    """PNG names its transparent colour in the bits of the file; Pillow brings the pixels to 8 and leaves the name."""
    tiles = getattr(image, "tile", None)
    bits = str(tiles[0][3]) if image.format == "PNG" and tiles else ""
    key = image.info.get("transparency")
    if key is not None and bits in ("L;2", "L;4"):
        most = 2 ** int(bits[2:]) - 1
        image.info["transparency"] = (key & most) * 255 // most
    elif key is not None and bits == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in key)


def _fine(upright: Image, image: Image) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Grey of more than 8 bits as values from 0 to 1, and which of them are transparent; `image` as it was opened.

    Raises ValueError without a scale.
    """
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
    key = image.info.get("transparency")
    return values.astype(np.float32), raw == key if isinstance(key, int) else np.zeros(raw.shape, bool)


def _flat(image: Image, channels: int) -> Image:
    """In the mode of so many channels; what is transparent before the background, but for four of them."""
    from PIL import Image

    if channels < 4 and image.has_transparency_data:
        behind = Image.new("RGBA", image.size, (BACKGROUND, BACKGROUND, BACKGROUND, 255))
        image = Image.alpha_composite(behind, image.convert("RGBA"))
    return image.convert(MODES[channels])
