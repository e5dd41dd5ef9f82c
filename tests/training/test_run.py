"""Whole trainings: what is written, what is shown, what stops them, and what is refused."""

import errno
import io
import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import torch
from rich.console import Console

import netspec
from netspec import NetspecError
from netspec.data.parts import DataPart
from netspec.frontend.fmt.canonical import formatted
from netspec.report import training as shown
from netspec.source.text import Source
from netspec.training import files
from netspec.training import loop as trainer
from netspec.training import train as loop
from netspec.training.batch_losses import BatchLosses
from netspec.training.batches import Batches
from netspec.training.device import pick_device
from netspec.training.run_data import dataset_of
from netspec.training.runs import Run
from netspec.training.state import Progress
from netspec.training.weights import read_tensors

TABLE = """
netspec: 1
name: table
inputs: {x: [4]}
layers:
  fc1: {type: linear, out_features: 8}
  tanh: tanh
  fc2: {type: linear, out_features: 3}
outputs: {species: fc2}
data: {source: iris, standardize: true}
train: {loss: cross_entropy, optimizer: {type: adam, lr: 0.02}, batch_size: 16, epochs: 8}
"""
NUMBERS = """
netspec: 1
name: numbers
inputs: {x: [10]}
layers: {fc: {type: linear, out_features: 1}}
outputs: {y: fc}
data: {source: diabetes, standardize: true}
train: {loss: squared, optimizer: {type: sgd, lr: %s}, epochs: 40, batch_size: 32}
"""


def train(text: str, folder: Path, **more: Any) -> Run:
    return netspec.train(netspec.load(text, **more.pop("vars", {})), run=folder, device="cpu", **more)


def message(text: str, folder: Path, **more: Any) -> str:
    with pytest.raises(NetspecError) as error:
        train(text, folder, **more)
    return str(error.value)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_what_a_run_folder_holds(tmp_path: Path) -> None:
    run = train(TABLE, tmp_path / "r")
    assert sorted(p.name for p in (tmp_path / "r").iterdir()) == [
        "best.safetensors", "checkpoint.safetensors", "curves.png", "data.safetensors", "last.safetensors",
        "metrics.jsonl", "preprocess.json", "run.json", "spec.yaml",
    ]  # fmt: skip
    assert netspec.load(tmp_path / "r" / "spec.yaml").name == "table"
    info = json.loads((tmp_path / "r" / "run.json").read_text())
    assert (info["status"], info["seed"], info["device"], info["epochs"]) == ("finished", 0, "cpu", 8)
    assert info["versions"]["torch"] == torch.__version__
    assert info["results"] == run.results
    assert [line["epoch"] for line in lines(tmp_path / "r")] == list(range(1, 9))
    assert run.results["test"]["accuracy"] > 0.8
    assert set(run.results) == {"train", "validation", "test"}
    best = min(lines(tmp_path / "r"), key=lambda line: line["validation"]["loss"])
    assert best["epoch"] == run.best_epoch
    assert run.results["validation"]["loss"] == pytest.approx(best["validation"]["loss"], rel=1e-6)


def test_the_loop_is_the_plain_loop(tmp_path: Path) -> None:
    """The same weights, bit by bit, as a hand-written loop over the same batches."""
    graph = netspec.load(TABLE)
    loop.train(graph, run=tmp_path / "r", device="cpu")
    data, config = graph.learning()
    part = dataset_of(graph, data, config).parts["train"]
    module = netspec.to_torch(graph, seed=0)
    optimizer = torch.optim.Adam(module.parameters(), 0.02, fused=True)
    for epoch in range(8):
        for [x], y in Batches.of(part, 16, torch.device("cpu")).shuffled(0, epoch):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(module(x), y["species"]).backward()
            optimizer.step()
    kept, _ = read_tensors(tmp_path / "r" / "last.safetensors")
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, kept[name]), name


def test_running_loss_and_the_mean_of_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    plain = BatchLosses.fetch

    def fetch(self: BatchLosses, progress: Progress) -> None:
        seen.extend(loss.item() for loss in self.pending)
        plain(self, progress)

    monkeypatch.setattr(BatchLosses, "fetch", fetch)
    train(TABLE.replace("epochs: 8", "epochs: 2, stop: {settle: {rate: 0.3}}"), tmp_path / "r")
    q = seen[0]
    for loss in seen[1:]:
        q = (1 - 0.3) * q + 0.3 * loss
    assert lines(tmp_path / "r")[-1]["running_loss"] == pytest.approx(q, rel=1e-12)
    sizes = [16] * 7 + [8]  # 120 samples
    assert len(seen) == 16
    assert lines(tmp_path / "r")[1]["loss"] == pytest.approx(np.average(seen[8:], weights=sizes))


def test_batches_are_a_permutation_that_the_seed_and_epoch_decide() -> None:
    part = training_part(TABLE)
    batches = Batches.of(part, 16, torch.device("cpu"))

    def order(seed: int, epoch: int, first: int = 0) -> torch.Tensor:
        return torch.cat([x for [x], _ in batches.shuffled(seed, epoch, first)])

    assert not torch.equal(order(0, 0), order(0, 1))
    assert not torch.equal(order(0, 0), order(1, 0))
    assert torch.equal(order(0, 3)[32:], order(0, 3, 2))
    whole = torch.cat([x for [x], _, _ in batches.in_order()])
    assert sorted(order(0, 0).tolist()) == sorted(whole.tolist())


def training_part(text: str) -> DataPart:
    spec = netspec.load(text)
    return dataset_of(spec, *spec.learning()).parts["train"]


def test_a_last_batch_of_one_counts_unless_two_are_needed() -> None:
    part = training_part(TABLE)
    for least, rest in ((1, [1]), (2, [])):
        batches = Batches.of(part, 17, torch.device("cpu"), least)  # 120 = 7·17 + 1
        assert batches.steps == 7 + len(rest)
        assert [len(x) for [x], _ in batches.shuffled(0, 0)] == [17] * 7 + rest
    assert Batches.of(part, 1, torch.device("cpu")).steps == 120


def test_global_random_state_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(TABLE.replace("epochs: 8", "epochs: 1"), tmp_path / "r")
    assert torch.equal(torch.rand(3), expected)


# stopping


def test_patience(tmp_path: Path) -> None:
    text = TABLE.replace("epochs: 8", "epochs: 300, stop: {patience: 3, min_delta: 0.01}")
    run = train(text, tmp_path / "r")
    losses = [line["validation"]["loss"] for line in lines(tmp_path / "r")]
    mark, waited, ended = np.inf, 0, 0
    for epoch, loss in enumerate(losses, 1):
        mark, waited = (loss, 0) if loss < mark - 0.01 else (mark, waited + 1)
        if waited == 3:
            ended = epoch
            break
    assert run.epochs == ended == len(losses) < 300
    assert run.reason == "no better loss in 3 epochs"


def test_settled(tmp_path: Path) -> None:
    text = TABLE.replace("epochs: 8", "epochs: 300, stop: {settle: {tolerance: 0.02, rate: 0.05, epochs: 4}}")
    run = train(text, tmp_path / "r")
    q = [line["running_loss"] for line in lines(tmp_path / "r")]
    assert max(q[-4:]) - min(q[-4:]) <= 0.02 * q[-1] < max(q[-5:-1]) - min(q[-5:-1]) + 1e-3
    assert "the running loss has settled at" in run.reason and run.epochs < 300


# things that go wrong


def test_a_loss_that_is_not_finite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "FIRST_SAVE", 0.0)
    monkeypatch.setattr(trainer, "PAUSE", 0)
    found = message(NUMBERS % "100", tmp_path / "r")
    assert (
        "NS623 the loss is inf in epoch 2, batch" in found
        or "NS623 the loss is nan in epoch" in found
        or ("NS623 the loss is inf in epoch" in found)
    )
    assert "help: lower `lr`, add `clip: 1.0` or `standardize: true`" in found
    kept, _ = read_tensors(tmp_path / "r" / "checkpoint.safetensors")
    assert all(torch.isfinite(tensor).all() for name, tensor in kept.items() if name.startswith("weights."))


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = trainer.Trainer.save

    def save(self: trainer.Trainer) -> None:
        self.params[0].data[0, 0] = float("nan")
        plain(self)

    monkeypatch.setattr(trainer.Trainer, "save", save)
    assert "NS623 fc1.weight is not finite in epoch " in message(TABLE, tmp_path / "r")
    assert not (tmp_path / "r" / "checkpoint.safetensors").exists()


@pytest.fixture
def file_limit() -> Iterator[Any]:
    """Sets the largest size of a file, as a full disk would; put back afterwards."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_limit: Any) -> None:
    monkeypatch.setattr(trainer, "FIRST_SAVE", 0.0)
    monkeypatch.setattr(trainer, "PAUSE", 0)
    folder = tmp_path / "r"
    checkpoint = folder / "checkpoint.safetensors"
    plain = trainer.Trainer.save
    calls, kept = [], []

    def save(self: trainer.Trainer) -> None:
        calls.append(1)
        if len(calls) == 20:
            kept.append(checkpoint.read_bytes())
            file_limit(2000)
        plain(self)

    monkeypatch.setattr(trainer.Trainer, "save", save)
    found = message(TABLE, folder)
    file_limit(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    assert f"NS624 cannot write {checkpoint}: " in found
    assert "help: what was saved before is still whole: make room, then go on with --resume" in found
    assert checkpoint.read_bytes() == kept[0]
    assert not list(folder.glob(".*.part"))
    monkeypatch.undo()
    train(TABLE, folder, resume=True)
    train(TABLE, tmp_path / "alone")
    assert (folder / "last.safetensors").read_bytes() == (tmp_path / "alone" / "last.safetensors").read_bytes()


def test_full_disk_at_the_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    found = message(TABLE, tmp_path / "r")
    assert "NS624 cannot write" in found and "No space left on device" in found


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_text(path, "old")

    def half(file: BinaryIO) -> None:
        file.write(b"ne")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(NetspecError, match="NS624"):
        files.write_whole(path, half, files.cannot_write)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


# folders


def test_folders_are_not_written_over(tmp_path: Path) -> None:
    train(TABLE, tmp_path / "r")
    found = message(TABLE, tmp_path / "r")
    assert "NS622 exists already and is not empty" in found and "go on with it with --resume" in found
    other = message(TABLE.replace("epochs: 8", "epochs: 9"), tmp_path / "r", resume=True)
    assert "NS622 was begun from another spec: it has `" in other
    assert "start a new run, or put the file back as it was" in other
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    assert "NS622 exists already and is not empty" in message(TABLE, tmp_path / "full")
    assert "NS622 is no run: it has no spec.yaml" in message(TABLE, tmp_path / "full", resume=True)
    assert "NS622 is a file" in message(TABLE, tmp_path / "full" / "thesis.tex")
    (tmp_path / "empty").mkdir()
    assert train(TABLE, tmp_path / "empty").status == "finished"


PART = ".netspec-0123456789abcdef.part"  # what was being written


@pytest.mark.parametrize("there", [(), ("spec.yaml",), ("spec.yaml", "preprocess.json"), (PART,)])
def test_a_run_that_was_killed_before_it_began(tmp_path: Path, there: tuple[str, ...]) -> None:
    run = train(TABLE, tmp_path / "r")
    for path in (tmp_path / "r").iterdir():
        if path.name not in there:
            path.unlink()
    for name in there:
        (tmp_path / "r" / name).touch()
    again = train(TABLE, tmp_path / "r", resume=True)
    assert again.results == run.results


def test_a_run_goes_on_with_the_preprocessing_that_it_began_with(tmp_path: Path) -> None:
    train(TABLE, tmp_path / "r")
    path = tmp_path / "r" / "preprocess.json"
    kept = json.loads(path.read_text())
    kept["inputs"]["x"]["standard"]["mean"][0] += 100.0
    path.write_text(json.dumps(kept))
    assert train(TABLE, tmp_path / "r", resume=True).results["test"]["accuracy"] < 0.7


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    first = train(TABLE, tmp_path / "r")
    weights = (tmp_path / "r" / "last.safetensors").read_bytes()
    again = train(TABLE, tmp_path / "r", resume=True)
    assert again.results == first.results and again.epochs == 8
    assert (tmp_path / "r" / "last.safetensors").read_bytes() == weights
    assert len(lines(tmp_path / "r")) == 8


def test_a_checkpoint_that_is_none(tmp_path: Path) -> None:
    train(TABLE, tmp_path / "r")
    (tmp_path / "r" / "checkpoint.safetensors").write_bytes(b"no")
    assert "checkpoint.safetensors: NS622 cannot be read" in message(TABLE, tmp_path / "r", resume=True)


def test_sections_that_are_missing(tmp_path: Path) -> None:
    text = TABLE[: TABLE.index("data:")]
    found = message(text, tmp_path / "r", file="net.yaml")
    assert "net.yaml: NS613 there is no `data` section" in found and "NS613 there is no `train` section" in found
    assert not (tmp_path / "r").exists()


def test_nothing_to_train(tmp_path: Path) -> None:
    found = message(
        TABLE.replace("out_features: 8}", "out_features: 8, freeze: true}").replace(
            "out_features: 3}", "out_features: 3, freeze: true}"
        ),
        tmp_path / "r",
    )
    assert "NS612 there is nothing to train" in found


def test_frozen_layers_stay(tmp_path: Path) -> None:
    text = TABLE.replace("out_features: 8}", "out_features: 8, freeze: true}")
    train(text, tmp_path / "r")
    kept, _ = read_tensors(tmp_path / "r" / "last.safetensors")
    begin = netspec.to_torch(netspec.load(text), seed=0).state_dict()
    assert torch.equal(kept["fc1.weight"], begin["fc1.weight"])
    assert not torch.equal(kept["fc2.weight"], begin["fc2.weight"])


# devices and precision


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_devices_that_are_not_there() -> None:
    assert pick_device("auto") == torch.device("cpu")
    for name, expected in (
        ("cuda", "NS621 no CUDA device"),
        ("cuda:1", "NS621 no CUDA"),
        ("cudo", "did you mean `cuda`"),
    ):
        with pytest.raises(NetspecError) as error:
            pick_device(name)
        assert expected in str(error.value)
    with pytest.raises(NetspecError, match="`precision: bf16` computes on CUDA alone"):
        pick_device("cpu", "bf16")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("optimizer", ["adam", "nag"])
def test_mixed_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, optimizer: str) -> None:
    """On CUDA where there is one; else the same code on the CPU, which has both precisions, only slower."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    monkeypatch.setattr(loop, "pick_device", lambda *_: device)
    text = TABLE.replace("{type: adam, lr: 0.02}", f"{{type: {optimizer}, lr: 0.05}}, clip: 5, precision: {precision}")
    text = text.replace("epochs: 8", "epochs: 40")
    run = loop.train(netspec.load(text), run=tmp_path / "r")
    assert run.results["train"]["accuracy"] > 0.85
    kept, _ = read_tensors(tmp_path / "r" / "last.safetensors")
    assert all(tensor.dtype == torch.float32 for tensor in kept.values())


# weights


def test_shared_weights_are_stored_once(tmp_path: Path) -> None:
    import safetensors.torch

    text = TABLE.replace(
        "  tanh: tanh\n",
        "  tanh: tanh\n  mid: {type: linear, out_features: 8}\n  again: {type: linear, out_features: 8, share: mid}\n",
    )
    train(text, tmp_path / "r")
    path = tmp_path / "r" / "best.safetensors"
    kept = safetensors.torch.load_file(path)
    assert [name for name in kept if name.startswith(("mid", "again"))] in (["mid.bias", "mid.weight"],)
    module = netspec.to_torch(netspec.load(text), seed=9)
    assert module.again.weight is module.mid.weight  # type: ignore[union-attr]
    safetensors.torch.load_model(module, path)
    ours = netspec.to_torch(netspec.load(text), seed=9)
    from netspec.training.weights import load_weights

    load_weights(path, ours)
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, ours.state_dict()[name])
    assert torch.equal(ours.again.weight, kept["mid.weight"])  # type: ignore[union-attr,arg-type]


def test_weights_of_another_network(tmp_path: Path) -> None:
    from netspec.training.weights import load_weights

    train(TABLE, tmp_path / "r")
    other = netspec.to_torch(netspec.load(TABLE.replace("out_features: 8", "out_features: 9")))
    with pytest.raises(NetspecError, match=r"NS622 these weights are another network's: fc1\.\w+ is \(8") as error:
        load_weights(tmp_path / "r" / "best.safetensors", other)
    assert "expected (9" in str(error.value)


# what is shown


def test_table_and_plain_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "PLAIN", 0.0)
    monkeypatch.setattr(trainer, "REFRESH", 0.0)
    out = io.StringIO()
    train(TABLE, tmp_path / "r", console=Console(file=out, width=100))
    text = out.getvalue()
    assert "table · 67 weights · 120 train, 15 validation, 15 test · cpu" in text
    assert "epoch 3/8 · loss " in text and "samples/s" in text and "accuracy" in text
    assert "best of 8 epochs: " in text and "all epochs done" in text
    assert str(tmp_path / "r") in text


def test_terminal_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "REFRESH", 0.0)
    out = io.StringIO()
    train(TABLE, tmp_path / "r", console=Console(file=out, width=100, force_terminal=True))
    assert "━" in out.getvalue() and "epoch 8/8" in out.getvalue()


def test_interrupted_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import signal

    plain = trainer.Trainer._close_epoch

    def close(self: trainer.Trainer) -> None:
        plain(self)
        if self.progress.epoch == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(trainer.Trainer, "_close_epoch", close)
    out, handler = io.StringIO(), signal.getsignal(signal.SIGINT)
    run = train(TABLE, tmp_path / "r", console=Console(file=out, width=200), file="net.yaml")
    assert (run.status, run.epochs, run.results) == ("interrupted", 3, {})
    assert "stopped after 3 of 8 epochs, everything is saved; go on with" in out.getvalue()
    assert f"netspec train net.yaml --run {tmp_path / 'r'} --resume" in out.getvalue()
    assert json.loads((tmp_path / "r" / "run.json").read_text())["status"] == "interrupted"
    assert signal.getsignal(signal.SIGINT) is handler
    monkeypatch.undo()
    done = train(TABLE, tmp_path / "r", resume=True)
    alone = train(TABLE, tmp_path / "alone")
    assert done.results == alone.results


# whole networks


@pytest.mark.parametrize("loss", ["squared", "absolute", "{type: epsilon_insensitive, epsilon: 0.05}"])
def test_regression_in_the_units_of_the_data(tmp_path: Path, loss: str) -> None:
    text = (
        (NUMBERS % "0.05").replace("standardize: true", "standardize: both").replace("loss: squared", f"loss: {loss}")
    )
    run = train(text, tmp_path / "r")
    assert run.results["train"]["r2"] > 0.45


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_two_classes_by_sign(tmp_path: Path, loss: str) -> None:
    text = NUMBERS.replace("diabetes", "breast_cancer").replace("[10]", "[30]").replace("squared", loss) % "0.05"
    assert train(text, tmp_path / "r").results["test"]["accuracy"] > 0.9


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(200, 3)).astype(np.float32), rng.normal(size=(200, 2)).astype(np.float32)
    np.savez(tmp_path / "d.npz", a=a, b=b, kind=(a[:, 0] + b[:, 0] > 0).astype(int), size=a[:, :1] - b[:, :1])
    text = """
netspec: 1
name: both
inputs: {a: [3], b: [2]}
layers:
  cat: {type: concat, from: [a, b]}
  kind: {type: linear, out_features: 2}
  size: {type: linear, out_features: 1, from: cat}
outputs: {kind: kind, size: size}
data: {source: {type: npz, path: d.npz}}
train:
  loss: {kind: cross_entropy, size: {type: squared, weight: 0.5}}
  optimizer: {type: adam, lr: 0.05}
  metrics: [accuracy, r2]
  epochs: 40
"""
    run = loop.train(netspec.load(text, folder=tmp_path), run=tmp_path / "r", device="cpu")
    assert run.results["test"]["kind.accuracy"] >= 0.85
    assert run.results["test"]["size.r2"] > 0.95


def test_a_run_goes_on_after_its_file_was_formatted(tmp_path: Path) -> None:
    """Another order of keys where it says nothing, and `relu: {type: relu}` as `relu: relu`, are the same spec."""
    text = TABLE.replace("tanh: tanh", "tanh: {type: tanh}").replace("{type: linear, out_features: 8}", FC1)
    first = train(text, tmp_path / "r")
    text = formatted(Source("net.yaml", text))
    weights = (tmp_path / "r" / "last.safetensors").read_bytes()
    again = train(text, tmp_path / "r", resume=True)
    assert again.results == first.results and (tmp_path / "r" / "last.safetensors").read_bytes() == weights
    other = message(text.replace("tanh: tanh", "tanh: relu"), tmp_path / "r", resume=True)
    assert "NS622 was begun from another spec" in other


FC1 = "{out_features: 8, type: linear}"
