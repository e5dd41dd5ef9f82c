"""The `data` section: records, defaults, and messages at their place."""

import pytest

from netspec import NetspecError
from netspec.data.config import DataSplit, read_data
from netspec.data.sources.csv import Csv
from netspec.data.sources.digits import Digits
from netspec.data.sources.image_folder import ImageFolder
from netspec.source.text import Source
from netspec.source.tree import Map, parse


def tree(text: str) -> Map:
    root = parse(Source("net.yaml", text))
    assert isinstance(root, Map)
    return root


def message(text: str) -> str:
    with pytest.raises(NetspecError) as error:
        read_data(tree(text))
    return str(error.value)


def test_bare_name_and_defaults() -> None:
    config = read_data(tree("source: digits"))
    assert config.source == Digits()
    assert config.split.shares() == {"train": 0.8, "validation": 0.1, "test": 0.1}
    assert config.standardize is False


def test_csv_record() -> None:
    config = read_data(tree("source: {type: csv, path: a.csv, target: {y: [p, q]}, features: {x: [a, b]}}"))
    assert config.source == Csv("a.csv", {"y": ("p", "q")}, {"x": ("a", "b")})


def test_image_size() -> None:
    source = read_data(tree("source: {type: image_folder, path: pets, size: [32, 48]}")).source
    assert source == ImageFolder("pets", (32, 48))


def test_shares_left_out_are_none_of_it() -> None:
    assert DataSplit(train=0.9, test=0.1).shares() == {"train": 0.9, "validation": 0.0, "test": 0.1}
    assert DataSplit(seed=3).shares()["train"] == 0.8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "source: digit",
            "net.yaml:1:9: NS201 unknown data source 'digit'\n"
            "  1 | source: digit\n    |         ^^^^^\n  help: did you mean `digits`?",
        ),
        ("split: {seed: 1}", "NS204 data needs `source`"),
        ("source: csv", "NS204 data source csv needs `path`"),
        (
            "source: digits\nsplit: {train: 0.8, test: 0.3}",
            "net.yaml:2:8: NS601 `split` gives away more than everything: 0.8 + 0 + 0.3 = 1.1",
        ),
        ("source: digits\nsplit: {test: 0.3}", "net.yaml:2:8: NS601 `split` leaves nothing to train on"),
        ("source: digits\nsplit: {train: 2}", "net.yaml:2:16: NS203"),
        ("source: digits\nsplits: {train: 1}", "net.yaml:2:1: NS202 data has no key `splits`"),
        ('source: {type: csv, path: a, target: b, delimiter: "\\n"}', "NS601 `delimiter` is one character, no quote"),
        ("source: {type: csv, path: a, target: b, delimiter: '\"'}", "NS601 `delimiter` is one character, no quote"),
        ("source: {type: csv, path: a, target: b, delimiter: ab}", "net.yaml:1:52: NS601 `delimiter` is one character"),
        ("source: {type: csv, path: a, target: []}", "net.yaml:1:38: NS601 `target` names no column"),
        ("source: digits\nstandardize: some", "net.yaml:2:14: NS203"),
    ],
)
def test_messages(text: str, expected: str) -> None:
    assert expected in message(text)


def test_shares_that_sum_to_one_in_floating_point() -> None:
    assert read_data(tree("source: digits\nsplit: {train: 0.7, validation: 0.2, test: 0.1}"))
