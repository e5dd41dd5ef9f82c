"""What a reader of records says of a problem besides its text: the key that it is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import pytest

from netspec.source.errors import NetspecError
from netspec.source.records import Count, OneOf, Positive, read
from netspec.source.text import Source
from netspec.source.tree import parse


@dataclass(frozen=True)
class Circle:
    radius: Positive


Form = Annotated[Circle, OneOf("form", {"circle": Circle})]


@dataclass(frozen=True)
class Drawing:
    width: Positive
    form: Form
    layers: Count = 0
    shades: dict[str, int] = field(default_factory=dict)


WIDTH = "width: 1\nform: {type: circle, radius: 1}\n"
KEYS = [
    (WIDTH + "layer: 2", [("layer",)]),
    (WIDTH + "layers: two", [("layers",)]),
    ("form: {type: circle, radius: 1}", [("width",)]),
    ("width: 1\nform: {type: circle, radios: 1}", [("form", "radios")]),
    ("width: 0\nform: {type: circle, radius: 0}", [("width",), ("form", "radius")]),
    ("width: 1\nform: {radius: 1}", [("form", "type")]),
    ("width: 1\nform: square", [("form",)]),
    (WIDTH + "shades: {red: 1, green: much}", [("shades", "green")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "keys"), KEYS)
def test_a_problem_carries_the_key_that_it_is_about(text: str, keys: list[tuple[str, ...]]) -> None:
    with pytest.raises(NetspecError) as caught:
        read(parse(Source("a.yaml", text)), Drawing, "drawing")
    assert [problem.key for problem in caught.value.problems] == keys


def test_a_key_that_somebody_else_reads_is_listed_once() -> None:
    with pytest.raises(NetspecError) as caught:
        read(parse(Source("a.yaml", "zzz: 1")), Circle, "circle", skip=("radius", "type"))
    assert caught.value.problems[0].hint == "it has `radius`, `type`"
