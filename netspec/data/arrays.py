"""NumPy arrays from files, and whether they are what an input takes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netspec.data.files import missing_file
from netspec.data.labels import FLOAT_MAX, MISSING, MOST_ENTRIES, clean
from netspec.data.preprocess import Array
from netspec.shapes.dim import Dim
from netspec.shapes.tensor import TensorType, shape_text
from netspec.source.errors import NetspecError
from netspec.source.input_files import most_bytes, open_file
from netspec.source.text import Span, bytes_text, show

if TYPE_CHECKING:
    import zipfile


def read_npz(
    path: Path, shown: str, span: Span | None, wanted: Iterable[str]
) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Those of the wanted arrays that a file has, and the names of all it has.

    Pickled objects are refused: reading one would run its code; so is a header that claims another size than the file
    has, and what is larger than half of the memory.  Raises NS602.
    """
    import zipfile

    try:
        with open_file(path) as file, zipfile.ZipFile(file) as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist()}
            arrays: dict[str, Array] = {}
            for name in wanted:
                if name in members:
                    left = most_bytes() - sum(x.nbytes for x in arrays.values())
                    arrays[name] = _member(archive, archive.getinfo(members[name]), name, left)
            return arrays, tuple(members)
    except FileNotFoundError:
        raise missing_file(path, shown, span) from None
    except MemoryError:  # the caller says what for
        raise
    except Exception as error:  # zipfile, its decompressors and NumPy raise whatever broken bytes lead to
        known = isinstance(error, (_ArrayError, OSError))
        reason = getattr(error, "strerror", None) or (str(error) if known else "it is no .npz file")
        hint = "save it with np.savez, from arrays of numbers or text"
        raise NetspecError("NS602", f"{shown} cannot be read: {reason}", span, hint=hint) from None


class _ArrayError(Exception):
    """What is wrong with a member, in words for the reader."""


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, most: int) -> Array:
    """One array, of at most so many bytes.  Raises _ArrayError."""
    from numpy.lib import format as npy

    with archive.open(info) as file:
        version = npy.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise _ArrayError(f"array `{name}` is a record of a table")  # 3.0: names of fields beyond Latin-1
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
        if dtype.hasobject:
            raise _ArrayError("it holds pickled objects")
        claimed, there = math.prod(shape) * dtype.itemsize, info.file_size - file.tell()
    if claimed != there or min(shape, default=0) < 0:
        raise _ArrayError(f"array `{name}` claims {bytes_text(claimed)}, the file has {bytes_text(there)} of it")
    if claimed > most:
        raise _ArrayError(f"array `{name}` has {bytes_text(claimed)}, which is more than half of the memory")
    with archive.open(info) as file:
        array: Array = npy.read_array(file, allow_pickle=False)
        return array


def check_array(x: Array, type_: TensorType, name: str, shown: str, axes: dict[str, int], span: Span | None) -> None:
    """Raises NS605 when an array is not of the input's shape and kind, NS604 when it holds what its type has not.

    `axes` gathers what each named axis stands for, so that one name is one size across the inputs.
    """
    declared = type_.shape[1:]
    shape: tuple[int, ...] = x.shape[1:]
    fits = len(declared) == len(shape)
    for expected, size in zip(declared, shape, strict=False):
        if isinstance(expected, Dim):
            known = expected.at(axes)
            if isinstance(known, Dim) and str(expected).isidentifier():
                axes[str(expected)] = size
                known = size
            fits = fits and (isinstance(known, Dim) or known == size)
        else:
            fits = fits and expected == size
    if not fits:
        raise NetspecError(
            "NS605",
            f"array `{name}` of {shown} is {shape_text(x.shape)}, input `{name}` is {type_}",
            span,
            hint="the first axis counts the samples; the others are those of `inputs`",
        )
    if x.dtype.kind not in "fiub" or (x.dtype.kind == "f" and not type_.floating):
        text = f"array `{name}` of {shown} holds {_kind(x)}, input `{name}` takes {type_.dtype}"
        hint = f"make numbers of it, and save them as {type_.dtype}"
        if x.dtype.kind == "f":
            integral = bool((x == np.round(x)).all())
            hint = f"leave out the `dtype` of `{name}`, or make whole numbers of it"
            hint = f"save it as {type_.dtype}" if integral else hint
        raise NetspecError("NS605", text, span, hint=hint)
    finite(x, f"array `{name}` of {shown}", span)
    if not type_.floating and x.size:
        low, high = (0, 1) if type_.dtype == "bool" else (np.iinfo(type_.dtype).min, np.iinfo(type_.dtype).max)
        if int(x.min()) < low or int(x.max()) > high:
            beyond = (x < low) | (x > high) if x.dtype.kind != "u" else x > high
            why = f", input `{name}` takes {type_.dtype}: {low} to {high}"
            _raise_first(beyond, x, f"array `{name}` of {shown}", why, span)


def check_target(x: Array, name: str, shown: str, span: Span | None) -> Array:
    """Numbers, or text as `clean` has it.  Raises NS605 for an array of anything else, NS604 for bytes of no text."""
    if x.dtype.kind == "S":
        try:
            x = np.char.decode(x, "utf-8")
        except UnicodeDecodeError:
            text = f"array `{name}` of {shown} holds bytes that are not UTF-8"
            raise NetspecError("NS604", text, span, hint="save it as text") from None
    if x.dtype.kind == "U":
        distinct, index = np.unique(x, return_inverse=True)
        texts = np.array([clean(str(label)) for label in distinct], dtype=str)
        x = texts[index].reshape(x.shape) if len(texts) else x
    elif x.dtype.kind not in "fiub":
        text = f"array `{name}` of {shown} holds {_kind(x)}, a target is of numbers or text"
        raise NetspecError("NS605", text, span, hint="save one plain array for each output")
    return x


def all_labelled(x: Array, subject: str, span: Span | None) -> None:
    """Raises NS604 for text that stands for a missing label."""
    missing = np.isin(x, list(MISSING))
    if missing.any():
        first = tuple(int(i) for i in np.argwhere(missing)[0])
        others = f" (and {int(missing.sum()) - 1:,} more)" if missing.sum() > 1 else ""
        label = f"{show(str(x[first]))}, which stands for nothing" if x[first] else "an empty label"
        text = f"{subject} holds {label}, at [{_at(first)}]{others}"
        raise NetspecError("NS604", text, span, hint="label the sample, or leave it out")


def _kind(x: Array) -> str:
    return "records with several fields" if x.dtype.kind == "V" else str(x.dtype)


def check_entries(
    x: Array, entries: int | tuple[int, ...], subject: str, code: str, span: Span | None = None, name: str = ""
) -> None:
    """Raises `code` at the first number that an embedding has no entry for.

    `entries`: how many it has, for all numbers or for each of a sample; 0: there is no embedding.
    """
    if not entries or x.dtype.kind not in "iu":
        return
    counts = np.array(entries).reshape(x.shape[1:] if isinstance(entries, tuple) else ())
    bad = np.argwhere((counts > 0) & ((x < 0) | (x >= counts)))
    if len(bad):
        first = tuple(int(i) for i in bad[0])
        count = int(counts[first[1:]]) if counts.ndim else int(counts)
        like = x[:, counts == count] if counts.ndim else x
        low, high = int(like.min()), int(like.max())
        larger = f", or give the embedding `num_embeddings: {high + 1}`" if low >= 0 and high < MOST_ENTRIES else ""
        at = f", place {_at(first[1:])}" if counts.ndim else ""
        raise NetspecError(
            code,
            f"{subject}: number {int(x[first])} (sample {first[0] + 1}{at}) is out of range: its embedding has entries "
            f"0 to {count - 1}, the numbers run from {low} to {high}",
            span,
            hint=f"count from 0{larger}",
            name=name,
        )


def finite(x: Array, subject: str, span: Span | None) -> None:
    """Raises NS604 at the first NaN or infinity, and at a number beyond float32."""
    if x.dtype.kind == "f" and x.size:
        bad = ~np.isfinite(x)
        if x.dtype.itemsize > 4:
            bad |= np.abs(x) > FLOAT_MAX
        if bad.any():
            beyond = bool(np.isfinite(x[bad][0]))
            _raise_first(bad, x, subject, ", beyond float32" if beyond else "", span, "expected finite numbers")


def _raise_first(bad: Array, x: Array, subject: str, why: str, span: Span | None, hint: str = "") -> None:
    """Raises NS604 at the first bad value, with the number of the others."""
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    count = int(bad.sum())
    others = f" (and {count - 1:,} more)" if count > 1 else ""
    text = f"{subject} holds {x[first]} at [{_at(first)}]{why}{others}"
    raise NetspecError("NS604", text, span, hint=hint or "correct it, or leave out the sample")


def _at(index: tuple[int, ...]) -> str:
    return ", ".join(map(str, index))
