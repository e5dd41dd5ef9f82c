"""The ONNX file: emitted, checked, held against the module, and only then kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from netspec.backends.onnx.draft import OPSET
from netspec.backends.onnx.model import check_size, model_of, serialized
from netspec.backends.onnx.spec_meta import META as SPEC
from netspec.backends.onnx.spec_meta import digest_meta
from netspec.backends.onnx.streaming import streaming_of
from netspec.backends.parity.compare import Parity, compare
from netspec.frontend.resolved import text_hash
from netspec.graph.digest import digests
from netspec.graph.model import Graph
from netspec.source.errors import NetspecError
from netspec.source.files import cannot_write, check_output, write_whole
from netspec.source.memory import memory, require_memory


@memory("while exporting", hint="export a smaller network, or on a machine with more memory")
def export_onnx(
    graph: Graph, module: Any, path: Path, metadata: dict[str, str] | None = None, streaming: bool = False
) -> Parity:
    """Write a verified ONNX file.

    The model passes `onnx.checker` in full and agrees with the module under onnxruntime at batch sizes 1, 2 and 7, a
    `streaming` one on whole sequences and in pieces; the comparison, the spec, its hash, the digests and `metadata` are
    kept in the file.  Raises NS70x, and then what stood at `path` is unchanged.
    """
    refuse_other_file(path)
    check_output(path)
    require_memory(12 * check_size(graph), "for the ONNX model, its bytes, and the session that it is compared in")
    plan = streaming_of(graph) if streaming else None
    model = model_of(graph, module, plan)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise NetspecError(
            "NS702",
            f"the ONNX checker refuses the model: {error}",
            hint="the file was not written; please report the network",
        ) from error
    parity = compare(graph, module, serialized(model), streaming=plan)
    helper.set_model_props(
        model,
        {
            **{p.key: p.value for p in model.metadata_props},
            SPEC: graph.resolved,
            "netspec.spec_sha256": text_hash(graph.resolved),
            **digest_meta(digests(graph)),
            "netspec.parity_error": f"{parity.error:.3e}",
            "netspec.parity_tolerance": f"{parity.tolerance:.0e}",
            "netspec.parity_batches": ",".join(map(str, parity.batches)),
            "netspec.opset": str(OPSET),
            **(metadata or {}),
        },
    )
    write_whole(path, lambda file: file.write(serialized(model)), cannot_write)
    return parity


def refuse_other_file(path: Path) -> None:
    """A model may replace a model: any other file (the network itself, data, weights) is there for a reason."""
    if path.is_file() and path.suffix != ".onnx":
        hint = "name a file that ends in .onnx, or remove this one first"
        raise NetspecError("NS704", "is there already, and is no .onnx file", name=str(path), hint=hint)
