"""Truncated back-propagation through time against loops written by hand, and resumed in the middle of an epoch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netspec import NetspecError
from netspec.data.fingerprint import Fingerprint
from netspec.data.parts import DataPart, Dataset
from netspec.data.preprocess import OutputRule, Preprocess
from netspec.data.symbols import Symbols
from netspec.data.targets import NO_CLASS
from netspec.recipe.config import TrainConfig
from netspec.recipe.read import read_train
from netspec.shapes.dim import symbol
from netspec.shapes.tensor import BATCH, TensorType
from netspec.source.text import Source
from netspec.source.tree import Map, parse
from netspec.training.batches import Batches
from netspec.training.chunks import Chunks, Streams
from netspec.training.events import silent
from netspec.training.loop import Interrupted, Trainer
from netspec.training.metrics_file import MetricsFile
from netspec.training.score import Scorer

CPU = torch.device("cpu")
K, STEPS = 5, 12
UNSEEN = Fingerprint("", np.zeros(0, np.uint64))
OUTPUT = {"y": TensorType((BATCH, symbol("T"), K))}
rng = np.random.default_rng(3)


def config(text: str) -> TrainConfig:
    tree = parse(Source("net.yaml", f"loss: cross_entropy\nseed: 1\n{text}"))
    assert isinstance(tree, Map)
    return read_train(tree, OUTPUT)


def sequences(lengths: list[int]) -> DataPart:
    """Whole numbers to repeat one step later."""
    codes = rng.integers(0, K, (len(lengths), STEPS))
    inside = np.arange(STEPS) < np.array(lengths)[:, None]
    y = np.where(inside, np.roll(codes, 1, 1), NO_CLASS)
    return DataPart({"x": Symbols(np.where(inside, codes, -1), K)}, {"y": y}, len(lengths))


def text(samples: int = 9, length: int = 11) -> DataPart:
    codes = rng.integers(0, K, samples * length + 1)
    x, y = codes[:-1].reshape(samples, length), codes[1:].reshape(samples, length)
    return DataPart({"x": Symbols(x, K)}, {"y": y}, samples, ordered=True)


def trainer(
    module: nn.Module, part: DataPart, config_: TrainConfig, folder: Path, validation: DataPart | None = None
) -> Trainer:
    folder.mkdir(exist_ok=True)
    rules = {"y": OutputRule("classes", tuple("abcde"), 2, masked=bool((part.targets["y"] == NO_CLASS).any()))}
    parts = {"train": part} | ({} if validation is None else {"validation": validation})
    scorer = Scorer.of(config_, rules, 1, CPU)
    return Trainer(config_, module, Dataset(parts, Preprocess("t", {}, rules), UNSEEN), scorer, CPU, folder, "spec")


def run(trained: Trainer) -> None:
    metrics = MetricsFile(trained.folder / "metrics.jsonl", trained.progress.epoch)
    try:
        trained.run(silent, metrics)
    finally:
        metrics.close()


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def made(gru: Callable[..., nn.Module], **more: Any) -> nn.Module:
    torch.manual_seed(0)
    return gru(K, 7, K, **more)


def one_hot(codes: Tensor) -> Tensor:
    return (codes.unsqueeze(-1) == torch.arange(K)).float()


def test_a_chunk_over_the_whole_sequence_is_full_bptt(gru: Any, tmp_path: Path) -> None:
    part = sequences([STEPS] * 10)
    found = []
    for bptt in ("", f"bptt: {STEPS}", f"bptt: {STEPS + 50}"):
        module = made(gru)
        run(trainer(module, part, config(f"batch_size: 4\nepochs: 3\n{bptt}"), tmp_path / (bptt[6:] or "full")))
        found.append(weights(module))
    for name, tensor in found[0].items():
        assert torch.equal(tensor, found[1][name]) and torch.equal(tensor, found[2][name])


@pytest.mark.parametrize("lengths", [[STEPS] * 6, [3, 12, 7, 5, 4, 9]])
def test_the_loop_is_the_one_written_by_hand(gru: Any, tmp_path: Path, lengths: list[int]) -> None:
    part, settings = (
        sequences(lengths),
        config("batch_size: 3\nepochs: 2\nbptt: 5\nclip: 0.1\noptimizer: {type: sgd, lr: 1}"),
    )
    module = made(gru)
    run(trainer(module, part, settings, tmp_path / "r"))

    hand = made(gru)
    optimizer = torch.optim.SGD(hand.parameters(), 1.0, fused=True)
    codes, y = torch.from_numpy(part.inputs["x"].codes), torch.from_numpy(part.targets["y"])  # type: ignore[union-attr]
    losses = []
    for epoch in range(2):
        total, count = 0.0, 0
        for rows in Batches.of(part, 3, CPU).order(1, epoch).split(3):
            state = None
            for start in range(0, STEPS, 5):
                here = slice(start, start + 5)
                out, state = hand.rnn(one_hot(codes[rows][:, here]), state)
                state = state.detach()
                target = y[rows][:, here]
                if (target == NO_CLASS).all():
                    continue
                loss = F.cross_entropy(hand.out(out).movedim(2, 1), target, ignore_index=NO_CLASS)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(hand.parameters(), 0.1)
                optimizer.step()
                kept = int((target != NO_CLASS).sum())
                total, count = total + loss.item() * kept, count + kept
        losses.append(total / count)
    for name, tensor in hand.state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], tensor, rtol=1e-5, atol=1e-6)
    lines = [json.loads(line) for line in (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines] == pytest.approx(losses, rel=1e-5)


def test_the_gradient_of_a_chunk_stops_at_its_beginning(gru: Any, tmp_path: Path) -> None:
    """One step: the gradient is that of the second piece alone, from the state that the first left, as a number."""
    part = sequences([10])
    module, hand = made(gru), made(gru)
    trained = trainer(
        module, part, config("batch_size: 1\nepochs: 1\nbptt: 5\noptimizer: {type: sgd, lr: 1e-30}"), tmp_path
    )
    seen: list[dict[str, Tensor]] = []
    plain = trained.optimizer.step

    def step(*args: Any) -> None:
        seen.append({n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None})
        plain(*args)

    trained.optimizer.step = step  # type: ignore[method-assign, assignment]
    run(trained)
    x = one_hot(torch.from_numpy(part.inputs["x"].codes))  # type: ignore[union-attr]
    with torch.no_grad():
        _, state = hand.rnn(x[:, :5])
    out, _ = hand.rnn(x[:, 5:10], state)
    F.cross_entropy(hand.out(out)[0], torch.from_numpy(part.targets["y"])[0, 5:10]).backward()
    assert len(seen) == 2
    for name, p in hand.named_parameters():
        assert p.grad is not None
        torch.testing.assert_close(seen[1][name], p.grad)


def test_a_text_is_read_in_parallel_streams() -> None:
    part = text()
    x = part.inputs["x"]
    assert isinstance(x, Symbols)
    chunks = Chunks.of(Batches.of(part, 4, CPU), 5)
    assert isinstance(chunks, Streams) and chunks.steps == 5  # 99 characters, 4 streams of 24, pieces 5 5 5 5 4
    pieces = list(chunks.shuffled(0, 0))
    assert [p.inputs[0].shape[1] for p in pieces] == [5, 5, 5, 5, 4]
    assert [p.fresh for p in pieces] == [True, False, False, False, False]
    codes = torch.cat([p.inputs[0] for p in pieces], 1).argmax(2)
    targets = torch.cat([p.targets["y"] for p in pieces], 1)
    np.testing.assert_array_equal(codes, x.codes.reshape(-1)[:96].reshape(4, 24))
    np.testing.assert_array_equal(targets, part.targets["y"].reshape(-1)[:96].reshape(4, 24))
    assert torch.equal(codes[:, 1:], targets[:, :-1])
    again = list(chunks.shuffled(7, 3, first=3))
    assert [p.index for p in again] == [3, 4] and torch.equal(again[0].inputs[0], pieces[3].inputs[0])
    whole = torch.cat([p.inputs[0] for p in chunks.in_order()], 1).argmax(2)
    assert torch.equal(whole, codes)


def test_a_text_shorter_than_its_streams() -> None:
    chunks = Chunks.of(Batches.of(text(1, 3), 64, CPU), 5)
    [piece] = chunks.shuffled(0, 0)
    assert piece.inputs[0].shape == (3, 1, K)


def test_the_state_of_a_text_is_carried_through_an_epoch(gru: Any, tmp_path: Path) -> None:
    part, validation = text(), text()
    settings = config(
        "batch_size: 4\nepochs: 2\nbptt: 5\nmetrics: [bits_per_character, accuracy]\noptimizer: {type: sgd, lr: 0.5}"
    )
    module, hand = made(gru), made(gru)
    run(trainer(module, part, settings, tmp_path, validation))
    optimizer = torch.optim.SGD(hand.parameters(), 0.5, fused=True)

    def streams(part: DataPart) -> tuple[Tensor, Tensor]:
        both = (part.inputs["x"].codes, part.targets["y"])  # type: ignore[union-attr]
        return tuple(torch.from_numpy(a.reshape(-1)[:96].reshape(4, 24)) for a in both)  # type: ignore[return-value]

    x, y = streams(part)
    for _ in range(2):
        state = None  # a new epoch begins anew
        for start in range(0, 24, 5):
            out, state = hand.rnn(one_hot(x[:, start : start + 5]), state)
            state = state.detach()
            optimizer.zero_grad()
            F.cross_entropy(hand.out(out).flatten(0, 1), y[:, start : start + 5].flatten()).backward()
            optimizer.step()
    for name, tensor in hand.state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], tensor, rtol=1e-5, atol=1e-6)
    line = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    x, y = streams(validation)
    bits = F.cross_entropy(hand.out(hand.rnn(one_hot(x))[0]).flatten(0, 1), y.flatten()).item() / np.log(2)
    assert line["validation"]["bits_per_character"] == pytest.approx(bits, rel=1e-5)
    right = hand.out(hand.rnn(one_hot(x))[0]).argmax(2) == y
    assert line["validation"]["accuracy"] == pytest.approx(right.float().mean().item())


@pytest.mark.parametrize("kind", ["text", "sequences"])
def test_resumed_in_the_middle_of_an_epoch(gru: Any, tmp_path: Path, kind: str) -> None:
    """Stopped after every third piece, in a new process' place a new trainer: the same weights, bit by bit."""
    part = text(30, 20) if kind == "text" else sequences([12, 4, 9, 12, 2, 7, 12, 11, 3])
    settings = config(
        "batch_size: 3\nepochs: 3\nbptt: 4\noptimizer: {type: adam, lr: 0.01}\n"
        "schedule: {type: cosine, warmup_epochs: 0.5}"
    )
    alone = made(gru, dropout=0.3)
    torch.manual_seed(5)
    run(trainer(alone, part, settings, tmp_path / "alone"))

    carried, stops = 0, 0
    torch.manual_seed(5)
    while True:
        module = made(gru, dropout=0.3) if not stops else gru(K, 7, K, dropout=0.3)
        if not stops:
            torch.manual_seed(5)
        stopped = trainer(module, part, settings, tmp_path / "stopped")
        if stops:
            assert stopped.resume()
            carried += bool(stopped._carry_on)
        trained = stopped.progress.step

        def interrupt(step: int = trained, stopped: Trainer = stopped) -> Callable[..., None]:
            plain = stopped.optimizer.step

            def limited(*args: Any) -> None:
                plain(*args)
                if stopped.progress.step + 1 >= step + 3:
                    stopped._interrupt()

            return limited

        stopped.optimizer.step = interrupt()  # type: ignore[method-assign, assignment]
        try:
            run(stopped)
            break
        except Interrupted:
            stops += 1
            torch.manual_seed(1234)  # whatever happens between
    assert stops > 5 and carried > 3
    for name in ("last.safetensors", "best.safetensors"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes()
    kept = [
        [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in (folder / "metrics.jsonl").open()]
        for folder in (tmp_path / "alone", tmp_path / "stopped")
    ]
    assert kept[0] == kept[1] and len(kept[0]) == 3


def test_a_piece_without_a_target_brings_the_state_on(gru: Any, tmp_path: Path) -> None:
    part = sequences([STEPS] * 2)
    part.targets["y"][:, 4:8] = NO_CLASS
    module, hand = made(gru), made(gru)
    settings = config("batch_size: 2\nepochs: 1\nbptt: 4\noptimizer: {type: sgd, lr: 0.5}")
    trained = trainer(module, part, settings, tmp_path)
    assert [(c.index, c.empty) for c in Chunks.of(trained.parts["train"], 4).shuffled(1, 0)] == [
        (0, False), (1, True), (2, False)]  # fmt: skip
    run(trained)
    assert trained.progress.step == 2
    optimizer = torch.optim.SGD(hand.parameters(), 0.5, fused=True)
    rows = Batches.of(part, 2, CPU).order(1, 0)
    x, y = one_hot(torch.from_numpy(part.inputs["x"].codes))[rows], torch.from_numpy(part.targets["y"])[rows]  # type: ignore[union-attr]
    state = None
    for start in (0, 4, 8):
        out, state = hand.rnn(x[:, start : start + 4], state)
        state = state.detach()
        if start != 4:
            optimizer.zero_grad()
            F.cross_entropy(hand.out(out).flatten(0, 1), y[:, start : start + 4].flatten()).backward()
            optimizer.step()
    for name, tensor in hand.state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], tensor)


def test_what_bptt_cannot_split(gru: Any, tmp_path: Path) -> None:
    tree = parse(Source("net.yaml", "loss: cross_entropy\nbptt: 5"))
    assert isinstance(tree, Map)
    with pytest.raises(NetspecError) as error:
        read_train(tree, {"y": TensorType((BATCH, 10))})
    assert "net.yaml:2:7: NS612 `bptt` needs an output for each step: output `y` is (B, 10)" in str(error.value)
    part = DataPart({"x": np.zeros((4, 6, 2), np.float32)}, {"y": np.zeros((4, 5, 2), np.float32)}, 4)
    with pytest.raises(NetspecError) as error:
        Chunks.of(Batches.of(part, 2, CPU), 3)
    assert "NS612 `bptt` splits sequences: the targets of `y` have no steps to split" in str(error.value)
