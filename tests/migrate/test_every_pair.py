"""Any network's weights in any other: nothing fails, the same network is the same, and what is lost has a reason."""

from __future__ import annotations

import pytest

import netspec
from netspec.migrate.migration import Migration, migrate
from netspec.review.match.networks import match
from tests.migrate.pairs import lived
from tests.migrate.test_foreign_names import HOURGLASS, POST_NORM, TIED
from tests.migrate.test_function_kept import MLP, RECURRENT, SUM, conv, transformer

TEXTS = {
    "mlp": MLP.format(a=3, b=4, act="relu"),
    "hourglass": HOURGLASS,
    "conv": conv(),
    "grouped": conv(a=8, b=8, groups=4, norm="{type: group_norm, num_groups: 2}"),
    "sum": SUM.format(a=4, b=3),
    "transformer": transformer(),
    "post_norm": POST_NORM,
    "tied": TIED,
    "lstm": RECURRENT.format(cell="lstm", hidden=3, begin="learned"),
    "gru": RECURRENT.format(cell="gru", hidden=5, begin="zero"),
    "five_steps": RECURRENT.format(cell="gru", hidden=5, begin="zero").replace("[T, 4]", "[5, 4]"),
    "lengths": RECURRENT.format(cell="gru", hidden=5, begin="zero")
    .replace("{x: [T, 4]}", "{x: [T, 4], n: {shape: [], dtype: int64}}")
    .replace("hidden:", "from: {input: x, lengths: n}, hidden:"),
}


def moved(before: str, after: str) -> Migration:
    a = netspec.load(TEXTS[before])
    return migrate(match(a, netspec.load(TEXTS[after])), lived(a))


@pytest.mark.parametrize("name", TEXTS)
def test_the_same_network_has_the_same_weights(name: str) -> None:
    migration = moved(name, name)
    assert migration.comparison is not None and migration.comparison.difference == 0
    assert not migration.breaks and not migration.doubts


@pytest.mark.parametrize("before", TEXTS)
def test_what_is_lost_has_a_reason(before: str) -> None:
    for after in TEXTS:
        migration = moved(before, after)
        if migration.comparison is not None and not migration.keeps_function:
            assert migration.breaks or migration.doubts, after


@pytest.mark.parametrize(
    ("before", "after", "layer"),
    [
        ("outputs: {y: r.state}", "hidden: 7", "r"),
        ("  s: {type: split, dim: 2, num: 2}\noutputs: {y: s.1}", "hidden: 6", "s"),
    ],
)
def test_what_is_cut_or_packed_is_not_taken_for_something_else(before: str, after: str, layer: str) -> None:
    text = "netspec: 1\ninputs: {x: [T, 4]}\nlayers:\n  r: {type: lstm, hidden: 4}\n"
    a, b = netspec.load(text + before + "\n"), netspec.load((text + before + "\n").replace("hidden: 4", after))
    migration = migrate(match(a, b), lived(a))
    assert not migration.keeps_function and {layer, "output y"} & {*migration.breaks}


def test_groups_of_a_norm_are_of_its_channels_alone() -> None:
    text = conv(norm="{type: group_norm, num_groups: 2}").replace("x: [3, 12, 12]", "x: [3, 10, 10]")
    a = netspec.load(text)
    assert migrate(match(a, a), lived(a)).keeps_function
