"""Sides made of texts, and files beside them that they name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from netspec.review.difference import Side
from netspec.review.sides.side import compile_side
from netspec.source.text import Source
from netspec.source.tree import text_of

BASE = """netspec: 1
inputs: {x: [4]}
blocks:
  pair:
    layers: {fc: {type: linear, out_features: 8}, relu: relu}
layers:
  stage: {type: pair, repeat: 2}
  out: {type: linear, out_features: 5}
"""
WIDE = "netspec: 1\nname: wide\nextends: base.yaml\nlayers: {out: {out_features: 7}}\n"

Git = Callable[..., str]


@dataclass
class Texts:
    """A file tree of texts."""

    texts: Mapping[str, str]

    def real(self, path: Path) -> Path:
        return path

    def read(self, path: Path) -> Source:
        return text_of(self.texts[path.as_posix()].encode(), path.as_posix())

    def near(self, path: Path) -> Path | None:
        return None


def side(text: str, others: Mapping[str, str] | None = None, name: str = "net.yaml") -> Side:
    """The text of a file, without its first line, and of the files beside it."""
    files = {file: f"netspec: 1\n{other}" for file, other in (others or {}).items()}
    return compile_side(name, Source(name, f"netspec: 1\n{text}"), Path(name), Texts(files))
