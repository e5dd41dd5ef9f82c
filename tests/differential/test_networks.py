"""Random networks and networks that once failed, against the reference."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from netspec.layers import kinds
from tests.differential.compare import compare
from tests.differential.draw import draw, kinds_in
from tests.differential.networks import one
from tests.differential.reference.network import CONTAINERS, KINDS

FOUND = sorted((Path(__file__).parent / "found").glob("*.yaml"))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_networks_that_failed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for seed in range(3):
        report = compare(yaml.safe_load(text), text, seed, share=1)
        assert report.counts["networks"] == 1, report.counts


def test_every_kind_has_a_reference_and_is_drawn() -> None:
    """A new kind without a function in `reference/` and a proposal in `draw_layers.py` fails here."""
    assert set(kinds()) == set(KINDS)
    drawn = set().union(*(kinds_in(draw(seed)) for seed in range(2 * len(KINDS))))
    assert not {*KINDS, *CONTAINERS} - drawn


def test_a_seed_gives_the_same_network() -> None:
    assert [draw(seed) for seed in (3, 33, 102)] == [draw(seed) for seed in (3, 33, 102)]


@pytest.mark.parametrize("first", range(0, 300, 30))
def test_random_networks(first: int, tmp_path: Path) -> None:
    seeds = range(first, first + 30)
    failures = [outcome.failure for seed in seeds if (outcome := one(seed, tmp_path)).failure]
    assert not failures, "\n".join(failures)
