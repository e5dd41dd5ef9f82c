"""Every data source has every part: record, meaning, how it is read for training and for prediction, schema.

Its row in docs/training.md is held by tests/test_training_docs.py.
"""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys

import jsonschema
import pytest

from netspec.data.config import DataConfig, read_data
from netspec.data.preprocess import InputRule, Preprocess
from netspec.data.sources.base import SOURCES, DataSource, SampleFiles, files_hint, sample_files
from netspec.source.records import fields_of, record_schema
from netspec.source.text import Source
from netspec.source.tree import Map, parse

# What the keys that have no default may be.
VALUES = {"path": "a", "target": "y"}


@pytest.fixture(params=list(SOURCES))
def source(request: pytest.FixtureRequest) -> type[DataSource]:
    return SOURCES[request.param]


def text(source: type[DataSource]) -> str:
    keys = {name: VALUES[name] for name, field in fields_of(source).items() if field.required}
    return f"source: {{type: {source.name}{''.join(f', {key}: {value}' for key, value in keys.items())}}}"


def test_it_is_declared_in_the_file_of_its_name(source: type[DataSource]) -> None:
    assert source.__module__ == f"netspec.data.sources.{source.name}"
    assert issubclass(source, DataSource) and dataclasses.is_dataclass(source)
    assert source.__dataclass_params__.frozen  # type: ignore[attr-defined]  # typeshed leaves it out


def test_it_says_what_it_is(source: type[DataSource]) -> None:
    assert (
        source.__doc__ and source.__doc__ != DataSource.__doc__ and not source.__doc__.startswith(source.__name__ + "(")
    )


def test_its_keys_are_read_and_know_their_places(source: type[DataSource]) -> None:
    tree = parse(Source("net.yaml", text(source)))
    assert isinstance(tree, Map)
    read = read_data(tree).source
    assert type(read) is source and read.span_at() == tree.span_at("source")
    for name in fields_of(source):
        assert read.span_at(name) == tree.span_at("source", name)


def test_the_schema_has_it(source: type[DataSource]) -> None:
    tree = parse(Source("net.yaml", text(source)))
    schema = record_schema(DataConfig)
    assert source.name in schema["properties"]["source"]["anyOf"][0]["enum"]
    jsonschema.validate(tree.plain(), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"source": {**tree.plain()["source"], "no_key": 1}}, schema)


def test_it_is_read_for_training(source: type[DataSource]) -> None:
    assert not inspect.isabstract(source), "`read`, and what it calls, are there"


def test_new_samples_come_in_files_that_a_source_reads(source: type[DataSource]) -> None:
    reader = SOURCES[source.predicted_from]
    assert issubclass(reader, SampleFiles) and not inspect.isabstract(reader)
    assert reader.suffixes and reader.files and reader.predicted_from == reader.name
    assert issubclass(source, SampleFiles) == (source is reader)


def test_no_two_sources_read_the_same_files() -> None:
    suffixes = [suffix for files in sample_files() for suffix in files.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert sum(files.folders for files in sample_files()) == 1


def test_the_records_are_read_without_numpy_and_scikit_learn() -> None:
    code = (
        "import sys; from netspec.data.sources.base import SOURCES; list(SOURCES.values()); import netspec.data.config"
    )
    code += "; print(*sorted({'numpy', 'sklearn', 'PIL', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (InputRule("table", (1,), columns=("a",)), "give a .csv table, or an .npz file with `x`"),
        (InputRule("image", (1, 8, 8), channels=1, size=(8, 8)), "give an image, or an .npz file with `x`"),
        (InputRule("array", (3,)), "give an .npz file with `x`"),
    ],
)
def test_what_to_give_instead(rule: InputRule, expected: str) -> None:
    assert files_hint(Preprocess(inputs={"x": rule})) == expected
