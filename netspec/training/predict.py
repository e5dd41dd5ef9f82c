"""What a trained network, or an exported model, says of new samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netspec.data.arrays import check_array, check_entries, read_npz
from netspec.data.columns import Wanted, raise_shown, read_columns
from netspec.data.images import SUFFIXES, Images, images_below
from netspec.data.preprocess import Array, InputRule, OutputRule, Preprocess
from netspec.data.table import missing_file, read_table
from netspec.shapes.dim import Size, symbol
from netspec.shapes.tensor import BATCH, TensorType
from netspec.source.errors import NetspecError, Problem
from netspec.source.memory import is_shortage, memory
from netspec.source.text import printable
from netspec.training.foreign import check_outputs, read_model
from netspec.training.generate import Compute, Generated, generate

if TYPE_CHECKING:
    from rich.console import Console
    from torch import nn

BATCH_SIZE = 256
META = "netspec.preprocess"  # the key in a model's metadata_props


@dataclass(frozen=True)
class Predictions:
    """One row a sample: output name -> `class`, `probability` and `probabilities`, or `value`.

    `labels` say which sample: a line of a table, an index, a file's name.  `notes`: what whoever reads it has to know.
    """

    labels: tuple[str, ...]
    rows: tuple[Mapping[str, Mapping[str, Any]], ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> list[dict[str, Any]]:
        """As JSON has it."""
        return [{"sample": label, **row} for label, row in zip(self.labels, self.rows, strict=True)]

    def show(self, console: Console) -> None:
        from netspec.training.report import show_predictions

        show_predictions(console, self)


@dataclass(frozen=True)
class Writing:
    """How a network of characters writes on: how many more, how boldly, and from which seed."""

    length: int = 500
    temperature: float = 1.0
    seed: int = 0


@memory("while predicting", "the device", "give fewer samples at a time")
def predict(model: Path | str, given: Path | str, *, device: str = "auto",
            writing: Writing | None = None) -> Predictions | Generated:  # fmt: skip
    """Apply a run (a folder) or a model (`.onnx`) to a `.csv` table, an `.npz` file, an image or a folder of images.

    Tables need the feature columns, in any order; arrays are named as the inputs and hold what the source held.
    A network that was trained on the source `text` takes the beginning of a text instead, and writes on as `writing`
    says.
    Raises NS631 for the run or model, NS632 for an input of the wrong kind, NS602 to NS608 for what is wrong in it.
    """
    model, path = Path(model), Path(given)
    module: nn.Module | None = None
    notes: tuple[str, ...] = ()
    if model.suffix == ".onnx":
        compute, preprocess = _onnx(model)
    else:
        compute, preprocess, module, notes = _run(model, device)
    if preprocess.source == "text" and path.suffix.lower() != ".npz":
        how = writing or Writing()
        written = generate(compute, preprocess, module, str(given), str(model),
                           length=how.length, temperature=how.temperature, seed=how.seed)  # fmt: skip
        return replace(written, notes=notes)
    if writing is not None:
        raise NetspecError("NS632", "does not write text: it was not trained on the source `text`", name=str(model),
                           hint="leave out --length, --temperature and --seed")  # fmt: skip
    labels, inputs = _read(path, preprocess)
    found: dict[str, list[Array]] = {name: [] for name in preprocess.outputs}
    for start in range(0, len(labels), BATCH_SIZE):
        outputs = _computed(compute, [x[start : start + BATCH_SIZE] for x in inputs], str(model))
        for name, parts in found.items():
            parts.append(outputs[name])
    given_as = dict(zip(preprocess.inputs, inputs, strict=True))
    said = {}
    for name, parts in found.items():
        rule, values = preprocess.outputs[name], _together(name, parts, str(model))
        said[name] = _say(rule, values)
        if rule.lengths:
            steps = values.shape[rule.step_axis]
            said[name] = [_until(row, int(n), steps) for row, n in zip(said[name], given_as[rule.lengths], strict=True)]
    rows = tuple({name: values[i] for name, values in said.items()} for i in range(len(labels)))
    return Predictions(tuple(labels), rows, notes)


def _computed(compute: Compute, inputs: list[Array], model: str) -> dict[str, Array]:
    """Raises NS632 where the network cannot take the values, such as an index beyond an embedding."""
    try:
        return compute(inputs)
    except NetspecError as error:
        problem = error.problems[0]
        if problem.code != "NS503":  # a length that the network does not allow
            raise
        raise NetspecError("NS632", f"the model cannot take this input: {problem.message}", name=model,
                           hint=problem.hint) from None  # fmt: skip
    except Exception as error:  # onnxruntime has a dozen classes of its own, without a common one
        if is_shortage(error):
            raise
        raise NetspecError("NS632", f"the model cannot take this input: {error}", name=model) from None


def _together(name: str, parts: list[Array], model: str) -> Array:
    """The output of all batches.  Raises NS632 where they differ in more than the number of samples."""
    if len({part.shape[1:] for part in parts}) > 1:
        shapes = " and ".join(str(part.shape) for part in parts[:2])
        raise NetspecError("NS632", f"output `{printable(name)}` has the shapes {shapes} for different samples",
                           name=model, hint="predict them one at a time")  # fmt: skip
    return np.concatenate(parts)


# the model


def _run(path: Path, device: str) -> tuple[Compute, Preprocess, nn.Module, tuple[str, ...]]:
    import torch

    from netspec.training.device import pick_device
    from netspec.training.trained import load_run

    trained = load_run(path)
    where = pick_device(device)
    module = trained.module.to(where)
    names = list(trained.graph.outputs)

    def compute(inputs: list[Array]) -> dict[str, Array]:
        with torch.inference_mode():
            found = module(*[torch.from_numpy(x).to(where) for x in inputs])
        outputs = {names[0]: found} if len(names) == 1 else found
        return {name: tensor.float().cpu().numpy() for name, tensor in outputs.items()}

    return compute, trained.preprocess, module, trained.notes


def _onnx(path: Path) -> tuple[Compute, Preprocess]:
    import onnxruntime

    from netspec.backends.onnx.lengths import META as LENGTHS
    from netspec.backends.onnx.lengths import lengths_check
    from netspec.backends.onnx.streaming import starts_of

    def bad(message: str, hint: str = "") -> NetspecError:
        return NetspecError("NS631", message, name=str(path), hint=hint)

    proto = read_model(path)
    text = next((entry.value for entry in proto.metadata_props if entry.key == META), None)
    if text is None:
        raise bad("does not say how its inputs are made", "export it from a run, not from a file")
    preprocess = Preprocess.from_json(text, str(path))
    starts = starts_of(proto, str(path))
    try:
        wrong = lengths_check(proto)
    except ValueError:
        raise bad(f"its metadata `{LENGTHS}` is damaged", "export it again") from None
    made = {t.name for t in proto.graph.initializer}  # old models list these as inputs too
    inputs = _types(t for t in proto.graph.input if t.name not in starts and t.name not in made)
    declared = _types(proto.graph.output)
    preprocess.check(inputs, declared, str(path))
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is raised, and is said once
        session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen classes of its own, without a common one
        if is_shortage(error):
            raise
        raise bad(f"onnxruntime refuses it: {error}") from None
    names = list(preprocess.inputs)
    outputs = list(preprocess.outputs)

    def compute(inputs: list[Array]) -> dict[str, Array]:
        if text := wrong({name: x.shape for name, x in zip(names, inputs, strict=True)}):
            raise NetspecError("NS632", f"the model cannot take this input: {text}", name=str(path))
        # A streaming model gets whole sequences here: their states begin at the start.
        states = {name: np.repeat(start[None], len(inputs[0]), 0) for name, start in starts.items()}
        found = session.run(outputs, {**dict(zip(names, inputs, strict=True)), **states})
        said = dict(zip(outputs, found, strict=True))
        check_outputs(said, declared, len(inputs[0]), str(path))
        return said

    return compute, preprocess


def _types(values: Iterable[Any]) -> dict[str, TensorType]:
    """Of an ONNX model's inputs or outputs."""
    from onnx import helper

    found = {}
    for value in values:
        tensor = value.type.tensor_type
        sizes: list[Size] = [d.dim_value if d.HasField("dim_value") else symbol(d.dim_param) for d in tensor.shape.dim]
        known = tensor.elem_type in helper.get_all_tensor_dtypes()
        found[value.name] = TensorType(tuple(sizes), str(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
                                       if known else "no tensor")  # fmt: skip
    return found


# the input


def _read(path: Path, preprocess: Preprocess) -> tuple[list[str], list[Array]]:
    """Labels of the samples, and each input as the network takes it."""
    suffix = path.suffix.lower()
    if not path.exists():
        raise missing_file(path, str(path), None, "check the path")
    if suffix == ".npz":
        return _read_npz(path, preprocess)
    tables = all(rule.kind == "table" for rule in preprocess.inputs.values())
    if suffix == ".csv" or (tables and suffix not in SUFFIXES and not path.is_dir()):  # whatever a table is called
        return _read_csv(path, preprocess)
    if suffix in SUFFIXES or path.is_dir():
        return _read_images(path, preprocess)
    raise NetspecError("NS632", f"cannot read a `{suffix or path.name}` file", name=str(path),
                       hint="expected .csv, .npz, an image, or a folder of images")  # fmt: skip


def _read_csv(path: Path, preprocess: Preprocess) -> tuple[list[str], list[Array]]:
    for name, rule in preprocess.inputs.items():
        if rule.kind != "table":
            raise NetspecError(
                "NS632", f"input `{name}` is not made from a table", name=str(path), hint=_wanted(preprocess)
            )
    table = read_table(path, preprocess.delimiter, None, trained=True)
    inputs = []
    problems: list[Problem] = []
    for rule in preprocess.inputs.values():
        table.need(rule.columns, None)
        inputs.append(read_columns(table, rule.columns, Wanted(rule.dtype, rule.entries, "prediction"), problems))
    raise_shown(table, problems)
    inputs = [rule.apply(x) for rule, x in zip(preprocess.inputs.values(), inputs, strict=True)]
    return [f"line {line}" for line in table.lines], inputs


def _read_npz(path: Path, preprocess: Preprocess) -> tuple[list[str], list[Array]]:
    arrays, names = read_npz(path, str(path), None, preprocess.inputs)
    axes: dict[str, int] = {}
    inputs = []
    for name, rule in preprocess.inputs.items():
        if name not in arrays:
            hint = f"it has {', '.join(names) or 'none'}; save it with np.savez(path, {name}=…)"
            raise NetspecError("NS632", f"has no array `{name}`", name=str(path), hint=hint)
        x = arrays[name]
        check_array(x, _type(rule), name, str(path), axes, None)
        check_entries(x, rule.entries, f"input `{name}`", "NS632", name=str(path))
        if rule.kind == "image" and x.dtype == np.uint8 and rule.divide == 1.0:
            x = x / 255.0
        inputs.append(rule.apply(x))
    counts = {len(x) for x in inputs}
    if len(counts) != 1 or not min(counts):
        raise NetspecError("NS632", "needs one or more samples, as many in every array", name=str(path),
                           hint="the first axis counts the samples")  # fmt: skip
    return [str(i) for i in range(counts.pop())], inputs


def _read_images(path: Path, preprocess: Preprocess) -> tuple[list[str], list[Array]]:
    rules = list(preprocess.inputs.values())
    if len(rules) != 1 or rules[0].kind != "image" or rules[0].size is None:
        raise NetspecError("NS632", "the network does not take images", name=str(path), hint=_wanted(preprocess))
    rule, size = rules[0], rules[0].size
    files = images_below(path, str(path), None) if path.is_dir() else [path]
    if not files:
        raise NetspecError("NS632", "holds no images", name=str(path), hint="expected .png, .jpg …")
    values = Images(files, rule.channels, size).take(np.arange(len(files)))
    labels = [str(f.relative_to(path)) if path.is_dir() else f.name for f in files]
    return [printable(label) for label in labels], [replace(rule, divide=1.0).apply(values)]


def _wanted(preprocess: Preprocess) -> str:
    """What to give instead."""
    kinds = sorted({rule.kind for rule in preprocess.inputs.values()})
    file = {"table": "a .csv table, or ", "image": "an image, or "}.get(" ".join(kinds), "")
    return f"give {file}an .npz file with {', '.join(f'`{name}`' for name in preprocess.inputs)}"


def _type(rule: InputRule) -> TensorType:
    sizes: list[Size] = [s if isinstance(s, int) else symbol(s) for s in rule.shape]
    return TensorType((BATCH, *sizes), rule.dtype)


# what it says


def _say(rule: OutputRule, values: Array) -> list[dict[str, Any]]:
    """One entry a sample; where the network gives NaN, no class (None)."""
    if rule.kind == "numbers":
        found = values if rule.standard is None else rule.standard.backward(values)
        return [{"value": _plain(v)} for v in found]
    if rule.kind == "signs":
        return [_sign(rule, v) for v in values]
    values = np.moveaxis(values.astype(np.float64), rule.axis, -1)
    with np.errstate(invalid="ignore"):  # of NaN or an infinity: NaN, and no class
        exponent = np.exp(values - values.max(axis=-1, keepdims=True))
        shares = exponent / exponent.sum(axis=-1, keepdims=True)
    # A network may have more outputs than the data has classes: those are called by their number.
    names = [*rule.names, *map(str, range(len(rule.names), shares.shape[-1]))]
    if shares.ndim > 2:  # one class in each place
        named = np.array([*names, None], dtype=object)
        none = np.isnan(shares).any(-1)
        places = np.where(none, len(names), shares.argmax(-1))
        return [
            {"class": named[p].tolist(), "probability": _plain(v.max(-1))} for p, v in zip(places, shares, strict=True)
        ]
    return [
        {
            "class": None if np.isnan(v).any() else names[int(v.argmax())],
            "probability": float(v.max()),
            "probabilities": dict(zip(names, map(float, v), strict=True)),
        }
        for v in shares
    ]


def _until(row: dict[str, Any], length: int, steps: int) -> dict[str, Any]:
    """What is said of the steps before the sample's end alone; each list has as many values for every step."""
    return {k: v[: len(v) // steps * length] if isinstance(v, list) else v for k, v in row.items()}


def _sign(rule: OutputRule, values: Array) -> dict[str, Any]:
    if values.ndim == 2 and values.shape[1] == len(rule.columns):  # a set of symbols for each step
        return {"class": [None if np.isnan(step).any() else
                          " ".join(s for s, v in zip(rule.columns, step, strict=True) if v > 0)
                          for step in values]}  # fmt: skip
    margin = values.astype(np.float64).reshape(-1)
    names = [None if np.isnan(m) else rule.names[int(m > 0)] for m in margin]
    said: dict[str, Any] = {"class": names[0] if len(names) == 1 else names}
    if not rule.probable:
        return {**said, "margin": _plain(margin)}
    shares = 0.5 * (1 + np.tanh(0.5 * np.abs(margin)))  # the logistic function, without overflow
    return {**said, "probability": _plain(shares)}


def _plain(values: Array) -> Any:
    """A number where there is one, else lists of them."""
    return float(values.reshape(-1)[0]) if values.size == 1 else values.tolist()
