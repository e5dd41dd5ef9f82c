"""What the data was: held against plain sets of rows, for every kind of source."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from test_sources import arrays, dataset, images, linear, spec

import netspec
from netspec import NetspecError
from netspec.data.fingerprint import Fingerprint
from netspec.data.parts import Dataset, ImageRows
from netspec.training.run_data import dataset_of


def again(text: str, folder: Path, before: Dataset) -> Dataset:
    """As `evaluate` does: with the rules and the split of a run."""
    graph = netspec.load(text, folder=folder)
    return dataset_of(graph, *graph.learning(), before.preprocess, before.fingerprint)


def rows_of(loaded: Dataset, part: str) -> Counter[tuple[float, ...]]:
    x = loaded.parts[part].inputs["x"]
    assert isinstance(x, np.ndarray)
    return Counter(map(tuple, np.column_stack([x, loaded.parts[part].targets["out"]]).tolist()))


TABLE = spec("{x: [2]}", linear(2), "{source: {type: csv, path: a.csv, target: kind}, split: {train: 0.6, test: 0.4}}")


def lines(count: int) -> list[str]:
    return [f"{i},{i * i % 7},{'pq'[i % 2]}" for i in range(count)]


def write(folder: Path, rows: list[str]) -> None:
    (folder / "a.csv").write_text("a,b,kind\n" + "\n".join(rows) + "\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[1:], "1 sample is gone"),
        (lambda rows: [*rows[:7], "90,3,q", *rows[7:]], "1 sample is new"),
        (lambda rows: [rows[0].replace("0,0", "0,5"), *rows[1:-2]], "3 samples are gone, 1 sample is new"),
        (lambda rows: rows[::-1], "the samples stand in another order"),
    ],
)
def test_no_sample_changes_its_part_when_the_data_does(tmp_path: Path, change: object, said: str) -> None:
    assert callable(change)
    write(tmp_path, lines(40))
    before = dataset(TABLE, tmp_path)
    write(tmp_path, change(lines(40)))
    loaded = again(TABLE, tmp_path, before)
    now = dataset(TABLE, tmp_path).fingerprint
    assert before.fingerprint.change(now) == said
    whole = rows_of(dataset(TABLE.replace("train: 0.6, test: 0.4", "train: 1"), tmp_path), "train")
    for part in ("train", "test"):
        assert rows_of(loaded, part) == rows_of(before, part) & whole
    assert not rows_of(loaded, "test") & rows_of(before, "train")


def test_a_column_that_nobody_reads_and_another_form_of_the_same_file_change_nothing(tmp_path: Path) -> None:
    text = TABLE.replace("target: kind", "target: kind, features: [a, b]")
    write(tmp_path, lines(20))
    before = dataset(text, tmp_path).fingerprint
    rows = ["a,b,note,kind", *(row.replace(",", ",", 1).rsplit(",", 1)[0] + f',n{i},"{row[-1]}"'
                               for i, row in enumerate(lines(20)))]  # fmt: skip
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    now = dataset(text, tmp_path).fingerprint
    assert before.change(now) == "" and now.content == before.content


def test_a_longer_label_moves_nothing(tmp_path: Path) -> None:
    write(tmp_path, lines(20))
    before = dataset(TABLE, tmp_path).fingerprint
    write(tmp_path, [*lines(20), "7,7,a longer label"])
    now = dataset(TABLE.replace("features: 2", "features: 3"), tmp_path).fingerprint
    assert before.change(now) == "1 sample is new"


def test_arrays(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32), np.arange(30) % 2
    text = spec("{x: [3]}", linear(2), arrays(tmp_path, x=x, out=y))
    before = dataset(text, tmp_path).fingerprint
    arrays(tmp_path, x=x.astype(">f4"), out=y.astype(">i8"))
    assert dataset(text, tmp_path).fingerprint.content == before.content
    for array, place in ((x, (4, 2)), (y, (4,))):
        kept = array[place]
        array[place] = 1 - kept
        arrays(tmp_path, x=x, out=y)
        assert before.change(dataset(text, tmp_path).fingerprint) == "1 sample is gone, 1 sample is new"
        array[place] = kept


def test_images_by_what_is_in_their_files(tmp_path: Path) -> None:
    text = spec("{x: [3, 8, 6]}", linear(2), images(tmp_path) % "")
    before = dataset(text, tmp_path)
    Image.new("RGB", (20, 30), (9, 9, 9)).save(tmp_path / "pets" / "cat" / "3.png")
    (tmp_path / "pets" / "dog" / "0.png").rename(tmp_path / "pets" / "dog" / "z.png")
    loaded = again(text, tmp_path, before)
    assert before.fingerprint.change(dataset(text, tmp_path).fingerprint) == "1 sample is gone, 1 sample is new"
    sizes = []
    for part in ("train", "test"):
        rows, then = loaded.parts[part].inputs["x"], before.parts[part].inputs["x"]
        assert isinstance(rows, ImageRows) and isinstance(then, ImageRows)
        old = {p.name.replace("0.png", "z.png") if p.parent.name == "dog" else p.name for p in (
            then.images.paths[i] for i in then.indices)}  # fmt: skip
        assert {rows.images.paths[i].name for i in rows.indices} <= old
        sizes.append(len(rows))
    assert sum(sizes) == 9


def test_a_text_and_a_generated_source(tmp_path: Path) -> None:
    data = "{source: {type: text, path: t.txt, length: 10}}"
    text = spec(
        "{x: {shape: [T], dtype: int64}}", "{e: {type: embedding, num_embeddings: 26, embedding_dim: 26}}", data
    )
    (tmp_path / "t.txt").write_text("abcdefghijklmnopqrstuvwxyz" * 20)
    before = dataset(text, tmp_path).fingerprint
    (tmp_path / "t.txt").write_text("abcdefghijklmnopqrstuvwxyz" * 20 + "abcdefghij")
    assert before.change(dataset(text, tmp_path).fingerprint) == "1 sample is new"
    task = spec("{x: [T, 7]}", "{g: {type: gru, hidden: 7}}", "{source: {type: reber, samples: 40}}", "loss: logistic")
    assert dataset(task).fingerprint.content == dataset(task).fingerprint.content


def test_none_of_a_part_is_left(tmp_path: Path) -> None:
    write(tmp_path, lines(40))
    before = dataset(TABLE, tmp_path)
    write(tmp_path, [f"{i},1,{'pq'[i % 2]}" for i in range(100, 140)])
    with pytest.raises(NetspecError, match="NS607 the train part is empty: the data has none of the 24 samples it had"):
        again(TABLE, tmp_path, before)


def plain(rows: list[int], parts: dict[str, list[int]]) -> Fingerprint:
    return Fingerprint("c", np.array(rows, np.uint64), {n: np.array(p, np.int64) for n, p in parts.items()})


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(-1, 2)), max_size=25), st.lists(st.integers(0, 8), max_size=25)
)
def test_matching_against_a_count_of_equals(then: list[tuple[int, int]], now: list[int]) -> None:
    names = ("train", "validation", "test")
    before = plain(
        [r for r, _ in then], {n: [i for i, (_, p) in enumerate(then) if p == k] for k, n in enumerate(names)}
    )
    parts = before.split(np.array(now, np.uint64))
    taken = np.concatenate(list(parts.values()))
    assert len(set(taken.tolist())) == len(taken)
    queue = {row: [p for r, p in then if r == row] for row, _ in then}
    expected: dict[str, list[int]] = {n: [] for n in names}
    for i, row in enumerate(now):
        part = queue[row].pop(0) if queue.get(row) else -1
        if part >= 0:
            expected[names[part]].append(i)
    assert {n: rows.tolist() for n, rows in parts.items()} == expected
    kept = Fingerprint.from_bytes(before.to_bytes(), "f")
    assert kept.content == before.content and (kept.rows == before.rows).all()
    assert {n: r.tolist() for n, r in kept.parts.items()} == {n: r.tolist() for n, r in before.parts.items()}


def test_bytes_that_are_something_else() -> None:
    whole = plain([1, 2, 3], {"train": [0, 2], "test": [1]}).to_bytes()
    assert whole == plain([1, 2, 3], {"train": [0, 2], "test": [1]}).to_bytes()
    header = int.from_bytes(whole[:8], "little")
    swapped = ((b"train", b"test\\"), (b"U64", b"I64"), (b'"rows"', b'"raws"'), (b"content", b"contenx"))
    broken = [b"", b"x", whole[:-1], whole[: header + 8], whole[:-1] + b"\x07"]
    broken += [whole.replace(old, new) for old, new in swapped]
    for data in broken:
        with pytest.raises(NetspecError, match="NS622"):
            Fingerprint.from_bytes(data, "data.safetensors")
    for i in range(len(whole)):  # every byte, whatever it becomes: read, or refused
        for value in (0, 255, whole[i] ^ 1):
            try:
                Fingerprint.from_bytes(whole[:i] + bytes([value]) + whole[i + 1 :], "f")
            except NetspecError as error:
                assert "NS622" in str(error)
