"""The spec that an exported model carries as text, so that the model alone can be compared and explained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netspec.source.errors import NetspecError
from netspec.source.files import reason
from netspec.source.input_files import read_whole

META = "netspec.spec"  # the key in a model's metadata_props: the file with all that it extends and includes put in


@dataclass(frozen=True)
class CarriedSpec:
    """The name of a model's network, and the text of its spec."""

    name: str
    text: str


def read_spec(path: Path) -> CarriedSpec:
    """The spec of an exported model.  Raises NS101 for what is no file, no model, or a model without one."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # has none

    model = onnx.ModelProto()
    try:
        model.ParseFromString(read_whole(path))
    except (OSError, DecodeError) as error:
        raise NetspecError("NS101", f"cannot be read as an ONNX model: {reason(error)}", name=str(path)) from None
    text = next((entry.value for entry in model.metadata_props if entry.key == META), None)
    if text is None:
        hint = "export it again with `netspec export`: models of other programs, and of older versions, carry none"
        raise NetspecError("NS101", "carries no netspec spec", name=str(path), hint=hint)
    return CarriedSpec(model.graph.name, text)
