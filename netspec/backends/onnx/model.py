"""A graph as an ONNX model, emitted layer by layer: symbolic batch and axes, names of the YAML file.

Opset 21 and IR 10, which deployed runtimes read.  Nothing is traced; onnx is imported, torch is not.
"""

from __future__ import annotations

from typing import Any

import onnx
from google.protobuf.message import EncodeError  # type: ignore[import-untyped]  # has none

from netspec.backends.onnx.draft import ModelDraft
from netspec.backends.onnx.lengths import META as LENGTHS
from netspec.backends.onnx.lengths import lengths_meta
from netspec.backends.onnx.nodes import LayerNodes
from netspec.backends.onnx.streaming import Streaming, streaming_of
from netspec.backends.onnx.streaming_meta import META as STREAMING
from netspec.backends.onnx.streaming_meta import streaming_meta
from netspec.graph.cost import num_params
from netspec.graph.model import Graph, Node, Ref
from netspec.passes.inference import for_inference
from netspec.source.errors import NetspecError
from netspec.source.text import bytes_text

MAX_BYTES = 2**31 - 2**20  # one protobuf message


def to_onnx(graph: Graph, module: Any, streaming: bool = False) -> onnx.ModelProto:
    """The network at inference with the module's weights.

    Dropout is gone, batch norm is folded where it can be, inputs and outputs carry their names and symbolic axes;
    `netspec.lengths` in the metadata, and the description of an input, say how long those may be.
    `streaming` adds the states of recurrent layers, before and after, as inputs and outputs (backends.onnx.streaming).
    Raises NS701 for a model over 2 GiB, NS705 for a network that cannot stream.  `backends.export.export_onnx` also
    verifies the file it writes.
    """
    plan = streaming_of(graph) if streaming else None
    check_size(graph)
    return model_of(graph, module, plan)


def model_of(graph: Graph, module: Any, streaming: Streaming | None) -> onnx.ModelProto:
    """The same for a network that is known to fit one file, and to stream if it shall."""
    weights = {name: value.detach().cpu().numpy() for name, value in module.state_dict().items()}
    model = emit_model(for_inference(graph.with_weights(weights)), streaming is not None)
    if graph.lengths.conditions:
        model.metadata_props.add(key=LENGTHS, value=lengths_meta(graph))
    if streaming is not None:
        model.metadata_props.add(key=STREAMING, value=streaming_meta(streaming, weights))
    return model


def check_size(graph: Graph) -> int:
    """The parameters.  Raises NS701 for weights that one protobuf message cannot hold, before any of them is made."""
    params = num_params(graph)
    size = 4 * params
    if size > MAX_BYTES:
        raise NetspecError(
            "NS701",
            f"the weights take {bytes_text(size)}, one ONNX file holds less than 2 GiB",
            hint="export a smaller network",
        )
    return params


def serialized(model: onnx.ModelProto) -> bytes:
    """Raises NS701 where weights and constants together are more than one message holds."""
    try:
        return bytes(model.SerializeToString())
    except (ValueError, EncodeError):
        raise NetspecError(
            "NS701",
            "weights and constants take 2 GiB or more, one ONNX file holds less",
            hint="export a smaller network",
        ) from None


def emit_model(graph: Graph, streaming: bool = False) -> onnx.ModelProto:
    """A graph with weights as it stands, no pass run."""
    draft = ModelDraft(graph, streaming)
    for node in graph.layers():
        _add(draft, node)
    return draft.finish()


def _add(draft: ModelDraft, node: Node) -> None:
    build = LayerNodes(draft, node)
    result = node.layer.to_onnx(build)
    results = result if isinstance(result, dict) else {"": result}
    renamed: dict[str, str] = {}  # two ports may be one value
    for port, value in results.items():
        ref = Ref(node.name, port)
        if value not in renamed:
            renamed[value] = _rename(build, value, draft.named.get(ref) or draft.free(str(ref)))
        draft.values[ref] = renamed[value]
    last = results.get("")
    for made in build.made:
        if last is not None and draft.values[Ref(node.name)] in made.output:
            made.name = node.name
    draft.nodes += build.made


def _rename(build: LayerNodes, value: str, name: str) -> str:
    """Give a value its public name; one that this layer did not make keeps the name it has."""
    if not any(value in made.output for made in build.made):
        return value
    for made in build.made:
        for names in (made.input, made.output):
            for i, old in enumerate(names):
                if old == value:
                    names[i] = name
    return name
