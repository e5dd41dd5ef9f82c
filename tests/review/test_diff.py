"""What `diff` says of known edits, and that a network does not differ from itself."""

from __future__ import annotations

import pytest

import netspec
from netspec.cells.language.library import library_text
from netspec.graph.digest import digests
from netspec.report.diff.text import lines as text_lines
from netspec.report.styled import plain
from netspec.review.diff import compare
from netspec.review.difference import Difference, Side, Verdict
from tests.review.networks import edited

BASE = """
netspec: 1
inputs: {image: [3, 8, 8]}
blocks:
  basic:
    params: {channels: }
    layers:
      conv: {type: conv2d, out_channels: $channels, kernel_size: 3, padding: 1}
      norm: batch_norm2d
      relu: relu
layers:
  stage: {type: basic, channels: 8, repeat: 2}
  pool: global_avg_pool2d
  fc: {type: linear, out_features: 5}
outputs: {logits: fc}
"""


def changed(*edits: tuple[str, str], base: str = BASE) -> Difference:
    new = base
    for old, replacement in edits:
        assert old in new
        new = new.replace(old, replacement)
    return netspec.diff(netspec.load(base), netspec.load(new))


def lines(difference: Difference, every: bool = False) -> list[str]:
    return [plain(line) for line in text_lines(difference, "a", "b", every, 80)]


def names(difference: Difference, status: str) -> list[str]:
    return [layer.name for layer in (*difference.layers, *difference.affected) if layer.status == status]


def shown(difference: Difference) -> list[tuple[str, str, str, int]]:
    return [(entry.status, entry.text, entry.places, entry.count) for entry in difference.entries]


def test_no_change() -> None:
    same = changed()
    assert not same and same.verdict is Verdict.SAME_NETWORK
    assert lines(same) == ["a -> b: same network"]


def test_a_comment_or_another_order_of_keys_is_no_change() -> None:
    assert not changed(("{type: linear, out_features: 5}", "{out_features: 5, type: linear}  # five classes"))


def test_inserted_layer_and_what_is_affected_by_it() -> None:
    difference = changed(("  fc:", "  squeeze: {type: linear, out_features: 4}\n  fc:"))
    assert lines(difference) == [
        "a -> b: architecture changed",
        "+ squeeze: linear {out_features: 4}",
        "    reads pool, read by fc; (B, 4), +36 parameters",
        "· 1 other layer is affected: other sizes of weights (-20 parameters) (--all lists all layers)",
        "weights     9 of 10 trained tensors carry over (95% of the parameters); 1 changes size: fc.weight; "
        "2 are new: squeeze.*",
        "parameters       885 ->      901  +1.8%",
        "FLOPs         50,728 ->   50,740    +12",
        "activations 12.1 KiB -> 12.1 KiB  +16 B",
        "depth              3 ->        4 +33.3%  ██████████████████▒▒▒▒▒▒",
    ]
    [fc] = difference.affected
    assert [(c.what, c.before, c.after) for c in fc.effects] == [
        ("from", "pool", "squeeze"), ("params", 45, 25), ("flops", 40, 20),
    ]  # fmt: skip


def test_removed_layer() -> None:
    difference = changed(("      norm: batch_norm2d\n", ""))
    assert names(difference, "removed") == ["stage.0.norm", "stage.1.norm"]
    assert names(difference, "affected") == ["stage.0.relu", "stage.1.relu"]
    assert not names(difference, "added") and not names(difference, "changed")
    assert shown(difference) == [("removed", "2 × batch_norm2d", "stage.*.norm", 2)]


def test_changed_parameter_with_shapes_parameters_and_flops() -> None:
    difference = changed(("out_features: 5", "out_features: 7"))
    [fc] = difference.layers
    assert fc.status == "changed"
    assert [(c.what, c.before, c.after) for c in (*fc.changes, *fc.effects)] == [
        ("out_features", 5, 7), ("shape", "(B, 5)", "(B, 7)"), ("params", 45, 63), ("flops", 40, 56),
        ("activations", 20, 28),
    ]  # fmt: skip
    assert [(c.what, c.before, c.after) for c in difference.interface] == [("output logits", "(B, 5)", "(B, 7)")]


def test_renamed_layer_and_renamed_group() -> None:
    difference = changed(("  fc: {type", "  head: {type"), ("logits: fc", "logits: head"), ("  stage: {", "  body: {"))
    renamed = [(d.before.name, d.name) for d in difference.layers if d.before]
    assert renamed == [
        ("stage.0.conv", "body.0.conv"), ("stage.0.norm", "body.0.norm"), ("stage.0.relu", "body.0.relu"),
        ("stage.1.conv", "body.1.conv"), ("stage.1.norm", "body.1.norm"), ("stage.1.relu", "body.1.relu"),
        ("fc", "head"),
    ]  # fmt: skip
    assert difference.verdict is Verdict.SAME_FUNCTION
    assert shown(difference) == [("renamed", "stage -> body", "", 6), ("renamed", "fc -> head", "", 1)]


def test_renamed_and_changed_at_once() -> None:
    difference = changed(("  stage: {", "  body: {"), ("kernel_size: 3, padding: 1", "kernel_size: 5, padding: 2"))
    convs = [d for d in difference.layers if d.status == "renamed" and d.name.endswith("conv")]
    assert [[c.what for c in d.changes] for d in convs] == [["kernel_size", "padding"]] * 2
    assert not names(difference, "added") and not names(difference, "removed")


def test_another_kind_under_the_same_name() -> None:
    assert "~ stage.*.relu (2 layers): relu -> gelu" in lines(changed(("relu: relu", "relu: gelu")))


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("relu: relu", "relu: {type: leaky_relu, negative_slope: 0.2}", "relu -> leaky_relu {negative_slope: 0.2}"),
        ("norm: batch_norm2d", "norm: {type: group_norm, num_groups: 4}", "batch_norm2d -> group_norm {num_groups: 4}"),
    ],
)
def test_another_kind_shows_its_parameters(old: str, new: str, text: str) -> None:
    assert [entry.text for entry in changed((old, new)).entries] == [text]
    back = netspec.diff(netspec.load(BASE.replace(old, new)), netspec.load(BASE))
    assert [entry.text for entry in back.entries] == [" -> ".join(reversed(text.split(" -> ")))]


def test_rewired_layer_is_a_change() -> None:
    new = BASE.replace("  pool:", "  sum: {type: add, from: [stage.0, stage.1]}\n  pool:")
    difference = netspec.diff(netspec.load(new), netspec.load(new.replace("[stage.0, stage.1]", "[stage.1, stage.1]")))
    assert "~ sum (add): reads stage.0.relu, stage.1.relu -> stage.1.relu, stage.1.relu" in lines(difference)


ADDED = """
netspec: 1
inputs: {x: [4]}
layers:
  a: {type: linear, out_features: 4}
  r: {type: relu, from: a}
outputs: {y: r}
"""


@pytest.mark.parametrize("reads", ["[a, x]", "[x, a]"])
def test_a_layer_put_between_is_no_change_of_its_reader_whatever_it_reads_first(reads: str) -> None:
    difference = changed(("  r: {type: relu, from: a}", f"  s: {{type: add, from: {reads}}}\n  r: relu"), base=ADDED)
    assert [(layer.status, layer.name) for layer in difference.layers] == [("added", "s")]
    assert [layer.name for layer in difference.affected] == ["r"]
    [entry] = difference.entries
    assert entry.wiring == f"reads {reads.strip('[]')}, read by r"


def test_wiring_of_weights_is_a_change_of_learning() -> None:
    difference = changed(("out_features: 5", "out_features: 5, freeze: true, init: he"))
    [fc] = difference.layers
    assert [(c.what, c.before, c.after) for c in fc.changes] == [
        ("init.weight", None, "he"), ("freeze", False, True),
    ]  # fmt: skip
    assert (difference.verdict, difference.headline) == (Verdict.LEARNING, "initialisation and frozen weights only")


def test_an_initialiser_is_written_as_in_a_file() -> None:
    init = "{weight: {type: normal, std: 0.02}, bias: zeros}"
    difference = changed(("out_features: 5", f"out_features: 5, init: {init}"))
    assert [entry.text for entry in difference.entries] == [
        "init.weight default -> {type: normal, std: 0.02}, init.bias default -> zeros"
    ]


def test_input_and_output_changes() -> None:
    difference = changed(("[3, 8, 8]", "[3, 9, 9]"), ("logits: fc", "logits: fc, features: pool"))
    assert [(c.what, c.before, c.after) for c in difference.interface] == [
        ("input image", "(B, 3, 8, 8)", "(B, 3, 9, 9)"), ("output features", None, "(B, 8)"),
    ]  # fmt: skip


def test_affected_layers_are_counted_and_listed_on_all() -> None:
    base = BASE.replace("repeat: 2", "repeat: 5")
    difference = changed(("[3, 8, 8]", "[3, 10, 10]"), base=base)
    assert "· 15 other layers are affected: other shapes (--all lists all layers)" in lines(difference)
    assert not any("stage.0.conv" in line for line in lines(difference))
    listed = lines(difference, every=True)
    assert listed.index("  · stage.0.conv (conv2d)") + 1 == listed.index(
        "      shape (B, 8, 8, 8) -> (B, 8, 10, 10), flops 13824 -> 21600, activations 2048 -> 3200"
    )


def test_one_copy_less_of_many_and_a_renamed_stack() -> None:
    def stack(name: str, count: int) -> netspec.Graph:
        return netspec.load(f"netspec: 1\ninputs: {{x: [8]}}\nlayers:\n  {name}: {{type: relu, repeat: {count}}}\n")

    fewer = netspec.diff(stack("st", 2000), stack("st", 1999))
    assert [d.status for d in fewer.layers] == ["removed"]
    renamed = netspec.diff(stack("st", 2000), stack("su", 2000))
    assert [d.status for d in renamed.layers] == ["renamed"] * 2000
    assert shown(renamed) == [("renamed", "st -> su", "", 2000)]


def test_parameters_of_a_cell_are_shown_as_they_are_written() -> None:
    text = """
netspec: 1
inputs: {x: [T, 3]}
cells:
  mine: {params: {k: }, state: {h: hidden}, output: h, equations: ["h[t] = tanh(k * h[t-1])"]}
layers:
  r: {type: recurrent, cell: mine, hidden: 4, params: {k: 3}}
"""
    assert "~ r (recurrent): params {k: 3} -> {k: 4}" in lines(changed(("k: 3", "k: 4"), base=text))


TWO = """
netspec: 1
inputs: {a: [4], b: [4]}
layers:
  la: {type: linear, out_features: 4, from: a}
  lb: {type: linear, out_features: 5, from: b}
  cat: {type: concat, from: [la, lb]}
outputs: {y: cat, z: la}
"""


@pytest.mark.parametrize(
    ("old", "new", "headline", "interface"),
    [
        ("{a: [4], b: [4]}", "{b: [4], a: [4]}", "same function; interface changed",
         [("order of inputs", "a, b", "b, a")]),
        ("{y: cat, z: la}", "{z: la, y: cat}", "same function; interface changed",
         [("order of outputs", "y, z", "z, y")]),
        ("y: cat", "all: cat", "same function, other names; interface changed", [("name of output", "y", "all")]),
        ("{a: [4], b: [4]}", "{a: [4], b: [4], c: [2]}", "architecture changed; interface changed",
         [("input c", None, "(B, 2)")]),
        ("{y: cat, z: la}", "{y: cat}", "architecture changed; interface changed", [("output z", "(B, 4)", None)]),
        ("{y: cat, z: la}", "{y: la, z: cat}", "architecture changed; interface changed",
         [("output y", "(B, 9)", "(B, 4)"), ("output z", "(B, 4)", "(B, 9)")]),
    ],
)  # fmt: skip
def test_the_interface(old: str, new: str, headline: str, interface: list[tuple[str, object, object]]) -> None:
    difference = changed((old, new), base=TWO)
    assert difference.headline == headline
    assert [(c.what, c.before, c.after) for c in difference.interface] == interface


def test_an_input_has_another_type() -> None:
    embedding = "{type: embedding, num_embeddings: 9, embedding_dim: 4}"
    text = f"netspec: 1\ninputs: {{t: {{shape: [T], dtype: int64}}}}\nlayers: {{e: {embedding}}}\n"
    difference = changed(("int64", "int32"), base=text)
    assert [(c.what, c.before, c.after) for c in difference.interface] == [("input t", "(B, T) int64", "(B, T) int32")]
    assert difference.verdict is Verdict.ARCHITECTURE


CELL = """
netspec: 1
inputs: {x: [T, 3]}
cells:
  mine:
    state: {h: hidden}
    output: h
    weights: {W: [hidden, hidden + input], b: [hidden]}
    equations:
      - h[t] = tanh(W @ [h[t-1], x[t]] + b)
layers:
  r: {type: recurrent, cell: mine, hidden: 4}
"""


def test_a_renamed_cell_shows_its_changed_equation() -> None:
    difference = changed(("mine", "other"), ("tanh(W", "relu(W"), base=CELL)
    [entry] = difference.entries
    before, after = (f"h[t] = {function}(W @ [h[t-1], x[t]] + b)" for function in ("tanh", "relu"))
    assert entry.text == f"cell mine -> other, {before} -> {after}"
    assert changed(("mine", "other"), base=CELL).headline == "same function, other names"


def test_a_weight_of_a_cell_with_another_name_is_another_name() -> None:
    difference = changed(("W: [", "U: ["), ("(W @", "(U @"), base=CELL)
    assert (difference.verdict, difference.layers) == (Verdict.SAME_FUNCTION, [])
    assert difference.weights.by_structure["r.W_l0"] == "r.U_l0"


@pytest.mark.parametrize(
    ("cell", "shown"),
    [("gru", "cell lstm -> gru"), ("lstm_peephole", "cell lstm -> lstm_peephole")],
)
def test_another_cell_of_the_library_is_told_by_its_name(cell: str, shown: str) -> None:
    text = "netspec: 1\ninputs: {x: [T, 3]}\nlayers: {r: {type: recurrent, cell: lstm, hidden: 4}}\n"
    [entry] = changed(("cell: lstm", f"cell: {cell}"), base=text).entries
    assert entry.text.startswith(shown) and len(entry.text) < 700


RESIDUAL = """
netspec: 1
inputs: {x: [4, 8, 8]}
layers:
  stage:
    type: sequence
    repeat: 3
    layers:
      body: {type: residual, layers: {c: {type: conv2d, out_channels: 4, kernel_size: 3, padding: 1}, n: batch_norm2d}}
      act: relu
"""


def test_a_container_of_another_kind_is_told_by_its_kind() -> None:
    difference = changed(("type: residual,", "type: highway, gate: conv,"), base=RESIDUAL)
    assert [(entry.status, entry.text) for entry in difference.entries] == [
        ("added", "3 × gate of conv2d, sigmoid"), ("changed", "residual -> highway"),
    ]  # fmt: skip


def test_only_what_has_weights_is_frozen() -> None:
    [entry] = changed(("repeat: 3", "repeat: 3\n    freeze: true"), base=RESIDUAL).entries
    assert {layer.name.rpartition(".")[2] for layer in entry.layers} == {"c", "n"}


def test_a_network_that_is_new_or_deleted_is_a_line_with_its_totals_and_its_interface() -> None:
    there, gone = Side("net.yaml", netspec.load(BASE)), Side("net.yaml")
    for before, after, headline, sign in ((gone, there, "new network", "+"), (there, gone, "network deleted", "-")):
        difference = compare(before, after)
        assert difference and lines(difference) == [
            f"a -> b: {headline}",
            f"{sign} 8 layers, 885 parameters, 50.7 k FLOPs",
            "            input image (B, 3, 8, 8)",
            "            output logits (B, 5)",
        ]


def test_data_and_training_are_not_the_network() -> None:
    learning = "data: {source: digits}\ntrain: {loss: cross_entropy, optimizer: {type: adam, lr: 1e-3}, epochs: 2}\n"
    text = BASE.replace("[3, 8, 8]", "[1, 8, 8]").replace("out_features: 5", "out_features: 10") + learning
    both = changed(("digits}", "digits, standardize: true}"), ("lr: 1e-3", "lr: 3e-4"), base=text)
    assert (both.verdict, both.headline) == (Verdict.LEARNING, "data and training only")
    assert {name: [cause.path for cause in causes] for name, causes in both.sections.items()} == {
        "data": ["data.standardize"], "train": ["train.optimizer.lr"],
    }  # fmt: skip
    more = changed(("lr: 1e-3", "lr: 3e-4"), ("relu: relu", "relu: gelu"), base=text)
    assert more.headline == "architecture changed; training changed"
    other = changed(("lr: 1e-3", "lr: 3e-4"), ("stage: {", "body: {"), base=text)
    assert other.headline == "same function, other names; training changed"


BEGINS = """
netspec: 1
inputs: {x: [T, 3]}
cells:
  mine:
    params: {start: 1}
    state: {h: hidden}
    output: h
    weights: {W: [hidden, input], b: [hidden], c: [hidden]}
    init: {W: he, b: zeros, c: start}
    equations:
      - h[t] = tanh(W @ x[t] + b) * c + h[t-1]
layers:
  r: {type: recurrent, cell: mine, hidden: 4}
"""


@pytest.mark.parametrize(
    ("edits", "shown"),
    [
        ([("b: zeros, c: start", "b: start, c: zeros")], "init.c 1 -> zeros, init.b zeros -> 1"),
        ([("start: 1", "start: 2")], "init.c 1 -> 2"),
        (
            [("W: he", "W: {type: normal, mean: 0.000123456789, std: 0.012345678901234}")],
            "init.W he -> {type: normal, mean: 0.000123456789, std: 0.012345678901234}",
        ),
    ],
)
def test_how_the_weights_of_a_cell_begin(edits: list[tuple[str, str]], shown: str) -> None:
    difference = changed(*edits, base=BEGINS)
    assert [entry.text for entry in difference.entries] == [shown]
    assert difference.headline == "initialisation only"
    before, after = (digests(netspec.load(text)).training for text in (BEGINS, edited(BEGINS, *edits)))
    assert before != after


def test_a_renamed_weight_of_a_cell_begins_as_it_did() -> None:
    bias = ("b: zeros", "bias: ones"), ("b: [", "bias: ["), ("+ b)", "+ bias)")
    difference = changed(*bias, base=BEGINS)
    assert [entry.text for entry in difference.entries] == ["init.b zeros -> default, init.bias default -> ones"]
    assert changed(("b: zeros", "bias: zeros"), *bias[1:], base=BEGINS).layers == []


def test_a_cell_in_place_of_a_kind_of_the_library_says_where_its_weights_begin_otherwise() -> None:
    cell = "".join(f"    {line}\n" for line in library_text("lstm").splitlines() if not line.startswith("init"))
    before = "netspec: 1\ninputs: {x: [T, 3]}\nlayers: {r: {type: lstm, hidden: 4}}\n"
    after = f"{before}cells:\n  mine:\n{cell}".replace("type: lstm", "type: recurrent, cell: mine")
    difference = netspec.diff(netspec.load(before), netspec.load(after))
    assert difference.entries[0].text == "lstm -> recurrent {cell: mine}, init.b_f 1 -> default"
