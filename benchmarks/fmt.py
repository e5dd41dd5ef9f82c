"""`netspec fmt` of a text of 1 MiB with a comment on every third line, in process, against ruamel.yaml's round trip."""

from __future__ import annotations

import io

from ruamel.yaml import YAML

from benchmarks.command import main
from benchmarks.measure import Figure, figure, in_turn
from netspec.frontend.fmt.canonical import formatted
from netspec.source.text import Source
from netspec.source.tree import parse

LAYERS = (
    "  act{i}: {{type: relu}}\n"
    "  one{i}:   {{out_features: 8,   type: linear, init: {{weight: he, bias: zeros}}}}  # layer {i}\n"
    "  two{i}: {{out_features: 8,   type: linear, init: {{weight: he, bias: zeros}}}}\n"
)


def text(size: int) -> str:
    """So many characters and a layer more, none as `fmt` writes it."""
    parts, count = ["netspec: 1\ninputs: {x: [8]}\nlayers:\n"], 0
    while count < size:
        parts.append(LAYERS.format(i=len(parts)))
        count += len(parts[-1])
    return "".join(parts)


def round_trip(written: str) -> str:
    """Read and written again, comments and quotes kept; keys stay in their order."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    out = io.StringIO()
    yaml.dump(yaml.load(written), out)
    return out.getvalue()


def measure(quick: bool) -> list[Figure]:
    written = text(20_000 if quick else (1 << 20) - 400)
    source = Source("net.yaml", written)
    assert written.count("# layer") == formatted(source).count("# layer") == round_trip(written).count("# layer")
    assert parse(Source("peer", round_trip(written))).plain() == parse(source).plain()
    times = in_turn({"netspec": lambda: formatted(source), "ruamel": lambda: round_trip(written)}, 2 if quick else 9)
    what = "`fmt` of 1 MiB, with the check of what it wrote"
    return [figure(what, "ruamel.yaml's round trip", times, bound=0.5, theirs="ruamel")]


if __name__ == "__main__":
    main("fmt", measure)
