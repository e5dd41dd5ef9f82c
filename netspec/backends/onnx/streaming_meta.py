"""The states of a streaming model in its file: names, sizes, and what a first piece begins with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from netspec.backends.onnx.streaming import Streaming
from netspec.source.errors import NetspecError
from netspec.source.records import Positive
from netspec.source.records.from_json import parse_json, read_record

META = "netspec.streaming"  # the key in a model's metadata_props


def streaming_meta(streaming: Streaming, weights: Mapping[str, Any]) -> str:
    """The states as JSON for the file."""
    starts = [(state, state.start(weights)) for state in streaming.states]
    return json.dumps(
        [
            {
                "input": state.input,
                "output": state.output,
                "shape": list(start.shape),
                "start": start.tolist() if start.any() else 0,
            }
            for state, start in starts
        ]
    )


@dataclass(frozen=True)
class StateEntry:
    """One entry of the metadata."""

    input: str
    output: str
    shape: tuple[Positive, Positive]
    start: list[list[float]] | Literal[0]


def starts_of(model: Any, name: str) -> dict[str, Any]:
    """What a model's file says that its states begin with, (num_layers, size) by the names of its inputs.

    Raises NS631 when the metadata is not what `streaming_meta` writes, or not of this model.
    """
    text = next((entry.value for entry in model.metadata_props if entry.key == META), "[]")
    starts = {}
    sizes = {i.name: [d.dim_value for d in i.type.tensor_type.shape.dim][1:] for i in model.graph.input}
    for state in read_record(
        parse_json(text, "NS631", name), list[StateEntry], "NS631", f"{name}: {META}", "export again"
    ):
        rows = {len(row) for row in state.start} if state.start else {state.shape[1]}
        if sizes.get(state.input) != [*state.shape] or rows != {state.shape[1]}:
            raise NetspecError(
                "NS631", f"`{META}` does not fit the model's input `{state.input}`", name=name, hint="export it again"
            )
        starts[state.input] = np.broadcast_to(np.asarray(state.start, np.float32), state.shape)
    return starts
