"""The published schema: which layer types an editor marks, and that no valid file is marked."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import jsonschema
import pytest

import netspec
from netspec.frontend import containers
from netspec.report.schema import BRINGS_BLOCKS, netspec_schema
from netspec.report.schema.layers import WIRING
from netspec.source.text import Source
from netspec.source.tree import parse

TESTS = Path(__file__).parent.parent
VALIDATOR = jsonschema.Draft7Validator(netspec_schema())
PLAIN = "netspec: 1\ninputs: {x: [4]}\nlayers:\n"


def marks(text: str) -> list[str]:
    """The paths that an editor marks."""
    errors = VALIDATOR.iter_errors(parse(Source("net.yaml", text)).plain())
    return sorted({".".join(map(str, e.absolute_path)) for e in errors})


@pytest.mark.parametrize(
    ("layer", "path"),
    [
        ("{type: lienar, out_features: 3}", "layers.a.type"),
        ("rellu", "layers.a"),
        ("{type: sequence, layers: {b: {type: lienar}}}", "layers.a.layers.b.type"),
        ("{type: residual, layers: {b: relu, c: rellu}}", "layers.a.layers.c"),
        (
            "{type: residual, shortcut: {layers: {b: {type: conv2}}}, layers: {c: relu}}",
            "layers.a.shortcut.layers.b.type",
        ),
        ("{type: highway, gate: {layers: {b: sigmoyd}}, layers: {c: relu}}", "layers.a.gate.layers.b"),
        ("{type: branches, branches: {left: {b: {type: Linear}}, right: }}", "layers.a.branches.left.b.type"),
        ("{type: sequence, layers: {b: {type: sequence, layers: {c: gleu}}}}", "layers.a.layers.b.layers.c"),
    ],
)
def test_an_unknown_type_is_marked_where_it_stands(layer: str, path: str) -> None:
    text = f"{PLAIN}  a: {layer}\n"
    assert marks(text) == [path]
    with pytest.raises(netspec.NetspecError, match="unknown layer kind"):
        netspec.load(text)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN + "  a: {type: mine, width: 3}\n  b: other\nblocks: {mine: {params: {width: }}, other: }\n",
        PLAIN + "  a: {type: sequence, layers: {b: mine}}\ninclude: blocks.yaml\n",
        PLAIN + "  a: {type: mine}\nextends: base.yaml\n",
        "netspec: 1\nextends: base.yaml\nlayers: {a: {out_features: 3}, b: }\n",
        PLAIN + "  a: $act\n  b: {type: $act}\n  c: {type: sequence, layers: {d: $act, e: }}\nvars: {act: tanh}\n",
    ],
)
def test_names_of_blocks_and_expressions_are_types(text: str) -> None:
    assert marks(text) == []


def test_the_files_that_can_bring_blocks_are_all_there_are() -> None:
    assert set(BRINGS_BLOCKS) < set(netspec_schema()["properties"])


VALID = [*TESTS.glob("frontend/golden/*.yaml"), *TESTS.glob("frontend/golden/*/*.yaml"),
         *TESTS.glob("differential/found/*.yaml"), *TESTS.glob("../architectures/*.yaml")]  # fmt: skip


def test_what_validate_takes_is_not_marked() -> None:
    accepted = 0
    for path in VALID:
        with suppress(netspec.NetspecError):
            netspec.load(path)
            accepted += 1
            assert marks(path.read_text(encoding="utf-8")) == [], path
    assert accepted > 20


def test_the_wiring_keys_are_those_of_the_language() -> None:
    assert {"type", *WIRING} == set(containers.WIRING)
