"""What the data was: a hash of every sample, and the part that each went to, to hold a later reading against."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from netspec.data.images import Images
from netspec.data.preprocess import Array
from netspec.data.raw import Raw
from netspec.data.symbols import Symbols
from netspec.source.errors import NetspecError

UNUSED = -1  # of a sample that is in no part


@dataclass(frozen=True)
class Fingerprint:
    """N samples in the order of the source.

    `content`: SHA-256 over all that was read of the samples, inputs and targets, as it stands in the data and before
    anything is done to it; a column that nobody reads does not count, the order of the samples does.  `rows`: (N,) 64
    bits of each sample's own hash.  `parts`: part name -> numbers of its samples, increasing.
    """

    content: str
    rows: NDArray[np.uint64]
    parts: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def change(self, now: Fingerprint) -> str:
        """What became of the samples since, such as "3 samples are gone, 1 is new"; "" when all is as it was."""
        if now.content == self.content:
            return ""
        matched = int((_matches(self.rows, now.rows) >= 0).sum())
        counts = {"gone": len(self) - matched, "new": len(now) - matched}
        changes = [f"{n:,} sample{'s are' if n != 1 else ' is'} {change}" for change, n in counts.items() if n]
        return ", ".join(changes) or "the samples stand in another order"

    def split(self, rows: NDArray[np.uint64]) -> dict[str, NDArray[np.int64]]:
        """The parts among the samples as they are now, by their hashes; a sample that was not there is in no part.

        Equal samples are matched in their order, so that none is taken twice.
        """
        where = np.full(len(self), UNUSED, np.int64)
        for code, members in enumerate(self.parts.values()):
            where[members] = code
        then = _matches(self.rows, rows)
        codes = np.where(then >= 0, where[then], UNUSED) if len(self) else np.full(len(rows), UNUSED)
        return {name: np.flatnonzero(codes == code) for code, name in enumerate(self.parts)}

    def to_bytes(self) -> bytes:
        """As a safetensors file has it: `rows`, and `part` with each sample's number in the list of part names."""
        from safetensors.numpy import save

        part = np.full(len(self), UNUSED, np.int8)
        for code, members in enumerate(self.parts.values()):
            part[members] = code
        text = json.dumps({"content": self.content, "parts": [*self.parts]})
        return save({"rows": self.rows, "part": part}, {"fingerprint": text})  # one entry: their order is random

    @staticmethod
    def from_bytes(data: bytes, name: str) -> Fingerprint:
        """Raises NS622 when the bytes are something else; `name`: of their file."""
        from safetensors import SafetensorError, deserialize

        try:
            tensors = dict(deserialize(data))  # type: ignore[no-untyped-call]  # safetensors has none
            size = int.from_bytes(data[:8], "little")
            header = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["fingerprint"])
            names, content = header["parts"], header["content"]
            stored = {key: (tensors[key]["dtype"], tensors[key]["data"]) for key in ("rows", "part")}
            if [kind for kind, _ in stored.values()] != ["U64", "I8"] or not isinstance(content, str):
                raise ValueError("its tensors are not of the kinds U64 and I8")
            rows, part = np.frombuffer(stored["rows"][1], "<u8"), np.frombuffer(stored["part"][1], np.int8)
            if len(rows) != len(part) or not set(np.unique(part).tolist()) <= {UNUSED, *range(len(names))}:
                raise ValueError("`rows` and `part` do not belong together")
            if not all(isinstance(n, str) for n in names) or len(set(names)) < len(names):
                raise ValueError("its parts have no names")
            return Fingerprint(content, rows, {n: np.flatnonzero(part == code) for code, n in enumerate(names)})
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            text, hint = f"is not what netspec wrote: {error}", "put it back as it was, or train again"
            raise NetspecError("NS622", text, name=name, hint=hint) from None


def fingerprint_of(raw: Raw) -> Fingerprint:
    """Of what a source gave, before it is split.  An image counts with the bytes of its file.

    Raises NS608 for a file that cannot be read.
    """
    columns = [_bytes(x) for x in raw.inputs.values()]
    for target in raw.targets.values():
        columns += [_bytes(target.values)] + ([] if target.mask is None else [_bytes(target.mask)])
    digests = b"".join(_digest(cells) for cells in zip(*columns, strict=True))
    shapes = [x.shape[1:] for x in raw.inputs.values() if isinstance(x, np.ndarray)]
    shapes += [target.values.shape[1:] for target in raw.targets.values()]
    content = hashlib.sha256(json.dumps(shapes).encode() + digests).hexdigest()
    return Fingerprint(content, np.ascontiguousarray(np.frombuffer(digests, "<u8")[::2]))


def _digest(cells: tuple[bytes | memoryview, ...]) -> bytes:
    """16 bytes of one sample."""
    digest = hashlib.blake2b(digest_size=16)
    for cell in cells:
        digest.update(len(cell).to_bytes(8, "little"))
        digest.update(cell)
    return digest.digest()


def _bytes(x: Array | Images | Symbols) -> Iterator[bytes | memoryview]:
    """Each sample as bytes that do not depend on the other samples, nor on the machine."""
    if isinstance(x, Images):
        return iter(x.digests())
    if isinstance(x, Symbols):
        return _bytes(x.codes)
    flat = x.reshape(len(x), -1) if x.size else np.zeros((len(x), 0))
    if x.dtype.kind == "U":  # its width is that of the longest text of all
        return ("\0".join(map(str, row)).encode("utf-8", "surrogatepass") for row in flat.tolist())
    little = np.ascontiguousarray(flat.astype(flat.dtype.newbyteorder("<"), copy=False))
    return (row.data for row in little.view(np.uint8))


def _matches(old: NDArray[np.uint64], new: NDArray[np.uint64]) -> NDArray[np.int64]:
    """For each new one the number of the old one that it is, −1 for none; equal ones in their order, none twice."""
    before, after = np.argsort(old, kind="stable"), np.argsort(new, kind="stable")
    first = np.searchsorted(old[before], new[after])
    rank = np.arange(len(new)) - np.searchsorted(new[after], new[after])  # which of its equals each is
    position = first + rank
    inside = np.minimum(position, max(len(old) - 1, 0))
    fits = (position < len(old)) & (old[before][inside] == new[after] if len(old) else False)
    matches = np.full(len(new), -1, np.int64)
    matches[after[fits]] = before[inside[fits]]
    return matches
