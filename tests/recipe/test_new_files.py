"""One new file is a new loss, optimizer, schedule or metric: every command knows it, and nothing else was written.

It runs in a process of its own, whose folders of declarations are longer by one that the test writes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FILES = {
    "losses/huber.py": '''
from netspec.recipe.losses.base import Loss, LossFunction, loss
from netspec.source.records import Above

@loss("huber")
class Huber(Loss):
    """L(ε) = ε²/2 for |ε| ≤ delta, else delta·(|ε| − delta/2).  Huber 1964."""
    targets = "numbers"
    elsewhere = ("huber_loss",)
    delta: Above = 1.0

    def to_torch(self) -> LossFunction:
        from torch.nn import HuberLoss
        return HuberLoss(delta=self.delta)
''',
    "optimizers/adamax.py": '''
from netspec.recipe.optimizers.base import Decay, Optimizer, optimizer

@optimizer("adamax")
class Adamax(Optimizer):
    """m: running mean of g; u := max(β₂u, |g|); w := w − ηm/u: torch.optim.Adamax.  arXiv:1412.6980."""
    lr: float = 2e-3
    betas: tuple[Decay, Decay] = (0.9, 0.999)

    def to_torch(self, weights):
        import torch
        return torch.optim.Adamax(weights, self.lr, self.betas)
''',
    "schedules/polynomial.py": '''
from netspec.recipe.schedules.base import Schedule, schedule

@schedule("polynomial")
class Polynomial(Schedule):
    """f(t) = (1 − t/T)^power."""
    power: float = 2.0

    def factor_after(self, t, share):
        return (1 - share) ** self.power
''',
    "metrics/median_error.py": '''
from netspec.recipe.metrics.base import PredictionMetric, metric

@metric("median_error")
class MedianError(PredictionMetric):
    """The median of |ε|."""
    targets = ("numbers",)
    better = "lower"

    def value(self, part):
        return float((part.predicted - part.true).abs().median())
''',
}
RUN = """
import importlib, sys
from pathlib import Path
for folder in ("losses", "optimizers", "schedules", "metrics"):
    importlib.import_module(f"netspec.recipe.{folder}").__path__.append(str(Path("more") / folder))
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
    "schema": "schema",
    "train": "train right.yaml --run run --device cpu",
    "resume": "train right.yaml --run run --resume --device cpu",
    "evaluate": "evaluate run --format json",
}
SPEC = """netspec: 1
inputs: {{x: [10]}}
layers: {{y: {{type: linear, out_features: 1}}}}
data: {{source: diabetes, standardize: both}}
train: {{loss: {loss}, optimizer: {optimizer}, schedule: {schedule}, metrics: [{metric}], epochs: 3}}
"""


@pytest.fixture
def outputs(tmp_path: Path) -> dict[str, str]:
    """Of each command the exit status and what it printed."""
    for name, text in FILES.items():
        path = tmp_path / "more" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    right = SPEC.format(
        loss="{type: huber, delta: 0.5}",
        optimizer="adamax",
        schedule="{type: polynomial, power: 3}",
        metric="median_error",
    )
    wrong = SPEC.format(loss="huber_loss", optimizer="adamx", schedule="polynomal", metric="median_errors")
    (tmp_path / "right.yaml").write_text(right)
    (tmp_path / "wrong.yaml").write_text(wrong)
    (tmp_path / "commands").write_text("\n".join(COMMANDS.values()))
    done = subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    printed = [part.partition("\n")[2] for part in done.stdout.removeprefix("$ ").split("\n$ ")]
    return dict(zip(COMMANDS, printed, strict=True))


def test_every_command_knows_it(outputs: dict[str, str]) -> None:
    assert outputs["validate"].startswith("0\nright.yaml: ok")
    assert outputs["wrong"].startswith("1\n") and "help: it is called `huber` here" in outputs["wrong"]
    assert "did you mean `adamax`?" in outputs["wrong"] and "did you mean `polynomial`?" in outputs["wrong"]
    assert "each item one of accuracy, bits_per_character, error, f1, mae, max_error, median_error" in outputs["wrong"]
    train = json.loads(outputs["schema"].removeprefix("0\n"))["properties"]["train"]["properties"]
    for key, name in {"loss": "huber", "optimizer": "adamax", "schedule": "polynomial"}.items():
        assert name in train[key]["anyOf"][0]["enum"]
    assert "median_error" in json.dumps(train["metrics"])
    assert outputs["train"].startswith("0\n") and "median_error" in outputs["train"]
    assert outputs["resume"].startswith("0\n"), outputs["resume"]
    assert "median_error" in json.loads(outputs["evaluate"].removeprefix("0\n"))["metrics"]
