"""A trained network as a function of arrays: that of a run, or an exported ONNX model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netspec.data.preprocess import Array, Preprocess
from netspec.shapes.dim import Size, symbol
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError
from netspec.source.memory import is_shortage
from netspec.training.foreign import check_outputs, read_model

if TYPE_CHECKING:
    from torch import nn

META = "netspec.preprocess"  # the key in a model's metadata_props
Compute = Callable[[list[Array]], dict[str, Array]]


@dataclass(frozen=True)
class LoadedModel:
    """`compute`: inputs in the network's order -> output name -> values, of a batch.

    `module`: what `compute` runs, where it can carry its state.  `notes`: what whoever uses it has to know.
    """

    compute: Compute
    preprocess: Preprocess
    module: nn.Module | None = None
    notes: tuple[str, ...] = ()


def load_model(path: Path, device: str) -> LoadedModel:
    """A run (a folder) on a device, or an exported model (`.onnx`).  Raises NS631, and NS622 for a broken file."""
    return _of_onnx(path) if path.suffix == ".onnx" else _of_run(path, device)


def _of_run(path: Path, device: str) -> LoadedModel:
    import torch

    from netspec.training.device import pick_device
    from netspec.training.trained import load_run

    trained = load_run(path)
    where = pick_device(device)
    module = trained.module.to(where)
    names = list(trained.spec.outputs)

    def compute(inputs: list[Array]) -> dict[str, Array]:
        with torch.inference_mode():
            result = module(*[torch.from_numpy(x).to(where) for x in inputs])
        outputs = {names[0]: result} if len(names) == 1 else result
        return {name: tensor.float().cpu().numpy() for name, tensor in outputs.items()}

    return LoadedModel(compute, trained.preprocess, module, trained.notes)


def _of_onnx(path: Path) -> LoadedModel:
    import onnxruntime

    from netspec.backends.onnx.lengths import META as LENGTHS
    from netspec.backends.onnx.lengths import lengths_check
    from netspec.backends.onnx.streaming_meta import starts_of

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
        values = session.run(outputs, {**dict(zip(names, inputs, strict=True)), **states})
        computed = dict(zip(outputs, values, strict=True))
        check_outputs(computed, declared, len(inputs[0]), str(path))
        return computed

    return LoadedModel(compute, preprocess)


def _types(values: Iterable[Any]) -> dict[str, TensorType]:
    """Of an ONNX model's inputs or outputs."""
    from onnx import helper

    types = {}
    for value in values:
        tensor = value.type.tensor_type
        sizes: list[Size] = [d.dim_value if d.HasField("dim_value") else symbol(d.dim_param) for d in tensor.shape.dim]
        known = tensor.elem_type in helper.get_all_tensor_dtypes()
        dtype = str(helper.tensor_dtype_to_np_dtype(tensor.elem_type)) if known else "no tensor"
        types[value.name] = TensorType(tuple(sizes), dtype)
    return types
