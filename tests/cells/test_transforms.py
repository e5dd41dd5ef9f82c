"""Recurrent layers under torch.func, batched gradients and other element types: the same values, or a named error."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch.func import functional_call, grad, jacrev, jvp, vmap

import netspec
from netspec.cells.run import plain_only
from netspec.cells.run.carry import carrying
from netspec.source.errors import NetspecError

each_path = pytest.mark.parametrize("kind", ["gru", "lstm", "rnn", "sru"])  # compiled, torch's own, in and out of loops


def module_of(kind: str, ragged: bool = False) -> torch.nn.Module:
    inputs = "x: [T, 3]" + ", n: {shape: [], dtype: int64}" * ragged
    fields = ", bidirectional: true, num_layers: 2, from: {input: x, lengths: n}" * ragged
    module: torch.nn.Module = netspec.to_torch(
        netspec.load(f"netspec: 1\ninputs: {{{inputs}}}\nlayers:\n  rnn: {{type: {kind}, hidden: 4{fields}}}\n")
    )
    return module


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@each_path
def test_vmap_is_one_after_the_other(kind: str) -> None:
    x, lengths = drawn(4, 2, 6, 3), torch.tensor([[1, 6], [2, 0], [3, 3], [6, 5]])
    module = module_of(kind)
    torch.testing.assert_close(vmap(module)(x), torch.stack([module(part) for part in x]))
    ragged = module_of(kind, ragged=True)
    each = torch.stack([ragged(part, n) for part, n in zip(x, lengths, strict=True)])
    torch.testing.assert_close(vmap(ragged)(x, lengths), each)


@each_path
def test_gradients_of_each_sample(kind: str) -> None:
    module, x = module_of(kind), drawn(4, 2, 6, 3)
    weights = dict(module.named_parameters())

    def loss(weights: Any, x: torch.Tensor) -> torch.Tensor:
        return functional_call(module, weights, (x,)).square().sum()

    gradients = vmap(grad(loss), (None, 0))(weights, x)
    for k, part in enumerate(x):
        alone = torch.autograd.grad(loss(weights, part), list(weights.values()))
        for mine, its in zip(gradients.values(), alone, strict=True):
            torch.testing.assert_close(mine[k], its, rtol=1e-4, atol=1e-5)
    rows = jacrev(lambda x: module(x).sum((0, 1)))(x[0])
    _, forward = jvp(lambda x: module(x).sum((0, 1)), (x[0],), (x[1],))
    torch.testing.assert_close((rows * x[1]).sum((1, 2, 3)), forward, rtol=1e-4, atol=1e-5)


def test_a_batch_of_gradients_is_taken_one_by_one_or_plainly() -> None:
    module, x = module_of("gru"), drawn(2, 6, 3).requires_grad_()
    with pytest.raises(NetspecError, match="one gradient at a time"):
        torch.autograd.grad(module(x).sum((0, 1)), x, torch.eye(4), is_grads_batched=True)
    with plain_only():
        [gradients] = torch.autograd.grad(module(x).sum((0, 1)), x, torch.eye(4), is_grads_batched=True)
    assert gradients.shape == (4, 2, 6, 3)


@each_path
def test_what_is_carried_follows_the_module(kind: str) -> None:
    """To another type and back; a copy begins anew, and nothing stays in it."""
    module, x = module_of(kind).double(), drawn(2, 6, 3)
    with torch.no_grad():
        whole = module(x.double())
        with carrying(module):
            first = module(x[:, :2].double())
            module.float()
            second = module(x[:, 2:4])
            other = copy.deepcopy(module)
            module.double()
            third = module(x[:, 4:].double())
            again = other(x)
    torch.testing.assert_close(torch.cat([first, second.double(), third], 1), whole, rtol=1e-5, atol=1e-5)
    for copied in (again, other(x), pickle.loads(pickle.dumps(other))(x)):
        torch.testing.assert_close(copied.double(), whole, rtol=1e-5, atol=1e-5)


@each_path
def test_what_is_carried_never_leaves_a_transform(kind: str) -> None:
    module, x = module_of(kind), drawn(3, 2, 6, 3)
    with torch.no_grad(), carrying(module) as carried:
        first = module(x[0])
        before = carried.state()
        for call in (
            lambda: vmap(module)(x),
            lambda: grad(lambda y: module(y).sum())(x[0]),
            lambda: torch.export.export(module, (x[0],)),
        ):
            with pytest.raises(NetspecError, match="gone after it"):
                call()
        assert {k: v.tolist() for k, v in carried.state().items()} == {k: v.tolist() for k, v in before.items()}
        assert not torch.equal(module(x[0]), first)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64, torch.complex64])
@each_path
def test_another_element_type_is_named(kind: str, dtype: torch.dtype) -> None:
    module = module_of(kind)
    with pytest.raises(NetspecError, match=f"input has the type of the weights, float32; received {str(dtype)[6:]}"):
        module(torch.ones(2, 6, 3, dtype=dtype))
    with pytest.raises(NetspecError, match="initial state has the type of the weights"):
        module.rnn(drawn(2, 6, 3), None, torch.zeros(2, 1, module.rnn.width, dtype=dtype))  # type: ignore[operator]


LARGE = """\
netspec: 1
inputs: {x: [T, 3]}
cells:
  it:
    state: {h: hidden}
    output: h
    weights: {W: [hidden, input]}
    equations:
      - h[t] = EQUATION
layers:
  rnn: {type: recurrent, cell: it, hidden: 4}
"""


@pytest.mark.parametrize("equation", [
    "tanh(1e38 * h[t-1] + W @ x[t]) * 1e3", "tanh(W @ x[t] * 1e30) * 1e30 * tanh(h[t-1] * 1e30) * 1e-30",
    "sigmoid(h[t-1] / 1e-30) * 3e38 * (W @ x[t]) * 1e-38",
])  # fmt: skip
def test_numbers_that_meet_in_the_gradient_alone(equation: str) -> None:
    """Multiplied one by one, as torch does where somebody writes the cell in it."""
    module = netspec.to_torch(netspec.load(LARGE.replace("EQUATION", equation)))
    weight = module.get_parameter("rnn.W_l0")
    x, h = drawn(2, 5, 3), torch.zeros(2, 4)
    outputs = []
    for t in range(5):
        h = eval(equation.replace("W @ x[t]", "x[:, t] @ weight.T").replace("h[t-1]", "h"),
                 {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "x": x, "h": h, "weight": weight, "t": t})  # fmt: skip
        outputs.append(h)
    [expected] = torch.autograd.grad(outputs[0].sum(), weight)
    [gradients] = torch.autograd.grad(module(x)[:, 0].sum(), weight)
    torch.testing.assert_close(gradients, expected, equal_nan=True)
    torch.testing.assert_close(module(x), torch.stack(outputs, 1))


@pytest.mark.parametrize(("equation", "shown"), [
    ("h[t-1] * 1e39 + W @ x[t]", "`1e39`"), ("h[t-1] / 1e-39 + W @ x[t]", "`h[t-1] / 1e-39`"),
    ("(h[t-1] * 3e38 + h[t-1] * 3e38) + W @ x[t]", "3e38)`"), ("W @ x[t] * 1e20 * 1e20", "1e20 * 1e20`"),
])  # fmt: skip
def test_a_number_beyond_32_bits_has_a_place(equation: str, shown: str) -> None:
    with pytest.raises(NetspecError) as caught:
        netspec.load(LARGE.replace("EQUATION", equation))
    [problem] = caught.value.problems
    assert problem.code == "NS328" and shown in problem.message and problem.span is not None
