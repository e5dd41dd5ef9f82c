"""Recurrent layers as part of a file: names, wiring of states, `init`, `share`, `freeze`, summary, diff, refusals."""

from __future__ import annotations

import pytest
import torch

import netspec
from netspec.backends.parity.inputs import random_inputs
from netspec.report.diff.text import lines
from netspec.report.styled import plain
from netspec.report.summary.markdown import render
from netspec.review.diff import diff
from netspec.source.errors import NetspecError

BATCH, STEPS = 5, 6
LENGTHS = torch.tensor([6, 1, 4, 2, 5])

TAGGER = """
netspec: 1
inputs:
  tokens: {shape: [T], dtype: int64}
  n: {shape: [], dtype: int64}
layers:
  words: {type: embedding, num_embeddings: 10, embedding_dim: 3, from: tokens}
  rnn: {type: lstm, hidden: 4, num_layers: 2, from: {input: words, lengths: n}, init: {W_f: zeros, b_f_l1: 7.0}}
  out: {type: linear, out_features: 2}
"""

TRANSLATOR = """
netspec: 1
inputs:
  x: [S, 3]
  y: [T, 2]
  n: {shape: [], dtype: int64}
layers:
  encoder: {type: gru, hidden: 4, num_layers: 2, returns: state, from: {input: x, lengths: n}}
  decoder: {type: gru, hidden: 4, num_layers: 2, from: {input: y, initial_state: encoder.state}}
  out: {type: linear, out_features: 2}
"""


def test_a_tagger() -> None:
    """Embedding, LSTM, linear: names, `init` of a cell's weight in all layers, of one tensor, and the cell's own."""
    graph = netspec.load(TAGGER)
    module = netspec.to_torch(graph)
    assert {k for k in module.state_dict() if k.startswith("rnn.")} == {
        f"rnn.{w}_l{i}" for w in ("W_f", "W_i", "W_o", "W_c", "b_f", "b_i", "b_o", "b_c") for i in (0, 1)
    }
    rnn = module.get_submodule("rnn")
    assert not rnn.W_f_l0.any() and not rnn.W_f_l1.any()
    assert bool((rnn.b_f_l0 == 1).all()) and bool((rnn.b_f_l1 == 7).all())
    tokens = torch.randint(0, 10, (BATCH, STEPS))
    y = module(tokens, LENGTHS)
    other = tokens.clone()
    other[torch.arange(STEPS) >= LENGTHS[:, None]] = 9
    assert y.shape == (BATCH, STEPS, 2) and torch.equal(y, module(other, LENGTHS))
    assert "| rnn | lstm | (B, T, 4), state (B, 2, 8) | 272 |" in "".join(render(graph))


def test_parity_draws_lengths_that_there_are() -> None:
    """Steps are counted along the axis of the recurrent layer's input, whatever stands between it and the network's."""
    generator = torch.Generator().manual_seed(0)
    inputs = random_inputs(netspec.load(TAGGER), 200, {"T": 3}, generator)
    assert sorted(set(inputs["n"].tolist())) == [0, 1, 2, 3] and int(inputs["tokens"].max()) == 9


def test_an_encoder_and_a_decoder() -> None:
    """The encoder's final state begins the decoder, and gradients go back through it."""
    graph = netspec.load(TRANSLATOR)
    assert list(graph["decoder"].inputs) == [("y", ""), ("encoder", "state")]
    module = netspec.to_torch(graph)
    x, y = torch.randn(BATCH, STEPS, 3), torch.randn(BATCH, 4, 2)
    _, state = module.get_submodule("encoder")(x, LENGTHS)
    expected = module.get_submodule("out")(module.get_submodule("decoder")(y, None, state)[0])
    assert torch.equal(module(x, y, LENGTHS), expected)
    assert "decoder = self.decoder(y, None, encoder_state)" in module.code
    module(x, y, LENGTHS).sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in module.get_submodule("encoder").parameters())


def test_a_state_goes_through_a_block_and_a_repeat() -> None:
    """A block hands out the state by a name of its own; a copy of a repeat has its state by its number."""
    graph = netspec.load("""
netspec: 1
inputs: {x: [T, 3]}
blocks:
  reader: {layers: {rnn: {type: lstm, hidden: 4}}, outputs: {y: rnn, memory: rnn.state}}
layers:
  reader: {type: reader, from: x}
  more: {type: lstm, hidden: 4, repeat: 2, from: {input: reader.y, initial_state: reader.memory}}
  end: {type: flatten, from: more.1.state}
outputs: {y: more, end: end}
""")
    assert [str(t) for t in graph.output_types().values()] == ["(B, T, 4)", "(B, 8)"]
    module = netspec.to_torch(graph)
    x = torch.randn(2, 5, 3)
    y, state = module.get_submodule("reader.rnn")(x)
    for copy_ in ("0", "1"):
        y, last = module.get_submodule(f"more.{copy_}")(y, None, state)
    found = module(x)
    assert torch.equal(found["y"], y) and torch.equal(found["end"], last.flatten(1))


def test_freeze_and_share() -> None:
    graph = netspec.load("""
netspec: 1
inputs: {a: [T, 3], b: [S, 3]}
layers:
  left: {type: lstm_peephole, hidden: 4, initial_state: learned, returns: last, freeze: true, from: a}
  right: {type: lstm_peephole, hidden: 4, initial_state: learned, returns: last, share: left, from: b}
  own: {type: gru, hidden: 2, returns: last, from: b}
  all: {type: concat, from: [left, right, own]}
""")
    module = netspec.to_torch(graph)
    left, right = module.get_submodule("left"), module.get_submodule("right")
    assert all(a is b for a, b in zip(left.parameters(), right.parameters(), strict=True))
    assert {n.split(".")[0] for n, p in module.named_parameters() if p.requires_grad} == {"own"}
    a = torch.randn(2, 5, 3)
    y = module(a, a)
    assert torch.equal(y[:, :4], y[:, 4:8])
    assert "| right | lstm_peephole | (B, 4), state (B, 1, 8) |  |" in "".join(render(graph))


CELL = """
netspec: 1
cells:
  leaky:
    params: {rate: 0.5}
    state: {h: hidden}
    output: h
    weights: {W: [hidden, hidden + input]}
    equations:
      - h[t] = (1 - rate) * h[t-1] + rate * tanh(W @ [h[t-1], x[t]])
inputs: {x: [T, 3]}
layers:
  rnn: {type: recurrent, cell: leaky, hidden: 4}
"""


def differences(before: str, after: str) -> str:
    shown = lines(diff(netspec.load(before), netspec.load(after)), "a", "b", every=True, width=200)
    return "\n".join(map(plain, shown))


def test_diff_says_what_changed() -> None:
    assert differences(TAGGER, TAGGER) == differences(TRANSLATOR, TRANSLATOR)
    said = differences(TAGGER, TAGGER.replace("num_layers: 2", "num_layers: 2, bidirectional: true"))
    assert "bidirectional" in said and "(B, T, 4) -> (B, T, 8)" in said and "(B, 2, 8) -> (B, 4, 8)" in said
    said = differences(CELL, CELL.replace("leaky, ", "leaky, params: {rate: 0.1}, "))
    assert "params" in said and "0.1" in said
    said = differences(CELL, CELL.replace("tanh", "hard_tanh"))
    assert "hard_tanh(" in said, said


@pytest.mark.parametrize(
    ("layer", "code", "words"),
    [
        ("{type: lstm, hidden: 4, from: n}", "NS405", "lstm expects floating numbers, received (B,) of int64"),
        ("{type: lstm, hidden: 4, from: flat}", "NS402", "lstm expects (B, T, I), received (B, 4)"),
        ("{type: lstm, hidden: 4, from: [x, flat]}", "NS401", "expects an initial state (B, 1, 8), received (B, 4)"),
        ("{type: lstm, hidden: 4, from: [x, m]}", "NS405", "expects one int64 length for each sequence, (B,)"),
        ("{type: lstm, hidden: 4, from: [x, s, s]}", "NS405", "at most whole lengths and one floating state"),
        ("{type: lstm, hidden: 4, initial_state: learned, from: [x, s]}", "NS403", "takes no initial state"),
        ("{type: lstm, from: x}", "NS204", "cell `lstm` needs `hidden`"),
        ("{type: lstm, hidden: 4, params: {rate: 1}, from: x}", "NS202", "cell `lstm` has no parameter `rate`"),
        ("{type: recurrent, cell: lsmt, hidden: 4, from: x}", "NS201", "unknown cell `lsmt`"),
        ("{type: lstm, hidden: 4, from: {lengths: n}}", "NS204", "needs `input`"),
        ("{type: lstm, hidden: 4, from: {input: x, length: n}}", "NS202", "has no input `length`"),
        ("{type: lstm, hidden: 4, from: x, init: {b_g: 1}}", "NS305", "has no weight `b_g`"),
        ("{type: lstm, hidden: 4, from: x, init: {b_f: orthogonal}}", "NS305", "needs a weight of two axes or more"),
    ],
)
def test_what_does_not_fit_is_refused(layer: str, code: str, words: str) -> None:
    file = f"""
netspec: 1
inputs:
  x: [T, 3]
  s: [1, 8]
  flat: [4]
  n: {{shape: [], dtype: int64}}
  m: {{shape: [], dtype: int32}}
layers:
  rnn: {layer}
"""
    with pytest.raises(NetspecError) as error:
        netspec.load(file)
    [problem] = error.value.problems
    assert problem.code == code and words in problem.message
    assert problem.span is not None and problem.span.line == 10


def test_an_output_that_is_not_there() -> None:
    with pytest.raises(NetspecError, match=r"`rnn` has no output `memory`") as error:
        netspec.load(
            "netspec: 1\ninputs: {x: [T, 3]}\nlayers:\n  rnn: {type: lstm, hidden: 4}\n"
            "  f: {type: flatten, from: rnn.memory}\n"
        )
    assert "`rnn.state`" in error.value.problems[0].hint
