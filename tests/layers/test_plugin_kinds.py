"""Layer kinds that a package of one's own brings: the contract, and what is said where it is not kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

import netspec
from netspec import NetspecError
from netspec.layers import kinds
from netspec.layers.base import KINDS, Layer, kind
from netspec.shapes.tensor import TensorType


@pytest.fixture
def brought() -> Iterator[None]:
    """Kinds that are declared within are forgotten again."""
    before = kinds()  # reads the files
    yield
    KINDS.clear()
    KINDS.update(before)
    kinds.cache_clear()


def network(name: str) -> netspec.Graph:
    kinds.cache_clear()
    return netspec.load(f"netspec: 1\ninputs: {{x: [4]}}\nlayers:\n  a: {{type: {name}}}\n")


def test_a_module_and_its_wiring_are_said_apart(brought: None) -> None:
    @kind("sharp")
    class Sharp(Layer):
        """y = softplus(3·x) / 3."""

        def infer(self, x: TensorType) -> TensorType:
            return x

        def torch_module(self, x: TensorType) -> Any:
            return torch.nn.Softplus(beta=3)

    x = torch.linspace(-2, 2, 4)[None]
    assert torch.equal(netspec.to_torch(network("sharp"))(x), torch.nn.functional.softplus(x, beta=3))


def test_a_module_that_is_made_while_it_is_wired_is_refused(brought: None) -> None:
    @kind("older")
    class Older(Layer):
        """y = softplus(x)."""

        def infer(self, x: TensorType) -> TensorType:
            return x

        def to_torch(self, build: Any) -> Any:
            return build.module(torch.nn.Softplus())

    with pytest.raises(NetspecError, match="NS501") as raised:
        netspec.to_torch(network("older"))
    assert "older makes its module in `to_torch`" in str(raised.value) and "`torch_module`" in str(raised.value)


def test_a_kind_without_either_is_refused(brought: None) -> None:
    @kind("empty")
    class Empty(Layer):
        """y = x."""

        def infer(self, x: TensorType) -> TensorType:
            return x

    with pytest.raises(NetspecError, match="NS501") as raised:
        netspec.to_torch(network("empty"))
    assert "empty says no torch module to call" in str(raised.value)
