"""Characters of a text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from netspec.data.generated_sequences import Sequences
from netspec.data.network import Network
from netspec.data.sources.base import DataSource, source
from netspec.source.errors import NetspecError
from netspec.source.records import Positive

if TYPE_CHECKING:
    from netspec.data.raw import Raw
    from netspec.source.text import Span

PRINTABLE = "\n" + "".join(map(chr, range(32, 127)))  # whatever Python's own text holds, the alphabet stays the same


@source("text")
class Text(DataSource):
    """Characters of a text; the target of each step is the next character.

    `path`: a UTF-8 file; its alphabet is all characters in it, in the order of Unicode.  Without it: Python's own
    reference (`pydoc_data.topics`, some 460,000 characters) in 96 printable ASCII characters.  A sample is `length`
    characters; with `bptt` the text is read on from sample to sample.  The parts of `split` follow each other in the
    text: train, validation, test.  Elman 1990, Finding structure in time.
    """

    measured: ClassVar[bool] = False
    prompted: ClassVar[bool] = True
    predicted_from: ClassVar[str] = "npz"

    path: str | None = None
    length: Positive = 100

    def read(self, network: Network) -> Raw:
        from netspec.data.sequence_inputs import raw_of_sequences

        shown = self.name if self.path is None else self.path
        return raw_of_sequences(self.make(network.folder), shown, network, self.span_at())

    def make(self, folder: Path) -> Sequences:
        import numpy as np

        span = self.span_at("path")
        text = builtin() if self.path is None else _file(folder / self.path, self.path, span)
        alphabet = PRINTABLE if self.path is None else "".join(sorted(set(text)))
        count = (len(text) - 1) // self.length
        if count < 1:
            message = f"{self.path} has {len(text)} characters, `length` is {self.length}"
            hint = "a sample is `length` characters, and one more that is predicted: make `length` smaller"
            raise NetspecError("NS607", message, span, hint=hint)
        points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        codes = np.searchsorted(np.array([ord(c) for c in alphabet], np.uint32), points).astype(np.int64)
        used = count * self.length
        x, target = codes[:used].reshape(count, -1), codes[1 : used + 1].reshape(count, -1)
        names, lengths, mask = tuple(alphabet), np.full(count, self.length), np.ones(x.shape, bool)
        return Sequences(x, lengths, {"classes": target}, names, names, mask, ordered=True)


def builtin() -> str:
    """Python's reference, topic after topic."""
    from pydoc_data.topics import topics

    known = set(PRINTABLE)
    return "".join(c for name in sorted(topics) for c in f"{topics[name].strip()}\n\n\n" if c in known)


def _file(path: Path, shown: str, span: Span | None) -> str:
    from netspec.data.files import read_file

    text = read_file(path, span, shown, hint="save it in UTF-8")
    return text.replace("\r\n", "\n")
