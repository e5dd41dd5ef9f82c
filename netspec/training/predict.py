"""What a trained network, or an exported model, predicts for new samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from netspec.data.preprocess import Array
from netspec.data.samples import read_samples, writes_on
from netspec.source.errors import NetspecError
from netspec.source.memory import is_shortage, memory
from netspec.source.text import printable
from netspec.training.answers import answers, until
from netspec.training.generate import Generated, Writing, generate
from netspec.training.model import Compute, LoadedModel, load_model

BATCH_SIZE = 256


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


@memory("while predicting", "the device", "give fewer samples at a time")
def predict(
    model: Path | str, given: Path | str, *, device: str = "auto", writing: Writing | None = None
) -> Predictions | Generated:
    """Apply a run (a folder) or a model (`.onnx`) to a `.csv` table, an `.npz` file, an image or a folder of images.

    Tables need the feature columns, in any order; arrays are named as the inputs and hold what the source held.
    A network that was trained on the source `text` takes the beginning of a text instead, and writes on as `writing`
    says.
    Raises NS631 for the run or model, NS632 for an input of the wrong kind, NS602 to NS608 for what is wrong in it.
    """
    name, path = str(model), Path(given)
    loaded = load_model(Path(model), device)
    if writes_on(path, loaded.preprocess):
        return replace(generate(loaded, str(given), name, writing or Writing()), notes=loaded.notes)
    if writing is not None:
        text = "does not write text: it was not trained on the source `text`"
        raise NetspecError("NS632", text, name=name, hint="leave out --length, --temperature and --seed")
    samples = read_samples(path, loaded.preprocess)
    outputs = _computed(loaded, samples.inputs, name)
    predicted = {output: answers(loaded.preprocess.outputs[output], values) for output, values in outputs.items()}
    inputs = dict(zip(loaded.preprocess.inputs, samples.inputs, strict=True))
    for output, rule in loaded.preprocess.outputs.items():
        if rule.lengths:
            steps = outputs[output].shape[rule.step_axis]
            rows = zip(predicted[output], inputs[rule.lengths], strict=True)
            predicted[output] = [until(row, int(length), steps) for row, length in rows]
    count = len(samples.labels)
    rows_ = tuple({output: rows[i] for output, rows in predicted.items()} for i in range(count))
    return Predictions(tuple(samples.labels), rows_, loaded.notes)


def _computed(model: LoadedModel, inputs: list[Array], name: str) -> dict[str, Array]:
    """The outputs of all samples, batch by batch.

    Raises NS632 where those of two batches differ in more than the number of samples.
    """
    batches: dict[str, list[Array]] = {output: [] for output in model.preprocess.outputs}
    for start in range(0, len(inputs[0]), BATCH_SIZE):
        values = _batch(model.compute, [x[start : start + BATCH_SIZE] for x in inputs], name)
        for output, parts in batches.items():
            parts.append(values[output])
    for output, parts in batches.items():
        if len({part.shape[1:] for part in parts}) > 1:
            shapes = " and ".join(str(part.shape) for part in parts[:2])
            text = f"output `{printable(output)}` has the shapes {shapes} for different samples"
            raise NetspecError("NS632", text, name=name, hint="predict them one at a time")
    return {output: np.concatenate(parts) for output, parts in batches.items()}


def _batch(compute: Compute, inputs: list[Array], name: str) -> dict[str, Array]:
    """Raises NS632 where the network cannot take the values, such as an index beyond an embedding."""
    try:
        return compute(inputs)
    except NetspecError as error:
        problem = error.problems[0]
        if problem.code != "NS503":  # a length that the network does not allow
            raise
        text = f"the model cannot take this input: {problem.message}"
        raise NetspecError("NS632", text, name=name, hint=problem.hint) from None
    except Exception as error:  # onnxruntime has a dozen classes of its own, without a common one
        if is_shortage(error):
            raise
        raise NetspecError("NS632", f"the model cannot take this input: {error}", name=name) from None
