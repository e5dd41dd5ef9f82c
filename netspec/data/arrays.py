"""NumPy arrays from files, and whether they are what an input takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netspec.data.preprocess import Array
from netspec.data.table import missing_file
from netspec.shapes.dim import Dim
from netspec.shapes.tensor import TensorType, shape_text
from netspec.source.errors import NetspecError
from netspec.source.text import Span


def read_npz(path: Path, shown: str, span: Span | None) -> dict[str, Array]:
    """The arrays of a file by name.  Pickled objects are refused: reading one would run its code.  Raises NS602."""
    import tokenize
    import zipfile
    import zlib

    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
            if not all(isinstance(x, np.ndarray) for x in found.values()):
                raise ValueError("a member is no array")
            return found
    except FileNotFoundError:
        raise missing_file(path, shown, span) from None
    except (ValueError, AttributeError, TypeError, EOFError, OSError, RuntimeError, MemoryError, SyntaxError,
            zipfile.BadZipFile, zlib.error, tokenize.TokenError) as error:  # fmt: skip
        hint = "save it with np.savez, from arrays of numbers or text"
        other = getattr(error, "strerror", None) or "it is no .npz file"
        reason = "it holds pickled objects" if "pickle" in str(error) else other
        raise NetspecError("NS602", f"{shown} cannot be read: {reason}", span, hint=hint) from None


def check_array(x: Array, type_: TensorType, name: str, shown: str, axes: dict[str, int], span: Span | None) -> None:
    """Raises NS605 when an array is not of the input's shape and kind, NS604 when it holds NaN or infinity.

    `axes` gathers what each named axis stands for, so that one name is one size across the inputs.
    """
    wanted = type_.shape[1:]
    found: tuple[int, ...] = x.shape[1:]
    fits = len(wanted) == len(found)
    for want, size in zip(wanted, found, strict=False):
        if isinstance(want, Dim):
            known = want.at(axes)
            if isinstance(known, Dim) and str(want).isidentifier():
                axes[str(want)] = size
                known = size
            fits = fits and (isinstance(known, Dim) or known == size)
        else:
            fits = fits and want == size
    if not fits:
        raise NetspecError(
            "NS605",
            f"array `{name}` of {shown} is {shape_text(x.shape)}, input `{name}` is {type_}",
            span,
            hint="the first axis counts the samples; the others are those of `inputs`",
        )
    if x.dtype.kind not in "fiub" or (x.dtype.kind == "f" and not type_.floating):
        raise NetspecError(
            "NS605",
            f"array `{name}` of {shown} holds {x.dtype}, input `{name}` takes {type_.dtype}",
            span,
            hint=f"save it as {type_.dtype}",
        )
    finite(x, f"array `{name}` of {shown}", span)


def check_entries(x: Array, entries: int, what: str, code: str, span: Span | None = None, name: str = "") -> None:
    """Raises `code` at the first number that an embedding of so many entries has none for; 0: there is no embedding."""
    if not entries or x.dtype.kind not in "iu":
        return
    bad = np.argwhere((x < 0) | (x >= entries))
    if len(bad):
        first = tuple(int(i) for i in bad[0])
        low, high = int(x.min()), int(x.max())
        larger = f", or give the embedding `num_embeddings: {high + 1}`" if low >= 0 else ""
        raise NetspecError(
            code,
            f"{what}: number {int(x[first])} (sample {first[0] + 1}) is out of range: its embedding has entries 0 to "
            f"{entries - 1}, the numbers run from {low} to {high}",
            span,
            hint=f"count from 0{larger}",
            name=name,
        )


def finite(x: Array, what: str, span: Span | None) -> None:
    """Raises NS604 at the first NaN or infinity."""
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        where = ", ".join(map(str, first))
        raise NetspecError("NS604", f"{what} holds {x[first]} at [{where}]", span, hint="expected finite numbers")
