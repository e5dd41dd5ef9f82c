"""States carried from call to call: pieces of a sequence give what the whole gives, without its gradient."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import netspec
from netspec.cells.run.carry import carrying
from netspec.source.errors import NetspecError

NETWORK = """
netspec: 1
inputs: {x: [T, 3]}
layers:
  first: {type: lstm, hidden: 4, num_layers: 2}
  inner: {type: sequence, layers: {second: {type: gru, hidden: 5, initial_state: learned, init: {h_0: 0.5}}}}
  third: {type: qrnn, hidden: 2, num_layers: 2}
"""
SEQUENCES, STEPS = 3, 9


def network(text: str = NETWORK) -> tuple[nn.Module, Tensor]:
    x = torch.randn(SEQUENCES, STEPS, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return netspec.to_torch(netspec.load(text)).double(), x


def test_pieces_are_the_whole() -> None:
    module, x = network()
    whole = module(x)
    with carrying(module) as carried:
        pieces = [module(part) for part in x.split([1, 4, 2, 2], 1)]
        torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-12, atol=1e-12)
        carried.reset()
        torch.testing.assert_close(module(x), whole, rtol=0, atol=0)
    assert torch.equal(module(x), whole) and torch.equal(module(x), whole)  # outside, every call begins anew


def test_ragged_pieces_carry_the_last_real_state() -> None:
    module, x = network(
        "netspec: 1\ninputs:\n  x: [T, 3]\n  n: {shape: [], dtype: int64}\nlayers:\n"
        "  rnn: {type: lstm_peephole, hidden: 4, from: [x, n]}\n"
    )
    rnn = module.get_submodule("rnn")
    with carrying(rnn):
        rnn(x[:, :4], torch.tensor([4, 2, 0]))
        y, _ = rnn(x[:, 4:6])
    for b, real in enumerate(([0, 1, 2, 3, 4, 5], [0, 1, 4, 5], [4, 5])):
        torch.testing.assert_close(y[b], rnn(x[b : b + 1, real])[0][0, -2:], rtol=1e-12, atol=1e-12)


def test_the_gradient_ends_where_a_piece_begins() -> None:
    module, x = network()
    x.requires_grad_()
    with carrying(module):
        module(x[:, :5])
        (module(x[:, 5:]) ** 2).sum().backward()
    assert x.grad is not None and not x.grad[:, :5].any() and bool(x.grad[:, 5:].all())


def test_the_learned_beginning_learns_from_the_first_piece_alone() -> None:
    module, x = network()
    begin = module.get_parameter("inner.second.h_0")
    with carrying(module):
        for part, learns in ((x[:, :5], True), (x[:, 5:], False)):
            module.zero_grad()
            module(part).sum().backward()
            assert (begin.grad is not None and bool(begin.grad.any())) == learns


def test_states_are_saved_and_taken_up(tmp_path: Path) -> None:
    module, x = network()
    whole = module(x)
    with carrying(module) as carried:
        assert carried.state() == {}
        module(x[:, :5])
        state = carried.state()
    assert {k: tuple(v.shape) for k, v in state.items()} == {
        "first.h": (3, 2, 4), "first.c": (3, 2, 4), "inner.second.h": (3, 1, 5), "third.c": (3, 2, 2),
        "third.last": (3, 2, 5),
    }  # fmt: skip
    assert not any(v.requires_grad for v in state.values())
    save_file(state, tmp_path / "state.safetensors")
    with carrying(module) as carried:
        carried.load(load_file(tmp_path / "state.safetensors"))
        torch.testing.assert_close(module(x[:, 5:]), whole[:, 5:], rtol=1e-12, atol=1e-12)
        carried.load({})
        torch.testing.assert_close(module(x), whole, rtol=0, atol=0)


def test_what_was_loaded_does_not_change_with_its_source() -> None:
    module, x = network()
    with carrying(module) as carried:
        module(x[:, :5])
        state = carried.state()
        expected = module(x[:, 5:])
        carried.load(state)
        for value in state.values():
            value.zero_()
        assert torch.equal(module(x[:, 5:]), expected)


def test_an_inner_one_leaves_the_outer_as_it_was() -> None:
    module, x = network()
    whole = module(x)
    with carrying(module):
        module(x[:, :5])
        with carrying(module):
            torch.testing.assert_close(module(x), whole, rtol=0, atol=0)
        torch.testing.assert_close(module(x[:, 5:]), whole[:, 5:], rtol=1e-12, atol=1e-12)


def test_another_batch_is_refused() -> None:
    module, x = network()
    with carrying(module) as carried:
        module(x)
        with pytest.raises(NetspecError, match="`first` carries the states of 3 sequences, the batch has 2"):
            module(x[:2])
        carried.reset()
        assert module(x[:2]).shape[0] == 2


def test_a_bidirectional_layer_is_refused() -> None:
    module, _ = network(NETWORK.replace("num_layers: 2}\n  inner", "num_layers: 2, bidirectional: true}\n  inner"))
    with pytest.raises(NetspecError, match="`first` is bidirectional"), carrying(module):
        pass
    assert all(getattr(m, "slot", None) is None for m in module.modules())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"first.x": torch.zeros(3, 2, 4)}, "no recurrent layer has the state `first.x`"),
        ({"first.h": torch.zeros(3, 1, 4)}, r"the state `first.h` is \(B, 2, 4\), received \(3, 1, 4\)"),
        ({"first.h": torch.zeros(3, 2, 4)}, "needs `first.h`, `first.c` of one batch, received `first.h`"),
        ({"first.h": torch.zeros(3, 2, 4), "first.c": torch.zeros(2, 2, 4)}, "of one batch"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(change: dict[str, Tensor], words: str) -> None:
    module, x = network()
    whole = module(x)
    with carrying(module) as carried:
        module(x[:, :5])
        with pytest.raises(NetspecError, match=words):
            carried.load(change)
        torch.testing.assert_close(module(x[:, 5:]), whole[:, 5:], rtol=1e-12, atol=1e-12)  # nothing was lost
