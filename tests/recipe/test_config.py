"""The `train` section: records, rules over several keys, messages at their place."""

import re

import pytest

import netspec
from netspec import NetspecError
from netspec.recipe.config import Settle, Stop, TrainConfig
from netspec.recipe.losses.base import LOSSES
from netspec.recipe.losses.cross_entropy import CrossEntropy
from netspec.recipe.losses.epsilon_insensitive import EpsilonInsensitive
from netspec.recipe.losses.squared import Squared
from netspec.recipe.optimizers.adam import Adam
from netspec.recipe.optimizers.base import OPTIMIZERS
from netspec.recipe.optimizers.nag import Nag
from netspec.recipe.read import read_train
from netspec.recipe.schedules.cosine import CosineDecay
from netspec.shapes.tensor import BATCH, TensorType
from netspec.source.records import record_schema
from netspec.source.text import Source
from netspec.source.tree import Map, parse

ONE = {"logits": TensorType((BATCH, 10))}
TWO = {"logits": TensorType((BATCH, 10)), "value": TensorType((BATCH, 1))}


def read(text: str, outputs: dict[str, TensorType] = ONE) -> TrainConfig:
    tree = parse(Source("net.yaml", text))
    assert isinstance(tree, Map)
    return read_train(tree, outputs)


def message(text: str, outputs: dict[str, TensorType] = ONE) -> str:
    with pytest.raises(NetspecError) as error:
        read(text, outputs)
    return str(error.value)


def test_defaults() -> None:
    config = read("loss: cross_entropy")
    assert config.losses == {"logits": CrossEntropy()}
    assert (config.epochs, config.batch_size, config.optimizer, config.seed) == (10, 64, Adam(), 0)


def test_everything() -> None:
    config = read(
        "loss: {type: cross_entropy, label_smoothing: 0.1}\noptimizer: {type: nag, lr: 1, gamma: 0.5}\n"
        "schedule: {type: cosine, warmup_epochs: 1}\nepochs: 3\nmetrics: [accuracy, f1]\nclip: 1\n"
        "stop: {patience: 2, min_delta: 1e-3, settle: {rate: 0.1}}\nprecision: bf16\nseed: 7"
    )
    assert config.losses == {"logits": CrossEntropy(0.1)}
    assert config.optimizer == Nag(1.0, 0.5)
    assert config.schedule == CosineDecay(warmup_epochs=1.0)
    assert config.stop == Stop(2, 1e-3, Settle(rate=0.1))
    assert config.rate == 0.1
    assert config.metrics == ("accuracy", "f1")


def test_losses_by_output() -> None:
    config = read("loss: {logits: cross_entropy, value: {type: epsilon_insensitive, epsilon: 1, weight: 0.5}}", TWO)
    assert config.losses == {"logits": CrossEntropy(), "value": EpsilonInsensitive(1.0, weight=0.5)}
    assert read("loss: {value: squared}", TWO).losses == {"value": Squared()}  # the other output is not trained


def test_schema() -> None:
    schema = record_schema(TrainConfig)
    assert schema["required"] == ["loss"]
    assert schema["properties"]["optimizer"]["anyOf"][0]["enum"] == list(OPTIMIZERS) == sorted(OPTIMIZERS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epochs: 3", "net.yaml:1:1: NS204 train needs `loss`, one of absolute,"),
        ("loss: crossentropy", "net.yaml:1:7: NS201 unknown loss 'crossentropy'"),
        ("loss: crossentropy", "did you mean `cross_entropy`?"),
        ("loss: {logit: cross_entropy}", "net.yaml:1:8: NS611 `loss` names `logit`, which is no output"),
        ("loss: {logit: cross_entropy}", "did you mean `logits`?"),
        ("loss: cross_entropy\noptimizer: {type: adam, lr: 0}", "net.yaml:2:29: NS203 `lr` of optimizer adam"),
        ("loss: cross_entropy\noptimizer: {type: adm}", "did you mean `adam`?"),
        ("loss: cross_entropy\noptimizer: {type: nag, momentum: 0.9}", "NS202 optimizer nag has no key `momentum`"),
        (
            "loss: cross_entropy\nmetrics: [mse]",
            "net.yaml:2:11: NS611 metric mse measures numbers, and no output has a loss of numbers",
        ),
        ("loss: squared\nmetrics: [mse, f1]", "net.yaml:2:16: NS611 metric f1 measures classes"),
        (
            "loss: cross_entropy\nepochs: 2\nschedule: {type: cosine, warmup_epochs: 2}",
            "net.yaml:3:41: NS612 `warmup_epochs` 2 leaves nothing of 2 epochs",
        ),
        ("loss: cross_entropy\noptimizer: {type: sgd, nesterov: true}", "net.yaml:2:34: NS612 `nesterov` of sgd needs"),
        ("loss: cross_entropy\nstop: {min_delta: 1}", "net.yaml:2:7: NS612 `stop` has no rule"),
        ("loss: cross_entropy\nstop: {settle: {epochs: 1}}", "NS612 `settle` compares the running loss of at least 2"),
        ("loss: cross_entropy\nschedule: step", "NS204 schedule step needs `every`"),
        ("loss: cross_entropy\nbatch_size: 0", "NS203 `batch_size` of train expects a whole number of at least 1"),
    ],
)
def test_messages(text: str, expected: str) -> None:
    assert expected in message(text)


def test_a_loss_has_to_fit_its_output() -> None:
    assert "NS611 cross_entropy of one value is always 0" in message(
        "loss: cross_entropy", {"y": TensorType((BATCH, 1))}
    )
    assert "NS611 cross_entropy expects (B, classes)" in message("loss: cross_entropy", {"y": TensorType((BATCH,))})
    assert "is of int64" in message("loss: squared", {"y": TensorType((BATCH,), "int64")})
    found = message("loss: squared", TWO)
    assert "net.yaml:1:7: NS611 the network has several outputs, logits, value: which one is this loss of?" in found


def test_all_problems_at_once() -> None:
    found = message("loss: squred\nepochs: none\nstop: {}")
    assert all(code in found for code in ("NS201", "NS203", "NS612"))


def test_pieces_need_one_direction() -> None:
    """Said by `validate`, before a run begins, where `bptt` stands."""
    text = """
netspec: 1
inputs: {x: [T, 3]}
layers:
  enc: {type: gru, hidden: 4, bidirectional: true}
  y: {type: linear, out_features: 2}
outputs: {y: y}
data: {source: {type: npz, path: none.npz}}
train:
  loss: cross_entropy
  bptt: 5
"""
    with pytest.raises(NetspecError) as error:
        netspec.load(text)
    expected = "`bptt` reads a sequence piece by piece: `enc` is bidirectional and needs its end first"
    assert f"<text>:11:9: NS612 {expected}" in str(error.value)
    assert "help: leave `bidirectional` out of `enc`, or `bptt` out of `train`" in str(error.value)
    assert netspec.load(text.replace(", bidirectional: true", "")).train.bptt == 5


MEANT = {
    "lr": "2", "learning_rate": "0.01", "momentum": "0.5", "weight_decay": "0.1", "patience": "5",
    "early_stopping": "5", "warmup_epochs": "1", "label_smoothing": "0.1", "criterion": "squared", "max_epochs": "3",
    "grad_clip": "1",    "scheduler": "cosine", "random_state": "1",
}  # fmt: skip
SPEC = """
netspec: 1
inputs: {x: [4]}
layers: {fc: {type: linear, out_features: 3}}
data: {source: iris}
train: {%s}
"""


@pytest.mark.parametrize("begin", ["loss: cross_entropy", "loss: cross_entropy, optimizer: sgd",
                                   "loss: cross_entropy, optimizer: {type: sgd}, schedule: linear"])  # fmt: skip
@pytest.mark.parametrize("key", MEANT)
def test_what_the_help_says_is_taken(key: str, begin: str) -> None:
    """A key that stands too high, or has another name elsewhere: put into the file, the help is right."""
    for sets in ((), (f"train.{key}={MEANT[key]}",)):
        with pytest.raises(NetspecError) as error:
            netspec.load(SPEC % (begin if sets else f"{begin}, {key}: {MEANT[key]}"), sets=sets)
        [help_] = re.findall("write `(.*)`", str(error.value))
        written = help_.replace("…", MEANT[key])
        if sets and "--set" in written:
            netspec.load(SPEC % begin, sets=[part.strip() for part in written.split("--set ")[1:]])
        else:
            name = written.partition(":")[0]
            kept = [part for part in re.split(r", (?=\w+: )(?![^{]*\})", begin) if not part.startswith(f"{name}:")]
            netspec.load(SPEC % ", ".join([*kept, written]))


@pytest.mark.parametrize("name", LOSSES)
def test_losses_under_their_other_names(name: str) -> None:
    for other in LOSSES[name].elsewhere:
        assert other not in LOSSES and LOSSES.called(other) == name
        assert f"help: it is called `{name}` here" in message(f"loss: {other}")


def test_another_name_in_capitals() -> None:
    assert "help: it is called `logistic` here" in message("loss: BCE")


def test_a_key_that_stands_too_high_is_for_the_record_in_which_it_stands_first() -> None:
    """Several records have it, and none is chosen: not the first of the alphabet."""
    assert "`optimizer: {type: sgd, momentum: …}`" in message("loss: cross_entropy\nmomentum: 0.9")
