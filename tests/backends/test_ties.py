"""One tensor under two names stays one tensor, whatever is done with the module that torch lets one do."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable

import pytest
import torch
from torch import nn

import netspec

HEAD = "netspec: 1\ninputs: {x: [T, 4]}\nlayers:\n"
NETWORKS = {
    "batch_norm": "  p: {type: permute, dims: [0, 2, 1]}\n  a: batch_norm1d\n  r: relu\n"
                  "  b: {type: batch_norm1d, share: a}\n",
    "linear": "  a: {type: linear, out_features: 4}\n  r: relu\n  b: {type: linear, out_features: 4, share: a}\n",
    "part": "  a: {type: linear, out_features: 4}\n  r: relu\n  b: {type: linear, out_features: 4, bias: false, "
            "share: a}\n",
    "recurrent": "  a: {type: lstm, hidden: 4}\n  b: {type: lstm, hidden: 4, share: a}\n",
    "prelu": "  a: prelu\n  b: {type: prelu, share: a}\n",
    "chain": "  a: {type: linear, out_features: 4}\n  b: {type: linear, out_features: 4, share: a}\n"
             "  c: {type: linear, out_features: 4, share: b}\n",
    "container": "  p: {type: permute, dims: [0, 2, 1]}\n"
                 "  a: {type: residual, layers: {c: {type: conv1d, out_channels: 4, kernel_size: 3, padding: 1}, "
                 "n: batch_norm1d}}\n"
                 "  b: {type: residual, share: a, layers: {c: {type: conv1d, out_channels: 4, kernel_size: 3, "
                 "padding: 1}, n: batch_norm1d}}\n",
    "across": "  one: {type: sequence, layers: {p: {type: permute, dims: [0, 2, 1]}, a: batch_norm1d}}\n"
              "  two: {type: sequence, layers: {b: {type: batch_norm1d, share: one.a}}}\n",
}  # fmt: skip


def build(name: str) -> nn.Module:
    """Ready, with running statistics that are neither 0 nor 1."""
    module = netspec.to_torch(netspec.load(HEAD + NETWORKS[name])).train()
    module(torch.randn(8, 5, 4, generator=torch.Generator().manual_seed(0)) * 3 + 1)
    return module.eval()


def ties(module: nn.Module) -> set[tuple[str, ...]]:
    """The names of each tensor that has several, by identity."""
    names: dict[int, list[str]] = {}
    for table in (module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)):
        for name, tensor in table:
            names.setdefault(id(tensor), []).append(name)
    return {tuple(group) for group in names.values() if len(group) > 1}


def pickled(module: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    again: nn.Module = torch.load(file, weights_only=False)
    return again


def loaded(module: nn.Module, **how: bool) -> nn.Module:
    state = {name: value.clone() + 1 for name, value in module.state_dict().items()}
    module.load_state_dict(state, **how)
    for name, value in module.state_dict().items():
        assert torch.equal(value, state[name])
    return module


def own_state(module: nn.Module) -> nn.Module:
    module.load_state_dict(module.state_dict(), assign=True)
    return module


def without_second_names(module: nn.Module) -> nn.Module:
    """As a file of safetensors has it: each tensor once."""
    state = {name: value.clone() + 1 for name, value in module.state_dict().items()}
    for group in ties(module):
        for name in group[1:]:
            del state[name]
    missing, _ = module.load_state_dict(state, strict=False, assign=True)
    assert missing
    for name, value in state.items():
        assert torch.equal(module.state_dict()[name], value)
    return module


def loaded_as_part(module: nn.Module) -> nn.Module:
    """A network that is part of another, loaded and copied with that."""
    whole = nn.Sequential(nn.ReLU(), module)
    whole.load_state_dict({name: value.clone() + 1 for name, value in whole.state_dict().items()}, assign=True)
    whole = copy.deepcopy(whole)
    whole.load_state_dict({name: value.clone() + 1 for name, value in whole.state_dict().items()}, assign=True)
    part: nn.Module = whole[1]
    return part


def swapped(module: nn.Module) -> nn.Module:
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        return module.double()
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)


CHANGES: dict[str, Callable[[nn.Module], nn.Module]] = {
    "double": lambda m: m.double(),
    "half": lambda m: m.half(),
    "bfloat16": lambda m: m.bfloat16().float(),
    "to": lambda m: m.to("cpu", torch.float64),
    "meta": lambda m: m.to("meta"),
    "meta and back": lambda m: m.to("meta").to_empty(device="cpu"),
    "to_empty": lambda m: m.to_empty(device="cpu"),
    "swapped": swapped,
    "share_memory": lambda m: m.share_memory(),
    "deepcopy": copy.deepcopy,
    "deepcopy, double": lambda m: copy.deepcopy(m).double(),
    "pickle": pickled,
    "pickle, double": lambda m: pickled(m).double(),
    "pickle, deepcopy, pickle, half": lambda m: pickled(copy.deepcopy(pickled(m))).half(),
    "state": loaded,
    "state, assign": lambda m: loaded(m, assign=True),
    "own state, assign": own_state,
    "state, assign, double": lambda m: loaded(m, assign=True).double(),
    "each tensor once, assign": without_second_names,
    "state of a whole, assign": loaded_as_part,
    "pickle, state, assign": lambda m: loaded(pickled(m), assign=True),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("network", NETWORKS)
def test_ties_survive(network: str, change: str) -> None:
    module = build(network)
    before, names = ties(module), [n for n, _ in module.named_parameters()]
    assert before
    changed = CHANGES[change](module)
    assert ties(changed) == before
    assert [n for n, _ in changed.named_parameters()] == names


@pytest.mark.parametrize("change", ["double", "deepcopy, double", "pickle, double"])
@pytest.mark.parametrize("network", NETWORKS)
def test_they_train_as_one_after_it(network: str, change: str) -> None:
    """In float64, against the same network whose weights never went through float32's module conversions."""
    module, x = build(network), torch.randn(6, 5, 4, dtype=torch.float64)
    changed = CHANGES[change](copy.deepcopy(module)).train()
    torch.set_default_dtype(torch.float64)
    try:
        expected = build(network).train()
    finally:
        torch.set_default_dtype(torch.float32)
    expected.load_state_dict(module.state_dict())
    for net in (changed, expected):
        optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()
    torch.testing.assert_close(changed.eval()(x), expected.eval()(x))


def test_running_statistics_are_those_of_both_calls() -> None:
    """By hand: two calls of one torch layer."""
    module = build("batch_norm").double()
    layer = nn.BatchNorm1d(4).double()
    layer.load_state_dict({k.removeprefix("a."): v for k, v in module.state_dict().items() if k.startswith("a.")})
    x = torch.randn(6, 5, 4, dtype=torch.float64) * 2 - 1
    module.train(), layer.train()
    for _ in range(3):
        module(x), layer(torch.relu(layer(x.transpose(1, 2))))
    module.eval(), layer.eval()
    torch.testing.assert_close(module(x), layer(torch.relu(layer(x.transpose(1, 2)))), rtol=0, atol=0)
    torch.testing.assert_close(module.get_buffer("b.running_var"), layer.running_var, rtol=0, atol=0)


@pytest.mark.parametrize("network", NETWORKS)
def test_functional_calls_take_the_first_name(network: str) -> None:
    """`torch.func.functional_call` with every tensor once, with both names, and nothing left behind."""
    module, x = build(network), torch.randn(3, 5, 4)
    before, expected = ties(module), module(x)
    new = {n: v.detach() + 0.1 for n, v in [*module.named_parameters(), *module.named_buffers()]}
    moved = torch.func.functional_call(module, new, x)
    other = copy.deepcopy(module)
    other.load_state_dict(new, strict=False)
    torch.testing.assert_close(moved, other(x))
    assert ties(module) == before and torch.equal(module(x), expected)


def test_compiled_and_converted() -> None:
    module, x = build("batch_norm"), torch.randn(3, 5, 4)
    compiled = torch.compile(module, backend="eager")
    torch.testing.assert_close(compiled(x), module(x))
    compiled.double().train()
    assert ties(module) == ties(compiled._orig_mod)
    compiled(x.double())
    module.eval()
    assert torch.equal(module.get_buffer("a.running_mean"), module.get_buffer("b.running_mean"))
    torch.testing.assert_close(compiled(x.double()), module(x.double()))


@pytest.mark.parametrize("first", ["one", "two"])
def test_a_part_may_be_converted_alone(first: str) -> None:
    module, x = build("across"), torch.randn(3, 5, 4)
    before, expected = ties(module), module(x)
    module.get_submodule(first).double()
    assert ties(module) == before
    torch.testing.assert_close(module(x.double()), expected.double(), rtol=1e-4, atol=1e-4)


def test_a_tie_of_ones_own_is_kept_too() -> None:
    text = HEAD + NETWORKS["linear"].replace(", share: a", "")
    module = netspec.to_torch(netspec.load(text))
    module.b.weight = module.a.weight
    assert ties(module.to("meta")) == {("a.weight", "b.weight")}
