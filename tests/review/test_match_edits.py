"""One edit after another, as people make them: what is still the same layer afterwards."""

from __future__ import annotations

import pytest

from netspec.review.match.networks import Matching
from tests.review.networks import difference_of_outputs, edited, matched

MLP = """
netspec: 1
inputs: {x: [8]}
layers:
  first: {type: linear, out_features: 8}
  hidden: {type: linear, out_features: 8}
  act: relu
  last: {type: linear, out_features: 3}
"""
WRAPPED = edited(
    MLP,
    (
        "  hidden: {type: linear, out_features: 8}\n  act: relu\n",
        "  skip:\n    type: residual\n    layers:\n      hidden: {type: linear, out_features: 8}\n      act: relu\n",
    ),
)


def moved(matching: Matching) -> dict[str, str]:
    """The layers that have another name now."""
    return {a: b for a, b in matching.names.items() if a != b}


def removed(matching: Matching) -> list[str]:
    return [node.name for node in matching.before.layers() if node.name not in matching.names]


def added(matching: Matching) -> list[str]:
    return [node.name for node in matching.after.layers() if node.name not in set(matching.names.values())]


def test_layers_wrapped_in_a_residual_and_unwrapped() -> None:
    wrapped = matched(MLP, WRAPPED)
    assert moved(wrapped) == {"hidden": "skip.hidden", "act": "skip.act"}
    assert added(wrapped) == ["skip"] and not removed(wrapped)
    unwrapped = matched(WRAPPED, MLP)
    assert moved(unwrapped) == {"skip.hidden": "hidden", "skip.act": "act"} and removed(unwrapped) == ["skip"]


def test_wrapped_under_other_names_and_with_a_change() -> None:
    other = edited(WRAPPED, ("hidden", "inner"), ("act: relu", "gate: relu"), ("out_features: 3", "out_features: 4"))
    wrapped = matched(MLP, other)
    assert moved(wrapped) == {"hidden": "skip.inner", "act": "skip.gate"} and added(wrapped) == ["skip"]


BLOCKS = """
netspec: 1
inputs: {x: [3, 8, 8]}
blocks:
  unit:
    params: {channels: , kernel: 3}
    layers:
      conv: {type: conv2d, out_channels: $channels, kernel_size: $kernel, padding: $(kernel // 2)}
      norm: batch_norm2d
      relu: relu
layers:
  one: {type: unit, channels: 4}
  two: {type: unit, channels: 8}
  three: {type: unit, channels: 16}
  pool: global_avg_pool2d
  fc: {type: linear, out_features: 5}
"""
INLINE = """  conv: {type: conv2d, out_channels: 8, kernel_size: 3, padding: 1}
  norm: batch_norm2d
  act: relu
"""
TWO = "  two: {type: unit, channels: 8}\n"


def test_a_block_written_out_by_hand() -> None:
    same = matched(BLOCKS, edited(BLOCKS, (TWO, INLINE)))
    assert same.same_function
    assert moved(same) == {"two.conv": "conv", "two.norm": "norm", "two.relu": "act"}
    assert difference_of_outputs(same) == 0


@pytest.mark.parametrize("change", [("out_features: 5", "out_features: 6"), ("channels: 4", "channels: 6")])
def test_a_block_written_out_with_a_change_elsewhere(change: tuple[str, str]) -> None:
    inlined = matched(BLOCKS, edited(BLOCKS, (TWO, INLINE), change))
    assert moved(inlined) == {"two.conv": "conv", "two.norm": "norm", "two.relu": "act"}
    assert not added(inlined) and not removed(inlined)
    extracted = matched(edited(BLOCKS, (TWO, INLINE), change), BLOCKS)
    assert moved(extracted) == {"conv": "two.conv", "norm": "two.norm", "act": "two.relu"}


@pytest.mark.parametrize("change", [("kernel_size: 3, padding: 1}", "kernel_size: 1}"), ("act: relu", "act: gelu")])
def test_a_block_written_out_and_changed(change: tuple[str, str]) -> None:
    inlined = matched(BLOCKS, edited(BLOCKS, (TWO, edited(INLINE, change))))
    assert moved(inlined) == {"two.conv": "conv", "two.norm": "norm", "two.relu": "act"}


def test_a_stage_in_another_container() -> None:
    inside = "  stage:\n    type: sequence\n    layers:\n      two: {type: unit, channels: 8}\n"
    same = matched(BLOCKS, edited(BLOCKS, (TWO, inside)))
    assert same.same_function and same.containers["two"] == "stage.two"
    changed = matched(
        BLOCKS, edited(BLOCKS, (TWO, inside), ("channels: 4", "channels: 6"), ("features: 5", "features: 6"))
    )
    assert moved(changed) == {f"two.{name}": f"stage.two.{name}" for name in ("conv", "norm", "relu")}


def test_a_block_renamed_is_nothing() -> None:
    same = matched(BLOCKS, edited(BLOCKS, ("unit", "conv_norm_relu")))
    assert same.same_function and not moved(same)


def test_a_block_removed_in_the_middle() -> None:
    without = matched(BLOCKS, edited(BLOCKS, (TWO, "")))
    assert removed(without) == ["two.conv", "two.norm", "two.relu"] and not added(without) and not moved(without)


def test_a_block_removed_and_the_next_renamed_after_it() -> None:
    without = matched(BLOCKS, edited(BLOCKS, (TWO, ""), ("three", "two")))
    assert removed(without) == ["two.conv", "two.norm", "two.relu"]
    assert moved(without) == {f"three.{name}": f"two.{name}" for name in ("conv", "norm", "relu")}


def test_a_container_renamed_and_changed() -> None:
    changed = matched(BLOCKS, edited(BLOCKS, ("two: {type: unit, channels: 8}", "second: {type: unit, channels: 12}")))
    assert moved(changed) == {f"two.{name}": f"second.{name}" for name in ("conv", "norm", "relu")}
    assert changed.containers["two"] == "second"


REPEAT = """
netspec: 1
inputs: {x: [3, 8, 8]}
blocks:
  unit:
    layers:
      conv: {type: conv2d, out_channels: 3, kernel_size: 3, padding: 1}
      relu: relu
layers:
  stem: {type: conv2d, out_channels: 3, kernel_size: 3, padding: 1}
  body: {type: unit, repeat: 12}
  pool: global_avg_pool2d
  fc: {type: linear, out_features: 5}
"""
ELSEWHERE = ("  stem: {", "  stem: {bias: false, ")


@pytest.mark.parametrize("also", [(), (ELSEWHERE,), (ELSEWHERE, ("out_features: 5", "out_features: 6"))])
def test_copies_of_a_repeat(also: tuple[tuple[str, str], ...]) -> None:
    fewer = matched(REPEAT, edited(REPEAT, ("repeat: 12", "repeat: 11"), *also))
    assert removed(fewer) == ["body.11.conv", "body.11.relu"] and not added(fewer) and not moved(fewer)
    more = matched(REPEAT, edited(REPEAT, ("repeat: 12", "repeat: 14"), *also))
    assert len(added(more)) == 4 and not removed(more) and not moved(more)


@pytest.mark.parametrize("also", [(ELSEWHERE,), (ELSEWHERE, ("out_features: 5", "out_features: 6"))])
def test_a_copy_taken_out_of_a_repeat_with_changes_elsewhere(also: tuple[tuple[str, str], ...]) -> None:
    front = "  ahead: {type: unit}\n  body: {type: unit, repeat: 11}\n"
    taken = matched(REPEAT, edited(REPEAT, ("  body: {type: unit, repeat: 12}\n", front), *also))
    copies = {f"body.{i}": f"body.{i - 1}" if i else "ahead" for i in range(12)}
    assert moved(taken) == {f"{a}.{name}": f"{b}.{name}" for a, b in copies.items() for name in ("conv", "relu")}
    assert not added(taken) and not removed(taken)


def test_a_copy_removed_in_the_middle() -> None:
    halves = "  first: {type: unit, repeat: 4}\n  rest: {type: unit, repeat: 7}\n"
    fewer = matched(REPEAT, edited(REPEAT, ("  body: {type: unit, repeat: 12}\n", halves)))
    assert len(removed(fewer)) == 2 and not added(fewer)
    after = list(fewer.names.values())
    assert after == [node.name for node in fewer.after.layers() if node.name in set(after)]  # in order


def test_copies_that_all_changed_keep_their_numbers() -> None:
    wider = edited(REPEAT, ("out_channels: 3", "out_channels: 6"), ("repeat: 12", "repeat: 13"))
    changed = matched(REPEAT, wider)
    assert not moved(changed) and not removed(changed) and added(changed) == ["body.12.conv", "body.12.relu"]


def test_another_kind_under_a_name_is_one_layer() -> None:
    assert not added(matched(MLP, edited(MLP, ("act: relu", "act: gelu"))))
    assert not added(matched(BLOCKS, edited(BLOCKS, ("norm: batch_norm2d", "norm: {type: group_norm, num_groups: 2}"))))


def test_another_kind_and_name_in_the_same_place_is_one_layer() -> None:
    assert moved(matched(MLP, edited(MLP, ("act: relu", "gate: gelu")))) == {"act": "gate"}


def test_a_norm_of_another_kind_and_name_is_one_layer() -> None:
    other = matched(BLOCKS, edited(BLOCKS, ("norm: batch_norm2d", "groups: {type: group_norm, num_groups: 2}")))
    assert moved(other) == {f"{unit}.norm": f"{unit}.groups" for unit in ("one", "two", "three")}


def test_a_stage_in_front_of_stages_that_are_numbered() -> None:
    front = "  one: {type: unit, channels: 6}\n  two: {type: unit, channels: 4}\n  three: {type: unit, channels: 8}\n"
    blocks = "  one: {type: unit, channels: 4}\n  two: {type: unit, channels: 8}\n  three: {type: unit, channels: 16}\n"
    later = matched(BLOCKS, edited(BLOCKS, (blocks, f"{front}  four: {{type: unit, channels: 16}}\n")))
    assert added(later) == ["one.conv", "one.norm", "one.relu"] and not removed(later)


def test_another_kind_and_name_on_parallel_paths() -> None:
    text = "netspec: 1\ninputs: {x: [4]}\nlayers:\n"
    text += (
        "  a: relu\n  b: {type: relu, from: x}\n  c: {type: tanh, from: x}\n  all: {type: concat, from: [a, b, c]}\n"
    )
    other = edited(text, ("  a: relu", "  one: gelu"), ("b: {type: relu", "two: {type: gelu"), ("a, b,", "one, two,"))
    assert moved(matched(text, other)) == {"a": "one", "b": "two"}


def test_layers_without_weights_and_with_are_not_one() -> None:
    other = matched(MLP, edited(MLP, ("act: relu", "more: {type: linear, out_features: 8}")))
    assert removed(other) == ["act"] and added(other) == ["more"]


def test_a_rename_with_a_change_is_one_layer() -> None:
    both = matched(
        MLP, edited(MLP, ("hidden: {type: linear, out_features: 8", "inner: {type: linear, out_features: 16"))
    )
    assert moved(both) == {"hidden": "inner"} and not added(both)


def test_a_layer_in_front_that_takes_a_name() -> None:
    """What was `first` is `second`, and there is another `first`."""
    text = "first: {type: linear, out_features: 8}"
    front = edited(MLP, (text, f"{text.replace('8', '4')}\n  second: {text.partition(': ')[2]}"))
    assert moved(matched(MLP, front)) in ({}, {"first": "second"})


PARTS = """
netspec: 1
inputs: {x: [T, 4], y: [T, 4], n: {shape: [], dtype: int64}}
layers:
  a: {type: lstm, hidden: 4, from: {input: x, lengths: n}}
  b: {type: lstm, hidden: 4, from: {input: y, lengths: n}}
  state: {type: lstm, hidden: 4, from: {input: x, initial_state: a.state}}
  sum: {type: add, from: [a, b, state]}
  pair: {type: multiply, from: [sum, a]}
  out: {type: linear, out_features: 2}
  other: {type: linear, out_features: 2, from: b}
outputs: {left: out, right: other}
"""


@pytest.mark.parametrize(
    ("edit", "same"),
    [
        (("[sum, a]", "[a, sum]"), True),
        (("[a, b, state]", "[b, a, state]"), False),
        (("a.state", "b.state"), False),
        (("{x: [T, 4], y: [T, 4], ", "{y: [T, 4], x: [T, 4], "), True),
        (("[T, 4]", "[S, 4]"), True),
        (("{left: out, right: other}", "{right: other, left: out}"), True),
        (("{left: out, right: other}", "{left: other, right: out}"), False),
        (("{left: out, right: other}", "{left: out}"), False),
        (("{left: out, right: other}", "{left: out, right: other, more: pair}"), False),
        (("type: lstm", "type: recurrent, cell: lstm"), True),
        (("out_features: 2}", "out_features: 2, init: zeros, freeze: true}"), True),
        (("out_features: 2}", "out_features: 2, bias: false}"), False),
    ],
)
def test_what_is_the_same_function(edit: tuple[str, str], same: bool) -> None:
    result = matched(PARTS, edited(PARTS, edit))
    assert result.same_function == same
    assert result.names == {node.name: node.name for node in result.before.layers()}


def test_two_networks_with_nothing_in_common() -> None:
    nothing = matched(MLP, "netspec: 1\ninputs: {q: [T, 3]}\nlayers:\n  r: {type: gru, hidden: 2}\n  s: tanh\n")
    assert nothing.names == {} and not nothing.inputs and not nothing.same_function


def test_layers_that_no_output_needs() -> None:
    more = "  spare: {type: linear, out_features: 2}\n  extra: tanh\n"
    spare = edited(MLP, ("  last: {", f"{more}  last: {{from: act, "))
    same = matched(MLP, spare)
    assert same.same_function and added(same) == ["spare", "extra"]
    renamed = matched(spare, edited(spare, ("spare", "unused"), ("first", "begin")))
    assert renamed.same_function and moved(renamed) == {"first": "begin", "spare": "unused"}


def test_inputs_and_outputs_that_are_others() -> None:
    names = ("{x: ", "{steps: "), ("input: x", "input: steps"), ("left:", "main:")
    renamed = matched(PARTS, edited(PARTS, *names, ("features: 2}", "features: 3}")))
    assert renamed.inputs == {"x": "steps", "y": "y", "n": "n"}
    assert renamed.outputs == {"left": "main", "right": "right"}
    head = "  pool: global_avg_pool2d\n  fc: {type: linear, out_features: 5}\n"
    assert matched(BLOCKS, edited(BLOCKS, (head, ""))).outputs == {}


SPELLED = [
    ("[4, 8, 6]", "{type: concat, dim: 1, from: [x, x]}", "{type: concat, dim: -3, from: [x, x]}"),
    ("[4, 8, 6]", "{type: stack, dim: 4, from: [x, x]}", "{type: stack, dim: -1, from: [x, x]}"),
    ("[4, 8, 6]", "{type: softmax, dim: 1}", "{type: softmax, dim: -3}"),
    ("[4, 8, 6]", "{type: mean, dim: [2, 3]}", "{type: mean, dim: [-1, -2]}"),
    ("[4, 8, 6]", "{type: sum, dim: 2}", "{type: sum, dim: [2]}"),
    ("[4, 8, 6]", "flatten", "{type: flatten, start_dim: -3, end_dim: 3}"),
    ("[4, T, 6]", "{type: reshape, shape: [2, T, -1]}", "{type: reshape, shape: [2, T, 12]}"),
    ("[4, T, 6]", "{type: permute, dims: [0, 2, 1, 3]}", "{type: permute, dims: [0, -2, 1, -1]}"),
    ("[4, 8, 6]", "{type: slice, dim: 2, stop: 3}", "{type: slice, dim: -2, stop: 3}"),
    ("[4, 8, 6]", "{type: max_pool2d, kernel_size: 2}", "{type: max_pool2d, kernel_size: [2, 2], stride: 2}"),
    ("[4, 8, 6]", "{type: conv2d, out_channels: 3, kernel_size: 3, padding: same}",
     "{type: conv2d, out_channels: 3, kernel_size: [3, 3], padding: [1, 1], stride: 1, dilation: 1}"),
    ("[4, 8, 6]", "{type: conv2d, out_channels: 3, kernel_size: 3, padding: valid}",
     "{type: conv2d, out_channels: 3, kernel_size: 3}"),
    ("[T, 6]", "{type: lstm, hidden: 3}", "{type: recurrent, cell: lstm, hidden: 3, recompute: true, params: {}}"),
    ("[8]", "{type: leaky_relu, negative_slope: 1}", "{type: leaky_relu, negative_slope: 1.0}"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "one", "other"), SPELLED)
def test_values_in_two_spellings_are_one(shape: str, one: str, other: str) -> None:
    before, after = (f"netspec: 1\ninputs: {{x: {shape}}}\nlayers:\n  y: {layer}\n" for layer in (one, other))
    same = matched(before, after)
    assert same.same_function
    assert difference_of_outputs(same) == 0


@pytest.mark.parametrize(("shape", "one", "other"), [
    ("[4, 8, 6]", "{type: softmax, dim: 1}", "{type: softmax, dim: 2}"),
    ("[4, 8, 8]", "{type: permute, dims: [0, 2, 1, 3]}", "{type: permute, dims: [0, 3, 2, 1]}"),
    ("[4, 8, 6]", "{type: max_pool2d, kernel_size: 2}", "{type: max_pool2d, kernel_size: 2, stride: 1}"),
    ("[4, 8, 6]", "{type: conv2d, out_channels: 3, kernel_size: [3, 1], padding: same}",
     "{type: conv2d, out_channels: 3, kernel_size: [1, 3], padding: same}"),
    ("[4]", "{type: linear, out_features: 1}", "{type: linear, out_features: 1, bias: false}"),
])  # fmt: skip
def test_values_that_only_look_alike_are_not(shape: str, one: str, other: str) -> None:
    before, after = (f"netspec: 1\ninputs: {{x: {shape}}}\nlayers:\n  y: {layer}\n" for layer in (one, other))
    assert not matched(before, after).same_function
