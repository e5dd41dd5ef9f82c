"""Text that is written on: against the network applied to everything so far."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

import netspec
from netspec import NetspecError
from netspec.backends.export import export_onnx
from netspec.cli import app
from netspec.data.preprocess import InputRule, OutputRule, Preprocess
from netspec.training import train as loop
from netspec.training.generate import Generated, Writing, generate
from netspec.training.model import META, LoadedModel
from netspec.training.predict import predict
from netspec.training.trained import load_run

BIGRAMS = """
netspec: 1
name: bigrams
inputs: {{x: {inputs}}}
layers: {layers}
outputs: {{next: out}}
data: {{source: {{type: text, path: a.txt, length: 20}}}}
train: {{loss: cross_entropy, metrics: [accuracy, bits_per_character], epochs: 30, batch_size: 8,
         optimizer: {{type: adam, lr: 0.1}}}}
"""
TEXT = "ab cab " * 300


def trained(folder: Path, inputs: str, layers: str) -> Path:
    (folder / "a.txt").write_text(TEXT)
    loop.train(
        netspec.load(BIGRAMS.format(inputs=inputs, layers=layers), folder=folder), run=folder / "r", device="cpu"
    )
    return folder / "r"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("run"), "[T, 4]", "{out: {type: linear, out_features: 4}}")


def test_a_network_without_a_state(run: Path) -> None:
    """Bigrams of `ab cab `: c follows a space or not, all else is certain."""
    found = predict(run, "ca", device="cpu", writing=Writing(200, 0.5, 1))
    assert isinstance(found, Generated) and found.prompt == "ca" and len(found.text) == 200
    assert found.text.startswith("b ")
    assert set(found.text.split()[1:-1]) <= {"ab", "cab"} and "cab ab" in found.text
    same, other = (predict(run, "ca", device="cpu", writing=Writing(200, 0.5, seed)) for seed in (1, 2))
    assert same == found and isinstance(other, Generated) and other.text != found.text
    greedy = [predict(run, "b", device="cpu", writing=Writing(50, 0.0, seed)) for seed in (1, 2)]
    assert greedy[0].text == greedy[1].text  # type: ignore[union-attr]


def test_whole_numbers_and_a_network_with_more_outputs_than_characters(tmp_path: Path) -> None:
    layers = "{e: {type: embedding, num_embeddings: 20, embedding_dim: 8}, out: {type: linear, out_features: 20}}"
    found = predict(trained(tmp_path, "{shape: [T], dtype: int64}", layers), "", device="cpu", writing=Writing(80, 5.0))
    assert isinstance(found, Generated) and set(found.text) <= set("ab c")


def test_from_onnx_the_same(run: Path, tmp_path: Path) -> None:
    loaded = load_run(run)
    export_onnx(loaded.spec, loaded.module, tmp_path / "m.onnx", {META: loaded.preprocess.to_json()})
    expected = predict(run, "ab", device="cpu", writing=Writing(60))
    assert predict(tmp_path / "m.onnx", "ab", writing=Writing(60)) == expected


def test_arrays_are_predicted_as_ever(run: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.eye(4, dtype=np.float32)[None])
    found = predict(run, tmp_path / "x.npz", device="cpu").to_dict()
    [row] = found  # type: ignore[misc]
    assert row["next"]["class"][1:] == ["b", " ", "a"]  # after a, b and c; after a space come two


@pytest.mark.parametrize(
    ("given", "writing", "words"),
    [
        ("aéb", Writing(5), "NS632 the prompt has 'é', the text of the training had not"),
        ("aéb", Writing(5), "help: its characters are ' abc'"),
        ("ab", Writing(5, float("nan")), "NS632 a temperature is a number of at least 0"),
    ],
)
def test_messages(run: Path, given: str, writing: Writing, words: str) -> None:
    with pytest.raises(NetspecError) as error:
        predict(run, given, device="cpu", writing=writing)
    assert words in str(error.value)


def test_a_fixed_number_of_steps(tmp_path: Path) -> None:
    path = trained(tmp_path, "[20, 4]", "{out: {type: linear, out_features: 4}}")
    with pytest.raises(NetspecError) as error:
        predict(path, "ab", device="cpu")
    assert "NS632 takes exactly 20 characters" in str(error.value)


def test_commands(run: Path) -> None:
    runner = CliRunner()
    done = runner.invoke(app, ["predict", str(run), "ab ", "--length", "30", "--temperature", "0.5", "--seed", "3"])
    expected = predict(run, "ab ", device="cpu", writing=Writing(30, 0.5, 3))
    assert isinstance(expected, Generated)
    assert done.exit_code == 0 and done.stdout == f"ab {expected.text}\n"
    done = runner.invoke(app, ["predict", str(run), "ab ", "--length", "30", "--format", "json"])
    assert json.loads(done.stdout) == predict(run, "ab ", device="cpu", writing=Writing(30)).to_dict()
    done = runner.invoke(app, ["evaluate", str(run)])
    assert "test part, 200 characters · loss" in done.stdout and "bits_per_character" in done.stdout


def test_reports_count_characters(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    out = io.StringIO()
    text = BIGRAMS.format(inputs="[T, 4]", layers="{out: {type: linear, out_features: 4}}").replace(
        "epochs: 30", "epochs: 1"
    )
    netspec.train(
        netspec.load(text, folder=tmp_path), run=tmp_path / "r", device="cpu", console=Console(file=out, width=120)
    )
    assert "20 weights · 1,660 train, 220 validation, 200 test characters · cpu" in out.getvalue()
    assert "characters" in out.getvalue().splitlines()[2] and "1,660" in out.getvalue()


def test_only_a_network_of_text_writes(tmp_path: Path) -> None:
    text = """
netspec: 1
name: iris
inputs: {x: [4]}
layers: {fc: {type: linear, out_features: 3}}
data: {source: iris}
train: {loss: cross_entropy, epochs: 1}
"""
    loop.train(netspec.load(text), run=tmp_path / "r", device="cpu")
    with pytest.raises(NetspecError) as error:
        predict(tmp_path / "r", "a.csv", device="cpu", writing=Writing(5))
    assert "NS632 does not write text" in str(error.value)


def test_a_state_is_carried_from_character_to_character(gru: Any) -> None:
    torch.manual_seed(0)
    module = gru(3, 8, 3)
    symbols = tuple("xyz")
    preprocess = Preprocess("text", {"x": InputRule("array", ("T", 3), symbols=symbols, steps=4)},
                            {"y": OutputRule("classes", symbols, 2)})  # fmt: skip
    lengths = []

    def compute(inputs: list[Any]) -> dict[str, Any]:
        lengths.append(inputs[0].shape[1])
        with torch.inference_mode():
            return {"y": module(torch.from_numpy(inputs[0])).numpy()}

    model = LoadedModel(compute, preprocess, module)
    found = generate(model, "xyzzyx", "m", Writing(length=12, temperature=0.0, seed=0))
    assert lengths == [6, *[1] * 11]
    text = "xyzzyx"
    with torch.no_grad():
        for _ in range(12):
            codes = torch.tensor([[symbols.index(c) for c in text]])
            text += symbols[int(module((codes.unsqueeze(-1) == torch.arange(3)).float())[0, -1].argmax())]
    assert found.text == text[6:]
