"""A file of a run that is not what netspec wrote is refused by file and field, before torch computes with it."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import Tensor

import netspec
from netspec import NetspecError
from netspec.backends.export import export_onnx
from netspec.backends.onnx.spec_meta import read_digests, read_metadata
from netspec.graph.digest import digests
from netspec.training.evaluate import evaluate
from netspec.training.model import META
from netspec.training.predict import predict
from netspec.training.train import train
from netspec.training.trained import load_run
from netspec.training.weights import read_tensors, write_tensors

NET = """
netspec: 1
name: table
inputs: {x: [4]}
layers:
  fc1: {type: linear, out_features: 8}
  bn: batch_norm1d
  fc2: {type: linear, out_features: 3}
outputs: {species: fc2}
data: {source: iris, standardize: true}
train: {loss: cross_entropy, optimizer: OPTIMIZER, batch_size: 16, epochs: 2, stop: {patience: 9}}
"""
FLOWERS = "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5,3.4,1.5,0.2\n"


def text(optimizer: str = "adam") -> str:
    return NET.replace("OPTIMIZER", optimizer)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("finished") / "r"
    train(netspec.load(text()), run=run, device="cpu")
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "r"))


def resumed(run: Path, optimizer: str = "adam") -> str:
    with pytest.raises(NetspecError) as error:
        train(netspec.load(text(optimizer)), run=run, resume=True, device="cpu")
    return str(error.value)


def with_tensors(path: Path, change: Callable[[dict[str, Tensor]], None]) -> None:
    tensors, metadata = read_tensors(path)
    change(tensors)
    write_tensors(path, tensors, metadata)


def with_header(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    tensors, metadata = read_tensors(path)
    header = json.loads(metadata["netspec"])
    change(header)
    write_tensors(path, tensors, {**metadata, "netspec": json.dumps(header)})


@pytest.mark.parametrize("optimizer", ["adam", "adagrad", "{type: rmsprop, momentum: 0.9, centered: true}", "nag",
                                       "{type: sgd, momentum: 0.9}"])  # fmt: skip
@pytest.mark.parametrize("change", ["wider", "longer", "double", "whole", "gone", "scalar"])
def test_every_tensor_of_the_optimizer(tmp_path: Path, optimizer: str, change: str) -> None:
    """A state of another shape reached a fused kernel, which read past its end."""
    train(netspec.load(text(optimizer)), run=tmp_path / "r", device="cpu")
    path = tmp_path / "r" / "checkpoint.safetensors"
    whole = path.read_bytes()
    names = [name for name in read_tensors(path)[0] if name.startswith("optimizer.")]
    assert names
    for name in names:
        path.write_bytes(whole)

        def changed(tensors: dict[str, Tensor], name: str = name) -> None:
            x = tensors.pop(name)
            if change != "gone":
                wider = x.repeat(*[1] * (x.ndim - 1), 50) if x.ndim else x.repeat(2)
                tensors[name] = {"wider": wider, "longer": x[None],
                                 "double": x.double(), "whole": x.long(), "scalar": x.sum()[None]}[change]  # fmt: skip

        with_tensors(path, changed)
        found = resumed(tmp_path / "r", optimizer)
        assert f"{path}: NS622 these weights are another network's: " in found and name in found


@pytest.mark.parametrize("file", ["best", "last", "checkpoint"])
def test_weights_of_another_type_shape_or_value(run: Path, file: str) -> None:
    path = run / f"{file}.safetensors"
    whole = path.read_bytes()
    prefixes = ("weights.", "best.") if file == "checkpoint" else ("",)

    def act() -> str:
        if file == "checkpoint":
            return resumed(run)
        with pytest.raises(NetspecError) as error:
            evaluate(run, device="cpu")
        return str(error.value)

    if file == "last":  # nothing reads it: it is there for its reader
        return
    for name in [p + n for p in prefixes for n in ("fc1.weight", "bn.running_var", "bn.num_batches_tracked")]:
        for change, said in (
            (lambda x: x.double(), f"{name} is "),
            (lambda x: x[None], f"{name} is "),
            (lambda x: x.new_full(x.shape, torch.nan) if x.is_floating_point() else x.float(), name),
        ):
            path.write_bytes(whole)
            with_tensors(path, lambda t, n=name, c=change: t.update({n: c(t[n])}))  # type: ignore[misc]
            assert said in act()
    path.write_bytes(whole)
    with_tensors(path, lambda t: t.update({f"{prefixes[0]}planted": torch.zeros(2)}))
    assert "unknown" in act()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("epoch", -1, "`progress.epoch` is -1, expected a whole number of at least 0"),
        ("epoch", 10**9, "`progress.epoch` is 1000000000, expected at most 2"),
        ("epoch", 1.0, "`progress.epoch` is 1.0, expected a whole number of at least 0"),
        ("epoch", True, "`progress.epoch` is true"),
        ("epoch", 10**400, "`progress.epoch` is 1000"),
        ("batch", 7, "`progress.batch` is 7, expected at most 0"),
        ("step", 10**12, "`progress.step` is 1000000000000, expected at most as many as there were batches"),
        ("best_epoch", 3, "`progress.best_epoch` is 3, expected an epoch that was finished, of 2"),
        ("best_epoch", 0, "`progress.best_epoch` is 0"),
        ("best", float("nan"), "`progress.best` is .nan, expected a number, or nothing"),
        ("best", None, "`progress.best` is None"),
        ("best", [0.5], "`progress.best` is [0.5]"),
        ("counts", [3, 4], "`progress.counts` is [3, 4]"),
        ("loss_sums", ["a"], "`progress.loss_sums[0]` is 'a', expected a number"),
        ("settled", [1.0] * 9, "`progress.settled` is [1.0"),
        ("waited", 77, "`progress.waited` is 77, expected at most 2"),
        ("mark", None, "`progress.mark` is None"),
        ("scaler", {}, "has no `progress.scaler.scale`"),
        ("seconds", -5, "`progress.seconds` is -5, expected a number of at least 0"),
        ("stopped", 0, "`progress.stopped` is 0, expected text"),
    ],
)
def test_every_counter_of_a_checkpoint(run: Path, field: str, value: Any, said: str) -> None:
    with_header(run / "checkpoint.safetensors", lambda header: header["progress"].update({field: value}))
    assert f"checkpoint.safetensors: NS622 {said}" in resumed(run)


def test_the_header_of_a_checkpoint(run: Path) -> None:
    path = run / "checkpoint.safetensors"
    whole = path.read_bytes()
    for change, said in (
        (lambda h: h.pop("progress"), "has no `progress`"),
        (lambda h: h["progress"].pop("waited"), "has no `progress.waited`"),
        (lambda h: h.update(version=1), "is not of version 2, which this netspec reads"),
        (lambda h: h.update(spec="0"), "is a checkpoint of another training"),
        (lambda h: h.update(extra=1), "has a field `extra` that this netspec does not know"),
        (lambda h: h["progress"].update({"\ud800": 1}), "cannot be read: "),
        (lambda h: h.update(stateful=[0, 99]), "`stateful` names 2 weights"),
        (lambda h: h.update(stateful=[]), "`stateful` names 0 weights"),
        (lambda h: h.update(stateful=[0]), "these weights are another network's: unknown optimizer.1"),
    ):
        path.write_bytes(whole)
        with_header(path, change)
        assert f"{path}: NS622 {said}" in resumed(run)


@pytest.mark.parametrize(
    "state", [torch.zeros(7, dtype=torch.uint8), torch.zeros(5056), torch.full((5056,), 255, dtype=torch.uint8)]
)
def test_the_state_of_the_generator(run: Path, state: Tensor) -> None:
    before = torch.get_rng_state()
    with_tensors(run / "checkpoint.safetensors", lambda t: t.update({"rng.cpu": state}))
    assert "NS622" in (found := resumed(run)) and "rng" in found
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("inputs.x.standard.deviation", [0.0] * 4, "`inputs.x.standard.deviation[0]` is 0.0, expected a number above"),
        ("inputs.x.standard.mean", [1.0], "`inputs.x.standard.deviation` is [0.8"),
        ("inputs.x.standard", {"mean": [1.0, 2], "deviation": [1, 1]}, "`inputs.x.standard` is one of 2, the input is"),
        ("inputs.x.shape", [5], "`inputs.x.shape` is (5), the network's is (4)"),
        ("inputs.x.dtype", "int64", "`inputs.x.dtype` is int64, the network's is float32"),
        ("inputs.x.dtype", "object", "`inputs.x.dtype` is 'object', expected one of float32"),
        ("inputs.x.kind", "tree", "`inputs.x.kind` is 'tree', expected one of table, image, array"),
        ("inputs.x.columns", ["a"], "`inputs.x.columns` are 1, the input has 4 numbers"),
        ("inputs.x.size", [8, 10**12], "`inputs.x.size` is [8, 1000000000000], expected nothing where there are no"),
        ("inputs.x.divide", 0, "`inputs.x.divide` is 0, expected a number above 0"),
        ("inputs", {}, "`inputs` are none, those of the network x"),
        ("outputs", {}, "`outputs` are none, those of the network species"),
        ("outputs.species.axis", 7, "`outputs.species.axis` is 7, the output is (B, 3)"),
        ("outputs.species.names", ["a", "b", "c", "d"], "`outputs.species.names` are 4, the output has 3 classes"),
        ("outputs.species.names", [], "`outputs.species.names` is [], expected the names of one class or more"),
        ("outputs.species.kind", "signs", "`outputs.species.names` is ['setosa', 'versicolor', 'virginica'], expected"),
        ("outputs.species.lengths", "n", "`outputs.species.lengths` is `n`, which is no input with a length"),
        ("delimiter", ";;", "`delimiter` is ';;', expected one character, no quote and no end of a line"),
        ("delimiter", '"', "`delimiter` is '\"', expected one character, no quote and no end of a line"),
        ("source", None, "`source` is nothing, expected text"),
        ("version", 99, "is not of version"),
    ],
)
def test_every_field_of_the_preprocessing(run: Path, place: str, value: Any, said: str) -> None:
    """In a run, and in a model that was exported."""
    trained = load_run(run)
    model = netspec.to_onnx(trained.spec, trained.module)
    path = run / "preprocess.json"
    whole = json.loads(path.read_text())
    at = whole
    *way, last = place.split(".")
    for key in way:
        at = at[key]
    at[last] = value
    path.write_text(json.dumps(whole))
    (run / "new.csv").write_text(FLOWERS)
    model.metadata_props.add(key=META, value=json.dumps(whole))
    onnx.save(model, run / "m.onnx")
    for name, act in (
        ("preprocess.json", lambda: evaluate(run, device="cpu")),
        ("preprocess.json", lambda: train(netspec.load(text()), run=run, resume=True, device="cpu")),
        ("m.onnx", lambda: predict(run / "m.onnx", run / "new.csv")),
    ):
        with pytest.raises(NetspecError) as error:
            act()
        assert f"{run / name}: NS631 {said}" in str(error.value)


@pytest.mark.parametrize("states", ["{}", "5", '[{"input": "x"}]', "[[[[", '[{"input": "rnn.h_0", "output": "rnn.h_n", '
                                    '"shape": [1, 99999999999], "start": 0}]'])  # fmt: skip
def test_the_states_of_a_streaming_model(tmp_path: Path, states: str) -> None:
    graph = netspec.load("""
netspec: 1
inputs: {x: [T, 2]}
layers: {rnn: {type: gru, hidden: 3}}
outputs: {y: rnn}
""")
    from netspec.data.preprocess import InputRule, OutputRule, Preprocess

    rules = Preprocess("npz", {"x": InputRule("array", ("T", 2))}, {"y": OutputRule("numbers")}).to_json()
    export_onnx(graph, netspec.to_torch(graph), tmp_path / "m.onnx", {META: rules}, streaming=True)
    model = onnx.load(tmp_path / "m.onnx")
    for entry in model.metadata_props:
        entry.value = states if entry.key == "netspec.streaming" else entry.value
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(NetspecError, match="NS631"):
        predict(tmp_path / "m.onnx", tmp_path / "x.npz")


@pytest.mark.parametrize("part", ["node", "tensor", "input", "metadata"])
def test_names_of_a_model_that_are_no_utf8(tmp_path: Path, part: str) -> None:
    graph = netspec.load("""
netspec: 1
inputs: {xyzzy: [2]}
layers: {plugh: {type: linear, out_features: 3}}
outputs: {y: plugh}
""")
    from netspec.data.preprocess import InputRule, OutputRule, Preprocess

    rules = Preprocess("npz", {"xyzzy": InputRule("array", (2,))}, {"y": OutputRule("numbers")}).to_json()
    export_onnx(graph, netspec.to_torch(graph), tmp_path / "m.onnx", {META: rules})
    data = (tmp_path / "m.onnx").read_bytes()
    old = {"node": b"plugh", "tensor": b"plugh.weight", "input": b"xyzzy", "metadata": b"netspec.opset"}[part]
    assert old in data
    (tmp_path / "m.onnx").write_bytes(data.replace(old, b"\xff" + old[1:]))
    with pytest.raises(NetspecError, match="NS631 holds a name that is not UTF-8"):
        predict(tmp_path / "m.onnx", tmp_path / "x.npz")


def test_metrics_of_finished_epochs_are_whole(run: Path) -> None:
    path = run / "metrics.jsonl"
    whole = path.read_text()
    first, second = whole.splitlines()

    def changed(**more: Any) -> str:
        return json.dumps({**json.loads(second), **more})

    for lines, said in (
        ([first], f"{path}: NS622 has no line of epoch 2, the checkpoint is of epoch 2"),
        ([], f"{path}: NS622 has no line of epoch 1"),
        ([first, changed(loss="low")], f"{path}:2: NS622 `loss` is 'low', expected a number"),
        ([first, changed(epoch=3)], f"{path}:2: NS622 `epoch` is 3, expected the line of epoch 2"),
        ([first, changed(validation=None)], f"{path}:2: NS622 `validation` has other figures than line 1"),
        ([first, changed(validation={"loss": 1})], f"{path}:2: NS622 `validation` has other figures than line 1"),
        ([first, changed(lr=float("inf"))], f"{path}:2: NS622 `lr` is .inf, expected a number of at least 0"),
        ([first, "[" * 5000], f"{path}:2: NS622 cannot be read: "),
    ):
        path.write_text("".join(line + "\n" for line in lines))
        assert said in resumed(run)
    path.write_text(whole + '{"epoch": 3, "lo')  # killed while writing
    train(netspec.load(text()), run=run, resume=True, device="cpu")
    assert path.read_text() == whole


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("folder", 5, "`folder` is 5, expected text"),
        ("folder", "a\0b", "`folder` is 'a�b', expected the path of a folder"),
        ("machine.threads", 0, "`machine.threads` is 0, expected a whole number of at least 1"),
        ("machine", None, "`machine` is nothing, expected a mapping"),
        ("status", "asleep", "`status` is 'asleep', expected one of running, finished, interrupted, failed"),
        ("best_epoch", 9, "`best_epoch` is 9, expected at most 2"),
        ("results", {"test": {"loss": "low"}}, "`results.test.loss` is 'low', expected a number, or nothing"),
        ("resumed", [{"started": "", "epoch": -1, "differs": []}], "`resumed[0].epoch` is -1"),
        ("seconds", "a very long number", "cannot be read"),
        ("more", 1, "has a field `more` that this netspec does not know"),
        ("digests", 5, "`digests` is 5, expected"),
        ("digests.function", None, "`digests.function` is nothing, expected text"),
        ("origin", {"file": "a.yaml"}, "has no `origin.commit`"),
    ],
)
def test_every_field_of_run_json(run: Path, place: str, value: Any, said: str) -> None:
    path = run / "run.json"
    whole = json.loads(path.read_text())
    at = whole
    *way, last = place.split(".")
    for key in way:
        at = at[key]
    at[last] = 0 if place == "seconds" else value
    text_ = json.dumps(whole)
    path.write_text(text_.replace('"seconds": 0', '"seconds": 1' + "0" * 5000) if place == "seconds" else text_)
    assert f"{path}: NS622 {said}" in resumed(run)
    with pytest.raises(NetspecError) as error:
        evaluate(run, device="cpu")
    assert f"{path}: NS622 {said}" in str(error.value)


def test_a_run_of_an_older_version_is_read_and_gone_on_with(run: Path, tmp_path: Path) -> None:
    """One that does not say which file it came from."""
    path = run / "run.json"
    whole = json.loads(path.read_text())
    assert whole["origin"] is None and whole["digests"]["function"] == digests(netspec.load(text())).function
    path.write_text(json.dumps({key: value for key, value in whole.items() if key not in ("origin", "digests")}))
    before = evaluate(run, device="cpu").to_dict()
    train(netspec.load(text()), run=run, resume=True, device="cpu")
    assert evaluate(run, device="cpu").to_dict() == before
    loaded = load_run(run)
    assert loaded.info.origin is None and loaded.info.digests is None
    export_onnx(loaded.spec, loaded.module, tmp_path / "old.onnx")
    assert read_digests(read_metadata(tmp_path / "old.onnx")[1]) == digests(loaded.spec)


def test_a_spec_that_is_not_utf8(run: Path) -> None:
    with (run / "spec.yaml").open("ab") as file:
        file.write(b"# \xff\n")
    assert f"{run / 'spec.yaml'}: NS622 is not UTF-8" in resumed(run)
    with pytest.raises(NetspecError, match="UTF-8"):
        evaluate(run, device="cpu")


def test_figures_without_a_value_are_null(tmp_path: Path) -> None:
    """JSON has no NaN."""
    from netspec.training.files import read_json, write_json

    write_json(tmp_path / "a.json", {"r2": float("nan"), "more": [float("inf"), 1.5, {"x": (1,)}]})
    assert "NaN" not in (tmp_path / "a.json").read_text()
    assert read_json(tmp_path / "a.json") == {"r2": None, "more": [None, 1.5, {"x": [1]}]}


READ_AT_RESUME = ("metrics.jsonl", "checkpoint.safetensors")
READ_ALWAYS = ("run.json", "preprocess.json", "data.safetensors", "best.safetensors", "spec.yaml")


@pytest.mark.parametrize("end", ["pipe", "device"])
@pytest.mark.parametrize("name", [*READ_ALWAYS, *READ_AT_RESUME])
def test_a_file_of_a_run_without_an_end_is_refused(run: Path, name: str, end: str) -> None:
    def late(*_: object) -> None:
        raise AssertionError("it is read for ever")

    (run / name).unlink()
    if end == "device":
        (run / name).symlink_to("/dev/zero")
    else:
        os.mkfifo(run / name)
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    try:
        if name != "best.safetensors":
            resumed(run)
        if name in READ_ALWAYS:
            with pytest.raises(NetspecError):
                evaluate(run, device="cpu")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
