"""The JSON of a difference: its schema, that nothing is left out of it, and that it is the same every time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import netspec
from netspec.report.diff.json import render
from netspec.report.schema.difference import difference_schema
from netspec.review.compared import Compared
from netspec.review.diff import compare
from netspec.review.sides.side import read_sides

ROOT = Path(__file__).parent.parent.parent
ARCHITECTURES = sorted((ROOT / "architectures").glob("*.yaml"))
SCHEMA = json.loads((ROOT / "schemas" / "diff.schema.json").read_text(encoding="utf-8"))
RECURRENT = """
netspec: 1
inputs: {x: [T, 3]}
layers:
  r: {type: lstm, hidden: 4, init: {W_f: {type: normal, std: 0.1}}}
  d: {type: dropout, p: 0.5}
outputs: {y: d}
"""


def document(before: str, after: str) -> Any:
    [text] = render([Compared(after, before, after, compare(*read_sides(before, after)))], False)
    return json.loads(text)


def of_texts(before: str, after: str) -> Any:
    difference = netspec.diff(netspec.load(before), netspec.load(after))
    [text] = render([Compared("net", "a", "b", difference)], False)
    return json.loads(text)["networks"][0]["difference"]


def test_the_schema_in_the_repository_is_fresh() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert difference_schema() == SCHEMA, "run: netspec schema diff > schemas/diff.schema.json"
    assert all(record["description"] for record in SCHEMA["definitions"].values())


@pytest.mark.parametrize(("before", "after"), list(pairwise(ARCHITECTURES)), ids=lambda path: path.stem)
def test_every_document_follows_the_schema(before: Path, after: Path) -> None:
    shown = document(str(before), str(after))
    jsonschema.validate(shown, SCHEMA)
    assert shown["format_version"] == 1
    assert not re.search(r"<[\w.]+ object|\w+\(\w+=", json.dumps(shown))  # no repr of Python


def test_every_layer_is_in_an_entry_and_every_change_in_a_layer() -> None:
    shown = document(str(ROOT / "architectures/resnet34.yaml"), str(ROOT / "architectures/resnet50.yaml"))
    difference = shown["networks"][0]["difference"]
    named = {name for entry in difference["entries"] for name in entry["layers"]}
    layers = [(layer["after"] or layer["before"])["name"] for layer in difference["layers"]]
    assert set(layers) == named and len(layers) == len(set(layers))
    added = next(layer for layer in difference["layers"] if layer["status"] == "added")
    assert added["before"] is None and added["after"]["reads"] == ["layer1.0.body.bn2"]


def test_symbolic_sizes_are_text_and_initialisers_yaml() -> None:
    after = RECURRENT.replace("std: 0.1", "std: 0.2").replace("hidden: 4", "hidden: 5")
    [layer] = of_texts(RECURRENT, after)["layers"]
    assert layer["after"]["shapes"] == {"output": "(B, T, 5)", "state": "(B, 1, 10)"}
    assert layer["after"]["flops"] == "160*T"
    changes = {change["what"]: (change["before"], change["after"]) for change in layer["changes"]}
    assert changes == {
        "hidden": (4, 5),
        "init.W_f": ("{type: normal, std: 0.1}", "{type: normal, std: 0.2}"),
    }


def test_it_is_the_same_in_every_process() -> None:
    files = [str(ROOT / "architectures" / f"resnet{depth}.yaml") for depth in (34, 50)]
    command = [sys.executable, "-m", "netspec", "diff", *files, "--format", "json"]
    texts = {
        subprocess.run(command, capture_output=True, check=True, env={"PYTHONHASHSEED": seed}, cwd=ROOT).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1


def test_infinity_is_written_as_in_a_file() -> None:
    """JSON has none; nor is it in any relation to a number."""
    text = "netspec: 1\ninputs: {x: [4]}\nlayers: {h: {type: hard_tanh, min_val: 0, max_val: .inf}}\n"
    [layer] = of_texts(text, text.replace(".inf", "6"))["layers"]
    assert layer["changes"] == [{"what": "max_val", "before": ".inf", "after": 6.0}]
    assert layer["before"]["fields"]["max_val"] == ".inf"
