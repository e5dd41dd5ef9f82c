"""Odd arrays as inputs and targets, in training and `predict`, against what NumPy makes of them; and broken files."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_sources import dataset, message, spec

import netspec
import netspec.data.arrays as module
from netspec import NetspecError
from netspec.data.arrays import check_array
from netspec.shapes.tensor import BATCH, TensorType
from netspec.training.predict import predict
from netspec.training.train import train

Array = NDArray[Any]
N = 4
PLAIN = np.arange(N * 2, dtype=np.float64).reshape(N, 2) % 5

# what stands in an array, by its kind
ARRAYS: dict[str, Array] = {
    "float64": PLAIN,
    "float16": PLAIN.astype(np.float16),
    "longdouble": PLAIN.astype(np.longdouble),
    "big-endian": PLAIN.astype(">f4"),
    "fortran": np.asfortranarray(PLAIN),
    "int8": PLAIN.astype(np.int8),
    "uint64": PLAIN.astype(np.uint64),
    "big-endian int": PLAIN.astype(">i4"),
    "bool": PLAIN > 2,
    "negative": -PLAIN.astype(np.int64),
    "beyond bool": np.full((N, 2), 2),
    "beyond int32": np.full((N, 2), 2**31),
    "below int32": np.full((N, 2), -(2**31) - 1),
    "beyond int64": np.full((N, 2), 2**63, np.uint64),
    "fractions": PLAIN + 0.5,
    "nan": np.where(PLAIN > 3, np.nan, PLAIN),
    "inf": np.where(PLAIN > 3, -np.inf, PLAIN),
    "inf of 16 bits": np.where(PLAIN > 3, np.inf, PLAIN).astype(np.float16),
    "beyond float32": np.where(PLAIN > 3, 1e39, PLAIN),
    "complex": PLAIN + 0j,
    "dates": PLAIN.astype("M8[D]"),
    "times": PLAIN.astype("m8[s]"),
    "text": PLAIN.astype(str),
    "bytes": PLAIN.astype("S"),
    "objects": PLAIN.astype(object),
    "records": np.zeros((N, 2), [("a", int), ("b", "f4")]),
    "void": np.zeros((N, 2), "V3"),
}
LIMITS = {"int64": (-(2**63), 2**63 - 1), "int32": (-(2**31), 2**31 - 1), "bool": (0, 1)}


def expected(x: Array, dtype: str) -> Array | None:
    """What an input of `dtype` gets; None where it may not."""
    if dtype == "float32":
        if x.dtype.kind not in "fiub" or not (np.abs(x.astype(np.longdouble)) <= np.finfo(np.float32).max).all():
            return None
        return x.astype(np.float32)
    if x.dtype.kind not in "iub":
        return None
    values, (low, high) = [int(v) for v in x.ravel()], LIMITS[dtype]
    return np.array(values, dtype).reshape(x.shape) if low <= min(values) and max(values) <= high else None


@pytest.mark.parametrize("dtype", ["float32", *LIMITS])
@pytest.mark.parametrize("name", ARRAYS)
def test_inputs(tmp_path: Path, name: str, dtype: str) -> None:
    x = ARRAYS[name]
    np.savez(tmp_path / "a.npz", x=x, v=np.zeros((N, 1)), out=np.arange(N) % 2, unread=np.array([None]))
    text = spec(
        f"{{x: {{shape: [2], dtype: {dtype}}}, v: [1]}}",
        "{out: {type: linear, out_features: 2, from: v}}",
        "{source: {type: npz, path: a.npz}, split: {train: 1}}",
    )
    wanted = expected(x, dtype)
    if wanted is None:
        said = message(text, tmp_path)
        assert "NS60" in said and "<text>:" in said
        if x.dtype.kind != "O":  # which is refused before it is an array
            with pytest.raises(NetspecError, match=r"NS60[45] array `x` of new.npz holds "):
                check_array(x, TensorType((BATCH, 2), dtype), "x", "new.npz", {}, None)
    else:
        loaded = dataset(text, tmp_path).parts["train"].inputs["x"]
        assert isinstance(loaded, np.ndarray)
        assert loaded.dtype == np.dtype(dtype) and (loaded == wanted).all()


LOSSES = {"cross_entropy": 5, "logistic": 2, "squared": 2}


def fits(y: Array, loss: str) -> bool:
    if y.dtype.kind not in "fiubUS":
        return False
    values = set(y.astype(np.longdouble).ravel().tolist())
    if not all(abs(v) <= np.finfo(np.float32).max for v in values):
        return False
    if loss == "cross_entropy":
        return values <= {0, 1, 2, 3, 4}
    return y.dtype.kind not in "US" if loss == "squared" else values <= {0, 1} or values <= {-1, 1}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ARRAYS)
def test_targets(tmp_path: Path, name: str, loss: str) -> None:
    """Each array is learned from as it stands, or there is a complaint about it."""
    y = ARRAYS[name][:, 0] if loss == "cross_entropy" else ARRAYS[name]
    np.savez(tmp_path / "a.npz", x=np.zeros((N, 2)), out=y)
    text = spec(
        "{x: [2]}",
        f"{{out: {{type: linear, out_features: {LOSSES[loss]}}}}}",
        "{source: {type: npz, path: a.npz}, split: {train: 1}}",
        f"loss: {loss}",
    )
    try:
        loaded = dataset(text, tmp_path)
    except NetspecError as error:
        assert "NS60" in str(error) and "<text>:" in str(error)
        assert not fits(y, loss)
        return
    assert fits(y, loss)
    values = loaded.parts["train"].targets["out"]
    if loss == "squared":
        np.testing.assert_array_equal(values, y.astype(np.float32))
    else:
        names = loaded.preprocess.outputs["out"].names
        said = [names[int(v if loss == "cross_entropy" else v > 0)] for v in values.ravel()]
        assert [float(s) for s in said] == y.astype(np.float64).ravel().tolist()


def test_labels_in_bytes_and_of_words(tmp_path: Path) -> None:
    text = spec(
        "{x: [2]}", "{out: {type: linear, out_features: 2}}", "{source: {type: npz, path: a.npz}, split: {train: 1}}"
    )
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2)), out=np.array(["ä ".encode(), b"b", b"b"]))
    loaded = dataset(text, tmp_path)
    assert loaded.preprocess.outputs["out"].names == ("b", "ä")
    assert loaded.parts["train"].targets["out"].tolist() == [1, 0, 0]
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2)), out=np.array([b"\xe4", b"b", b"b"]))
    assert "NS604 array `out` of a.npz holds bytes that are not UTF-8" in message(text, tmp_path)
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2)), out=np.array(["a", "nan", "nan"]))
    assert "NS604 array `out` holds 'nan', which stands for nothing, at [1] (and 1 more)" in message(text, tmp_path)
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2)), out=np.zeros(3, [("a", "i4"), ("b", "U2")]))
    assert "NS605 array `out` of a.npz holds records with several fields, a target is of numbers" in message(
        text, tmp_path
    )


def test_words_behind_a_sample_s_end_count_in_nothing(tmp_path: Path) -> None:
    words = np.array([["b", "a", "", "nan"], ["a", "b", "c", "a"], ["c", "", "NA", ""]])
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 4, 2)), lengths=np.array([2, 4, 1]), out=words)
    text = spec(
        "{x: [T, 2], lengths: {shape: [], dtype: int64}}",
        "{g: {type: gru, hidden: 4, from: {input: x, lengths: lengths}}, out: {type: linear, out_features: 3}}",
        "{source: {type: npz, path: a.npz}, split: {train: 1}}",
    )
    loaded = dataset(text, tmp_path)
    assert loaded.preprocess.outputs["out"].names == ("a", "b", "c")
    assert loaded.parts["train"].targets["out"].tolist() == [[1, 0, -100, -100], [0, 1, 2, 0], [2, -100, -100, -100]]
    words[1, 1] = "NA"
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 4, 2)), lengths=np.array([2, 4, 1]), out=words)
    assert "NS604 array `out` holds 'NA', which stands for nothing, at [1, 1]" in message(text, tmp_path)


def test_a_standardized_target_beyond_float32(tmp_path: Path) -> None:
    y = np.where(np.arange(40) % 2, 1e-9, 0.0)
    text = spec(
        "{x: [1]}",
        "{out: {type: linear, out_features: 1}}",
        "{source: {type: npz, path: a.npz}, standardize: both}",
        "loss: squared",
    )
    np.savez(tmp_path / "a.npz", x=np.zeros((40, 1)), out=y)
    test = dataset(text, tmp_path).fingerprint.parts["test"]
    y[test[0]] = 3e38
    np.savez(tmp_path / "a.npz", x=np.zeros((40, 1)), out=y)
    assert "NS604 a number is beyond float32 once it is standardized" in message(text, tmp_path)


def test_help_for_floats_in_a_whole_input_is_true_of_them() -> None:
    type_ = TensorType((BATCH, 2), "int64")
    for x, hint in ((PLAIN, "save it as int64"), (PLAIN + 0.5, "leave out the `dtype` of `x`, or make whole numbers")):
        with pytest.raises(NetspecError) as error:
            check_array(x, type_, "x", "a.npz", {}, None)
        assert f"help: {hint}" in str(error.value)


def test_a_standardized_number_beyond_float32(tmp_path: Path) -> None:
    x = np.where(np.arange(20)[:, None] % 2, 1e-30, 0.0)
    np.savez(tmp_path / "a.npz", x=x, out=np.arange(20) % 2)
    text = spec(
        "{x: [1]}",
        "{out: {type: linear, out_features: 2}}",
        "{source: {type: npz, path: a.npz}, split: {train: 1}, standardize: true}",
        "loss: cross_entropy, epochs: 1",
    )
    train(netspec.load(text, folder=tmp_path), run=tmp_path / "run", device="cpu")
    np.savez(tmp_path / "b.npz", x=np.array([[3e38]]))
    predict(tmp_path / "run", tmp_path / "b.npz", device="cpu")  # a deviation that small is left as 1
    np.savez(tmp_path / "a.npz", x=np.where(np.arange(20)[:, None] % 2, 1e-9, 0.0), out=np.arange(20) % 2)
    train(netspec.load(text, folder=tmp_path), run=tmp_path / "two", device="cpu")
    with pytest.raises(NetspecError, match="NS604 a number is beyond float32 once it is standardized"):
        predict(tmp_path / "two", tmp_path / "b.npz", device="cpu")


# files


def member(shape: tuple[int, ...], dtype: str = "<f4", data: bytes = bytes(16), version: int = 1) -> bytes:
    """An array whose header says what it likes."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(header)) + header + data


def archive(path: Path, compression: int = zipfile.ZIP_DEFLATED, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)


OUT = io.BytesIO()
np.save(OUT, np.arange(N) % 2)
BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "20 GB": (lambda p: archive(p, x=member((5 * 10**9,))), "array `x` claims 18.6 GiB, the file has 16 bytes of it"),
    "more than 2^64": (lambda p: archive(p, x=member((2**40, 2**40))), "array `x` claims 4.4e.12 TiB, the file has"),
    "negative": (lambda p: archive(p, x=member((-1, -4))), "array `x` claims 16 bytes, the file has 16 bytes of it"),
    "too few": (lambda p: archive(p, x=member((2, 1))), "array `x` claims 8 bytes, the file has 16 bytes"),
    "objects": (lambda p: archive(p, x=member((2,), "|O")), "it holds pickled objects"),
    "version 3": (lambda p: archive(p, x=member((4,), version=3)), "array `x` is a record of a table"),
    "no header": (lambda p: archive(p, x=b"text"), "it is no .npz file"),
    "code": (lambda p: archive(p, x=member((4,)).replace(b"False", b"f(1+1")), "it is no .npz file"),
    "npy": (lambda p: p.write_bytes(OUT.getvalue()), "it is no .npz file"),
    "empty": (lambda p: p.write_bytes(b""), "it is no .npz file"),
    "pipe": (os.mkfifo, "it is a pipe or a device, expected a file"),
    "device": (lambda p: p.symlink_to("/dev/zero"), "it is a pipe or a device, expected a file"),
    "folder": (Path.mkdir, "it is a folder, expected a file"),
    "bomb": (lambda p: archive(p, x=member((10**6,), data=bytes(4 * 10**6))), "array `x` has 3.81 MiB, which is more"),
}  # fmt: skip
NET = spec(
    "{x: [2]}",
    "{out: {type: linear, out_features: 2}}",
    "{source: {type: npz, path: a.npz}, split: {train: 1}}",
    "loss: cross_entropy, epochs: 1",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arrays")
    np.savez(folder / "a.npz", x=PLAIN, out=np.arange(N) % 2)
    train(netspec.load(NET, folder=folder), run=folder / "run", device="cpu")
    return folder / "run"


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(tmp_path: Path, name: str, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, reason = BROKEN[name]
    make(tmp_path / "a.npz")
    monkeypatch.setattr(module, "most_bytes", lambda: 10**6)
    import re

    assert re.search(f"<text>:5:34: NS602 a.npz cannot be read: {reason}", message(NET, tmp_path))
    with pytest.raises(NetspecError, match=f"NS602 .*a.npz cannot be read: {reason}"):
        predict(run, tmp_path / "a.npz", device="cpu")


@pytest.mark.parametrize("kind", ["pipe", "device", "large", "folder"])
def test_tables_and_texts_that_have_no_end(
    tmp_path: Path, kind: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import netspec.source.input_files as bounds

    monkeypatch.setattr(bounds, "most_bytes", lambda: 10**6)
    path = tmp_path / "a.csv"
    if kind == "large":
        path.write_bytes(b"a,y\n" * 300_000)
    else:
        {"pipe": os.mkfifo, "device": lambda p: p.symlink_to("/dev/zero"), "folder": Path.mkdir}[kind](path)
    table = NET.replace("npz, path: a.npz", "csv, path: a.csv, target: y")
    text = spec(
        "{x: {shape: [T], dtype: int64}}",
        "{e: {type: embedding, num_embeddings: 9, embedding_dim: 9}}",
        "{source: {type: text, path: a.csv}}",
    )
    for each in (table, text):
        said = message(each, tmp_path)
        assert "NS602 a.csv cannot be read: it " in said
    reason = "it has 1.14 MiB, which is more than half of the memory" if kind == "large" else "expected a file"
    assert reason in said


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6), st.floats(0.05, 1), st.booleans()
)
def test_damaged_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[float, int]], cut: float, packed: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (np.savez_compressed if packed else np.savez)(folder / "a.npz", x=PLAIN, out=np.arange(N) % 2)
    data = bytearray((folder / "a.npz").read_bytes())
    for place, value in changes:
        data[min(int(place * len(data)), len(data) - 1)] = value
    (folder / "a.npz").write_bytes(data[: int(cut * len(data))] if cut < 0.5 else data)
    try:
        dataset(NET, folder)
    except NetspecError as error:
        assert "NS60" in str(error)
