"""Which layer is which after an edit; where a network is said to compute the same, it does so to the last bit."""

from __future__ import annotations

from tests.review.networks import difference_of_outputs, edited, matched

STAGES = """
netspec: 1
inputs: {image: [3, 8, 8]}
blocks:
  basic:
    params: {channels: }
    layers:
      body:
        type: residual
        shortcut: projection
        layers:
          conv: {type: conv2d, out_channels: $channels, kernel_size: 3, padding: 1}
          norm: batch_norm2d
      relu: relu
layers:
  stem: {type: conv2d, out_channels: 8, kernel_size: 3, padding: 1}
  layer1: {type: basic, channels: 8, repeat: 3}
  layer2: {type: basic, channels: 4, repeat: 2}
  pool: global_avg_pool2d
  left: {type: linear, out_features: 6, from: pool}
  right: {type: linear, out_features: 6, from: pool}
  both: {type: concat, from: [left, right]}
  fc: {type: linear, out_features: 5}
outputs: {logits: fc}
"""


def test_a_network_and_itself() -> None:
    same = matched(STAGES, STAGES)
    assert same.same_function
    assert all(a == b for names in (same.names, same.containers, same.inputs, same.outputs) for a, b in names.items())
    assert len(same.names) == len(list(same.before.layers()))


def test_a_copy_taken_out_of_a_repeat() -> None:
    apart = "layer0: {type: basic, channels: 8}\n  layer1: {type: basic, channels: 8, repeat: 2}"
    taken = edited(STAGES, ("layer1: {type: basic, channels: 8, repeat: 3}", apart))
    same = matched(STAGES, taken)
    assert same.same_function
    assert same.names["layer1.0.body.conv"] == "layer0.body.conv"
    assert same.names["layer1.1.body.conv"] == "layer1.0.body.conv"
    assert same.containers["layer1.0"] == "layer0" and same.containers["layer1.2"] == "layer1.1"
    assert difference_of_outputs(same) == 0


def test_twins_in_another_order() -> None:
    same = matched(STAGES, edited(STAGES, ("[left, right]", "[right, left]")))
    assert same.same_function and same.names["left"] == "right" and same.names["right"] == "left"
    assert difference_of_outputs(same) == 0


def test_renames_of_everything() -> None:
    layers = ("conv:", "c:"), ("stem", "first"), ("layer1", "stage1"), ("fc", "head"), (" pool", " mean")
    renamed = edited(STAGES, *layers, ("image", "picture"), ("logits", "scores"), ("basic", "unit"))
    same = matched(STAGES, renamed)
    assert same.same_function and same.inputs == {"image": "picture"} and same.outputs == {"logits": "scores"}
    assert same.names["layer1.2.body.conv"] == "stage1.2.body.c" and same.containers["layer1"] == "stage1"
    assert difference_of_outputs(same) == 0


def test_one_layer_read_twice_is_not_two() -> None:
    twice = edited(STAGES, ("[left, right]", "[left, left]"))
    assert not matched(STAGES, twice).same_function


def test_shared_weights_are_not_copies() -> None:
    shared = edited(
        STAGES, ("out_features: 6, from: pool}\n  both", "out_features: 6, from: pool, share: left}\n  both")
    )
    assert not matched(STAGES, shared).same_function
    assert matched(shared, shared).same_function


def test_the_owner_of_shared_weights_is_a_pair_though_no_output_needs_it() -> None:
    text = "netspec: 1\ninputs: {x: [4]}\nlayers:\n  a: {type: linear, out_features: 4}\n"
    text += "  b: {type: linear, out_features: 4}\n  c: {type: linear, out_features: 4, from: x, share: a}\n"
    same = matched(text, edited(text, ("share: a", "share: b")))
    assert same.same_function and same.names["a"] == "b"
    assert difference_of_outputs(same) == 0


CELL = """
netspec: 1
inputs: {x: [T, 7]}
cells:
  mgu:
    state: {h: hidden}
    output: h
    weights:
      W_f, W_h: [hidden, hidden + input]
      b_f, b_h: [hidden]
    equations:
      - f = sigmoid(W_f @ [h[t-1], x[t]] + b_f)
      - g = tanh(W_h @ [f * h[t-1], x[t]] + b_h)
      - h[t] = (1 - f) * h[t-1] + f * g
layers:
  rnn: {type: recurrent, cell: mgu, hidden: 24, num_layers: 2, bidirectional: true, returns: last}
  fc: {type: linear, out_features: 3}
"""


def test_a_cell_with_other_names_and_terms_in_another_order() -> None:
    terms = ("(1 - f) * h[t-1] + f * g", "g * f + h[t-1] * (1 - f)")
    state = ("h[t", "y[t"), ("{h: hidden}", "{y: hidden}"), ("output: h", "output: y")
    other = edited(CELL, terms, *state, ("mgu", "minimal"), ("W_f", "W_forget"), ("b_h", "bias"))
    same = matched(CELL, other)
    assert same.same_function
    assert difference_of_outputs(same) == 0


def test_a_cell_whose_gate_is_reversed() -> None:
    assert not matched(CELL, edited(CELL, ("(1 - f) * h[t-1] + f * g", "f * h[t-1] + (1 - f) * g"))).same_function


def test_axes_of_another_name() -> None:
    same = matched(CELL, edited(CELL, ("[T, 7]", "[steps, 7]")))
    assert same.same_function
