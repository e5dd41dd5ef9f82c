"""One new file is a new data source: every command knows it, and nothing else was written.

It runs in a process of its own, whose folder of sources is longer by one that the test writes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SPIRALS = '''
from typing import ClassVar
from netspec.data.network import need_columns, need_floating, only_name
from netspec.data.sources.base import DataSource, source
from netspec.source.records import Count, Positive

@source("spirals")
class Spirals(DataSource):
    """Two spirals: the point at angle 4πt (+π for class 1) has the radius t.  Lang & Witbrock 1988."""
    predicted_from: ClassVar[str] = "csv"
    samples: Positive = 400
    seed: Count = 0

    def read(self, network):
        import numpy as np
        from netspec.data.preprocess import InputRule, shape_of
        from netspec.data.raw import Raw, RawTarget
        x_name = only_name(network.inputs, "input", self.name, self.span_at())
        y_name = only_name(network.outputs, "output", self.name, self.span_at())
        type_ = network.inputs[x_name]
        need_columns(type_, 2, x_name, self.name, self.span_at())
        need_floating(type_, x_name, self.span_at())
        t = np.random.default_rng(self.seed).uniform(size=self.samples)
        side = np.arange(self.samples) % 2
        x = np.stack([t * np.cos(4 * np.pi * t + np.pi * side), t * np.sin(4 * np.pi * t + np.pi * side)], axis=1)
        rule = InputRule("table", shape_of(type_), type_.dtype, columns=("x1", "x2"))
        return Raw({x_name: x}, {x_name: rule}, {y_name: RawTarget(side, self.name, self.span_at())}, self.samples)
'''
# The same again for files of another form: JSON lists of rows, for training and for prediction.
ROWS = '''
import json
from dataclasses import replace
from typing import ClassVar
from netspec.data.network import only_name
from netspec.data.sources.base import DataSource, SampleFiles, source

@source("rows")
class Rows(DataSource, SampleFiles):
    """A JSON list of [features, target]."""
    predicted_from: ClassVar[str] = "rows"
    suffixes: ClassVar[frozenset[str]] = frozenset((".json",))
    files: ClassVar[str] = ".json"
    path: str

    def read(self, network):
        import numpy as np
        from netspec.data.preprocess import InputRule, shape_of
        from netspec.data.raw import Raw, RawTarget
        rows = json.loads((network.folder / self.path).read_text())
        [(name, type_)] = network.inputs.items()
        rule = InputRule("array", shape_of(type_), type_.dtype)
        target = RawTarget(np.array([y for _, y in rows]), self.path, self.span_at("path"))
        y_name = only_name(network.outputs, "output", "", None)
        return Raw({name: np.array([x for x, _ in rows])}, {name: rule}, {y_name: target}, len(rows))

    @classmethod
    def describe(cls, preprocess):
        return "rows in JSON"

    @classmethod
    def read_samples(cls, path, preprocess):
        import numpy as np
        from netspec.data.raw import Samples
        rows = np.array(json.loads(path.read_text()), float)
        [rule] = preprocess.inputs.values()
        return Samples([f"row {i}" for i in range(len(rows))], [rule.apply(rows)])
'''
RUN = """
import importlib
from pathlib import Path
importlib.import_module("netspec.data.sources").__path__.append(str(Path("more")))
from typer.testing import CliRunner
from netspec.cli import app
for line in Path("commands").read_text().splitlines():
    result = CliRunner().invoke(app, line.split())
    print(f"$ {line}", result.exit_code, result.stdout, result.stderr, sep="\\n", flush=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
"""
COMMANDS = {
    "validate": "validate right.yaml",
    "wrong": "validate wrong.yaml",
    "misfit": "train misfit.yaml --run none --device cpu",
    "schema": "schema",
    "train": "train right.yaml --run run --device cpu",
    "resume": "train right.yaml --run run --resume --device cpu",
    "evaluate": "evaluate run --format json",
    "predict": "predict run new.csv --format json",
    "export": "export run",
    "predict with onnx": "predict spirals.onnx new.csv --format json",
    "train rows": "train rows.yaml --run run2 --device cpu",
    "move rows": "evaluate run2 --data moved/all.json --format json",
    "predict rows": "predict run2 new.json --format json",
    "no file": "predict run2 right.yaml",
}
SPEC = """netspec: 1
name: {name}
inputs: {{x: [{size}]}}
layers: {{y: {{type: linear, out_features: 2}}}}
data: {{source: {source}, standardize: true}}
train: {{loss: cross_entropy, epochs: 2}}
"""


@pytest.fixture
def outputs(tmp_path: Path) -> dict[str, str]:
    """Of each command the exit status and what it printed."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "spirals.py").write_text(SPIRALS, encoding="utf-8")
    (tmp_path / "more" / "rows.py").write_text(ROWS, encoding="utf-8")
    sources = {"right": "{type: spirals, samples: 200}", "wrong": "spiral", "misfit": "spirals",
               "rows": "{type: rows, path: all.json}"}  # fmt: skip
    for name, source in sources.items():
        spec = SPEC.format(name="spirals", source=source, size=3 if name == "misfit" else 2)
        (tmp_path / f"{name}.yaml").write_text(spec)
    rows = [[[i / 40, 1 - i / 40], i % 2] for i in range(40)]
    for path in ("all.json", "moved/all.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(json.dumps(rows))
    (tmp_path / "new.csv").write_text("x2,x1\n0.0,0.5\n0.1,-0.9\n")
    (tmp_path / "new.json").write_text("[[0.5, 0.0], [-0.9, 0.1], [0, 0]]")
    (tmp_path / "commands").write_text("\n".join(COMMANDS.values()))
    done = subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    printed = [part.partition("\n")[2] for part in done.stdout.removeprefix("$ ").split("\n$ ")]
    return dict(zip(COMMANDS, printed, strict=True))


def test_every_command_knows_it(outputs: dict[str, str]) -> None:
    for name, text in outputs.items():
        assert text.startswith("0\n") == (name not in ("wrong", "misfit", "no file")), text
    assert "did you mean `spirals`?" in outputs["wrong"]
    assert "misfit.yaml:5:16: NS605 input `x` is (B, 3), spirals has 2 features" in outputs["misfit"]
    sources = json.loads(outputs["schema"].removeprefix("0\n"))["properties"]["data"]["properties"]["source"]
    assert {"spirals", "rows"} < set(sources["anyOf"][0]["enum"])
    assert json.loads(outputs["evaluate"].removeprefix("0\n"))["samples"] == 20
    ours, onnx = (json.loads(outputs[name].removeprefix("0\n")) for name in ("predict", "predict with onnx"))
    assert [row["sample"] for row in ours] == [row["sample"] for row in onnx] == ["line 2", "line 3"]
    assert len(json.loads(outputs["predict rows"].removeprefix("0\n"))) == 3
    assert "expected .csv, .json, .npz, an image, or a folder of images" in outputs["no file"]
