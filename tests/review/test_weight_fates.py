"""What becomes of a checkpoint: said beforehand, and held against torch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

import netspec
from netspec.report.checkpoint_text import loaded_elsewhere
from netspec.review.changes.weights import weight_fates
from netspec.review.difference import Difference, Verdict
from netspec.review.match.networks import match
from tests.review.edits import ALL, BASE, SAME_FUNCTION, edited, texts

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
outputs: {species: fc}
"""
FIRST_COPY = (
    "  stage1: {type: basic, channels: $width, repeat: 3}",
    "  stage0: {type: basic, channels: $width}\n  stage1: {type: basic, channels: $width, repeat: 2}",
)
KEPT = [
    *[(BASE, edited(BASE, (edit,))) for edit in SAME_FUNCTION],
    (BASE, edited(BASE, (FIRST_COPY,))),
    (edited(BASE, (FIRST_COPY,)), BASE),
    (CELL, CELL.replace("mgu", "minimal")),
    (CELL, CELL.replace("(1 - f) * h[t-1] + f * g", "f * g + (1 - f) * h[t-1]")),
    (CELL, CELL.replace("W_f", "U").replace("b_f", "c")),
    (CELL, CELL.replace("W_f", "tmp").replace("W_h", "W_f").replace("tmp", "W_h")),  # each has the other's name
]


def compared(before: str, after: str) -> Difference:
    return netspec.diff(netspec.load(before), netspec.load(after))


def states(difference: Difference) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The state of both networks; no two tensors of the first hold the same numbers."""
    matching = difference.matching
    before, after = (netspec.to_torch(graph).state_dict() for graph in (matching.before, matching.after))
    for i, value in enumerate(before.values()):
        value.copy_(torch.arange(value.numel()).reshape(value.shape) + 1000 * i + 1)
    for i, value in enumerate(after.values()):
        value.copy_(-(torch.arange(value.numel()).reshape(value.shape) + 1000 * i + 1))
    return before, after


@pytest.mark.parametrize(("before", "after"), KEPT)
def test_a_kept_function_gives_the_same_outputs_with_mapped_weights(before: str, after: str) -> None:
    difference = compared(before, after)
    assert difference.verdict in (Verdict.SAME_FUNCTION, Verdict.SAME_NETWORK)
    assert not (difference.weights.new or difference.weights.lost or difference.weights.sliced)
    assert outputs_differ_by(difference) == 0.0


def outputs_differ_by(difference: Difference) -> float:
    """The largest difference of outputs in float32 when tensors go where `by_structure` says."""
    matching, names = difference.matching, difference.weights.by_structure
    old, new = (netspec.to_torch(graph).eval() for graph in (matching.before, matching.after))
    generator = torch.Generator().manual_seed(1)
    state = old.state_dict()
    for value in state.values():
        if value.is_floating_point():
            value.uniform_(0.25, 0.75, generator=generator)
    new.load_state_dict({names[name]: value for name, value in state.items()})
    inputs = {
        name: torch.randn([2, *(s if isinstance(s, int) else 5 for s in type_.shape[1:])], generator=generator)
        for name, type_ in matching.before.inputs.items()
    }
    with torch.no_grad():
        left, right = old(**inputs), new(**{matching.inputs[name]: x for name, x in inputs.items()})
    left = left if isinstance(left, dict) else dict.fromkeys(matching.outputs, left)
    right = right if isinstance(right, dict) else dict.fromkeys(matching.outputs.values(), right)
    return max(float((value - right[matching.outputs[name]]).abs().max()) for name, value in left.items())


@given(texts(*ALL), texts(*ALL))
@settings(max_examples=25, deadline=None)
def test_what_loads_by_name_and_where_it_belongs_is_what_torch_does(before: str, after: str) -> None:
    difference = compared(before, after)
    old, new = states(difference)
    by_name = [name for name, value in old.items() if name in new and new[name].shape == value.shape]
    assert sorted(difference.weights.by_name) == sorted(by_name)
    loaded = new | {name: old[name] for name in by_name}
    belongs = dict(new)
    for source, place in difference.weights.by_structure.items():
        assert old[source].shape == new[place].shape
        belongs[place] = old[source]
    wrong = {name for name in by_name if not torch.equal(loaded[name], belongs[name])}
    sliced = {name for name in wrong if name in difference.weights.sliced.values()}
    assert set(difference.weights.misplaced) >= wrong - sliced
    for name, place in difference.weights.misplaced.items():
        assert name in by_name and place != name
        assert not place or place in {**difference.weights.by_structure, **difference.weights.sliced}.values()


@given(texts(*ALL), texts(*ALL))
@settings(max_examples=25, deadline=None)
def test_every_tensor_has_one_fate(before: str, after: str) -> None:
    weights = compared(before, after).weights
    old, new = (set(netspec.to_torch(netspec.load(text)).state_dict()) for text in (before, after))
    carried = {**weights.by_structure, **weights.sliced}
    assert len(set(carried.values())) == len(carried) == len(weights.by_structure) + len(weights.sliced)
    assert set(carried) | set(weights.lost) == old and not set(carried) & set(weights.lost)
    assert set(carried.values()) | set(weights.new) == new and not set(carried.values()) & set(weights.new)


def test_an_old_checkpoint_in_other_places_is_said_aloud() -> None:
    weights = compared(BASE, edited(BASE, (FIRST_COPY,))).weights
    assert weights.misplaced["stage1.0.body.norm.bias"] == "stage0.body.norm.bias"
    assert weights.misplaced["stage1.1.body.conv.weight"] == "stage1.0.body.conv.weight"
    number, homeless = len(weights.misplaced), len(set(weights.by_structure) - set(weights.by_name))
    assert loaded_elsewhere(weights) == (
        f"an old checkpoint loads {number} of {len(weights.by_structure)} tensors by name into other layers, "
        f"{homeless} find no place by name"
    )


def test_a_kind_with_weights_of_the_same_names_does_not_take_them_over() -> None:
    text = "netspec: 1\ninputs: {x: [4, 8, 8]}\nlayers:\n  c: {type: conv2d, out_channels: 4, kernel_size: 3}\n"
    weights = compared(text, text.replace("conv2d", "conv_transpose2d")).weights
    assert not weights.by_structure and weights.lost == ("c.weight", "c.bias") and weights.by_name == weights.lost


@pytest.mark.parametrize(
    "layer", ["{type: multi_head_attention, num_heads: 1, from: [e, x]}", "{type: sru, hidden: 3}"]
)
def test_weights_that_depend_on_the_sizes_of_what_is_read(layer: str) -> None:
    """Attention of memory as large as the query has one projection, of another size three; a cell `W_s` or none."""
    text = f"netspec: 1\ninputs: {{x: [T, 3]}}\nlayers:\n  e: {{type: linear, out_features: 3}}\n  m: {layer}\n"
    before, after = netspec.load(text), netspec.load(text.replace("out_features: 3", "out_features: 4"))
    names = {f"m.{name}" for name in before.weights_of(before["m"])}, {f"m.{n}" for n in after.weights_of(after["m"])}
    for graphs, (old, new) in (((before, after), names), ((after, before), names[::-1])):
        fates = weight_fates(match(*graphs))
        kept = {name for name in (*fates.by_structure, *fates.sliced) if name.startswith("m.")}
        assert kept == old & new and old - new <= set(fates.lost) and new - old <= set(fates.new)
