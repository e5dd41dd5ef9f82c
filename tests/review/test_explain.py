"""Why two sides differ, as it is written."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from netspec.review.diff import compare
from netspec.review.difference import Cause, Side
from netspec.review.explain.cause_lines import lines
from netspec.review.explain.cause_of import CauseFinder, LayerCauses
from netspec.review.explain.causes import causes
from tests.review.texts import side

NET = """vars: {width: 32}
inputs: {image: [3, 16, 16]}
blocks:
  basic:
    params: {channels: , stride: 1}
    layers:
      body:
        type: residual
        shortcut: projection
        layers:
          conv: {type: conv2d, out_channels: $channels, kernel_size: 3, stride: $stride, padding: 1}
          norm: batch_norm2d
      relu: relu
layers:
  stem: {type: conv2d, out_channels: $width, kernel_size: 3, padding: 1}
  relu: relu
  stage: {type: basic, channels: $(width * 2), repeat: 3}
  pool: global_avg_pool2d
  left: {type: linear, out_features: 8, from: pool}
  right: {type: linear, out_features: 8, from: pool}
  both: {type: concat, from: [left, right]}
  fc: {type: linear, out_features: 10}
outputs: {logits: fc}
"""
HEAD, _, REST = NET.partition("blocks:\n")
BODY, _, LAYERS = REST.partition("layers:\n  stem")
BLOCKS = f"blocks:\n{BODY}"
WITH_BLOCKS = f"include: common.yaml\n{HEAD}layers:\n  stem{LAYERS}"
LEFT, RIGHT = (f"  {name}: {{type: linear, out_features: 8, from: pool}}\n" for name in ("left", "right"))
FC = "  fc: {type: linear, out_features: 10}\n"
BOTH = "  both: {type: concat, from: [left, right]}\n"
NORM = "          norm: batch_norm2d\n"
DROP = "          drop: {type: dropout, p: 0.1}\n"


def edited(*edits: tuple[str, str], text: str = NET) -> str:
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text


def told(*edits: tuple[str, str], before: str = NET) -> list[str]:
    return lines(causes(side(before), side(edited(*edits, text=before))))


@pytest.mark.parametrize(
    "edit",
    [
        ("  relu: relu\n", "  relu: {type: relu}\n"),
        ("  pool: ", "  # a comment\n\n  pool:   # and one\n    "),
        ("{type: linear, out_features: 10}", "{out_features: 10, type: linear}"),
        ("{type: linear, out_features: 10}", "\n    type: linear\n    out_features: 10"),
        ("from: pool", "from: [pool]"),
        ("stride: 1}", "stride: 1.0}"),
        ("vars: {width: 32}\n", "vars: {width: 0x20}\n"),
        (LEFT + RIGHT, RIGHT + LEFT),
        ("\n", "\r\n"),
    ],
)
def test_layout_and_spelling_are_no_cause(edit: tuple[str, str]) -> None:
    assert told(edit) == []


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([("width: 32", "width: 48")], ["vars.width 32 -> 48 (line 2)"]),
        ([("repeat: 3", "repeat: 4")], ["layers.stage.repeat 3 -> 4 (line 18)"]),
        (
            [(NORM, NORM + DROP)],
            ["block basic, line 14: + body.drop {type: dropout, p: 0.1}"],
        ),
        ([(NORM, "")], ["block basic, line 13: - body.norm batch_norm2d"]),
        ([("stride: 1}", "stride: 2}")], ["block basic, line 6: params.stride 1 -> 2"]),
        ([("projection", "pad")], ["block basic, line 10: body.shortcut projection -> pad"]),
        ([("[left, right]", "[right, left]")], ["layers.both.from [left, right] -> [right, left] (line 22)"]),
        ([("  fc: {", "  head: {"), ("logits: fc", "logits: head")], ["layers.fc renamed to head (line 23)"]),
        ([("logits: fc", "scores: fc")], ["outputs.logits renamed to scores (line 24)"]),
        ([("image: [", "picture: [")], ["inputs.image renamed to picture (line 3)"]),
        ([("image: [3", "image: [1")], ["inputs.image [3, 16, 16] -> [1, 16, 16] (line 3)"]),
        ([("width", "channels")], ["vars.width renamed to channels (line 2)"]),
        ([("basic", "simple")], ["blocks.basic renamed to simple (line 5)"]),
        (
            [("left", "a"), ("right", "b")],
            ["layers.left renamed to a (line 20)", "layers.right renamed to b (line 21)"],
        ),
        (
            [("  stem: {type: conv2d, out_channels: $width, kernel_size: 3, padding: 1}",
              "  first: {type: conv2d, out_channels: $width, kernel_size: 5, padding: 1}")],
            ["layers.stem renamed to first (line 16)", "layers.first.kernel_size 3 -> 5 (line 16)"],
        ),
        (
            [("  stem: {type: conv2d, out_channels: $width, kernel_size: 3, padding: 1}",
              "  stem: {type: conv2d, out_channels: $width, kernel_size: 5, padding: 2}")],
            ["layers.stem: kernel_size 3 -> 5, padding 1 -> 2 (line 16)"],
        ),
        (
            [("out_features: 10}", "out_features: 10, init: {weight: zeros}}")],
            ["+ layers.fc.init {weight: zeros} (line 23)"],
        ),
        ([(": relu\n", ": gelu\n")], ["relu -> gelu in 2 places: block basic: relu (line 14); layers.relu (line 17)"]),
        ([("  relu: relu\n", "  act: relu\n")],
         ["relu renamed to act in 2 places: block basic: relu (line 14); layers.relu (line 17)"]),
        ([("  pool: global_avg_pool2d\n", "  pool: {type: adaptive_avg_pool2d, output_size: 1}\n  flat: flatten\n")],
         ["layers.pool global_avg_pool2d -> {type: adaptive_avg_pool2d, output_size: 1} (line 19)",
          "+ layers.flat flatten (line 20)"]),
    ],
)  # fmt: skip
def test_edits(edits: list[tuple[str, str]], expected: list[str]) -> None:
    assert told(*edits) == expected


def test_the_order_of_a_chain_is_a_cause() -> None:
    swapped = told((NORM, ""), ("        layers:\n", f"        layers:\n{NORM}"))
    assert swapped == ["block basic, line 12: body: order conv, norm -> norm, conv"]


def test_the_order_of_inputs_outputs_and_branches_is_a_cause() -> None:
    net = """inputs: {a: [4], b: [4]}
layers:
  paths: {type: branches, from: a, branches: {one: {r: relu}, two: {g: gelu}}}
  sum: {type: add, from: [a, b]}
outputs: {p: paths, s: sum}
"""
    assert told(("{a: [4], b: [4]}", "{b: [4], a: [4]}"), before=net) == ["inputs: order a, b -> b, a (line 2)"]
    assert told(("{p: paths, s: sum}", "{s: sum, p: paths}"), before=net) == ["outputs: order p, s -> s, p (line 6)"]
    swapped = ("{one: {r: relu}, two: {g: gelu}}", "{two: {g: gelu}, one: {r: relu}}")
    assert told(swapped, before=net) == ["layers.paths: order one, two -> two, one (line 4)"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            FC,
            f"  group:\n    type: sequence\n    layers:\n    {FC}",
            ["+ layers.group {type: sequence, layers: {fc}}, around fc (line 23)"],
        ),
        (
            BOTH + FC,
            f"  rest:\n    type: sequence\n    from: pool\n    layers:\n    {BOTH}    {FC}",
            ["+ layers.rest {type: sequence, from: pool, layers: {both, fc}}, around both, fc (line 22)"],
        ),
    ],
)
def test_wrapping_and_unwrapping_are_one_cause(old: str, new: str, expected: list[str]) -> None:
    wrapped = edited((old, new), text=NET.replace("logits: fc", "logits: pool"))
    plain = NET.replace("logits: fc", "logits: pool")
    assert lines(causes(side(plain), side(wrapped))) == expected
    [line] = lines(causes(side(wrapped), side(plain)))
    assert line.startswith("- layers.") and line.rpartition(" (")[0].endswith(" stay")


def test_a_block_written_out_and_a_block_made_of_layers() -> None:
    text = edited(("repeat: 3", "when: true"))
    out = edited(
        ("  stage: {type: basic, channels: $(width * 2), when: true}\n",
         "  body: {type: residual, shortcut: projection, layers: {conv: {type: conv2d, out_channels: 64, "
         "kernel_size: 3, padding: 1}, norm: batch_norm2d}}\n  act: relu\n"), text=text)  # fmt: skip
    assert lines(causes(side(text), side(out))) == [
        "- layers.stage {type: basic, channels: $(width * 2), when: true}, "
        "block basic written out as body, act (line 18)"
    ]
    assert lines(causes(side(out), side(text))) == [
        "+ layers.stage {type: basic, channels: $(width * 2), when: true}, "
        "block basic in the place of body, act (line 18)"
    ]


# several files


def of_files(before: tuple[str, Mapping[str, str]], after: tuple[str, Mapping[str, str]]) -> list[str]:
    return lines(causes(side(*before), side(*after)))


def test_a_block_moved_by_include_is_one_cause() -> None:
    moved = (WITH_BLOCKS, {"common.yaml": BLOCKS})
    assert of_files((NET, {}), moved) == ["blocks.basic moved to common.yaml (line 4)"]
    assert of_files(moved, (NET, {})) == ["blocks.basic moved here from common.yaml (line 5)"]
    changed = (WITH_BLOCKS, {"common.yaml": BLOCKS.replace("projection", "pad")})
    assert of_files((NET, {}), changed) == [
        "blocks.basic moved to common.yaml (line 4)",
        "block basic, common.yaml line 8: body.shortcut projection -> pad",
    ]


def test_a_change_of_an_included_file_is_told_with_the_file() -> None:
    wider = edited(("kernel_size: 3", "kernel_size: 5"), ("padding: 1", "padding: 2"), text=BLOCKS)
    assert of_files((WITH_BLOCKS, {"common.yaml": BLOCKS}), (WITH_BLOCKS, {"common.yaml": wider})) == [
        "block basic, common.yaml line 10: body.conv: kernel_size 3 -> 5, padding 1 -> 2"
    ]


def test_an_included_file_under_another_name_is_one_cause() -> None:
    before = (WITH_BLOCKS, {"common.yaml": BLOCKS})
    after = (WITH_BLOCKS.replace("common", "shared"), {"shared.yaml": BLOCKS})
    assert of_files(before, after) == ["include common -> shared (line 2)"]


def test_another_base_is_one_cause() -> None:
    bases = {"a.yaml": NET, "b.yaml": "extends: a.yaml\nlayers: {stage: {repeat: 5}}\n"}
    variant = "layers: {fc: {out_features: 7}}\n"
    assert of_files((f"extends: a.yaml\n{variant}", bases), (f"extends: b.yaml\n{variant}", bases)) == [
        "extends a -> b (line 2)"
    ]
    wider = {**bases, "a.yaml": NET.replace("width: 32", "width: 48")}
    assert of_files((f"extends: b.yaml\n{variant}", bases), (f"extends: b.yaml\n{variant}", wider)) == [
        "vars.width 32 -> 48 (a.yaml line 2)"
    ]


def test_two_files_are_compared_with_what_they_extend() -> None:
    base = side(NET, name="small.yaml")
    large = side("extends: small.yaml\nlayers: {stage: {repeat: 5}}\n", {"small.yaml": NET}, name="large.yaml")
    assert lines(causes(base, large)) == ["layers.stage.repeat 3 -> 5 (line 3)"]
    assert lines(causes(large, base)) == ["layers.stage.repeat 5 -> 3 (line 18)"]


def test_a_renamed_file_is_compared_as_it_is_written() -> None:
    bases = {"a.yaml": NET, "b.yaml": "extends: a.yaml\nvars: {width: 8}\nlayers: {stage: {repeat: 4}}\n"}
    before, after = side("extends: a.yaml\n", bases, name="old.yaml"), side("extends: b.yaml\n", bases, name="new.yaml")
    assert lines(causes(before, after)) == ["extends a -> b (line 2)"]


def test_no_cause_where_a_side_is_not_there() -> None:
    from netspec.review.sides.side import read_side

    assert causes(read_side("/dev/null"), side(NET)) == []


def test_fragments_have_causes() -> None:
    assert lines(causes(side(BLOCKS), side(BLOCKS.replace("projection", "pad")))) == [
        "block basic, line 8: body.shortcut projection -> pad"
    ]


# amount


def test_data_holds_all_and_lines_are_counted() -> None:
    def chain(first: int) -> str:
        layers = (f"  l{i}: {{type: linear, out_features: {first + i * i}}}\n" for i in range(60))
        return f"inputs: {{x: [4]}}\nlayers:\n{''.join(layers)}"

    found = causes(side(chain(1)), side(chain(2)))
    assert len(found) == 60
    assert len(lines(found)) == 13 and lines(found)[-1] == "… and 48 more changes of the text"


def test_a_long_value_is_cut_in_a_line_and_whole_in_the_data() -> None:
    more = ", ".join(["left", "right"] * 20)
    [cause] = causes(side(NET), side(edited(("[left, right]", f"[{more}]"))))
    assert cause.after == f"[{more}]"
    [line] = lines([cause])
    assert len(line) < 140 and "… (line 22)" in line


def test_a_thousand_layers_under_other_names_are_renames() -> None:
    def chain(prefix: str) -> str:
        return "inputs: {x: [4]}\nlayers:\n" + "".join(f"  {prefix}{i}: relu\n" for i in range(1000))

    found = causes(side(chain("a")), side(chain("b")))
    assert [(c.kind, c.before, c.after) for c in found] == [("renamed", f"a{i}", f"b{i}") for i in range(1000)]


# from a layer to its cause


def cause(name: str, key: str, *edits: tuple[str, str], removed: bool = False) -> str:
    before, after = side(NET), side(edited(*edits))
    changes = causes(before, after)
    this = before if removed else after
    assert this.document is not None and this.spec is not None
    found = CauseFinder(changes, this.document).cause_of(this.spec[name], key)
    return found.path if isinstance(found, Cause) else ""


WIDER = ("width: 32", "width: 48")
MORE = ("repeat: 3", "repeat: 4")
DROPPED = (NORM, NORM + DROP)


@pytest.mark.parametrize(
    ("name", "key", "edits", "expected"),
    [
        ("stem", "out_channels", [WIDER, MORE], "vars.width"),
        ("stage.1.body.conv", "out_channels", [WIDER, MORE], "vars.width"),
        ("stage.3.body.conv", "", [WIDER, MORE], "layers.stage.repeat"),
        ("stage.3.relu", "", [MORE], "layers.stage.repeat"),
        ("stage.0.body.drop", "", [DROPPED, WIDER], "blocks.basic.layers.body.layers.drop"),
        ("stage.0.body.conv", "stride", [("stride: 1}", "stride: 2}"), WIDER], "blocks.basic.params.stride"),
        ("stage.0.body.conv", "stride", [("repeat: 3", "stride: 2, repeat: 3")], "layers.stage.stride"),
        ("stage.0.body.conv", "out_channels", [("$(width * 2)", "$width"), MORE], "layers.stage.channels"),
        ("fc", "out_features", [("out_features: 10", "out_features: 7"), WIDER], "layers.fc.out_features"),
        ("relu", "type", [("  relu: relu\n  stage", "  relu: gelu\n  stage")], "layers.relu"),
        ("fc", "out_features", [MORE], ""),
        ("pool", "", [MORE], ""),
    ],
)
def test_the_cause_of_a_layer(name: str, key: str, edits: list[tuple[str, str]], expected: str) -> None:
    assert cause(name, key, *edits) == expected


def test_the_cause_of_a_removed_layer_is_in_the_older_text() -> None:
    assert cause("stage.1.body.norm", "", (NORM, ""), removed=True) == "blocks.basic.layers.body.layers.norm"
    assert cause("stage.2.body.conv", "", ("repeat: 3", "repeat: 2"), removed=True) == ""


def test_a_row_of_layers_and_a_copy_taken_out_of_a_repeat() -> None:
    fewer = NET.replace(LEFT + RIGHT + BOTH + FC, "").replace("logits: fc", "logits: pool")
    assert told((NET, fewer)) == [
        "- layers: left (linear), right (linear), both (concat), fc (linear) (lines 20–23)",
        "outputs.logits fc -> pool (line 20)",
    ]
    stage = "  stage: {type: basic, channels: $(width * 2), repeat: 3}\n"
    out = (stage, f"  first: {{type: basic, channels: $(width * 2)}}\n{stage.replace('3', '2')}")
    assert told(out) == [
        "+ layers.first {type: basic, channels: $(width * 2)}, as stage (line 18)",
        "layers.stage.repeat 3 -> 2 (line 19)",
    ]


def test_names_that_follow_a_rename_are_no_cause_and_others_are() -> None:
    assert told(("left: {", "a: {"), ("[left, right]", "[a, right]")) == ["layers.left renamed to a (line 20)"]
    assert told(("left: {", "a: {"), ("[left, right]", "[a, pool]")) == [
        "layers.left renamed to a (line 20)",
        "layers.both.from [left, right] -> [a, pool] (line 22)",
    ]
    assert told(("vars: {width", "vars: {size"), ("$width", "$size"), ("(width * 2)", "(size * 4)")) == [
        "vars.width renamed to size (line 2)",
        "layers.stage.channels $(width * 2) -> $(size * 4) (line 18)",
    ]


def chained(*layers: str) -> Side:
    return side("inputs: {x: [8]}\nlayers:\n" + "".join(f"  {layer}\n" for layer in layers))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (["a: relu", "b: relu", "c: relu"], ["k: relu", "l: gelu", "m: relu"],
         ["layers renamed: a to k, b to l, c to m (lines 4–6)", "layers.l relu -> gelu (line 5)"]),
        (["a: relu", "b: relu"], ["a: relu", "n: layer_norm"], ["layers: b relu -> n layer_norm (line 5)"]),
        (["a: relu", "b: relu"], ["a: relu", "n: layer_norm", "b: relu"], ["+ layers.n layer_norm (line 5)"]),
        (["a: relu", "b: gelu"], ["a: relu"], ["- layers.b gelu (line 5)"]),
        (["a: relu", "b: gelu", "c: tanh"], ["c: tanh", "d: relu"],
         ["- layers.a relu (line 4)", "- layers.b gelu (line 5)", "+ layers.d relu (line 5)"]),
        (["a: {type: linear, out_features: 8}", "b: gelu"], ["b: gelu", "c: {type: linear, out_features: 8}"],
         ["layers.a renamed to c (line 5)", "layers: order c, b -> b, c (line 4)"]),
    ],
)  # fmt: skip
def test_which_layer_is_which(before: list[str], after: list[str], expected: list[str]) -> None:
    assert lines(causes(chained(*before), chained(*after))) == expected


def test_an_output_and_its_layer_under_other_names() -> None:
    assert told(("  fc: {", "  head: {"), ("logits: fc", "scores: head")) == [
        "layers.fc renamed to head (line 23)", "outputs.logits renamed to scores (line 24)",
    ]  # fmt: skip


def test_long_chains_are_compared_in_one_go() -> None:
    def chain(prefix: str, kinds: str) -> Side:
        return chained(*(f"{prefix}{i}: {kinds if i % 20 == 0 else 'relu'}" for i in range(3000)))

    found = causes(chain("a", "relu"), chain("b", "gelu"))
    assert [c.kind for c in found].count("renamed") == 3000
    assert lines(found) == [
        "layers renamed: a0 to b0, a1 to b1, a2 to b2, a3 to b3, a4 to b4, a5 to b5, a6 to b6 and 2,993 more "
        "(lines 4–3003)",
        "relu -> gelu in 150 places: layers.b0, b20, b40, b60, b80, b100, … (lines 4, 24, 44, 64, 84, 104, …)",
    ]


def test_what_goes_into_a_base_is_told_by_its_name() -> None:
    assert of_files((NET, {}), ("extends: base.yaml\n", {"base.yaml": NET})) == ["+ extends base.yaml (line 2)"]
    assert of_files(("extends: base.yaml\n", {"base.yaml": NET}), (NET, {})) == ["- extends base.yaml (line 2)"]
    wider = NET.replace("width: 32", "width: 48")
    assert of_files((NET, {}), ("extends: base.yaml\n", {"base.yaml": wider})) == [
        "+ extends base.yaml (line 2)", "vars.width 32 -> 48 (base.yaml line 2)",
    ]  # fmt: skip


def test_every_layer_of_a_difference_has_its_cause() -> None:
    after = edited(WIDER, ("  relu: relu\n  stage", "  relu: gelu\n  stage"), DROPPED)
    difference = compare(side(NET), side(after))
    why = LayerCauses(difference)
    found = {layer.name: [cause.path for cause in why.of(layer)] for layer in difference.layers}
    drop, width, gelu = "blocks.basic.layers.body.layers.drop", "vars.width", "layers.relu"
    assert {name: paths for name, paths in found.items() if paths != [width]} == {
        "relu": [gelu], **{f"stage.{i}.body.drop": [drop] for i in range(3)},
    }  # fmt: skip
    assert [name for name, paths in found.items() if paths == [width]] == [
        "stem", "stage.0.body.conv", "stage.0.body.shortcut.conv", "stage.1.body.conv", "stage.2.body.conv",
    ]  # fmt: skip
    assert not any(why.of(layer) for layer in difference.affected)
    both = compare(side(NET), side(edited(WIDER, ("kernel_size: 3, padding: 1}\n  relu", "kernel_size: 1}\n  relu"))))
    stem = next(layer for layer in both.layers if layer.name == "stem")
    assert [c.path for c in LayerCauses(both).of(stem)] == [width, "layers.stem.kernel_size", "layers.stem.padding"]


def test_of_what_another_base_brings_the_cause_is_its_name() -> None:
    bases = {"a.yaml": NET, "b.yaml": "extends: a.yaml\nlayers: {stage: {repeat: 5}}\n"}
    difference = compare(side("extends: a.yaml\n", bases), side("extends: b.yaml\n", bases))
    why = LayerCauses(difference)
    assert {cause.path for layer in difference.layers for cause in why.of(layer)} == {"extends"}


STAGE = "  stage: {type: basic, channels: $(width * 2), repeat: 3}\n"
COPIES = [f"  s{i}: {{type: basic, channels: $(width * 2)}}\n" for i in range(3)]


def test_a_repeat_written_out_and_put_together() -> None:
    out = edited((STAGE, "".join(COPIES)))
    assert told((NET, out)) == [
        "- layers.stage {type: basic, channels: $(width * 2), repeat: 3}, written out as s0, s1, s2 (line 18)"
    ]
    assert lines(causes(side(out), side(NET))) == [
        "+ layers.stage {type: basic, channels: $(width * 2), repeat: 3}, in the place of s0, s1, s2 (line 18)"
    ]
    kept = edited((STAGE, "".join(COPIES).replace("s0", "stage")))
    assert told((NET, kept)) == ["- layers.stage.repeat 3, written out as stage, s1, s2 (line 18)"]


def test_layers_put_into_a_block_in_their_place() -> None:
    stem = "  stem: {type: conv2d, out_channels: $width, kernel_size: 3, padding: 1}\n  relu: relu\n"
    block = f"blocks:\n  start:\n    layers:\n    {stem.replace('  relu', '      relu')}"
    into = edited((stem, "  stem: start\n"), ("blocks:\n", block))
    assert told((NET, into))[-1] == (
        "layers.stem {type: conv2d, out_channels: $width, kernel_size: 3, padding: 1} -> start, "
        "block start in the place of stem, relu (line 20)"
    )


def test_what_refers_to_a_parameter_or_a_variable_follows() -> None:
    names = [("channels: ,", "width: ,"), ("channels: $(w", "width: $(w"), ("$channels", "$width")]
    assert told(*names) == ["block basic, line 6: params.channels renamed to width"]
    assert told(*names, ("basic", "simple")) == [
        "blocks.basic renamed to simple (line 5)", "block simple, line 6: params.channels renamed to width",
    ]  # fmt: skip
    other = [("vars: {width: 32}", "vars: {size: 48}"), ("$width", "$size"), ("(width", "(size")]
    assert told(*other) == ["vars: width 32 -> size 48 (line 2)"]
