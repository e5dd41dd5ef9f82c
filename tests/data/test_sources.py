"""Sources: what is read against scikit-learn and NumPy, and every complaint with its words and place."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import netspec
from netspec import NetspecError
from netspec.data.parts import Dataset, ImageRows
from netspec.data.preprocess import Preprocess
from netspec.training.run_data import dataset_of

HEAD = "netspec: 1\nname: t\n"


def spec(inputs: str, layers: str, data: str, train: str = "loss: cross_entropy", outputs: str = "") -> str:
    text = f"{HEAD}inputs: {inputs}\nlayers: {layers}\n"
    return text + (f"outputs: {outputs}\n" if outputs else "") + f"data: {data}\ntrain: {{{train}}}\n"


def dataset(text: str, folder: Path = Path()) -> Dataset:
    graph = netspec.load(text, folder=folder)
    return dataset_of(graph, *graph.learning())


def message(text: str, folder: Path = Path()) -> str:
    with pytest.raises(NetspecError) as error:
        dataset(text, folder)
    return str(error.value)


def linear(size: int) -> str:
    return f"{{flat: flatten, out: {{type: linear, out_features: {size}}}}}"


@pytest.mark.parametrize("shape", ["[1, 8, 8]", "[64]", "[8, 8]"])
def test_digits_fill_any_shape_of_64(shape: str) -> None:
    from sklearn.datasets import load_digits

    loaded = dataset(spec(f"{{x: {shape}}}", linear(10), "{source: digits, split: {train: 1}}"))
    x = loaded.parts["train"].inputs["x"]
    assert isinstance(x, np.ndarray)
    assert x.dtype == np.float32 and x.shape[1:] == tuple(eval(shape))
    np.testing.assert_array_equal(x.reshape(-1, 64), (load_digits().data / 16).astype(np.float32))
    assert x.max() == 1
    np.testing.assert_array_equal(loaded.parts["train"].targets["out"], load_digits().target)


@pytest.mark.parametrize(("name", "features", "classes"), [("iris", 4, 3), ("wine", 13, 3), ("breast_cancer", 30, 2)])
def test_tables_of_classes(name: str, features: int, classes: int) -> None:
    import sklearn.datasets

    loaded = dataset(spec(f"{{x: [{features}]}}", linear(classes), f"{{source: {name}, split: {{train: 1}}}}"))
    plain = getattr(sklearn.datasets, f"load_{name}")()
    np.testing.assert_array_equal(loaded.parts["train"].inputs["x"], plain.data.astype(np.float32))
    assert loaded.preprocess.outputs["out"].names == tuple(plain.target_names)
    assert loaded.preprocess.inputs["x"].columns == tuple(plain.feature_names)


def test_numbers_take_the_shape_of_the_output() -> None:
    loaded = dataset(spec("{x: [10]}", linear(1), "{source: diabetes}", "loss: squared"))
    assert loaded.parts["train"].targets["out"].shape == (354, 1)


def test_signs() -> None:
    loaded = dataset(spec("{x: [30]}", linear(1), "{source: breast_cancer}", "loss: hinge"))
    assert set(np.unique(loaded.parts["train"].targets["out"])) == {-1.0, 1.0}
    assert loaded.preprocess.outputs["out"].names == ("malignant", "benign")


def test_split_keeps_the_classes_in_proportion() -> None:
    loaded = dataset(spec("{x: [4]}", linear(3), "{source: iris}"))
    for part, count in (("train", 40), ("validation", 5), ("test", 5)):
        assert (np.bincount(loaded.parts[part].targets["out"]) == count).all()


def test_standardisation_is_fitted_on_the_training_part_alone() -> None:
    text = spec("{x: [13]}", linear(3), "{source: wine, standardize: %s}")
    plain, loaded = dataset(text % "false"), dataset(text % "true")
    x = plain.parts["train"].inputs["x"].astype(np.float64)  # type: ignore[union-attr]
    standard = loaded.preprocess.inputs["x"].standard
    assert standard is not None
    np.testing.assert_allclose(standard.mean, x.mean(0), rtol=1e-6)
    np.testing.assert_allclose(standard.deviation, x.std(0), rtol=1e-6)
    for part in ("train", "validation", "test"):
        expected = (plain.parts[part].inputs["x"] - x.mean(0)) / x.std(0)
        np.testing.assert_allclose(loaded.parts[part].inputs["x"], expected, atol=2e-5)
    assert abs(float(loaded.parts["test"].inputs["x"].mean())) > 1e-3  # type: ignore[union-attr]


def test_targets_are_standardised_with_both() -> None:
    loaded = dataset(spec("{x: [10]}", linear(1), "{source: diabetes, standardize: both}", "loss: squared"))
    y = loaded.parts["train"].targets["out"]
    assert abs(y.mean()) < 1e-5 and abs(y.std() - 1) < 1e-5
    rule = Preprocess.from_json(loaded.preprocess.to_json(), "p").outputs["out"]
    assert rule == loaded.preprocess.outputs["out"]
    assert rule.standard is not None and 140 < rule.standard.mean[0] < 165


def test_a_column_that_never_changes_stays_finite(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,y\n" + "".join(f"{i},7,{i % 2}\n" for i in range(20)))
    loaded = dataset(
        spec("{x: [2]}", linear(2), "{source: {type: csv, path: a.csv, target: y}, standardize: true}"), tmp_path
    )
    x = loaded.parts["train"].inputs["x"]
    assert np.isfinite(x).all() and (x[:, 1] == 0).all()  # type: ignore[index]


# CSV

CSV = "{source: {type: csv, path: a.csv, target: kind%s}, split: {train: 1}}"


def test_csv_with_text_classes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('\ufeffa;b;kind\r\n1;2;dog\r\n3;4.5;cat\r\n\r\n5;-1e2;"dog"\r\n', encoding="utf-8")
    loaded = dataset(spec("{x: [2]}", linear(2), CSV % ', delimiter: ";"'), tmp_path)
    np.testing.assert_array_equal(loaded.parts["train"].inputs["x"], [[1, 2], [3, 4.5], [5, -100]])
    np.testing.assert_array_equal(loaded.parts["train"].targets["out"], [1, 0, 1])
    assert loaded.preprocess.outputs["out"].names == ("cat", "dog")


def test_csv_with_several_inputs_and_outputs(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,c,p,q,kind\n1,2,3,4,5,0\n6,7,8,9,10,1\n")
    text = spec(
        "{u: [2], v: [1]}",
        "{cat: {type: concat, from: [u, v]}, n: {type: linear, out_features: 2}, "
        "k: {type: linear, out_features: 2, from: cat}}",
        "{source: {type: csv, path: a.csv, features: {u: [c, a], v: [b]}, target: {n: [p, q], k: kind}}, "
        "split: {train: 1}}",
        "loss: {n: squared, k: cross_entropy}",
        "{n: n, k: k}",
    )
    part = dataset(text, tmp_path).parts["train"]
    np.testing.assert_array_equal(part.inputs["u"], [[3, 1], [8, 6]])
    np.testing.assert_array_equal(part.inputs["v"], [[2], [7]])
    np.testing.assert_array_equal(part.targets["n"], [[4, 5], [9, 10]])
    np.testing.assert_array_equal(part.targets["k"], [0, 1])


@pytest.mark.parametrize(
    ("content", "more", "expected"),
    [
        (
            "a,b,kind\n1,2,0\n3,nan,1\n",
            "",
            "a.csv:3:3: NS604 column 2, `b`, is nan, expected a finite number\n  3 | 3,nan,1\n    |   ^^^\n",
        ),
        ("a,b,kind\n1,,0\n3,x,1\n", "", "a.csv:2:3: NS604 column 2, `b`, is empty, expected a number"),
        ("a,b,kind\n1,,0\n3,x,1\n", "", "a.csv:3:3: NS604 column 2, `b`, is 'x', expected a number"),
        ("a,b,kind\n1,2,0\n3,1\n", "", "a.csv:3:1: NS604 2 cells, the header line has 3"),
        ("a,b,kinds\n1,2,0\n", "", "<text>:5:49: NS603 a.csv has no column `kind`\n"),
        ("a,b,kinds\n1,2,0\n", "", "help: did you mean `kinds`?"),
        ("a,b,kind\n1,2,0\n", ", features: [a, B]", "NS603 a.csv has no column `B`"),
        ("a,b,kind\n1,2,0\n", ", features: [a, kind]", "NS603 column `kind` is both a feature and a target"),
        ("a,b,c,kind\n1,2,3,0\n", "", "NS605 input `x` is (B, 2), a.csv (a, b, c) has 3 features\n"),
        (
            "a,b,kind\n1,2,0\n1,2,2\n",
            "",
            "NS606 column `kind`: label 2 (line 3) is out of range: "
            "output `out` has classes 0 to 1, the labels run from 0 to 2",
        ),
        ("a,b,kind\n1,2,-1\n", "", "label -1 (line 2) is out of range"),
        ("a,b,kind\n1,2,x\n1,2,y\n1,2,z\n", "", "NS606 column `kind` has 3 classes (x, y, z), output `out` has 2"),
        ("a,b,kind\n1,2,\n", "", "a.csv:2:5: NS604 column 3, `kind`, is empty"),
        ("", "", "NS607 a.csv is empty"),
        ("a,b,kind\n", "", "NS607 a.csv has a header line and no rows"),
        ("a,a,kind\n1,2,0\n", "", "NS603 a.csv has two columns `a`"),
        ("a;b;kind\n1;2;0\n", "", 'help: its cells seem to be separated otherwise: add `delimiter: ";"`'),
    ],
)
def test_csv_messages(tmp_path: Path, content: str, more: str, expected: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    assert expected in message(spec("{x: [2]}", linear(2), CSV % more), tmp_path)


def test_csv_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    text = spec("{x: [2]}", linear(2), CSV % "")
    (tmp_path / "b.csv").write_text("x")
    assert "<text>:5:34: NS602 no such file: a.csv" in message(text, tmp_path)
    assert "did you mean `b.csv`?" in message(text, tmp_path)
    (tmp_path / "a.csv").write_bytes(b"a,\xff\n")
    assert "NS602 a.csv is not UTF-8 text (byte 2)" in message(text, tmp_path)


def test_three_labels_for_a_margin_loss(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,kind\n1,2,0\n1,2,1\n1,2,2\n")
    complaint = message(spec("{x: [2]}", linear(1), CSV % "", "loss: logistic"), tmp_path)
    assert "NS606 column `kind` has 3 labels (0, 1, 2); the loss of output `out` takes two classes" in complaint


def test_an_empty_part(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,kind\n1,2,0\n1,2,1\n1,2,1\n")
    data = "{source: {type: csv, path: a.csv, target: kind}}"
    complaint = message(spec("{x: [2]}", linear(2), data), tmp_path)
    assert "NS607 the validation part is empty: 0.1 of 3 samples" in complaint


# built-in sources that do not fit


def test_feature_count_and_kinds_of_built_in_sources() -> None:
    assert "NS605 input `x` is (B, 5), iris has 4 features" in message(spec("{x: [5]}", linear(3), "{source: iris}"))
    assert "write `x: [4]` in `inputs`" in message(spec("{x: [5]}", linear(3), "{source: iris}"))
    assert "a digit is 8×8 = 64 pixels" in message(spec("{x: [1, 28, 28]}", linear(10), "{source: digits}"))
    assert "label 2 (sample 101) is out of range" in message(spec("{x: [4]}", linear(2), "{source: iris}"))
    complaint = message(spec("{x: [4]}", linear(3), "{source: iris}", "loss: squared"))
    assert "NS605 iris gives classes, the loss of output `out` compares numbers" in complaint
    complaint = message(spec("{x: [4], y: [4]}", "{a: {type: add, from: [x, y]}}", "{source: iris}"))
    assert "NS605 iris feeds one input, the network has 2: x, y" in complaint


# NPZ


def arrays(folder: Path, **values: np.ndarray) -> str:
    np.savez(folder / "a.npz", **values)  # type: ignore[arg-type]
    return "{source: {type: npz, path: a.npz}, split: {train: 1}}"


def test_npz_with_whole_numbers_and_a_symbolic_axis(tmp_path: Path) -> None:
    ids = np.arange(12).reshape(4, 3)
    data = arrays(tmp_path, ids=ids, e=np.arange(12).reshape(4, 3) % 5)
    text = spec(
        "{ids: {shape: [T], dtype: int64}}", "{e: {type: embedding, num_embeddings: 12, embedding_dim: 5}}", data
    )
    loaded = dataset(text, tmp_path)
    np.testing.assert_array_equal(loaded.parts["train"].inputs["ids"], ids)
    assert loaded.parts["train"].targets["e"].shape == (4, 3)
    assert loaded.preprocess.outputs["e"].axis == 2  # (B, T, classes)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"y": np.zeros((4, 2)), "out": np.zeros(4, int)}, "NS603 a.npz has no array `x`\n"),
        ({"x": np.zeros((4, 3)), "out": np.zeros(4, int)}, "NS605 array `x` of a.npz is (4, 3), input `x` is (B, 2)"),
        ({"x": np.zeros((4, 2)), "out": np.zeros(3, int)}, "differ in their number of samples: x 4, out 3"),
        ({"x": np.zeros((0, 2)), "out": np.zeros(0, int)}, "NS607 a.npz has no samples"),
        ({"x": np.full((4, 2), np.inf), "out": np.zeros(4, int)}, "NS604 array `x` of a.npz holds inf at [0, 0]"),
        ({"x": np.zeros((4, 2)), "out": np.zeros((4, 2), int)}, "takes one class number in each place: (B,)"),
        ({"x": np.zeros((4, 2)), "out": np.array([0, 1, 5, 1])}, "label 5 (sample 3) is out of range"),
        ({"x": np.array([["a", "b"]] * 4), "out": np.zeros(4, int)}, "holds <U1, input `x` takes float32"),
        ({"x": np.array([None, 1]), "out": np.zeros(2, int)}, "NS602 a.npz cannot be read: it holds pickled objects"),
    ],
)
def test_npz_messages(tmp_path: Path, values: dict[str, np.ndarray], expected: str) -> None:
    data = arrays(tmp_path, **values)
    assert expected in message(spec("{x: [2]}", linear(2), data), tmp_path)


def test_npz_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK no archive")
    text = spec("{x: [2]}", linear(2), "{source: {type: npz, path: a.npz}}")
    assert "NS602 a.npz cannot be read" in message(text, tmp_path)


# images


def images(folder: Path) -> str:
    for name, colour in (("cat", (255, 0, 0)), ("dog", (0, 0, 255))):
        (folder / "pets" / name).mkdir(parents=True)
        for i in range(5):
            Image.new("RGB", (20 + i, 30), colour).save(folder / "pets" / name / f"{i}.png")
    return "{source: {type: image_folder, path: pets}, split: {train: 0.8, test: 0.2}%s}"


def test_image_folder(tmp_path: Path) -> None:
    text = spec("{x: [3, 8, 6]}", linear(2), images(tmp_path) % "")
    loaded = dataset(text, tmp_path)
    rows = loaded.parts["train"].inputs["x"]
    assert isinstance(rows, ImageRows) and len(rows) == 8
    x = rows.take(np.arange(8))
    assert x.shape == (8, 3, 8, 6) and x.dtype == np.float32
    red = loaded.parts["train"].targets["out"] == 0
    np.testing.assert_allclose(x[red].mean((0, 2, 3)), [1, 0, 0])
    np.testing.assert_allclose(x[~red].mean((0, 2, 3)), [0, 0, 1])
    assert loaded.preprocess.outputs["out"].names == ("cat", "dog")


def test_images_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import netspec.data.images as module

    calls = []
    plain = module.read_image
    monkeypatch.setattr(module, "read_image", lambda path, *args: calls.append(path) or plain(path, *args))
    rows = dataset(spec("{x: [1, 8, 8]}", linear(2), images(tmp_path) % ""), tmp_path).parts["train"].inputs["x"]
    assert isinstance(rows, ImageRows) and not calls
    first = rows.take(np.array([0, 1, 1]))
    again = rows.take(np.array([1, 0, 1]))
    assert len(calls) == 2
    np.testing.assert_array_equal(first[[1, 0, 2]], again)


def test_images_are_standardised_by_channel(tmp_path: Path) -> None:
    loaded = dataset(spec("{x: [3, 8, 8]}", linear(2), images(tmp_path) % ", standardize: true"), tmp_path)
    x = loaded.parts["train"].inputs["x"].take(np.arange(8))  # type: ignore[union-attr]
    np.testing.assert_allclose(x[:, [0, 2]].mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(x[:, [0, 2]].std((0, 2, 3)), 1, atol=1e-5)
    assert (x[:, 1] == 0).all()


def test_image_messages(tmp_path: Path) -> None:
    text = spec("{x: [3, 8, 8]}", linear(2), images(tmp_path) % "")
    bad = tmp_path / "pets" / "cat" / "2.png"
    bad.write_bytes(b"no image")
    other = tmp_path / "pets" / "dog" / "3.png"
    other.write_bytes(other.read_bytes()[:70])
    rows = dataset(text, tmp_path)
    with pytest.raises(NetspecError) as error:
        for part in rows.parts.values():
            part.inputs["x"].take(np.arange(part.count))  # type: ignore[union-attr]
    assert "NS608 cannot read the image" in str(error.value)
    assert "2.png: it is not an image" in str(error.value) or "3.png" in str(error.value)
    assert "classes (cat, dog), output `out` has 3" in message(text.replace("features: 2", "features: 3"), tmp_path)
    assert "NS602 no such folder: pots" in message(text.replace("path: pets", "path: pots"), tmp_path)
    assert "an image is (B, C, H, W) with 1, 3 or 4 channels" in message(text.replace("[3, 8, 8]", "[8, 8]"), tmp_path)
    (tmp_path / "pets" / "eel").mkdir()
    assert "NS607 no images in pets/eel" in message(text, tmp_path)
    (tmp_path / "none").mkdir()
    assert "NS607 none holds no folders" in message(text.replace("path: pets", "path: none"), tmp_path)
