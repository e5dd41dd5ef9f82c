"""What a run was trained on is never tested, whatever becomes of the data; and a change is not passed over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import netspec
from netspec import NetspecError
from netspec.data.fingerprint import Fingerprint
from netspec.training import train as loop
from netspec.training.evaluate import ClassReport, Evaluation, evaluate
from netspec.training.runs import Run

NET = """
netspec: 1
name: changed
inputs: {x: [2]}
layers: {fc: {type: linear, out_features: 2}}
outputs: {y: fc}
data: {source: {type: csv, path: data/t.csv, target: y}, standardize: true, split: {train: 0.5, validation: 0.2, test: 0.3}}
train: {loss: cross_entropy, optimizer: {type: sgd, lr: 0.1}, batch_size: 8, epochs: 3}
"""  # noqa: E501
COUNT = 60


def row(i: int) -> str:
    return f"{i},{(i * 37) % 11},{'ab'[i % 2]}"


def write(folder: Path, rows: list[str]) -> None:
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "t.csv").write_text("\n".join(["i,k,y", *rows]) + "\n")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "net.yaml").write_text(NET)
    write(folder, [row(i) for i in range(COUNT)])
    return folder


def train(project: Path, **more: object) -> Run:
    return loop.train(netspec.load(project / "net.yaml"), run=project / "r", device="cpu", **more)  # type: ignore[arg-type]


def trained_on(project: Path) -> tuple[set[int], set[int]]:
    """The numbers, in column `i`, of the rows of the training and of the test part, when the run began."""
    first = Fingerprint.from_bytes((project / "r" / "data.safetensors").read_bytes(), "")
    return set(first.parts["train"].tolist()), set(first.parts["test"].tolist())


def held_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Evaluation, set[int]]:
    """What `evaluate` gives, and the numbers of the rows that it fed to the network."""
    from netspec.training.batches import Batches

    seen: list[np.ndarray] = []
    plain = Batches.of

    def of(part: object, *more: object) -> object:
        seen.append(part.inputs["x"])  # type: ignore[attr-defined]
        return plain(part, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Batches, "of", of)
    found = evaluate(project / "r", device="cpu")
    standard = json.loads((project / "r" / "preprocess.json").read_text())["inputs"]["x"]["standard"]
    [x] = seen
    numbers = x[:, 0].astype(np.float64) * standard["deviation"][0] + standard["mean"][0]
    return found, set(np.round(numbers).astype(int).tolist())


CHANGES: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "a row is deleted": (lambda rows: rows[1:], "1 sample is gone"),
    "many rows are deleted": (lambda rows: rows[:30], "30 samples are gone"),
    "a row is added": (lambda rows: ["900,1,a", *rows], "1 sample is new"),
    "a row is twice": (lambda rows: [rows[0], *rows], "1 sample is new"),
    "a value is changed": (lambda rows: ["0,999,a", *rows[1:]], "1 sample is gone, 1 sample is new"),
    "a label is changed": (
        lambda rows: [*rows[:5], rows[5].replace("b", "a"), *rows[6:]],
        "1 sample is gone, 1 sample is new",
    ),
    "the order is another": (lambda rows: rows[::-1], "the samples stand in another order"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_changed_data(project: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    train(project)
    learned, held = trained_on(project)
    assert len(learned) == 30 and len(held) == 18 and not learned & held
    found, numbers = held_out(project, monkeypatch)
    assert numbers == held and not found.notes and found.samples == 18
    monkeypatch.undo()

    change, said = CHANGES[what]
    rows = [row(i) for i in range(COUNT)]
    write(project, change(rows))
    kept = {number for number in held if rows[number] in change(rows)}
    found, numbers = held_out(project, monkeypatch)
    monkeypatch.undo()
    assert numbers == kept, "the test part is that of the run, as far as it is there"
    assert [said in note and "not what the run began with" in note for note in found.notes] == [True]

    before = {path.name: path.read_bytes() for path in (project / "r").iterdir()}
    with pytest.raises(NetspecError) as error:
        train(project, resume=True)
    assert f"NS609 the data is not what the run began with: {said}" in str(error.value)
    assert "net.yaml:7:" in str(error.value) and "--allow-changed-data" in str(error.value)
    assert {path.name: path.read_bytes() for path in (project / "r").iterdir()} == before

    done = train(project, resume=True, allow_changed_data=True)
    assert done.status == "finished"
    assert json.loads((project / "r" / "run.json").read_text())["resumed"][-1]["differs"] == [f"data: {said}"]
    write(project, rows)  # put back: every row is where it was
    found, numbers = held_out(project, monkeypatch)
    assert numbers == held and not found.notes


def test_going_on_with_what_is_left_trains_on_nothing_of_the_test_part(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "net.yaml").write_text(NET.replace("epochs: 3", "epochs: 6"))
    from netspec.training import loop as trainer

    plain = trainer.Trainer._close_epoch

    def close(self: trainer.Trainer) -> None:
        plain(self)
        if self.progress.epoch == 2:
            self._interrupt()

    monkeypatch.setattr(trainer.Trainer, "_close_epoch", close)
    assert train(project).status == "interrupted"
    monkeypatch.undo()
    learned, _ = trained_on(project)
    write(project, [row(i) for i in range(COUNT)][::-1][3:])
    seen: list[np.ndarray] = []
    first = trainer.Trainer.__init__

    def init(self: trainer.Trainer, *given: object, **more: object) -> None:
        first(self, *given, **more)  # type: ignore[arg-type]
        seen.append(given[2].parts["train"].inputs["x"])  # type: ignore[attr-defined]

    monkeypatch.setattr(trainer.Trainer, "__init__", init)
    done = train(project, resume=True, allow_changed_data=True)
    assert (done.status, done.epochs) == ("finished", 6)
    standard = json.loads((project / "r" / "preprocess.json").read_text())["inputs"]["x"]["standard"]
    numbers = np.round(seen[0][:, 0] * standard["deviation"][0] + standard["mean"][0]).astype(int)
    assert set(numbers.tolist()) == learned - {57, 58, 59}


def test_an_epoch_that_had_begun_begins_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer samples there are fewer batches than it had come to."""
    from netspec.training import loop as trainer

    plain = trainer.Trainer._tick
    monkeypatch.setattr(trainer, "REFRESH", 0.0)  # a tick after each batch

    def tick(self: trainer.Trainer) -> None:
        if (self.progress.epoch, self.progress.batch) == (1, 3):
            self._interrupt()
        plain(self)

    monkeypatch.setattr(trainer.Trainer, "_tick", tick)
    assert train(project).status == "interrupted"
    monkeypatch.undo()
    learned, held = trained_on(project)
    left = sorted(learned)[:7] + sorted(held) + sorted(set(range(COUNT)) - learned - held)
    write(project, [row(i) for i in left])
    done = train(project, resume=True, allow_changed_data=True)
    assert (done.status, done.epochs) == ("finished", 3)
    lines = [json.loads(line) for line in (project / "r" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [4, 8, 9]  # 4 batches, then 3 and one of 7 samples again, then one


@pytest.mark.parametrize(("loss", "values"), [("cross_entropy", 3), ("logistic", 1)])
def test_a_class_that_is_gone(project: Path, loss: str, values: int) -> None:
    """The numbers of the others stay what they were, also where those that are left could be numbers themselves."""
    words = ("1", "2", "x") if values == 3 else ("a", "x")
    text = NET.replace("out_features: 2", f"out_features: {values}").replace("cross_entropy", loss)
    (project / "net.yaml").write_text(text.replace("lr: 0.1", "lr: 0.5").replace("epochs: 3", "epochs: 40"))
    rows = [f"{i},{10 * (i % len(words))},{words[i % len(words)]}" for i in range(COUNT)]
    write(project, rows)
    train(project)
    before = evaluate(project / "r", device="cpu").outputs["y"]
    write(project, [line for line in rows if not line.endswith("x")])
    found = evaluate(project / "r", device="cpu")
    report = found.outputs["y"]
    assert isinstance(report, ClassReport) and isinstance(before, ClassReport)
    assert before.accuracy == report.accuracy == 1.0 and report.names == before.names == words
    assert report.support.tolist() == [*before.support.tolist()[:-1], 0]
    assert "samples are gone" in found.notes[0]
    write(project, [*rows, "9,9,new"])  # in no part, whatever it is
    assert repr(evaluate(project / "r", device="cpu").outputs["y"]) == repr(before)


def test_none_of_the_samples_is_left(project: Path) -> None:
    train(project)
    write(project, [f"{i + 1000},{i},{'ab'[i % 2]}" for i in range(COUNT)])
    for act in (lambda: evaluate(project / "r"), lambda: train(project, resume=True, allow_changed_data=True)):
        with pytest.raises(NetspecError, match=r"NS607 the \w+ part is empty: the data has none of the"):
            act()


def test_another_name_of_the_file(project: Path) -> None:
    train(project)
    (project / "data" / "t.csv").rename(project / "data" / "u.csv")
    with pytest.raises(NetspecError) as error:
        evaluate(project / "r")
    assert "NS602 no such file: data/t.csv" in str(error.value)
    assert f"when the run began it was below {project}: name its place now with --data" in str(error.value)
    assert not evaluate(project / "r", data_at=project / "data" / "u.csv").notes
    (project / "net.yaml").write_text(NET.replace("data/t.csv", "data/u.csv"))
    with pytest.raises(NetspecError, match="was begun from another spec"):
        train(project, resume=True)


def test_a_project_that_has_moved(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(project)
    expected = evaluate(project / "r")
    there = tmp_path / "there"
    shutil.move(project, there)
    with pytest.raises(NetspecError) as error:
        evaluate(there / "r")
    assert f"help: when the run began it was below {project}: name its place now with --data" in str(error.value)
    for at in (there, there / "data" / "t.csv"):
        found = evaluate(there / "r", data_at=at)
        assert (found.loss, found.notes) == (expected.loss, ())
    monkeypatch.chdir(tmp_path)
    assert evaluate("there/r", data_at="there").loss == expected.loss
    train(there, resume=True)  # the file went with it
    shutil.move(there / "data", tmp_path / "elsewhere")
    with pytest.raises(NetspecError, match=f"it was below {project}"):
        train(there, resume=True)
    with pytest.raises(NetspecError, match=f"NS602 no such file: {there}/data/t.csv"):
        train(there, resume=True, data_at=there)
    for at in (tmp_path / "elsewhere", tmp_path / "elsewhere" / "t.csv"):
        assert train(there, resume=True, data_at=at).status == "finished"


def test_data_in_no_file_has_no_other_place(tmp_path: Path) -> None:
    text = NET.replace("{type: csv, path: data/t.csv, target: y}", "iris").replace("[2]", "[4]")
    text = text.replace("out_features: 2", "out_features: 3")
    loop.train(netspec.load(text), run=tmp_path / "r", device="cpu")
    with pytest.raises(NetspecError, match="NS602 the source `iris` is read from no file"):
        evaluate(tmp_path / "r", data_at=tmp_path)


def images(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    for kind in ("cat", "dog"):
        (folder / kind).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 255, (4, 4, 3), np.uint8)).save(folder / kind / f"{i:02}.png")


def test_images_that_are_renamed_or_gone(tmp_path: Path) -> None:
    images(tmp_path / "pets", 20)
    text = """
netspec: 1
inputs: {x: [3, 4, 4]}
layers: {flat: flatten, fc: {type: linear, out_features: 2}}
outputs: {y: fc}
data: {source: {type: image_folder, path: pets}, split: {train: 0.5, test: 0.5}}
train: {loss: cross_entropy, epochs: 1}
"""
    loop.train(netspec.load(text, folder=tmp_path), run=tmp_path / "r", device="cpu")
    first = evaluate(tmp_path / "r")
    (tmp_path / "pets" / "cat" / "00.png").rename(tmp_path / "pets" / "cat" / "zz.png")
    again = evaluate(tmp_path / "r")
    assert "the samples stand in another order" in again.notes[0]
    assert again.samples == first.samples and again.loss == pytest.approx(first.loss, rel=1e-6)
    (tmp_path / "pets").rename(tmp_path / "animals")
    assert evaluate(tmp_path / "r", data_at=tmp_path / "animals").samples == first.samples
    report, before = again.outputs["y"], first.outputs["y"]
    assert isinstance(report, ClassReport) and isinstance(before, ClassReport)
    assert report.support.tolist() == before.support.tolist()


def test_a_run_that_has_lost_what_it_knew_of_its_data(project: Path) -> None:
    train(project)
    (project / "r" / "data.safetensors").unlink()
    with pytest.raises(NetspecError, match="NS622 has a checkpoint and no data"):
        train(project, resume=True)
    with pytest.raises(NetspecError, match="NS622 cannot be read: no such file"):
        evaluate(project / "r")


@pytest.mark.parametrize("loss", ["cross_entropy", "logistic"])
@pytest.mark.parametrize("labels", ["ab", "01"])
def test_a_sample_of_a_class_that_the_run_does_not_know_is_in_no_part(
    project: Path, loss: str, labels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = NET.replace("cross_entropy", loss).replace("out_features: 2", f"out_features: {1 + (loss != 'logistic')}")
    (project / "net.yaml").write_text(text)
    rows = [row(i).replace("a", labels[0]).replace("b", labels[1]) for i in range(COUNT)]
    write(project, rows)
    train(project)
    before = evaluate(project / "r", device="cpu")
    write(project, [*rows, f"7,7,{'c' if labels == 'ab' else '2'}"])
    found, seen = held_out(project, monkeypatch)
    assert "1 sample is new" in found.notes[0] and seen == trained_on(project)[1]
    assert (found.loss, found.samples) == (before.loss, before.samples)
    with pytest.raises(NetspecError, match="NS609 the data is not what the run began with: 1 sample is new"):
        train(project, resume=True)
    assert train(project, resume=True, allow_changed_data=True).status == "finished"


def test_columns_that_come_or_move_are_no_features_of_a_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(project)
    before = evaluate(project / "r", device="cpu")
    rows = [row(i).split(",") for i in range(COUNT)]
    table = ["note,y,k,i", *(f"n{i},{y},{k},{n}" for i, (n, k, y) in enumerate(rows))]
    (project / "data" / "t.csv").write_text("\n".join(table) + "\n")
    found, seen = held_out(project, monkeypatch)
    assert found.notes == () and found.loss == before.loss and seen == trained_on(project)[1]
    assert train(project, resume=True).status == "finished"
    (project / "data" / "t.csv").write_text("\n".join(line.replace("k", "kk") for line in table) + "\n")
    with pytest.raises(NetspecError, match=r"NS603 data/t\.csv has no column `k`"):
        evaluate(project / "r", device="cpu")


def test_the_test_part_alone_can_be_evaluated(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(project)
    before = evaluate(project / "r", device="cpu")
    tested = trained_on(project)[1]
    write(project, [row(i) for i in sorted(tested)])
    found, seen = held_out(project, monkeypatch)
    assert seen == tested and found.loss == before.loss and "samples are gone" in found.notes[0]
    with pytest.raises(NetspecError, match="NS607 the train part is empty"):
        train(project, resume=True, allow_changed_data=True)
