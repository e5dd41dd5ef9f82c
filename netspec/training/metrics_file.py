"""metrics.jsonl, the lines of the epochs of a run: how it is written, and read when a training goes on."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from netspec.source.errors import NetspecError
from netspec.source.files import open_to_append, reason
from netspec.source.input_files import read_whole
from netspec.source.records.from_json import parse_json, plain_json, read_record
from netspec.training.files import cannot_write, write_text
from netspec.training.info import EpochLine

METRICS = "metrics.jsonl"


class MetricsFile:
    """metrics.jsonl: one line an epoch, the same as the checkpoint's epochs when a training goes on."""

    def __init__(self, path: Path, epochs: int) -> None:
        self.path = path
        earlier = read_metrics(path, epochs)
        write_text(path, "".join(plain_json(asdict(line)) + "\n" for line in earlier))
        try:
            self._file = open_to_append(path)
        except OSError as error:
            raise cannot_write(path, error) from None

    def add(self, line: EpochLine) -> None:
        try:
            self._file.write(plain_json(asdict(line)) + "\n")
            self._file.flush()
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def to_disk(self) -> None:
        """Before a checkpoint is: it may not know of more epochs than stand here."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def close(self) -> None:
        with suppress(OSError):  # a full disk has been reported by `add`
            self._file.close()


def read_metrics(path: Path, epochs: int) -> list[EpochLine]:
    """The lines of this many epochs; what stands behind them was written after the last checkpoint.

    Raises NS622 when one of them is missing, or not what netspec wrote.
    """
    try:
        texts = read_whole(path).split(b"\n")
    except FileNotFoundError:
        texts = []
    except OSError as error:
        raise NetspecError("NS622", f"cannot be read: {reason(error)}", name=str(path)) from None
    lines: list[EpochLine] = []
    for number in range(1, epochs + 1):
        position = f"{path}:{number}"
        text = texts[number - 1] if number < len(texts) else b""  # a line that was written to its end ends so
        if not text:
            raise NetspecError(
                "NS622",
                f"has no line of epoch {number}, the checkpoint is of epoch {epochs}",
                name=str(path),
                hint="put the file back as it was, or start a new run",
            )
        line = read_record(parse_json(text, "NS622", position), EpochLine, "NS622", position)
        measured = None if line.validation is None else line.validation.keys()
        same = not lines or measured == (None if lines[0].validation is None else lines[0].validation.keys())
        if line.epoch != number or not same:
            what = "`validation` has other figures than line 1" if not same else f"`epoch` is {line.epoch}"
            raise NetspecError("NS622", f"{what}, expected the line of epoch {number}", name=position)
        lines.append(line)
    return lines
