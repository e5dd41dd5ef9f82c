"""`evaluate` against scikit-learn on the same samples, `predict` against the module, from a run and from ONNX."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import sklearn.datasets
import sklearn.metrics
import torch
from PIL import Image
from rich.console import Console

import netspec
from netspec import NetspecError
from netspec.data.preprocess import OutputRule
from netspec.recipe.metrics.base import Predicted
from netspec.report.evaluation import show_evaluation
from netspec.training import train as loop
from netspec.training.evaluate import ClassReport, Evaluation, NumberReport, evaluate, report
from netspec.training.model import META
from netspec.training.predict import Predictions, predict
from netspec.training.run_data import dataset_of
from netspec.training.trained import Trained, load_run

WINE = """
netspec: 1
name: wine
inputs: {x: [13]}
layers: {fc: {type: linear, out_features: 3}}
outputs: {kind: fc}
data: {source: wine, standardize: true, split: {train: 0.6, test: 0.4}}
train: {loss: cross_entropy, optimizer: {type: adam, lr: 0.05}, epochs: 5}
"""
DIGITS = """
netspec: 1
name: digits
inputs: {image: [1, 8, 8]}
layers: {flat: flatten, fc: {type: linear, out_features: 10}}
outputs: {logits: fc}
data: {source: digits, standardize: true}
train: {loss: cross_entropy, optimizer: {type: adam, lr: 0.01}, epochs: 8}
"""
DIABETES = """
netspec: 1
name: diabetes
inputs: {x: [10]}
layers: {fc: {type: linear, out_features: 1}}
outputs: {y: fc}
data: {source: diabetes, standardize: both}
train: {loss: squared, optimizer: {type: sgd, lr: 0.1}, epochs: 20}
"""
CANCER = """
netspec: 1
name: cancer
inputs: {x: [30]}
layers: {fc: {type: linear, out_features: 1}}
outputs: {tumour: fc}
data: {source: breast_cancer, standardize: true}
train: {loss: %s, optimizer: {type: sgd, lr: 0.1}, epochs: 5}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    texts = {
        "wine": WINE,
        "digits": DIGITS,
        "diabetes": DIABETES,
        "logistic": CANCER % "logistic",
        "hinge": CANCER % "hinge",
    }
    for name, text in texts.items():
        loop.train(netspec.load(text), run=folder / name, device="cpu")
    return {name: folder / name for name in texts}


def test_part(trained: Trained) -> Any:
    graph = trained.spec
    return dataset_of(graph, *graph.learning()).parts["test"]


test_part.__test__ = False  # type: ignore[attr-defined]


def test_classes(runs: dict[str, Path]) -> None:
    found = evaluate(runs["wine"], device="cpu")
    trained = load_run(runs["wine"])
    part = test_part(trained)
    with torch.no_grad():
        said = trained.module(torch.from_numpy(part.inputs["x"])).argmax(1).numpy()
    report = found.outputs["kind"]
    assert isinstance(report, ClassReport) and found.samples == part.count == 71
    np.testing.assert_array_equal(report.confusion, sklearn.metrics.confusion_matrix(part.targets["kind"], said))
    assert report.accuracy == sklearn.metrics.accuracy_score(part.targets["kind"], said)
    assert found.to_dict()["outputs"]["kind"]["classes"][0]["name"] == "class_0"


def test_numbers_in_their_units(runs: dict[str, Path]) -> None:
    found = evaluate(runs["diabetes"], device="cpu")
    report = found.outputs["y"]
    assert isinstance(report, NumberReport)
    assert 30 < report.mae < 60 and report.rmse == pytest.approx(
        report.mse**0.5
    )  # in units of the disease, not deviations
    assert found.loss < 1


def test_tables(runs: dict[str, Path]) -> None:
    out = io.StringIO()
    console = Console(file=out, width=120)
    for name in ("wine", "diabetes", "hinge"):
        show_evaluation(console, evaluate(runs[name], device="cpu"))
    text = out.getvalue()
    assert "precision" in text and "class_2" in text
    narrow = io.StringIO()
    show_evaluation(Console(file=narrow, width=60), evaluate(runs["wine"], device="cpu"))
    assert "true | taken for" in narrow.getvalue() and "…" not in narrow.getvalue()
    assert "y: mse " in text and "tumour: accuracy" in text and "benign" in text


def test_a_table_of_characters() -> None:
    """Each in one line, and those that the part has not are none of the worst."""
    names = ("\n", " ", *(chr(ord("a") + i) for i in range(20)), "never")
    true = torch.arange(22)
    found = report(OutputRule("classes", names), Predicted(true.flip(0), true, torch.arange(len(true))))
    out = io.StringIO()
    evaluation = Evaluation(Path("r"), "t", 22, 1.0, (22, "characters"), {}, {"y": found})
    show_evaluation(Console(file=out, width=100), evaluation)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert "the 20 worst of 22 classes with samples, 1 without" in lines
    rows = [line.split() for line in lines if line.endswith("0.000")]
    assert len(rows) == 20 and all(len(row) == 5 and row[1] == "1" for row in rows)
    assert [row[0] for row in rows[:3]] == ["⏎", "␣", "a"] and "never" not in out.getvalue()


def write_csv(path: Path, columns: list[str], rows: Any) -> Path:
    path.write_text("\n".join([",".join(columns), *(",".join(map(repr, map(float, row))) for row in rows)]))
    return path


def expected_wine(trained: Trained, x: Any) -> Any:
    standard = trained.preprocess.inputs["x"].standard
    assert standard is not None
    z = torch.tensor((x - np.array(standard.mean)) / np.array(standard.deviation), dtype=torch.float32)
    with torch.no_grad():
        return torch.softmax(trained.module(z).double(), 1).numpy()


def test_a_table_with_its_columns_in_another_order(runs: dict[str, Path], tmp_path: Path) -> None:
    wine = sklearn.datasets.load_wine()
    order = np.random.default_rng(0).permutation(13)
    names = [wine.feature_names[i] for i in order]
    path = write_csv(tmp_path / "a.csv", [*names, "comment"], np.c_[wine.data[:300:20][:, order], np.zeros(9)])
    found = predict(runs["wine"], path, device="cpu")
    expected = expected_wine(load_run(runs["wine"]), wine.data[::20])
    assert found.labels[0] == "line 2"
    for row, p in zip(found.rows, expected, strict=True):
        assert row["kind"]["class"] == f"class_{p.argmax()}"
        np.testing.assert_allclose(list(row["kind"]["probabilities"].values()), p, atol=1e-6)


def test_images(runs: dict[str, Path], tmp_path: Path) -> None:
    digits = sklearn.datasets.load_digits()
    for i in range(10):
        Image.fromarray(np.round(digits.images[i] * 255 / 16).astype(np.uint8)).save(tmp_path / f"{i}.png")
    found = predict(runs["digits"], tmp_path, device="cpu")
    assert found.labels == tuple(f"{i}.png" for i in range(10))
    np.savez(tmp_path / "a.npz", image=digits.images[:10, None])
    arrays = predict(runs["digits"], tmp_path / "a.npz", device="cpu")
    for a, b in zip(found.rows, arrays.rows, strict=True):
        assert a["logits"]["class"] == b["logits"]["class"]
        assert a["logits"]["probability"] == pytest.approx(b["logits"]["probability"], abs=0.02)
    assert sum(row["logits"]["class"] == str(i) for i, row in enumerate(found.rows)) >= 9
    one = predict(runs["digits"], tmp_path / "3.png", device="cpu")
    assert one.rows[0]["logits"]["probability"] == pytest.approx(found.rows[3]["logits"]["probability"])


@pytest.mark.parametrize("name", ["wine", "diabetes", "logistic", "hinge"])
def test_a_model_says_what_its_run_says(runs: dict[str, Path], tmp_path: Path, name: str) -> None:
    trained = load_run(runs[name])
    model = netspec.to_onnx(trained.spec, trained.module)
    entry = model.metadata_props.add()
    entry.key, entry.value = META, trained.preprocess.to_json()
    onnx.save(model, tmp_path / "m.onnx")
    source = {"wine": "wine", "diabetes": "diabetes"}.get(name, "breast_cancer")
    data = getattr(sklearn.datasets, f"load_{source}")()
    path = write_csv(tmp_path / "a.csv", list(data.feature_names), data.data[::50])
    a, b = predict(runs[name], path, device="cpu"), predict(tmp_path / "m.onnx", path)
    assert isinstance(a, Predictions) and len(a.rows) == len(b.rows) > 3
    for x, y in zip(a.rows, b.rows, strict=True):
        for entry_x, entry_y in zip(x.values(), y.values(), strict=True):
            assert entry_x.get("class") == entry_y.get("class")
            for key in ("probability", "value", "margin"):
                if key in entry_x:
                    assert entry_x[key] == pytest.approx(entry_y[key], rel=1e-4)


def test_signs(runs: dict[str, Path], tmp_path: Path) -> None:
    data = sklearn.datasets.load_breast_cancer()
    path = write_csv(tmp_path / "a.csv", list(data.feature_names), data.data[:40])
    likely = predict(runs["logistic"], path, device="cpu")
    margins = predict(runs["hinge"], path, device="cpu")
    assert all(0.5 <= row["tumour"]["probability"] <= 1 for row in likely.rows)
    assert all("probability" not in row["tumour"] for row in margins.rows)
    for found in (likely, margins):
        names = [data.target_names[t] for t in data.target[:40]]
        assert sum(row["tumour"]["class"] == n for row, n in zip(found.rows, names, strict=True)) > 34


def test_numbers_are_turned_back(runs: dict[str, Path], tmp_path: Path) -> None:
    data = sklearn.datasets.load_diabetes()
    path = write_csv(tmp_path / "a.csv", list(data.feature_names), data.data)
    values = np.array([row["y"]["value"] for row in predict(runs["diabetes"], path, device="cpu").rows])
    assert sklearn.metrics.r2_score(data.target, values) > 0.45


def refused(model: Path, path: Path) -> str:
    with pytest.raises(NetspecError) as error:
        predict(model, path, device="cpu")
    return str(error.value)


def test_inputs_that_do_not_fit(runs: dict[str, Path], tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    Image.new("L", (8, 8)).save(image)
    assert "NS632 the network does not take images\n  help: give a .csv table, or an .npz file with `x`" in refused(
        runs["wine"], image
    )
    table = write_csv(tmp_path / "a.csv", ["alcohol", "ash", "malic"], [[1, 2, 3]])
    found = refused(runs["wine"], table)
    assert "has no column `malic_acid`" in found and "did you mean `malic`?" in found
    assert "NS632 input `image` is not made from a table" in refused(runs["digits"], table)
    assert "NS602 no such file" in refused(runs["wine"], tmp_path / "b.csv")
    assert "did you mean `a.csv`?" in refused(runs["wine"], tmp_path / "b.csv")
    (tmp_path / "a.txt").touch()
    assert "NS632 cannot read a `.txt` file" in refused(runs["digits"], tmp_path / "a.txt")
    assert "a.txt is empty" in refused(runs["wine"], tmp_path / "a.txt")  # a table may be called anything
    np.savez(tmp_path / "a.npz", y=np.zeros((2, 13)))
    assert "NS632 has no array `x`\n  help: it has y" in refused(runs["wine"], tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 12)))
    assert "NS605 array `x` of" in refused(runs["wine"], tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x=np.zeros((0, 13)))
    assert "NS632 needs one or more samples" in refused(runs["wine"], tmp_path / "a.npz")
    image.write_bytes(b"no")
    assert "NS608 cannot read the image" in refused(runs["digits"], image)


def test_runs_and_models_that_are_none(runs: dict[str, Path], tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ["a"], [[1]])
    assert "NS631 no such run" in refused(runs["wine"].with_name("wines"), path)
    assert "did you mean `wine`?" in refused(runs["wine"].with_name("wines"), path)
    assert "NS631 is no run: it has no spec.yaml" in refused(tmp_path, path)
    assert "NS631 is a file, expected the folder of a run" in refused(path, path)
    (tmp_path / "m.onnx").write_bytes(b"not a model at all")
    assert "NS631 cannot be read as an ONNX model" in refused(tmp_path / "m.onnx", path)
    assert "NS631 no such model" in refused(tmp_path / "n.onnx", path)
    trained = load_run(runs["wine"])
    onnx.save(netspec.to_onnx(trained.spec, trained.module), tmp_path / "m.onnx")
    assert "NS631 does not say how its inputs are made" in refused(tmp_path / "m.onnx", path)


def test_a_run_without_a_test_part(tmp_path: Path) -> None:
    text = WINE.replace("train: 0.6, test: 0.4", "train: 1")
    run = loop.train(netspec.load(text), run=tmp_path / "r", device="cpu")
    assert set(run.results) == {"train"}
    with pytest.raises(NetspecError, match="NS607 the run has no test part"):
        evaluate(tmp_path / "r")


def test_data_with_other_classes_than_in_training(tmp_path: Path) -> None:
    rows = "".join(f"{i},{'ab'[i % 2]}\n" for i in range(40))
    (tmp_path / "d.csv").write_text("x,kind\n" + rows)
    text = WINE.replace("source: wine", "source: {type: csv, path: d.csv, target: kind}").replace("[13]", "[1]")
    text = text.replace("out_features: 3", "out_features: 2")
    loop.train(netspec.load(text, folder=tmp_path), run=tmp_path / "r", device="cpu")
    assert evaluate(tmp_path / "r", device="cpu").samples == 16
    (tmp_path / "d.csv").write_text("x,kind\n" + rows.replace("b", "c"))  # samples of another class were not there
    found = evaluate(tmp_path / "r", device="cpu")
    report = found.outputs["kind"]
    assert isinstance(report, ClassReport)
    assert report.names == ("a", "b") and report.support.tolist() == [8, 0] and found.samples == 8
    assert "20 samples are gone, 20 samples are new" in found.notes[0]
