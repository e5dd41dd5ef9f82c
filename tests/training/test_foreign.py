"""ONNX files that somebody else wrote, or changed: nothing outside is read, nothing runs without end, no traceback."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner

import netspec
from netspec.backends.export import export_onnx
from netspec.cli import app
from netspec.data.preprocess import InputRule, OutputRule, Preprocess
from netspec.source.errors import NetspecError
from netspec.training.model import META
from netspec.training.predict import predict

RULES = Preprocess("npz", {"x": InputRule("array", (2,))}, {"y": OutputRule("numbers")}).to_json()


def float_info(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def model_of(
    nodes: list[onnx.NodeProto], output: onnx.ValueInfoProto | None = None, *initializers: onnx.TensorProto
) -> onnx.ModelProto:
    """A model that says how its input is made, as every model of netspec does."""
    graph = helper.make_graph(
        nodes, "g", [float_info("x", "B", 2)], [output or float_info("y", "B", 2)], list(initializers)
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    helper.set_model_props(model, {META: RULES})
    return model


def external(name: str = "w") -> onnx.TensorProto:
    """A tensor whose numbers are those of a file of the working folder."""
    tensor = onnx.TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="secret.bin")
    return tensor


def body(*nodes: onnx.NodeProto, initializers: tuple[onnx.TensorProto, ...] = ()) -> onnx.GraphProto:
    """Of a Scan over x: gives each row as it is."""
    return helper.make_graph(
        [*nodes, helper.make_node("Identity", ["row"], ["out"])],
        "b",
        [float_info("row", 2)],
        [float_info("out", 2)],
        list(initializers),
    )


def scan(of: onnx.GraphProto) -> onnx.NodeProto:
    return helper.make_node("Scan", ["x"], ["y"], body=of, num_scan_inputs=1)


def constant(**value: object) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["c"], **value)


def loop() -> onnx.ModelProto:
    inner = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Add", ["v", "v"], ["w"])], "b",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("go", TensorProto.BOOL, []), float_info("v", "B", 2)],
        [helper.make_tensor_value_info("go_on", TensorProto.BOOL, []), float_info("w", "B", 2)])  # fmt: skip
    count = helper.make_tensor("n", TensorProto.INT64, [], [2**62])
    return model_of([helper.make_node("Loop", ["n", "", "x"], ["y"], body=inner)], None, count)


def branch() -> onnx.ModelProto:
    both = helper.make_graph([helper.make_node("Identity", ["x"], ["z"])], "b", [], [float_info("z", "B", 2)])
    true = helper.make_tensor("t", TensorProto.BOOL, [], [True])
    return model_of([helper.make_node("If", ["t"], ["y"], then_branch=both, else_branch=both)], None, true)


def function() -> onnx.ModelProto:
    model = model_of([helper.make_node("Mine", ["x"], ["y"], domain="mine")])
    model.opset_import.append(helper.make_opsetid("mine", 1))
    model.functions.append(
        helper.make_function(
            "mine",
            "Mine",
            ["a"],
            ["b"],
            [constant(value=external()), helper.make_node("Add", ["a", "c"], ["b"])],
            [helper.make_opsetid("", 21)],
        )
    )
    return model


def sparse() -> onnx.SparseTensorProto:
    values = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    return helper.make_sparse_tensor(values, helper.make_tensor("i", TensorProto.INT64, [1], [0]), [2**40])


def sparse_initializer() -> onnx.ModelProto:
    model = model_of([helper.make_node("Add", ["x", "w"], ["y"])])
    model.graph.sparse_initializer.append(sparse())
    return model


def training() -> onnx.ModelProto:
    model = model_of([helper.make_node("Identity", ["x"], ["y"])])
    model.training_info.add().algorithm.initializer.append(external())
    return model


ADD = helper.make_node("Add", ["x", "w"], ["y"])
REFUSED: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "external": (lambda: model_of([ADD], None, external()), "keeps weights in other files"),
    "external, not said so": (lambda: _silent(), "keeps weights in other files"),
    "in an attribute": (lambda: model_of([constant(value=external()), helper.make_node("Add", ["x", "c"], ["y"])]),
                        "keeps weights in other files"),
    "in a subgraph": (lambda: model_of([scan(body(initializers=(external(),)))]), "keeps weights in other files"),
    "in an attribute of a subgraph": (lambda: model_of([scan(body(constant(value=external())))]),
                                      "keeps weights in other files"),
    "in a list of tensors": (lambda: model_of([helper.make_node("Add", ["x", "x"], ["y"], more=[external()])]),
                             "keeps weights in other files"),
    "in training": (training, "holds a part for training"),
    "in a function": (function, "holds functions of its own"),
    "sparse": (sparse_initializer, "keeps sparse weights"),
    "sparse attribute": (lambda: model_of([constant(sparse_value=sparse()), helper.make_node("Add", "xc", "y")]),
                         "keeps sparse weights"),
    "loop": (loop, "`Loop` in node ``, a loop or a branch"),
    "branch": (branch, "`If` in node ``, a loop or a branch"),
    "scan in a scan": (lambda: model_of([scan(body(scan(body())))]), "a Scan within a Scan"),
    "custom domain": (lambda: model_of([helper.make_node("FusedGemm", ["x", "x"], ["y"], domain="com.microsoft")]),
                      "`FusedGemm` in node ``, an operator of `com.microsoft`"),
    "custom domain in a subgraph": (lambda: model_of([scan(body(helper.make_node("A", ["row"], ["z"], domain="a")))]),
                                    "an operator of `a`"),
}  # fmt: skip


def _silent() -> onnx.ModelProto:
    tensor = external()
    tensor.ClearField("data_location")
    return model_of([ADD], None, tensor)


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Samples, in a working folder with a file that is nobody's business."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.bin").write_bytes(np.array([3.0, 5.0], np.float32).tobytes())
    np.savez(tmp_path / "x.npz", x=np.ones((3, 2), np.float32))
    return tmp_path / "x.npz"


@pytest.mark.parametrize("name", REFUSED)
def test_what_reaches_out_or_runs_without_end(name: str, given: Path) -> None:
    make, words = REFUSED[name]
    path = given.with_name("m.onnx")
    path.write_bytes(make().SerializeToString())
    begun = time.monotonic()
    with pytest.raises(NetspecError) as caught:
        predict(path, given)
    [problem] = caught.value.problems
    assert problem.code == "NS631" and words in problem.message and problem.name == str(path) and problem.hint
    assert time.monotonic() - begun < 60


def test_what_is_like_our_own_runs(given: Path) -> None:
    """A Scan over the samples, and weights inside."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [2], [3.0, 4.0])
    onnx.save(model_of([ADD], None, weight), given.with_name("m.onnx"))
    [first, *_] = predict(given.with_name("m.onnx"), given).rows
    assert first["y"]["value"] == [4.0, 5.0]
    onnx.save(model_of([scan(body())]), given.with_name("m.onnx"))
    assert predict(given.with_name("m.onnx"), given).rows[0]["y"]["value"] == [1.0, 1.0]


@pytest.mark.parametrize("cell", ["lstm", "mingru", "rnn"])
@pytest.mark.parametrize("streaming", [False, True])
def test_our_own_recurrent_models_run(cell: str, streaming: bool, tmp_path: Path) -> None:
    layer = f"{{type: {cell}, hidden: 3}}"
    graph = netspec.load(f"netspec: 1\ninputs: {{x: [T, 2]}}\nlayers: {{r: {layer}}}\noutputs: {{y: r}}\n")
    rules = Preprocess("npz", {"x": InputRule("array", ("T", 2))}, {"y": OutputRule("numbers")}).to_json()
    export_onnx(graph, netspec.to_torch(graph), tmp_path / "m.onnx", {META: rules}, streaming=streaming)
    np.savez(tmp_path / "x.npz", x=np.ones((3, 4, 2), np.float32))
    assert len(predict(tmp_path / "m.onnx", tmp_path / "x.npz").rows) == 3


SUM = [helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)]
ZERO = helper.make_tensor("n", TensorProto.INT64, [1], [0])
AXIS = helper.make_tensor("a", TensorProto.INT64, [1], [1])


@pytest.mark.parametrize(("model", "code"), [
    (model_of(SUM, float_info("y")), "NS63"),
    (model_of(SUM, float_info("y", "B", 2)), "NS63"),
    (model_of([helper.make_node("Slice", list("xnna"), ["y"])], float_info("y", "B", "C"), ZERO, AXIS), "NS632"),
    (model_of([helper.make_node("Slice", ["x", "n", "n", "n"], ["y"])], float_info("y", "C", 2), ZERO), "NS632"),
    (model_of([helper.make_node("Slice", ["x", "n", "a"], ["y"])], float_info("y", "C", 2), ZERO, AXIS), "NS632"),
    (model_of([helper.make_node("Cast", ["x"], ["y"], to=TensorProto.STRING)],
              helper.make_tensor_value_info("y", TensorProto.STRING, ["B", 2])), "NS63"),
    (model_of([helper.make_node("SplitToSequence", ["x"], ["y"])],
              helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)), "NS63"),
])  # fmt: skip
def test_outputs_that_say_nothing_of_a_sample(model: onnx.ModelProto, code: str, given: Path) -> None:
    """A scalar, nothing, one row for three samples, text, no tensor at all."""
    onnx.save(model, given.with_name("m.onnx"))
    with pytest.raises(NetspecError) as caught:
        predict(given.with_name("m.onnx"), given)
    assert caught.value.problems[0].code.startswith(code)


def test_batches_of_different_shapes(given: Path) -> None:
    """As many columns as there are samples in the batch."""
    model = model_of(
        [helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0]), helper.make_node("MatMul", ["x", "t"], ["y"])],
        float_info("y", "B", "C"),
    )
    onnx.save(model, given.with_name("m.onnx"))
    np.savez(given, x=np.ones((300, 2), np.float32))
    with pytest.raises(NetspecError, match=r"NS632 output `y` has the shapes \(256, 256\) and \(44, 44\)"):
        predict(given.with_name("m.onnx"), given)


def test_a_pipe_a_device_and_a_folder_are_no_models(given: Path) -> None:
    os.mkfifo(given.with_name("pipe.onnx"))
    given.with_name("folder.onnx").mkdir()
    given.with_name("zero.onnx").symlink_to("/dev/zero")
    for name in ("pipe", "folder", "zero"):
        with pytest.raises(NetspecError, match="NS631 cannot be read as an ONNX model: it is a"):
            predict(given.with_name(f"{name}.onnx"), given)


@pytest.mark.parametrize(("rule", "said"), [
    (OutputRule("classes", ("a", "b"), probable=True), {"class": None}),
    (OutputRule("signs", ("a", "b"), probable=True), {"class": [None, "b"]}),
    (OutputRule("signs", ("no", "yes"), columns=("a", "b")), {"class": [None, "yes"]}),
])  # fmt: skip
def test_nan_is_no_class(rule: OutputRule, said: dict[str, object], given: Path) -> None:
    weight = helper.make_tensor("w", TensorProto.FLOAT, [2], [float("nan"), 4.0])
    model = model_of([ADD], None, weight)
    inputs = {"x": InputRule("array", (2,))}
    helper.set_model_props(model, {META: Preprocess("npz", inputs, {"y": rule}).to_json()})
    onnx.save(model, given.with_name("m.onnx"))
    found = predict(given.with_name("m.onnx"), given)
    assert found.rows[0]["y"]["class"] == said["class"]
    run = CliRunner().invoke(app, ["predict", str(given.with_name("m.onnx")), str(given), "--format", "json"])
    assert run.exit_code == 0 and "NaN" not in run.stdout and json.loads(run.stdout)[0]["y"]["class"] == said["class"]
    run = CliRunner().invoke(app, ["predict", str(given.with_name("m.onnx")), str(given)])
    assert run.exit_code == 0 and "–" in run.stdout
