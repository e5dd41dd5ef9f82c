"""Which values fit a type, against jsonschema on the schema that editors use."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from netspec.frontend.containers import CONTAINERS
from netspec.layers import kinds
from netspec.recipe.config import TrainConfig
from netspec.source.records import MAX_SIZE, Count, Limit, NameOf, OneOf, Positive, fields_of, schema_of
from netspec.source.records.fit import fits, of_type
from tests.source.test_records import Circle, Drawing

Form = Annotated[Circle, OneOf("form", {"circle": Circle})]
TYPES: list[Any] = [
    int, float, bool, str, None, Any, Positive, Count, int | None, Annotated[float, Limit(exclusiveMaximum=1)],
    Annotated[int | float, Limit(minimum=-1, maximum=2)], Literal["a", "b"], Literal[1, True, "1"], tuple[int, ...],
    tuple[int, int], tuple[int, str], int | tuple[Positive, Positive], list[float], dict[str, float], dict, Circle,
    Drawing, Form, Form | None, dict[str, Form], Annotated[str, NameOf(("a", "b"))],
    *{f.annotation: None for cls in (*kinds().values(), *CONTAINERS.values(), TrainConfig)
      for f in fields_of(cls).values()},
]  # fmt: skip
WORDS = ("a", "b", "same", "zeros", "circle", "type", "radius", "width", "form", "layers", "adam", "lr")

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.sampled_from([0.5, 1.0, -2.0, float("nan"), float("inf"), 2.0**70]),
    st.sampled_from(WORDS),
    st.integers(-(2**70), 2**70),
)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3)
)


def without_addresses(annotation: Any) -> str:
    """Every process that takes a part of the tests has to give them the same names."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(annotation))


@pytest.mark.parametrize("annotation", TYPES, ids=without_addresses)
def test_a_value_is_of_a_type_where_jsonschema_allows_it(annotation: Any) -> None:
    validator = Draft7Validator(schema_of(annotation))

    @given(values)
    def agrees(value: Any) -> None:
        assert of_type(value, annotation) is validator.is_valid(value)

    agrees()


def test_a_record_is_of_its_type() -> None:
    drawing = {"width": 1, "form": {"type": "circle", "radius": 1}, "shades": {"red": 1}}
    assert of_type(drawing, Drawing) and not of_type({**drawing, "colour": 1}, Drawing)
    assert is_dataclass(Drawing) and {f.name for f in fields(Drawing)} > set(drawing)


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (float("nan"), float, False),
        (MAX_SIZE, int, False),
        (MAX_SIZE, float, True),
        (MAX_SIZE, int | float, True),
        (-MAX_SIZE, int, False),
        ([1, MAX_SIZE], tuple[int, ...], False),
        ({"a": float("nan")}, dict[str, float], True),
    ],
)
def test_numbers_are_those_that_a_tensor_holds(value: Any, annotation: Any, expected: bool) -> None:
    assert fits(value, annotation) is expected
