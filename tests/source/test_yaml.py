"""YAML 1.2 core scalars, positions, and writing what can be read back."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netspec.frontend.resolved import dump
from netspec.source.text import Source
from netspec.source.tree import Items, Map, Scalar, parse, parse_scalar


def value(text: str) -> Any:
    return parse(Source("t", text)).plain()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-3", 0.001),
        ("1E5", 1e5),
        ("1.", 1.0),
        (".5", 0.5),
        ("+1", 1),
        ("-0", 0),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("0b11", "0b11"),
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("true", True),
        ("False", False),
        ("tRue", "tRue"),
        ("null", None),
        ("~", None),
        ("Null", None),
        ("nULL", "nULL"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("1e999", math.inf),
        ("=", "="),
        ("'1'", "1"),
        ('"true"', "true"),
        ("1.2.3", "1.2.3"),
        ("1e", "1e"),
        ("-", [None]),
        ("12e03", 12000.0),
        ("0o8", "0o8"),
        ("-0x1F", "-0x1F"),
        ("9" * 400, math.inf),
    ],
)
def test_core_scalars(text: str, expected: Any) -> None:
    assert value(text) == expected
    assert type(value(text)) is type(expected)


def test_nan() -> None:
    assert math.isnan(value(".nan"))


@given(st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none())
def test_json_scalars_mean_the_same(number: Any) -> None:
    assert parse_scalar(json.dumps(number)) == number


printable = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="\ufeff"), max_size=12)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | printable
    | st.sampled_from(
        ["on", "1e-3", "017", "1:30", "null", "~", "", " a ", "a: b", "# c", "- d", "<<", "$(x)", "2024-01-01", "0o17"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(printable.filter(lambda k: k != "<<"), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None)
@given(plain)
@example({"a": ["\n", "x\ny\n", "\t", "'", '"', "\\", "é字"]})
def test_what_is_written_reads_back(data: Any) -> None:
    assert value(dump(data)) == data


def test_positions() -> None:
    text = "a: 1\n'b c': [x, {y: 2}]  # note\ndeep:\n  k: text\n  l:\n    - 1\n    - 2\n"
    tree = parse(Source("t", text))
    assert isinstance(tree, Map)
    spans = {
        "a": "1:4-1:5",
        "b c": "2:8-2:19",
        "deep": "4:3-7:8",
    }
    for key, expected in spans.items():
        span = tree.entries[key].span
        assert f"{span.line}:{span.column}-{span.end_line}:{span.end_column}" == expected
    assert (tree.key_span("b c").column, tree.key_span("b c").end_column) == (1, 6)
    items = tree.entries["b c"]
    assert isinstance(items, Items) and isinstance(items.items[0], Scalar)
    assert (items.items[0].span.column, items.items[0].inset) == (9, 0)
    assert tree.key_span("not there") == tree.span


def test_text_blocks() -> None:
    tree = parse(Source("t", "a: |\n  one\n  two\nb: >\n  three\n"))
    assert tree.plain() == {"a": "one\ntwo\n", "b": "three\n"}
    assert isinstance(tree, Map)
    assert (tree.entries["a"].span.line, tree.entries["a"].span.end_line) == (1, 3)


def test_names_that_are_no_text() -> None:
    assert value("1: a\ntrue: b\nnull: c\n1.50: d\n") == {"1": "a", "true": "b", "null": "c", "1.50": "d"}


@settings(max_examples=300, deadline=None)
@given(plain.filter(lambda d: isinstance(d, (dict, list))))
def test_the_same_tree_as_pyyaml(data: Any) -> None:
    quoted = json.dumps(data, allow_nan=False, ensure_ascii=False) if not _infinite(data) else "{}"  # JSON is YAML 1.2
    assert value(quoted) == yaml.safe_load(quoted) or "e" in quoted  # PyYAML reads 1e5 as text


def _infinite(data: Any) -> bool:
    if isinstance(data, dict):
        data = list(data.values())
    return any(map(_infinite, data)) if isinstance(data, list) else isinstance(data, float) and math.isinf(data)


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("source", "path"), 2, 9),
        (("source", "columns", 1), 3, 16),
        (("source", "columns", 9), 3, 12),  # there is no tenth: the list
        (("source", "missing", "below"), 2, 3),
        (("source", "path", "below"), 2, 9),
        (("missing",), 1, 1),
        ((), 1, 1),
    ],
)
def test_a_path_of_keys_leads_to_a_place(path: tuple[str | int, ...], line: int, column: int) -> None:
    tree = parse(Source("t", "source:\n  path: a.csv\n  columns: [a, b]\n"))
    span = tree.span_at(*path)
    assert (span.line, span.column) == (line, column)
