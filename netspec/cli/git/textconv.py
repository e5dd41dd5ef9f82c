"""What `git log -p` and `git show` compare of a netspec file: its text as it is, and below it figures of its network.

git gives a content and no revision: a file that includes or extends others has no figures here.  The digests say, by
being equal or not, whether a change of the text is one of what the network computes, or of names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from netspec.source.errors import NetspecError
from netspec.source.netspec_file import is_netspec
from netspec.source.text import Source

if TYPE_CHECKING:
    from netspec.graph.model import Graph

_DIGITS = slice(2, 14)  # of a digest, past its version


def with_figures(path: str) -> bytes:
    """The bytes of a file, and its figures as comments where it is a whole network that is right."""
    data = Path(path).read_bytes()
    if not is_netspec(data):
        return data
    from netspec.review.sides.side import compile_side
    from netspec.source.tree import text_of

    try:
        side = compile_side(path, text_of(data, path), Path(path), Alone())
    except NetspecError:
        return data
    if side.spec is None:
        return data
    figures = "".join(f"# {line}\n" for line in _figures(side.spec))
    return data + (b"" if data.endswith(b"\n") else b"\n") + figures.encode()


def _figures(graph: Graph) -> Iterator[str]:
    from netspec.graph.digest import digests
    from netspec.report.summary import totals

    yield f"network {graph.name}".strip()
    yield from (f"  {label:<11} {text}" for label, text in totals(graph))
    for side, types in (("input", graph.inputs), ("output", graph.output_types())):
        for name, type_ in types.items():
            dtype = "" if type_.dtype == "float32" else f" {type_.dtype}"
            yield f"  {side:<11} {name} {type_}{dtype}"
    known = digests(graph)
    yield f"  {'function':<11} {known.function[_DIGITS]}"
    yield f"  {'names':<11} {known.names[_DIGITS]}"


class Alone:
    """The files beside a content of no known revision: none of them can be read."""

    def real(self, path: Path) -> Path:
        return path

    def read(self, path: Path) -> Source:
        raise NetspecError("NS101", "git does not say of which revision it is", name=str(path))

    def near(self, path: Path) -> Path | None:
        return None
