"""`Recurrent` against nn.LSTM, nn.GRU and nn.RNN with copied weights in float64."""

from __future__ import annotations

import copy
import pickle
import re
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from recurrences import FLOAT64, LAYERS, as_torch, backward, gradients_as_torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from netspec import load, to_torch
from netspec.cells.ir.stack import stack_of
from netspec.cells.language.library import library_cell, library_names
from netspec.cells.run import plain_only
from netspec.cells.run.module import Recurrent
from netspec.source.errors import NetspecError

BATCH, STEPS, INPUT, HIDDEN = 5, 6, 3, 4
LENGTHS = torch.tensor([6, 1, 4, 2, 5])


def module_of(
    name: str, layers: int = 1, bidirectional: bool = False, features: int = INPUT, **options: Any
) -> Recurrent:
    """A module in float64, every weight away from where it began."""
    stack = stack_of(library_cell(name), HIDDEN, features, (), layers, bidirectional)
    module = Recurrent(stack, **options).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=FLOAT64) * 0.5)
    return module


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=FLOAT64).requires_grad_()


@pytest.mark.parametrize("path", ["plain", "chosen"])
@pytest.mark.parametrize("given", [False, True], ids=["zero", "given"])
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (1, True), (3, False), (2, True)])
@pytest.mark.parametrize("name", LAYERS)
def test_it_is_torchs_layer(name: str, layers: int, bidirectional: bool, ragged: bool, given: bool, path: str) -> None:
    """Outputs, final states, and the gradients of input, initial state and weights."""
    module = module_of(name, layers, bidirectional)
    rows = module.stack.rows
    suffixes = [module.stack.suffix(row) for row in range(rows)]
    x = drawn(BATCH, STEPS, INPUT)
    states = len(module.stack.states)
    state = drawn(BATCH, rows, states * HIDDEN, seed=2) if given else None
    with plain_only() if path == "plain" else nullcontext():
        y, final = module(x, LENGTHS if ragged else None, state)
    parts = [s.transpose(0, 1) for s in final.split(HIDDEN, -1)]
    backward(y, *parts)

    layer = LAYERS[name](INPUT, HIDDEN, layers, batch_first=True, bidirectional=bidirectional).double()
    weights = dict(module.named_parameters())
    layer.load_state_dict({k: v for s in suffixes for k, v in as_torch(name, weights, s, s).items()})
    theirs = x.detach().clone().requires_grad_()
    begin = state.detach().clone().requires_grad_() if state is not None else None
    before = None if begin is None else tuple(s.transpose(0, 1).contiguous() for s in begin.split(HIDDEN, -1))
    packed = pack_padded_sequence(theirs, LENGTHS, batch_first=True, enforce_sorted=False) if ragged else theirs
    expected, last = layer(packed, before[0] if before and states == 1 else before)
    expected = pad_packed_sequence(expected, batch_first=True, total_length=STEPS)[0] if ragged else expected
    backward(expected, *(last if isinstance(last, tuple) else (last,)))

    for mine, its in zip((y, *parts), (expected, *(last if isinstance(last, tuple) else (last,))), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(x.grad, theirs.grad, rtol=1e-11, atol=1e-12)
    if state is not None and begin is not None:
        torch.testing.assert_close(state.grad, begin.grad, rtol=1e-11, atol=1e-12)
    for suffix in suffixes:
        for key, grad in gradients_as_torch(name, weights, suffix, suffix).items():
            torch.testing.assert_close(grad, layer.get_parameter(key).grad, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])
def test_last_is_each_directions_own_end(lengths: Tensor | None) -> None:
    """For an LSTM, whose output is its state h, that is the final h of both directions."""
    module = module_of("lstm", 2, True, returns="last")
    x = drawn(BATCH, STEPS, INPUT)
    last, final = module(x, lengths)
    torch.testing.assert_close(last, torch.cat([final[:, 2, :HIDDEN], final[:, 3, :HIDDEN]], -1), rtol=0, atol=0)
    module.returns = "sequence"
    whole, _ = module(x, lengths)
    ends = lengths if lengths is not None else torch.full((BATCH,), STEPS)
    forward = torch.stack([whole[b, n - 1, :HIDDEN] for b, n in enumerate(ends.tolist())])
    assert torch.equal(last, torch.cat([forward, whole[:, 0, HIDDEN:]], -1))


def test_last_of_an_output_that_is_no_state() -> None:
    module = module_of("sru", returns="last")
    x = drawn(BATCH, STEPS, INPUT)
    last, _ = module(x, LENGTHS)
    module.returns = "sequence"
    for b, n in enumerate(LENGTHS.tolist()):
        alone, _ = module(x[b : b + 1, :n])
        torch.testing.assert_close(last[b], alone[0, -1], rtol=1e-12, atol=1e-12)


def test_state_is_what_it_returns() -> None:
    module = module_of("lstm_peephole", 2, returns="state")
    main, state = module(drawn(BATCH, STEPS, INPUT))
    assert torch.equal(main, state) and main.shape == (BATCH, 2, 2 * HIDDEN)


def test_a_learned_initial_state_is_the_given_one() -> None:
    module = module_of("lstm", 2, True, learned=True)
    assert [n for n, _ in module.named_parameters()][-2:] == ["h_0", "c_0"]
    x = drawn(BATCH, STEPS, INPUT)
    learned, final = module(x, LENGTHS)
    given = torch.cat([module.h_0, module.c_0], -1).expand(BATCH, -1, -1)
    other = module_of("lstm", 2, True)
    other.load_state_dict({k: v for k, v in module.state_dict().items() if not k.endswith("_0")})
    assert torch.equal(learned, other(x, LENGTHS, given)[0]) and torch.equal(final, other(x, LENGTHS, given)[1])
    (learned * learned).sum().backward()
    assert module.h_0.grad is not None and module.h_0.grad.abs().min() > 0


def test_dropout_stands_between_layers_while_training() -> None:
    torch.manual_seed(0)
    module = module_of("gru", 2, dropout=0.4)
    x = drawn(BATCH, STEPS, INPUT)
    calm = module_of("gru", 2)
    assert torch.equal(module.eval()(x)[0], calm(x)[0])
    first = module_of("gru")
    second = module_of("gru", features=HIDDEN)
    first.load_state_dict({k: module.state_dict()[k] for k in first.state_dict()})
    second.load_state_dict({k: module.state_dict()[k.replace("_l0", "_l1")] for k in second.state_dict()})
    torch.manual_seed(3)
    y, _ = module.train()(x)
    torch.manual_seed(3)
    middle = nn.functional.dropout(first(x)[0].transpose(0, 1), 0.4).transpose(0, 1)
    torch.testing.assert_close(y, second(middle)[0], rtol=1e-12, atol=1e-12)


def test_rows_of_packed_states_may_differ() -> None:
    """`qrnn` keeps the last input, which in the first layer is shorter than in the second: its row ends in a zero."""
    module = module_of("qrnn", 2)
    x = drawn(BATCH, STEPS, INPUT)
    whole, final = module(x)
    assert final.shape == (BATCH, 2, 2 * HIDDEN)
    assert torch.equal(final[:, 0, HIDDEN : HIDDEN + INPUT], x[:, -1]) and not final[:, 0, HIDDEN + INPUT :].any()
    first, state = module(x[:, :2])
    second, end = module(x[:, 2:], None, state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(end, final, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", library_names())
def test_weights_begin_as_torchs_or_as_the_cell_says(name: str) -> None:
    from netspec.layers.init import Constant

    stack = stack_of(library_cell(name), 64, 5, (), 2, True)
    some = next(iter(library_cell(name).weights))
    module = Recurrent(stack, begin={some: Constant(3.0)}, learned=True)
    for full, weight in module.named_parameters():
        if full.endswith("_0"):
            assert not weight.any()
        elif full.startswith(f"{some}_l"):
            assert bool((weight == 3).all())
        else:
            assert weight.abs().max() <= 1 / 8 and weight.abs().max() > 0.1


def test_a_wrong_length_is_refused() -> None:
    module = module_of("lstm")
    for wrong in (7, -1):
        with pytest.raises(NetspecError, match="at most the 6 steps of the batch, received"):
            module(drawn(BATCH, STEPS, INPUT), torch.tensor([6, wrong, 1, 1, 1]))


def test_a_copy_computes_the_same() -> None:
    module = module_of("lstm_peephole", 2, True)
    x = drawn(BATCH, STEPS, INPUT)
    other = copy.deepcopy(module)
    assert torch.equal(module(x)[0], other(x)[0])
    with torch.no_grad():
        other.W_f_l0.zero_()
    assert not torch.equal(module(x)[0], other(x)[0])


def test_a_pickled_module_is_prepared_for_torch_compile_again() -> None:
    """What is derived from a step is in no pickle, and is made before `torch.compile` looks."""
    module = module_of("lstm_peephole")
    x = drawn(BATCH, STEPS, INPUT)
    loaded = pickle.loads(pickle.dumps(module))
    step, other = module.rows[0].step, loaded.rows[0].step
    assert other is not step and step.derived.keys() == other.derived.keys()
    assert not pickle.loads(pickle.dumps(step)).derived
    assert torch.equal(torch.compile(loaded, backend="eager", fullgraph=True)(x)[0], module(x)[0])


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("name", ["lstm", "lstm_peephole"])
def test_torch_compile_and_export_see_through(name: str, ragged: bool) -> None:
    module = module_of(name, 2, True, returns="last").eval()
    inputs = (drawn(BATCH, STEPS, INPUT).detach(), *((LENGTHS,) if ragged else ()))
    expected = module(*inputs)
    compiled = torch.compile(module, backend="eager", fullgraph=True)(*inputs)
    exported = torch.export.export(module, inputs).module()(*inputs)
    for mine, by_compile, by_export in zip(expected, compiled, exported, strict=True):
        torch.testing.assert_close(by_compile, mine, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(by_export, mine, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("name", ["lstm", "lstm_peephole", "gru"])
def test_torchscript_traces_an_operation_of_any_length(name: str, ragged: bool) -> None:
    """Kernels that torch does not see would be memory that nobody filled."""
    module = to_torch(
        load(
            f"netspec: 1\ninputs: {{x: [T, 5]{', n: {shape: [], dtype: int64}' if ragged else ''}}}\n"
            f"layers:\n  rnn: {{type: {name}, hidden: 4, bidirectional: true, returns: last, from: "
            f"{'{input: x, lengths: n}' if ragged else 'x'}}}\n"
        )
    ).eval()
    some, more = ((torch.randn(3, n, 5), *((torch.tensor([n, 0, 2]),) if ragged else ())) for n in (6, 9))
    with torch.no_grad():
        traced: Any = torch.jit.trace(module, some)  # type: ignore[no-untyped-call]
        torch.testing.assert_close(traced(*some), module(*some))
        torch.testing.assert_close(traced(*more), module(*more))


def _layer(fields: str) -> Recurrent:
    graph = load(f"netspec: 1\ninputs: {{x: [T, 5]}}\nlayers:\n  rnn: {{type: gru, hidden: 4, {fields}}}\n")
    found = to_torch(graph).get_submodule("rnn")
    assert isinstance(found, Recurrent)
    return found


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3, 6, 4),), "the input is (B, T, 5), received (3, 6, 4)"),
        (((3, 5),), "the input is (B, T, 5), received (3, 5)"),
        (((3, 6, 5), None, (64, 1, 4)), "the initial state is (3, 1, 4), received (64, 1, 4)"),
        (((3, 6, 5), (1,)), "one length for each of the 3 sequences, received lengths (1,)"),
    ],
)
def test_shapes_that_do_not_fit(shapes: tuple[tuple[int, ...] | None, ...], message: str) -> None:
    x, lengths, state = (*(None if s is None else torch.ones(s) for s in shapes), None, None)[:3]
    with pytest.raises(NetspecError, match=re.escape(message)):
        _layer("returns: last")(x, None if lengths is None else lengths.long(), state)


@pytest.mark.parametrize("returns", ["sequence", "last", "state"])
def test_sequences_without_a_step(returns: str) -> None:
    """What comes out is what went in: no output, the initial state."""
    layer, x, state = _layer(f"returns: {returns}"), torch.ones(3, 0, 5), torch.randn(3, 1, 4)
    for lengths in (None, torch.zeros(3, dtype=torch.int64)):
        y, final = layer(x, lengths, state)
        assert torch.equal(final, state)
        assert y.shape == {"sequence": (3, 0, 4), "last": (3, 4), "state": (3, 1, 4)}[returns]


@pytest.mark.parametrize("output", ["h", "c"])
def test_an_output_that_is_a_weight_is_a_copy_of_it(output: str) -> None:
    """One that is changed in place leaves the weight as it is; without gradients it needs none."""
    matrices = "W: [hidden, hidden], U: [hidden, input], " * (output == "c")
    text = f"""
netspec: 1
inputs: {{x: [T, 3]}}
cells:
  bias:
    state: {{h: hidden, c: hidden}}
    output: {output}
    weights: {{{matrices}b: [hidden]}}
    equations:
      - h[t] = {"b" if output == "h" else "tanh(W @ h[t-1] + U @ x[t])"}
      - c[t] = b
layers:
  rnn: {{type: recurrent, cell: bias, hidden: 4}}
outputs: {{y: rnn}}
"""
    module = to_torch(load(text))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    for batch, steps in [(1, 1), (2, 5)]:
        with torch.no_grad():
            y = module(torch.ones(batch, steps, 3))
            assert not y.requires_grad and torch.equal(y, before["rnn.b_l0"].expand_as(y))
            y += 1
        assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
