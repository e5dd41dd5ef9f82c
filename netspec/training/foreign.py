"""An ONNX file that anybody may have written: what it could reach, or never end with, is refused before it runs.

What netspec writes is one graph of ONNX's own operators with its weights inside, and at most a Scan for each recurrent
layer, which runs as long as the sequence that it reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError
from netspec.source.files import reason
from netspec.source.input_files import read_whole
from netspec.source.text import printable

DOMAINS = ("", "ai.onnx")
BRANCHES = ("If", "Loop", "SequenceMap")  # a Loop's own count may be 2^62


def read_model(path: Path) -> Any:
    """The model as onnx.ModelProto, whatever it refers to outside of the file refused.

    Raises NS631 for what is no file, no model, or a model with weights in other files, with operators that are not
    ONNX's own, with loops, branches or functions, or with parts that are not for inference.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # has none

    def bad(message: str, hint: str = "") -> NetspecError:
        return NetspecError("NS631", message, name=str(path), hint=hint)

    model = onnx.ModelProto()
    try:
        model.ParseFromString(read_whole(path))
    except FileNotFoundError:
        raise bad("no such model", "write it with `netspec export RUN`") from None
    except (OSError, DecodeError) as error:
        raise bad(f"cannot be read as an ONNX model: {reason(error)}") from None
    for message, hint in _refused(model):
        raise bad(message, hint)
    return model


def _refused(model: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with each part, at any depth, and what to do."""
    import onnx

    if model.functions or model.training_info:
        part = "functions" if model.functions else "a part for training"
        yield f"holds {part} of its own, which netspec writes into no model", "export it from its run again"
    waiting: list[tuple[Any, bool]] = [(model, False)]
    while waiting:
        message, scanned = waiting.pop()
        if not _in_utf8(message):
            yield "holds a name that is not UTF-8", "export it from its run again"
            continue
        if isinstance(message, onnx.TensorProto):
            if message.data_location == onnx.TensorProto.EXTERNAL or message.external_data:
                yield (
                    "keeps weights in other files, which is refused: their paths may lead anywhere",
                    "save it as one file",
                )
            continue  # what else is in it are numbers
        if isinstance(message, onnx.SparseTensorProto):
            yield "keeps sparse weights, whose size is not that of the file", "save it with dense ones"
            continue
        if isinstance(message, onnx.NodeProto):
            called = f"`{printable(message.op_type)}` in node `{printable(message.name)}`"
            if message.domain not in DOMAINS:
                yield (
                    f"has {called}, an operator of `{printable(message.domain)}` and not of ONNX",
                    "leave it as `netspec export` wrote it",
                )
            if message.op_type in BRANCHES or (scanned and message.op_type == "Scan"):
                nested = "a Scan within a Scan" if message.op_type == "Scan" else "a loop or a branch"
                yield (
                    f"has {called}, {nested}, which netspec writes into no model: it may run without end",
                    "leave it as `netspec export` wrote it",
                )
            scanned = scanned or message.op_type == "Scan"
        for field, value in message.ListFields():
            if field.message_type is not None:
                waiting += [(part, scanned) for part in (value if _several(value) else [value])]


def _in_utf8(message: Any) -> bool:
    """protobuf gives text that is none as bytes."""
    import onnx

    if isinstance(message, onnx.TensorProto):  # not its other fields: they are the numbers
        return isinstance(message.name, str)
    texts = [value for field, value in message.ListFields() if field.type == field.TYPE_STRING]
    return not any(
        isinstance(text, bytes) for value in texts for text in ([value] if isinstance(value, (str, bytes)) else value)
    )


def _several(value: Any) -> bool:
    return hasattr(value, "__len__") and not hasattr(value, "ListFields")


def check_outputs(found: Mapping[str, Any], declared: Mapping[str, TensorType], count: int, model: str) -> None:
    """Raises NS632 for outputs that are not what the model declares, one entry for each of `count` samples."""
    for name, value in found.items():
        type_ = declared[name]
        numbers = isinstance(value, np.ndarray) and value.dtype.kind in "fiub"
        fits = numbers and value.ndim == type_.rank > 0 and value.size > 0 and len(value) == count
        sizes = zip(value.shape[1:], type_.shape[1:], strict=True) if fits else ()
        if not fits or any(isinstance(size, int) and size != given for given, size in sizes):
            received = f"of shape {value.shape}" if numbers else "no tensor of numbers"
            raise NetspecError(
                "NS632",
                f"output `{printable(name)}` is {received} for {count} samples, and declared {type_}",
                name=model,
                hint="export the model again from its run",
            )
