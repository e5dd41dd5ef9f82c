"""A streaming model run as one that is not: on whole sequences, and piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle
from typing import Any

import numpy as np

from netspec.backends.onnx.streaming import Streaming
from netspec.graph.model import Graph

Run = Callable[[list[str], dict[str, Any]], list[Any]]


class Pieces:
    """Runs a streaming model as one that is not: the whole at once, or piece by piece.

    `run(output names, inputs)` runs the model itself, as onnxruntime's `InferenceSession.run` does; the methods are
    called the same way, without the states.
    """

    def __init__(self, graph: Graph, streaming: Streaming, weights: Mapping[str, Any], run: Run) -> None:
        self.graph, self.run = graph, run
        self.time, self.lengths = streaming.time, streaming.lengths
        self.starts = {state.input: state.start(weights) for state in streaming.states}
        self.outputs = [state.output for state in streaming.states]

    def first(self, batch: int) -> dict[str, Any]:
        """What the first piece is given, each (B, num_layers, size)."""
        return {name: np.repeat(start[None].astype(np.float32), batch, 0) for name, start in self.starts.items()}

    def whole(self, names: list[str], inputs: dict[str, Any]) -> list[Any]:
        batch = len(next(iter(inputs.values())))
        return self.run(names, {**inputs, **self.first(batch)})

    def pieces(self, names: list[str], inputs: dict[str, Any]) -> list[Any]:
        """In pieces of 1, 4, 2 and 7 steps and so on: of different lengths, whatever the whole's."""
        batch = len(next(iter(inputs.values())))
        states = self.first(batch)
        axes = {
            name: type_.shape.index(self.time) for name, type_ in self.graph.inputs.items() if self.time in type_.shape
        }
        steps = next(inputs[name].shape[axis] for name, axis in axes.items())
        values_of_pieces: list[list[Any]] = []
        start, sizes = 0, cycle((1, 4, 2, 7))
        while start < steps:
            stop = min(start + next(sizes), steps)
            piece = {
                name: value.take(np.arange(start, stop), axes[name])
                if name in axes
                else np.clip(value - start, 0, stop - start)
                if name in self.lengths
                else value
                for name, value in inputs.items()
            }
            values = self.run([*names, *self.outputs], {**piece, **states})
            states = dict(zip(self.starts, values[len(names) :], strict=True))
            values_of_pieces.append(values[: len(names)])
            start = stop
        joined: list[Any] = []
        for name, parts in zip(names, zip(*values_of_pieces, strict=True), strict=True):
            shape = self.graph.output_types()[name].shape
            joined.append(np.concatenate(parts, shape.index(self.time)) if self.time in shape else parts[-1])
        return joined
