"""One entry for one idea: what was changed, in how many places, and their names folded."""

from __future__ import annotations

from pathlib import Path

import pytest

import netspec
from netspec.report.diff import entry_text
from netspec.review.group.fold import fold, fold_like
from tests.review.edits import BASE
from tests.review.networks import edited
from tests.review.test_weight_fates import compared

ARCHITECTURES = Path(__file__).parent.parent.parent / "architectures"
SHARED = BASE.replace("          act: relu", "          act: relu\n          drop: {type: dropout, p: 0.1}")


def entries(before: str, *edits: tuple[str, str]) -> list[str]:
    return [f"{entry.status} {entry_text(entry)}" for entry in compared(before, edited(before, *edits)).entries]


@pytest.mark.parametrize(
    ("before", "edits", "shown"),
    [
        (BASE, [("width: 4", "width: 8")], ["changed everywhere (7 conv2d): out_channels ×2"]),
        (BASE, [("act: relu", "act: gelu")], ["changed stage1–2.*.body.act (5 layers): relu -> gelu"]),
        (SHARED, [("p: 0.1", "p: 0.3")], ["changed stage1–2.*.body.drop (5 dropout): p 0.1 -> 0.3"]),
        (BASE, [("act: relu", "relu: relu")], ["renamed act -> relu (5 layers): stage1–2.*.body.relu"]),
        (
            BASE,
            [("act: relu", "act: relu\n          drop: {type: dropout, p: 0.1}")],
            ["added 5 × dropout {p: 0.1}: stage1–2.*.body.drop"],
        ),
        (BASE, [(", repeat: 3", ", repeat: 5")], ["added 2 blocks basic: stage1.3–4"]),
        (BASE, [(", repeat: 2", ", repeat: 1")], ["removed stage2.1: block basic"]),
        (BASE, [("stage1: {", "phase: {")], ["renamed stage1 -> phase (14 layers)"]),
        (
            BASE,
            [("  fc: {", "  hidden: {type: linear, out_features: 9}\n  act: tanh\n  fc: {")],
            ["added hidden, act: linear {out_features: 9}, tanh"],
        ),
        (
            BASE,
            [("  fc: {", "  skip: {type: residual, layers: {a: {type: linear, out_features: 12}, b: tanh}}\n  fc: {")],
            ["added skip: residual of linear {out_features: 12}, tanh"],
        ),
        (
            BASE,
            [("  left: {type: linear, out_features: 6", "  left: {type: linear, out_features: 7, bias: false")],
            ["changed left (linear): out_features 6 -> 7, bias true -> false"],
        ),
        (
            BASE,
            [("from: [image, mask]", "from: [mask, image]")],
            ["changed mix (concat): reads image, mask -> mask, image"],
        ),
        (BASE, [("features: pool", "features: left")], ["changed output features: shows pool -> left"]),
        (BASE, [("from: [left, right]", "from: [right, left]")], ["renamed left <-> right (2 layers)"]),
    ],
)
def test_one_idea_is_one_entry(before: str, edits: list[tuple[str, str]], shown: list[str]) -> None:
    assert entries(before, *edits) == shown


def test_the_same_edit_is_shown_alike_in_all_copies() -> None:
    new = ("act: relu", "smooth: gelu")  # a rename with a change
    assert entries(BASE, new) == [
        "changed stage1–2.*.body.smooth (5 layers): relu -> gelu",
        "renamed act -> smooth (5 layers): stage1–2.*.body.smooth",
    ]


def test_a_container_taken_away_in_all_copies_is_one_removal_and_one_rename() -> None:
    inside = "{c: {type: conv2d, out_channels: 4, kernel_size: 1}, n: batch_norm2d}"
    before = f"""
netspec: 1
inputs: {{x: [4, 8, 8]}}
layers:
  stage:
    type: sequence
    repeat: 3
    layers:
      body: {{type: residual, layers: {inside}}}
      act: relu
"""
    after = before.replace(f"body: {{type: residual, layers: {inside}}}", inside[1:-1].replace("}, n", "}\n      n"))
    assert [f"{e.status} {entry_text(e)}" for e in compared(before, after).entries] == [
        "removed 3 × residual around c, n: stage.*.body",
        "renamed stage.*.body -> stage.* (6 layers)",
    ]


RELATED = """
netspec: 1
inputs: {x: [8]}
layers:
  a: {type: linear, out_features: 10}
  b: {type: linear, out_features: 20}
  c: {type: linear, out_features: 40}
outputs: {y: c}
"""


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ((20, 40, 80), ["changed a, b, c (3 linear): out_features ×2"]),
        ((15, 30, 60), ["changed a, b, c (3 linear): out_features ×1.5"]),
        ((12, 22, 42), ["changed a, b, c (3 linear): out_features +2"]),
        ((10, 30, 60), ["changed b, c (2 linear): out_features ×1.5"]),
        ((11, 23, 40), ["changed a (linear): out_features 10 -> 11", "changed b (linear): out_features 20 -> 23"]),
    ],
)
def test_sizes_in_one_relation_are_one_entry(sizes: tuple[int, int, int], shown: list[str]) -> None:
    numbers = [(f"out_features: {old}", f"out_features: {new}") for old, new in zip((10, 20, 40), sizes, strict=True)]
    text = RELATED
    for letter, (old, new) in zip("abc", numbers, strict=True):
        text = text.replace(f"{letter}: {{type: linear, {old}}}", f"{letter}: {{type: linear, {new}}}")
    assert [f"{e.status} {entry_text(e)}" for e in compared(RELATED, text).entries] == shown


def test_sizes_of_one_written_line_are_one_entry_whatever_their_relation() -> None:
    before = """
netspec: 1
inputs: {x: [8]}
layers:
  fc: {type: linear, out_features: $(8 + i * 3), repeat: 3}
outputs: {y: fc}
"""
    [entry] = compared(before, before.replace("8 + i * 3", "8 + i * i * 5 + 1")).entries
    assert entry_text(entry) == "fc.* (3 linear): out_features 8 -> 9, 11 -> 14, 14 -> 29"


@pytest.mark.parametrize(("before", "after", "most"), [(18, 34, 1), (34, 50, 7), (50, 101, 1), (101, 152, 2)])
def test_entries_between_published_networks(before: int, after: int, most: int) -> None:
    a, b = (netspec.load(ARCHITECTURES / f"resnet{depth}.yaml") for depth in (before, after))
    assert len(netspec.diff(a, b).entries) <= most


@pytest.mark.parametrize(
    ("names", "of", "text"),
    [
        (["a"], ["a", "b"], "a"),
        (["a.0", "a.1"], ["a.0", "a.1"], "a.*"),
        (["a.0", "a.1"], ["a.0", "a.1", "a.2"], "a.0–1"),
        (["a.0.x", "a.2.x"], ["a.0.x", "a.1.x", "a.2.x"], "a.0.x, a.2.x"),
        (["l1.0.c1", "l1.0.c2", "l1.1.c1", "l1.1.c2"], [], "l1.*.c1–2"),
        (["a.0.b.0", "a.0.b.1", "a.1.b.0", "a.1.b.1"], [], "a.*.b.*"),
        ([f"w{i}" for i in (1, 2, 3, 5)], [], "w1–3, w5"),
        ([f"{a}_with_a_long_name.conv" for a in "bc"], [], "{b_with_a_long_name,c_with_a_long_name}.conv"),
        ([f"x{i}" for i in range(0, 40, 2)], [], "{x0,x2,x4,x6,x8,x10,x12,…}"),
    ],
)  # fmt: skip
def test_names_folded(names: list[str], of: list[str], text: str) -> None:
    assert fold(names, of or names) == text


def test_all_of_their_kind_are_named_by_what_holds_them() -> None:
    names = ["stem", "a.0.x", "a.1.x", "a.1.y", "b.0.x"]
    assert fold_like(names, names, names) == "everywhere"
    assert fold_like(names, [*names, "c.0.x"], [*names, "c.0.x"]) == "stem, a.*, b.0.x"
