"""An edit of a block is the same edit in every copy of it."""

from __future__ import annotations

import random

import pytest

import netspec
from netspec.review.match.networks import match
from netspec.review.match.scopes import copy_of

Layers = list[tuple[str, str]]  # name, what stands behind it
KINDS = [
    "{type: conv2d, out_channels: 4, kernel_size: 3, padding: 1}",
    "{type: conv2d, out_channels: 4, kernel_size: 1}",
    "{type: dropout, p: 0.1}",
    "{type: dropout, p: 0.3}",
    "{type: max_pool2d, kernel_size: 3, stride: 1, padding: 1}",
    "batch_norm2d",
    "relu",
    "gelu",
]


@pytest.mark.parametrize("seed", range(60))
def test_an_edit_of_a_block_is_one_in_all_copies(seed: int) -> None:
    rng = random.Random(seed)
    layers = [(f"l{i}", rng.choice(KINDS)) for i in range(rng.randint(1, 6))]
    residual, copies = rng.random() < 0.5, rng.randint(2, 4)
    others = layers
    for edit in range(rng.randint(1, 3)):
        others = edited(others, f"n{edit}", rng)
    before = netspec.load(network(layers, residual, copies, kernel=3))
    after = netspec.load(network(others, residual, copies + rng.choice((0, 0, 1)), rng.choice((3, 5))))
    pairs_of_copies: dict[str, set[tuple[str, str]]] = {}
    for a, b in match(before, after).names.items():
        if copy_of(a):
            pairs_of_copies.setdefault(copy_of(a), set()).add((inside(a), inside(b)))
    assert len({frozenset(pairs) for pairs in pairs_of_copies.values()}) <= 1


def inside(name: str) -> str:
    return name.removeprefix(copy_of(name))


def edited(layers: Layers, name: str, rng: random.Random) -> Layers:
    """One layer renamed, inserted, removed, of another kind, or of another kind and name."""
    layers, i = list(layers), rng.randrange(len(layers))
    match rng.randrange(5):
        case 0:
            layers[i] = (name, layers[i][1])
        case 1:
            layers.insert(i, (name, rng.choice(KINDS)))
        case 2 if len(layers) > 1:
            del layers[i]
        case 3:
            layers[i] = (layers[i][0], rng.choice(KINDS))
        case _:
            layers[i] = (name, rng.choice(KINDS))
    return layers


def network(layers: Layers, residual: bool, copies: int, kernel: int) -> str:
    """Two stages of a block of these layers."""
    margin = " " * (10 if residual else 6)
    body = "".join(f"{margin}{name}: {layer}\n" for name, layer in layers)
    if residual:
        body = f"      body:\n        type: residual\n        layers:\n{body}      out: relu\n"
    return f"""netspec: 1
inputs: {{x: [4, 8, 8]}}
blocks:
  unit:
    layers:
{body}layers:
  stem: {{type: conv2d, out_channels: 4, kernel_size: {kernel}, padding: {kernel // 2}}}
  one: {{type: unit, repeat: {copies}}}
  two: {{type: unit, repeat: 3}}
  pool: global_avg_pool2d
  fc: {{type: linear, out_features: 5}}
"""
