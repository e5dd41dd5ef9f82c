"""Edits between random trees: none between equal ones, each at its place, and mirrored the other way round."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.frontend.resolved import dump
from netspec.review.explain.tree_diff import TreeEdit, edits_between
from netspec.review.explain.tree_values import leaves, likeness, same, short, spelled_out
from netspec.source.text import Source
from netspec.source.tree import Map, parse, read_text

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "architectures").glob("*.yaml"))


def tree_of(value: Any, name: str = "a.yaml") -> Map:
    tree = parse(Source(name, dump(value)))
    assert isinstance(tree, Map)
    return tree


def edits(before: Map, after: Map) -> list[TreeEdit]:
    return edits_between([(before, after, (), "")])


def shuffled(value: Any, draw: random.Random) -> Any:
    """The same value with its keys in another order; of layers, inputs, … the order says something."""
    if not isinstance(value, dict):
        return value
    keys = list(value)
    if not {"layers", "branches", "inputs", "outputs", "state"} & set(keys) and "type" in keys:
        draw.shuffle(keys)
    return {key: shuffled(value[key], draw) for key in keys}


def mutated(value: Any, draw: random.Random) -> Any:
    """A copy with one thing changed somewhere: a value, a key, or what is under one."""
    if isinstance(value, dict) and value:
        key = draw.choice(list(value))
        what = draw.random()
        if what < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if what < 0.2:
            return {f"new{draw.randrange(9)}" if k == key else k: v for k, v in value.items()}
        if what < 0.3:
            return {**value, f"extra{draw.randrange(9)}": draw.choice(["relu", {"type": "linear"}, 3, [1, 2], None])}
        return {k: mutated(v, draw) if k == key else v for k, v in value.items()}
    if isinstance(value, list) and value:
        at = draw.randrange(len(value))
        return [*value[:at], mutated(value[at], draw), *value[at + 1 :]]
    return draw.choice(["relu", "gelu", 0, 1, True, None, 0.5, "$width", [1], {"type": "linear", "out_features": 3}])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_has_no_edits_against_itself_in_another_spelling(file: Path) -> None:
    tree = parse(read_text(file))
    assert isinstance(tree, Map)
    assert edits(tree, tree_of(tree.plain())) == []
    assert edits(tree, tree_of(shuffled(tree.plain(), random.Random(0)))) == []


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(FILES))
def test_edits_of_random_changes(seed: int, file: Path) -> None:
    draw = random.Random(seed)
    tree = parse(read_text(file))
    assert isinstance(tree, Map)
    plain = tree.plain()
    for _ in range(draw.randrange(1, 4)):
        plain = mutated(plain, draw)
    if not isinstance(plain, dict) or not plain:
        return
    other = tree_of(plain, "b.yaml")
    there, back = edits(tree, other), edits(other, tree)
    for found, newer in ((there, other), (back, tree)):
        for edit in found:
            assert edit.path and edit.kind in ("added", "removed", "changed", "renamed", "order")
            side = edit.after if edit.kind != "removed" else edit.before
            assert side is not None and (edit.span.source is newer.span.source) == (edit.kind != "removed")
    assert bool(there) == bool(back)
    if same(tree, other):
        assert all(edit.kind == "order" for edit in there)
    else:
        assert there
    mirror = {"added": "removed", "removed": "added"}
    kinds = Counter(mirror.get(edit.kind, edit.kind) for edit in back)
    assert kinds == Counter(edit.kind for edit in there)


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ("{a: 1}", "{a: 1.0}", True),
        ("{a: 1}", "{a: true}", False),
        ("{a: .nan}", "{a: .nan}", True),
        ("{a: [1, 2]}", "{a: [2, 1]}", False),
        ("{a: {}}", "{a: }", False),
        ("{a: 'x'}", "{a: x}", True),
        ("{a: '1'}", "{a: 1}", False),
    ],
)
def test_values(a: str, b: str, equal: bool) -> None:
    left, right = (parse(Source("t", text)) for text in (a, b))
    assert same(left, right) is equal
    assert (Counter(leaves(left)) == Counter(leaves(right))) is equal
    assert likeness(left, left) == 1.0


def test_short_text() -> None:
    tree = parse(Source("t", "a: {b: 1e-3,  c: 'x y', d: [1,2], e: }\n"))
    assert short(tree) == "{a: {b: 1e-3, c: 'x y', d: [1, 2], e:}}"
    block = parse(Source("t", "a: |\n  two\n  lines\n"))
    assert short(block) == "{a: two lines}"
    layers = parse(Source("t", "{type: residual, layers: {a: relu, b: gelu}}"))
    assert short(layers, "layer") == "{type: residual, layers: {a, b}}"
    assert short(spelled_out(parse(Source("t", "relu")))) == "{type: relu}"
