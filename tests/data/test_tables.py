"""Odd cells of a table, each held against every place that reads one: inputs, targets, labels, `predict`."""

from __future__ import annotations

import csv
import io
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_sources import dataset, message, spec

import netspec
from netspec import NetspecError
from netspec.data.columns import Wanted, raise_shown, read_columns
from netspec.data.table import Table, read_table
from netspec.source.errors import Problem
from netspec.training.predict import Predictions, predict
from netspec.training.train import train
from netspec.training.trained import load_run

NUMBERS = ["1", " 1 ", "+1", "-1", "1.", ".5", "1e3", "1E+2", "3.0", "3.9", "-0", "2.5e-3", "9223372036854775807",
           "9223372036854775808", "-9223372036854775808", "9007199254740993", "9007199254740993.0", "2147483648",
           "1e-400", "3.4e38", "\u00a07\u00a0", "0" * 50 + "7", "1" + "0" * 30, "0.1"]  # fmt: skip
OTHERS = ["1_234", "٣", "１", "0x10", "1,5", "1'000", "1 234", "nan", "NaN", "-nan", "inf", "-Infinity", "1e400",
          "1e39", "-3.5e38", "", " ", "NA", "true", "1 2", "--1", "1e", "e5", "½", "²", "1e99999999999999999999", "1j",
          "None", "0b1", "1e5_0", "∞", "1\x00", "a.png"]  # fmt: skip
FLOATS = {cell: float(cell) for cell in NUMBERS}


def whole(cell: str, low: int, high: int) -> int | None:
    """By exact decimal arithmetic."""
    value = Decimal(cell.strip())
    return int(value) if value == value.to_integral_value() and low <= value <= high else None


INTS = {cell: whole(cell, -(2**63), 2**63 - 1) for cell in NUMBERS}


def table(folder: Path, *columns: list[str], names: str = "ab") -> Path:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([*names[: len(columns)], "y"])
    writer.writerows([*row, "pq"[i % 2]] for i, row in enumerate(zip(*columns, strict=True)))
    (folder / "a.csv").write_text(file.getvalue(), encoding="utf-8", newline="")
    return folder / "a.csv"


DATA = "{source: {type: csv, path: a.csv, target: y}, split: {train: 1}}"
FLOAT = spec("{x: [1]}", "{out: {type: linear, out_features: 2}}", DATA)
IDS = spec(
    "{x: {shape: [1], dtype: %s}}",
    "{e: {type: embedding, num_embeddings: %d, embedding_dim: 3}, f: flatten, out: {type: linear, out_features: 2}}",
    DATA,
)
TARGET = spec(
    "{x: [1]}",
    "{out: {type: linear, out_features: 1}}",
    DATA.replace("target: y", "target: b, features: [a]"),
    "loss: squared",
)


def columns_of(table: Table, names: tuple[str, ...], wanted: Wanted) -> NDArray[Any]:
    problems: list[Problem] = []
    columns = read_columns(table, names, wanted, problems)
    raise_shown(table, problems)
    return columns


@pytest.mark.parametrize("cell", NUMBERS)
def test_a_number_is_the_same_wherever_it_stands(tmp_path: Path, cell: str) -> None:
    path = table(tmp_path, ["0", cell, "1"])
    assert dataset(FLOAT, tmp_path).parts["train"].inputs["x"][1] == np.float32(FLOATS[cell])  # type: ignore[index]
    read = read_table(path, ",", None)
    exact = {"int64": INTS[cell], "int32": whole(cell, -(2**31), 2**31 - 1), "bool": whole(cell, 0, 1)}
    for dtype, value in exact.items():
        if value is None:
            with pytest.raises(NetspecError, match=r"a.csv:3:1: NS604 column 1, `a`, is "):
                columns_of(read, ("a",), Wanted(dtype))
        else:
            assert columns_of(read, ("a",), Wanted(dtype))[1, 0] == value
    table(tmp_path, ["0", "1", "1"], ["2", cell, "2"])
    assert dataset(TARGET, tmp_path).parts["train"].targets["out"][1, 0] == np.float32(FLOATS[cell])


@pytest.mark.parametrize("cell", OTHERS)
def test_what_is_no_number_is_none_anywhere(tmp_path: Path, cell: str) -> None:
    table(tmp_path, ["0", "1", cell])
    for text in (FLOAT, IDS % ("int64", 5), IDS % ("int32", 5)):
        said = message(text, tmp_path)
        assert "a.csv:4:1: NS604 column 1, `a`, is " in said and "(and" not in said
    table(tmp_path, ["0", "1", "2"], ["0", "1", cell])
    said = message(TARGET, tmp_path)
    assert "a.csv:4:" in said and "NS604 column 2, `b`, is " in said


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    table(folder, ["0", "1", "2", "3"])
    train(netspec.load(FLOAT, folder=folder), run=folder / "float", device="cpu")
    train(netspec.load(IDS % ("int64", 5), folder=folder), run=folder / "ids", device="cpu")
    return folder


@pytest.mark.parametrize("cell", OTHERS)
def test_predict_refuses_what_training_does(runs: Path, cell: str) -> None:
    path = table(runs, ["0", "1", cell])
    for name in ("float", "ids"):
        with pytest.raises(NetspecError, match=r"a.csv:4:1: NS604 column 1, `a`, is "):
            predict(runs / name, path, device="cpu")


@pytest.mark.parametrize("cell", NUMBERS)
def test_predict_reads_what_training_does(runs: Path, cell: str) -> None:
    import torch

    path = table(runs, ["0", cell])
    said = predict(runs / "float", path, device="cpu")
    assert isinstance(said, Predictions)
    with torch.inference_mode():
        out = load_run(runs / "float").module(torch.tensor([[0.0], [FLOATS[cell]]])).double().softmax(1)
    assert said.rows[1]["out"]["probabilities"]["p"] == pytest.approx(float(out[1, 0]), abs=1e-6)
    if INTS[cell] is not None and 0 <= INTS[cell] < 5:
        predict(runs / "ids", path, device="cpu")
    else:
        with pytest.raises(NetspecError, match=r"a.csv:3:1: NS604 column 1, `a`, is "):
            predict(runs / "ids", path, device="cpu")


@pytest.mark.parametrize("cell", ["5", "-1", "5.0", "7e0", "9223372036854775808"])
def test_a_number_that_the_embedding_has_not_is_named_with_its_column_line_and_value(
    tmp_path: Path, runs: Path, cell: str
) -> None:
    table(tmp_path, ["0", "4", cell, cell])
    said = message(IDS % ("int64", 5), tmp_path)
    value = int(Decimal(cell))
    assert f"a.csv:4:1: NS604 column 1, `a`, is {value}, its embedding has entries 0 to 4 (and 1 more cell" in said
    assert ("help: count from 0" in said) and (f"num_embeddings: {value + 1}" in said) == (0 <= value < 10**7)
    with pytest.raises(NetspecError, match=f"column 1, `a`, is {value}, its embedding has entries 0 to 4"):
        predict(runs / "ids", tmp_path / "a.csv", device="cpu")


def test_help_for_a_fraction_is_true_of_an_embedding(tmp_path: Path) -> None:
    table(tmp_path, ["0", "3.9"])
    said = message(IDS % ("int64", 5), tmp_path)
    assert "is 3.9, expected a whole number (int64)" in said
    assert "help: the network takes whole numbers here: those of an embedding's entries" in said


def test_bool_inputs_take_0_and_1(tmp_path: Path) -> None:
    text = spec(
        "{m: {shape: [1], dtype: bool}, x: [1]}",
        "{out: {type: linear, out_features: 2, from: x}}",
        DATA.replace("target: y", "target: y, features: {m: [a], x: [b]}"),
    )
    table(tmp_path, ["0", "1", "1.0"], ["1", "2", "3"])
    column = dataset(text, tmp_path).parts["train"].inputs["m"]
    assert isinstance(column, np.ndarray)
    assert column.dtype == np.bool_ and column.ravel().tolist() == [False, True, True]
    table(tmp_path, ["0", "1", "2"], ["1", "2", "3"])
    assert "a.csv:4:1: NS604 column 1, `a`, is 2, expected 0 or 1" in message(text, tmp_path)


# labels

CLASSES = spec("{x: [1]}", "{out: {type: linear, out_features: %d}}", DATA)


def labelled(folder: Path, labels: list[str], encoding: str = "utf-8") -> None:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerows([["a", "y"], *([str(i), label] for i, label in enumerate(labels))])
    (folder / "a.csv").write_text(file.getvalue(), encoding=encoding, newline="")


def both(folder: Path, labels: list[str], count: int) -> tuple[list[int], tuple[str, ...]] | str:
    """The classes, or the complaint, of a table; an .npz file with the same labels has to give the same."""
    labelled(folder, labels)
    np.savez(folder / "a.npz", x=np.zeros((len(labels), 1)), out=np.array(labels))
    outcomes = []
    for text in (CLASSES % count, (CLASSES % count).replace("csv, path: a.csv, target: y", "npz, path: a.npz")):
        try:
            data = dataset(text, folder)
            outcomes.append((data.parts["train"].targets["out"].tolist(), data.preprocess.outputs["out"].names))
        except NetspecError as error:
            outcomes.append(str(error))
    assert isinstance(outcomes[0], str) == isinstance(outcomes[1], str)
    assert isinstance(outcomes[0], str) or outcomes[0] == outcomes[1]
    return outcomes[0]


COMPOSED, DECOMPOSED = unicodedata.normalize("NFC", "Ä"), unicodedata.normalize("NFD", "Ä")


@pytest.mark.parametrize(
    ("labels", "numbers", "names"),
    [
        (["b", "a", "b "], [1, 0, 1], ("a", "b")),
        (["b", "a", "\u00a0b\t"], [1, 0, 1], ("a", "b")),
        ([COMPOSED, "a", DECOMPOSED], [1, 0, 1], ("a", COMPOSED)),
        (["b\u200b", "a", "\ufeffb"], [1, 0, 1], ("a", "b")),
        (["new\u00a0york", "a", "new york"], [1, 0, 1], ("a", "new york")),
        (["un\u00addo", "a", "undo"], [1, 0, 1], ("a", "undo")),
        (["1", "1.0", "0"], [1, 1, 0], ("0", "1")),
        (["1", "01", "0"], [1, 1, 0], ("0", "1")),
        (["1 ", "+1", "-0"], [1, 1, 0], ("0", "1")),
        (["0.5", "1.5", "0.5"], [0, 1, 0], ("0.5", "1.5")),
        (["1_0", "x", "x"], [0, 1, 1], ("1_0", "x")),
        (["٠", "١", "١"], [0, 1, 1], ("٠", "١")),
        (["Cat", "cat", "Cat"], [0, 1, 0], ("Cat", "cat")),
        (["9" * 20, "9" * 19 + "8", "9" * 20], [1, 0, 1], ("9" * 19 + "8", "9" * 20)),
        (["True", "False", "True"], [1, 0, 1], ("False", "True")),
    ],
)
def test_labels_that_look_the_same_are_the_same(
    tmp_path: Path, labels: list[str], numbers: list[int], names: tuple[str, ...]
) -> None:
    assert both(tmp_path, labels, 2) == (numbers, names)


@pytest.mark.parametrize("label", ["nan", "NaN", "NA", "N/A", "null", "None", "<NA>", "", "  "])
def test_a_missing_label_is_no_class(tmp_path: Path, label: str) -> None:
    said = both(tmp_path, ["a", label, "b", label], 3)
    assert isinstance(said, str)
    what = f"is '{label}', which stands for nothing" if label.strip() else "is empty"
    assert f"a.csv:3:3: NS604 column 2, `y`, {what} (and 1 more cell of the column)" in said


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["1", "1.0", "x"], "NS606 column `y` has the labels `1` and `1.0`, which are one number"),
        (["0.5", ".5", "1"], "NS606 column `y` has the labels `.5` and `0.5`, which are one number"),
        (["10", "20", "30"], "help: number the 3 classes (10, 20, 30) from 0 to 2\n"),
        (["1", "2", "3"], "help: number the 3 classes (1, 2, 3) from 0 to 2\n"),
        (["0", "1", "2", "3"], "help: give `out` 4 values"),
        (["a", "a", "a"], "NS606 column `y` has 1 class (a), output `out` has 3"),
        (["a", "a", "a"], "help: there is one class alone: nothing can be learned of it"),
        (["10", "20", "30", "40"], "help: number the 4 classes (10, 20, 30, 40) from 0 to 3, and give `out` 4 values"),
    ],
)
def test_labels_that_do_not_fit(tmp_path: Path, labels: list[str], expected: str) -> None:
    said = both(tmp_path, labels, 3)
    assert isinstance(said, str) and expected in said + "\n"


def test_evaluate_and_predict_name_the_same_classes(tmp_path: Path) -> None:
    from netspec.training.evaluate import evaluate

    text = (CLASSES % 2).replace("split: {train: 1}", "split: {train: 0.5, test: 0.5}")
    labelled(tmp_path, ["b", "b ", DECOMPOSED, COMPOSED] * 5)
    train(netspec.load(text, folder=tmp_path), run=tmp_path / "run", device="cpu")
    labelled(tmp_path, [" b", "b", COMPOSED, COMPOSED] * 5)
    assert set(evaluate(tmp_path / "run", device="cpu").to_dict()["outputs"]["out"]["classes"][1].values()) >= {
        COMPOSED
    }
    said = predict(tmp_path / "run", tmp_path / "a.csv", device="cpu")
    assert isinstance(said, Predictions) and set(said.rows[0]["out"]["probabilities"]) == {"b", COMPOSED}


# the table as a whole


def test_column_names_are_held_together_as_labels_are(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"\ufeff {DECOMPOSED} ,y\n1,p\n2,q\n", encoding="utf-8")
    text = FLOAT.replace("target: y", f'target: " y", features: ["{COMPOSED} "]')
    assert len(dataset(text, tmp_path).parts["train"].inputs["x"]) == 2
    (tmp_path / "a.csv").write_text(f"{DECOMPOSED},{COMPOSED},y\n1,2,p\n2,1,q\n", encoding="utf-8")
    assert f"NS603 a.csv has two columns `{COMPOSED}`, 1 and 2" in message(text, tmp_path)
    (tmp_path / "a.csv").write_text(",a,y\n0,1,p\n1,2,q\n")
    assert "NS603 column 1 of a.csv has no name" in message(FLOAT.replace("[1]", "[2]"), tmp_path)
    assert (
        len(dataset(FLOAT.replace("target: y", "target: y, features: [a]"), tmp_path).parts["train"].inputs["x"]) == 2
    )


def test_a_mistake_that_repeats_in_a_column_is_one_complaint_and_hides_no_other(tmp_path: Path) -> None:
    rows = "".join(f"{'?' if i % 2 else i},x{i},,{i % 2}\n" for i in range(60))
    (tmp_path / "a.csv").write_text("age,sex,height,y\n" + rows)
    said = message(FLOAT.replace("[1]", "[3]"), tmp_path)
    assert "a.csv:3:1: NS604 column 1, `age`, is '?', expected a number (and 29 more cells of the column)\n" in said
    assert "a.csv:2:3: NS604 column 2, `sex`, is 'x0', expected a number (and 59 more cells of the column)\n" in said
    assert (
        "a.csv:2:6: NS604 column 3, `height`, is empty, expected a number (and 59 more cells of the column)\n" in said
    )
    assert said.count("NS604") == 3
    assert "help: correct it, or leave out the line" in said
    assert "help: `sex` holds text: write numbers for it, or choose other columns with `features`" in said
    assert "help: `height` has nothing at all: choose other columns with `features`" in said


@pytest.mark.parametrize(
    ("content", "more", "expected"),
    [
        ("a;b;y\n1,5;2,5;p\n2,5;1,0;q\n", "", 'add `delimiter: ";"`'),
        ("a,x;b,x;y\n1;2;p\n2;1;q\n", "", 'add `delimiter: ";"`'),
        ("a\tb\ty\n1\t2\tp\n", "", 'add `delimiter: "\\t"`'),
        ("a;y\n1,5;p\n2,5;q\n", ', delimiter: ";"', "write the digits 0 to 9 and a decimal point, without marks"),
        ('a,y\n"1,234",p\n"2,345",q\n', "", "write the digits 0 to 9 and a decimal point, without marks"),
        ("a,y\n−1.5,p\n2,q\n", "", "write the digits 0 to 9 and a decimal point, with - for minus, without marks"),
        ("a,y\nx/1.png,p\nx/2.JPG,q\n", "", "images are read by `{type: image_folder, path: …}`, one folder a class"),
        ("a,b,y\n1,2,p\n1,q\n2,q\n", "", "a.csv:3:1: NS604 2 cells, the header line has 3 (and 1 more lines"),
        ('a,y\n1,"p\n2,q\n', "", "NS602 a.csv is no CSV table: unexpected end of data (lines 2 to 3)"),
        ('a,y\n1,"' + "p\n" * 70_000, "", "a quote that is opened before it, and never closed, makes"),
        ("a,y\n,\n1,p\n", "", "a.csv:2:1: NS604 column 1, `a`, is empty"),
        ("a,y\n1.5,p\n\n   \n2.5,q,\n", "", "a.csv:5:1: NS604 3 cells, the header line has 2"),
        ("a,y\n'1',p\n'2',q\n", "", "`a` holds text"),
    ],
)
def test_help_is_true_of_the_table(tmp_path: Path, content: str, more: str, expected: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    said = message(FLOAT.replace("target: y", f"target: y{more}"), tmp_path)
    assert expected in said
    assert "image: [1]" not in said


@pytest.mark.parametrize(
    ("rows", "hint"),
    [
        (["0,1", "1,1", "0,0"], "each is a yes or no of its own: use the loss `logistic`"),
        (["0,1", "1,0", "0,1"], "give the number of the class, not a vector with a 1 in it"),
        (["0.5,1", "1,0", "3,1"], "give the number of the class; values to come near to have the loss `squared`"),
    ],
)
def test_columns_that_are_not_one_class(tmp_path: Path, rows: list[str], hint: str) -> None:
    (tmp_path / "a.csv").write_text("a,p,q\n" + "".join(f"{i},{row}\n" for i, row in enumerate(rows)))
    text = FLOAT.replace("target: y", "target: [p, q]")
    assert f"help: {hint}\n" in message(text, tmp_path) + "\n"
    if "loss" in hint:  # what the help says is done, and works
        loss = hint.split("`")[1]
        dataset(text.replace("cross_entropy", loss), tmp_path)


def test_text_in_a_target_of_numbers(tmp_path: Path) -> None:
    table(tmp_path, ["0", "1"], ["low", "high"])
    said = message(TARGET, tmp_path)
    assert "help: the loss compares numbers: for the classes of `b` use the loss `cross_entropy`" in said


def test_a_line_of_a_table_is_what_csv_calls_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,y\n1,p\u2028q\n2,p\x85\n3,q\nx,q\n", encoding="utf-8")
    assert "a.csv:5:1: NS604 column 1, `a`, is 'x'" in message(CLASSES % 3, tmp_path)


# predict and the delimiter


@pytest.mark.parametrize("delimiter", [";", "\\t", "|", " ", ":", ","])
def test_predict_separates_cells_as_the_run_was_told(tmp_path: Path, delimiter: str) -> None:
    from netspec.data.preprocess import Preprocess

    mark = {"\\t": "\t"}.get(delimiter, delimiter)
    header = mark.join(['"weight, kg; net"' if mark != "," else '"weight, kg"', '"height (m, bare)\t|"', "y"])
    body = "".join(f"{i / 8}{mark}{i % 3}{mark}{'pq'[i % 2]}\n" for i in range(8))
    (tmp_path / "a.csv").write_text(f"{header}\n{body}")
    text = FLOAT.replace("[1]", "[2]").replace("target: y", f'target: y, delimiter: "{delimiter}"')
    train(netspec.load(text, folder=tmp_path), run=tmp_path / "run", device="cpu")
    (tmp_path / "a.tsv").write_bytes((tmp_path / "a.csv").read_bytes())
    for name in ("a.csv", "a.tsv"):
        said = predict(tmp_path / "run", tmp_path / name, device="cpu")
        assert isinstance(said, Predictions) and len(said.rows) == 8
    kept = load_run(tmp_path / "run").preprocess
    assert kept.delimiter == mark and Preprocess.from_json(kept.to_json(), "p") == kept
    other = ";" if mark != ";" else ","
    (tmp_path / "b.csv").write_text(f"u{other}v\n" + f"1{other}2\n" * 3)
    with pytest.raises(NetspecError) as error:
        predict(tmp_path / "run", tmp_path / "b.csv", device="cpu")
    assert "add `delimiter" not in str(error.value)
    assert f'the run was trained on cells separated by "{delimiter}", here it seems to be "{other}"' in str(error.value)


# fuzz: whatever bytes there are, a table or a complaint

alphabet = st.sampled_from([*'a1;,"\n\r\t |.-e_', "\x00", "\ufeff", "Ä", "\u2028", "nan", "0,1\n", "x,y\n", '""'])


@settings(max_examples=300, deadline=None)
@given(st.lists(alphabet, max_size=60).map("".join).map(str.encode) | st.binary(max_size=60))
def test_any_bytes_are_a_table_or_a_complaint(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    try:
        read = read_table(path, ",", None)
        assert all(len(row) == len(read.names) for row in read.rows)
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), skipinitialspace=True)
        plain = [tuple(row) for row in reader if len(row) > 1 or "".join(row).strip()]
        assert len(read.names) == 1 or read.rows == tuple(plain[1:])
        for name in read.names:
            if name:
                columns_of(read, (name,), Wanted())
    except NetspecError as error:
        assert "NS60" in str(error)
