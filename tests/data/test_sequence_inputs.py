"""Sequences to networks: what goes to which input in which form, what does not count, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec import NetspecError
from netspec.data.parts import Dataset
from netspec.data.preprocess import Preprocess
from netspec.data.sources.reber import Reber
from netspec.data.symbols import Symbols
from netspec.data.targets import NO_CLASS
from netspec.training.run_data import dataset_of

NET = """
netspec: 1
name: t
inputs: {inputs}
layers: {layers}
data: {{source: {source}, split: {{train: {share}}}}}
train: {{loss: {loss}}}
"""
SMALL = "{type: reber, samples: 60}"


def dataset(inputs: str, layers: str, source: str, loss: str, folder: Path = Path(), share: float = 1) -> Dataset:
    text = NET.format(inputs=inputs, layers=layers, source=source, loss=loss, share=share)
    graph = netspec.load(text, folder=folder)
    return dataset_of(graph, *graph.learning())


def linear(size: int) -> str:
    return f"{{out: {{type: linear, out_features: {size}}}}}"


def told(size: int) -> str:
    """A network that takes lengths, and does nothing with them that matters here."""
    return (
        f"{{embed: {{type: embedding, num_embeddings: 99, embedding_dim: 1, from: lengths}}, "
        f"lift: {{type: reshape, shape: [1, 1]}}, "
        f"up: {{type: linear, out_features: {size}, from: x}}, out: {{type: add, from: [up, lift]}}}}"
    )


def test_symbols_become_vectors_for_a_floating_input() -> None:
    loaded = dataset("{seq: [T, 7]}", linear(7), SMALL, "logistic").parts["train"]
    x = loaded.inputs["seq"]
    assert isinstance(x, Symbols) and loaded.lengths is None
    plain = Reber(samples=60).make()
    vectors = x.vectors()
    assert vectors.dtype == np.float32 and vectors.shape == (*plain.x.shape, 7)
    assert (vectors.sum(2) == (plain.x >= 0)).all()
    assert (vectors.argmax(2) == np.maximum(plain.x, 0)).all()


def test_symbols_stay_numbers_for_an_embedding() -> None:
    layers = "{e: {type: embedding, num_embeddings: 7, embedding_dim: 3}, out: {type: linear, out_features: 7}}"
    x = dataset("{seq: {shape: [T], dtype: int64}}", layers, SMALL, "cross_entropy").parts["train"].inputs["seq"]
    assert isinstance(x, np.ndarray) and x.dtype == np.int64
    np.testing.assert_array_equal(x, np.maximum(Reber(samples=60).make().x, 0))


def test_lengths_go_to_the_input_of_that_name() -> None:
    loaded = dataset("{lengths: {shape: [], dtype: int64}, x: [T, 7]}", told(7), SMALL, "logistic").parts["train"]
    assert list(loaded.inputs) == ["lengths", "x"]
    lengths = loaded.inputs["lengths"]
    assert isinstance(lengths, np.ndarray) and lengths.dtype == np.int64
    np.testing.assert_array_equal(lengths, Reber(samples=60).make().lengths)
    np.testing.assert_array_equal(loaded.lengths, lengths)


def test_steps_without_a_target() -> None:
    plain = Reber(samples=60).make()
    signs = dataset("{x: [T, 7]}", linear(7), SMALL, "logistic")
    y = signs.parts["train"].targets["out"]
    np.testing.assert_array_equal(np.isnan(y).all(2), ~plain.mask)  # type: ignore[operator]
    np.testing.assert_array_equal(y[plain.mask] > 0, plain.targets["signs"][plain.mask] == 1)
    rule = signs.preprocess.outputs["out"]
    assert rule.masked and rule.columns == tuple("BTPSXVE")
    classes = dataset("{x: [T, 7]}", linear(7), SMALL, "cross_entropy")
    y = classes.parts["train"].targets["out"]
    assert y.dtype == np.int64 and ((y == NO_CLASS) == ~plain.mask).all()  # type: ignore[operator]
    rule = classes.preprocess.outputs["out"]
    assert rule.masked and rule.axis == 2 and rule.names == tuple("BTPSXVE")
    assert Preprocess.from_json(classes.preprocess.to_json(), "p") == classes.preprocess


def test_nothing_is_masked_where_all_steps_have_a_target() -> None:
    loaded = dataset("{x: [T, 10]}", linear(9), "{type: copy, delay: 3, items: 2, samples: 20}", "cross_entropy")
    assert not loaded.preprocess.outputs["out"].masked
    assert loaded.parts["train"].targets["out"].shape == (20, 7)


def test_a_number_of_classes_that_is_also_the_number_of_steps() -> None:
    loaded = dataset("{x: [9, 10]}", linear(9), "{type: copy, delay: 5, items: 2, samples: 20}", "cross_entropy")
    assert loaded.preprocess.outputs["out"].axis == 2


def test_a_given_number_of_steps_is_padded_to() -> None:
    loaded = dataset("{x: [40, 4]}", linear(4), "{type: anbn, samples: 20}", "squared").parts["train"]
    x, y = loaded.inputs["x"], loaded.targets["out"]
    assert isinstance(x, Symbols) and x.codes.shape == (20, 40) and (x.codes[:, 21:] == -1).all()
    assert y.shape == (20, 40, 4) and np.isnan(y[:, 21:]).all()


def test_timing_targets_take_the_shape_of_the_output() -> None:
    loaded = dataset("{x: [T, 1]}", linear(1), "{type: msd, samples: 20}", "squared").parts["train"]
    y = loaded.targets["out"]
    assert y.shape[2:] == (1,) and ((~np.isnan(y)).sum(1) == 10).all()
    classes = dataset("{x: [T, 1]}", linear(2), "{type: msd, samples: 20}", "cross_entropy").parts["train"]
    assert set(np.unique(classes.targets["out"])) == {NO_CLASS, 0, 1}


def test_a_text_is_split_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abcdefghij" * 20)
    loaded = dataset(
        "{x: [T, 10]}", linear(10), "{type: text, path: a.txt, length: 10}", "cross_entropy", tmp_path, 0.5
    )
    x = loaded.parts["train"].inputs["x"]
    assert isinstance(x, Symbols) and loaded.parts["train"].ordered
    assert (x.codes == np.arange(10)).all() and len(x) == 10  # of 19: one half
    assert loaded.preprocess.inputs["x"].symbols == tuple("abcdefghij") and loaded.preprocess.source == "text"


@pytest.mark.parametrize(
    ("inputs", "layers", "source", "loss", "expected"),
    [
        (
            "{x: [T, 5]}",
            linear(7),
            "reber",
            "logistic",
            "<text>:6:16: NS605 input `x` is (B, T, 5) of float32, a step of reber is one of 7 symbols",
        ),
        (
            "{x: [T, 5]}",
            linear(7),
            "reber",
            "logistic",
            "write `x: [T, 7]`, or `x: {shape: [T], dtype: int64}` before an `embedding`",
        ),
        ("{x: [7]}", linear(7), "reber", "logistic", "NS605 input `x` is (B, 7) of float32"),
        (
            "{x: [T, 3]}",
            linear(1),
            "adding",
            "squared",
            "NS605 input `x` is (B, T, 3) of float32, a step of adding has 2 numbers",
        ),
        (
            "{x: [20, 2]}",
            "{f: flatten, out: {type: linear, out_features: 1}}",
            "adding",
            "squared",
            "NS605 input `x` is (B, 20, 2): it has 20 steps, the longest sequence of adding has 110",
        ),
        (
            "{x: [T, 2]}",
            linear(1),
            "{type: adding, samples: 50}",
            "squared",
            "the target of adding is (50,), output `out` is (B, T, 1)",
        ),
        (
            "{x: [T, 2]}",
            linear(2),
            "adding",
            "cross_entropy",
            "the loss of output `out` compares classes, the targets of adding are numbers",
        ),
        ("{x: [T, 2]}", linear(2), "adding", "cross_entropy", "use the loss `squared`"),
        ("{x: [T, 2]}", linear(1), "{type: adding, samples: 50}", "squared", "recurrent layer `returns: last`"),
        (
            "{x: [T, 7]}",
            "{m: {type: mean, dim: 1}, out: {type: linear, out_features: 7}}",
            SMALL,
            "cross_entropy",
            "recurrent layer `returns: sequence`",
        ),
        (
            "{x: [T, 10]}",
            linear(5),
            "{type: copy, samples: 50}",
            "cross_entropy",
            "NS606 the target of copy: label 8 (sample 1) is out of range",
        ),
        (
            "{x: [T, 7], lengths: {shape: [1], dtype: int64}}",
            told(7),
            SMALL,
            "logistic",
            "NS605 input `lengths` is (B, 1) of int64, reber gives one whole number a sample",
        ),
        (
            "{x: [T, 7], h: [1, 7]}",
            "{p: {type: linear, out_features: 7, from: x}, out: {type: add, from: [p, h]}}",
            SMALL,
            "logistic",
            "NS605 reber feeds nothing but `x` and `lengths`: the network has `h` too",
        ),
        (
            "{x: [T, 7], len: {shape: [], dtype: int64}}",
            told(7).replace("lengths", "len"),
            SMALL,
            "logistic",
            "help: call it `lengths`: write `lengths: {shape: [], dtype: int64}` instead of `len`",
        ),
        (
            "{x: {shape: [T], dtype: int64}}",
            "{out: {type: embedding, num_embeddings: 5, embedding_dim: 7}}",
            SMALL,
            "logistic",
            "NS604 input `x`: number 5 (sample 1) is out of range: its embedding has entries 0 to 4",
        ),
        ("{x: [T, 96]}", linear(90), "text", "cross_entropy", "out of range: output `out` has classes 0 to 89"),
    ],
)
def test_messages(inputs: str, layers: str, source: str, loss: str, expected: str) -> None:
    with pytest.raises(NetspecError) as error:
        dataset(inputs, layers, source, loss)
    assert expected in str(error.value)
