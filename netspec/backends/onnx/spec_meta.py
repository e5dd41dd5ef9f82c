"""What an exported model says of itself: its spec, its digests, and the file that it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from netspec.frontend.origin import Origin
from netspec.graph.digest import Digests
from netspec.source.errors import NetspecError
from netspec.source.files import reason
from netspec.source.input_files import read_whole
from netspec.source.records.from_json import parse_json, read_record

META = "netspec.spec"  # the key in a model's metadata_props: the file with all that it extends and includes put in
ORIGIN = "netspec.origin"
_DIGEST = "netspec.digest."  # and the name of the digest


@dataclass(frozen=True)
class CarriedSpec:
    """The name of a model's network, and the text of its spec."""

    name: str
    text: str


def digest_meta(digests: Digests) -> dict[str, str]:
    """Entries of the metadata, one a digest."""
    return {f"{_DIGEST}{name}": digest for name, digest in asdict(digests).items()}


def origin_meta(origin: Origin | None) -> dict[str, str]:
    """The entry of the metadata that names the file; none for a text that is in none."""
    return {} if origin is None else {ORIGIN: json.dumps(asdict(origin), ensure_ascii=False)}


def read_digests(metadata: Mapping[str, str]) -> Digests | None:
    """The digests that a model was exported with; None in a model of an older version."""
    names = [name for name in Digests.__dataclass_fields__ if f"{_DIGEST}{name}" in metadata]
    if len(names) < len(Digests.__dataclass_fields__):
        return None
    return Digests(**{name: metadata[f"{_DIGEST}{name}"] for name in names})


def read_origin(metadata: Mapping[str, str], name: str) -> Origin | None:
    """The file that a model came from, where it says so.  Raises NS101 for an entry that is none."""
    if ORIGIN not in metadata:
        return None
    return read_record(
        parse_json(metadata[ORIGIN], "NS101", name), Origin, "NS101", f"{name}: {ORIGIN}", "export again"
    )


def read_metadata(path: Path) -> tuple[str, dict[str, str]]:
    """The name of a model's network, and its metadata.  Raises NS101 for what is no file, or no model."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # has none

    model = onnx.ModelProto()
    try:
        model.ParseFromString(read_whole(path))
    except (OSError, DecodeError) as error:
        raise NetspecError("NS101", f"cannot be read as an ONNX model: {reason(error)}", name=str(path)) from None
    return model.graph.name, {entry.key: entry.value for entry in model.metadata_props}


def read_spec(path: Path) -> CarriedSpec:
    """The spec of an exported model.  Raises NS101 for what is no file, no model, or a model without one."""
    name, metadata = read_metadata(path)
    if META not in metadata:
        hint = "export it again with `netspec export`: models of other programs, and of older versions, carry none"
        raise NetspecError("NS101", "carries no netspec spec", name=str(path), hint=hint)
    return CarriedSpec(name, metadata[META])
