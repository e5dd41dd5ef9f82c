"""Sequences in pieces: which networks take them so, what states go from piece to piece, and the proof by running it.

A streaming model has, for every state of every recurrent layer, an input `LAYER.STATE_0` and an output
`LAYER.STATE_n`, each (B, num_layers, size).  What comes out of one piece goes into the next; the first piece gets the
start, zeros where the layer learned none.  Then outputs with the time axis are the whole's, piece by piece, and the
others (`returns: last` or `state`, and what is computed from them) are what the whole sequence up to here would give.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Literal

import numpy as np

from netspec.graph.model import Graph, Node, Ref
from netspec.layers.base import Reach
from netspec.layers.positional_encoding import PositionalEncoding
from netspec.layers.recurrent import CellLayer, roles_of
from netspec.passes.drop_dead_nodes import drop_dead_nodes
from netspec.shapes.dim import Dim
from netspec.source.errors import NetspecError, Problem, Problems, raise_all
from netspec.source.records import Positive
from netspec.source.records.from_json import parse_json, read_record

Run = Callable[[list[str], dict[str, Any]], list[Any]]

META = "netspec.streaming"  # the key in a model's metadata_props


@dataclass(frozen=True)
class Stream:
    """One state: its names in the model, and (num_layers, size) what it begins with."""

    input: str
    output: str
    start: Any

    def first(self, batch: int) -> Any:
        """What the first piece is given, (B, num_layers, size)."""
        return np.repeat(self.start[None].astype(np.float32), batch, 0)


def streams(graph: Graph, weights: Mapping[str, Any]) -> list[Stream]:
    """The states of a network; `weights` are arrays by their names in `state_dict`."""
    found = []
    for node in _recurrent(drop_dead_nodes(graph)):
        stack = node.layer.stack(graph.input_types(node)[0])  # type: ignore[attr-defined]  # a CellLayer
        for name, size in stack.states.items():
            learned = f"{node.name}.{name}_0"
            start = weights[learned] if node.layer.initial_state == "learned" else np.zeros((stack.rows, size))  # type: ignore[attr-defined]
            found.append(Stream(learned, f"{node.name}.{name}_n", start))
    return found


def streaming_meta(found: list[Stream]) -> str:
    """The states as JSON for the file: names, sizes, and what a first piece begins with."""
    return json.dumps([{"input": s.input, "output": s.output, "shape": list(s.start.shape),
                        "start": s.start.tolist() if s.start.any() else 0} for s in found])  # fmt: skip


def _recurrent(graph: Graph) -> list[Node]:
    return [n for n in graph.layers() if isinstance(n.layer, CellLayer)]


@dataclass(frozen=True)
class State:
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
    found = {}
    sizes = {i.name: [d.dim_value for d in i.type.tensor_type.shape.dim][1:] for i in model.graph.input}
    for state in read_record(parse_json(text, "NS631", name), list[State], "NS631", f"{name}: {META}", "export again"):
        rows = {len(row) for row in state.start} if state.start else {state.shape[1]}
        if sizes.get(state.input) != [*state.shape] or rows != {state.shape[1]}:
            raise NetspecError("NS631", f"`{META}` does not fit the model's input `{state.input}`", name=name,
                               hint="export it again")  # fmt: skip
        found[state.input] = np.broadcast_to(np.asarray(state.start, np.float32), state.shape)
    return found


class Pieces:
    """Runs a streaming model as one that is not: the whole at once, or piece by piece.

    `run(output names, inputs)` runs the model itself, as onnxruntime's `InferenceSession.run` does; the methods are
    called the same way, without the states.
    """

    def __init__(self, graph: Graph, weights: Mapping[str, Any], run: Run) -> None:
        self.graph, self.run = graph, run
        self.streams = streams(graph, weights)
        self.time = time_axis(graph)
        self.lengths = {node.inputs[place].node for node in _recurrent(graph)
                        if (place := roles_of(graph.input_types(node)).lengths) is not None}  # fmt: skip

    def whole(self, names: list[str], inputs: dict[str, Any]) -> list[Any]:
        batch = len(next(iter(inputs.values())))
        return self.run(names, {**inputs, **{s.input: s.first(batch) for s in self.streams}})

    def pieces(self, names: list[str], inputs: dict[str, Any]) -> list[Any]:
        """In pieces of 1, 4, 2 and 7 steps and so on: of different lengths, whatever the whole's."""
        batch = len(next(iter(inputs.values())))
        states = {s.input: s.first(batch) for s in self.streams}
        axes = {name: type_.shape.index(self.time) for name, type_ in self.graph.inputs.items()
                if self.time in type_.shape}  # fmt: skip
        steps = next(inputs[name].shape[axis] for name, axis in axes.items())
        values_of_pieces: list[list[Any]] = []
        start, sizes = 0, cycle((1, 4, 2, 7))
        while start < steps:
            stop = min(start + next(sizes), steps)
            piece = {name: value.take(np.arange(start, stop), axes[name]) if name in axes
                     else np.clip(value - start, 0, stop - start) if name in self.lengths else value
                     for name, value in inputs.items()}  # fmt: skip
            values = self.run([*names, *(s.output for s in self.streams)], {**piece, **states})
            states = {s.input: value for s, value in zip(self.streams, values[len(names) :], strict=True)}
            values_of_pieces.append(values[: len(names)])
            start = stop
        found: list[Any] = []
        for name, parts in zip(names, zip(*values_of_pieces, strict=True), strict=True):
            shape = self.graph.output_types()[name].shape
            found.append(np.concatenate(parts, shape.index(self.time)) if self.time in shape else parts[-1])
        return found


# which networks


def check_streaming(graph: Graph) -> None:
    """Raises NS705 at every layer that needs more of a sequence than a piece and the states before it."""
    graph = drop_dead_nodes(graph)
    recurrent = _recurrent(graph)
    if not recurrent:
        raise NetspecError("NS705", "there is no recurrent layer, and nothing to carry from piece to piece",
                           hint="export without `--streaming`")  # fmt: skip
    problems = Problems()
    for node in recurrent:
        problems += _of_layer(graph, node)
    raise_all(problems)
    problems += _across_time(graph, _time(graph, recurrent))
    raise_all(problems)


def time_axis(graph: Graph) -> Dim:
    """The named axis that comes in pieces, of a network that can stream."""
    return _time(graph, _recurrent(drop_dead_nodes(graph)))


def _problem(node: Node, message: str, hint: str) -> Problem:
    return Problem("NS705", f"`{node.name}` {message}", node.span, hint, route=node.route)


def _of_layer(graph: Graph, node: Node) -> Iterator[Problem]:
    layer, types = node.layer, graph.input_types(node)
    assert isinstance(layer, CellLayer)
    roles = roles_of(types)
    if layer.bidirectional:
        yield _problem(node, "is bidirectional and cannot stream: it reads a sequence from its end, which has not come "
                       "yet", "leave out `bidirectional`, or export without `--streaming`")  # fmt: skip
    if roles.state is not None:
        yield _problem(node, "is given its initial state and cannot stream: each piece would begin there again",
                       "export without `--streaming`: an initial state that is an input of the network, and an output "
                       f"`{node.name}.state`, carry it too")  # fmt: skip
    if roles.lengths is not None and node.inputs[roles.lengths].node not in graph.inputs:
        yield _problem(node, "reads lengths that are computed, which are not those of a piece",
                       "make them an input of the network")  # fmt: skip
    if not isinstance(types[0].shape[1], Dim):
        yield _problem(node, f"reads {types[0].shape[1]} steps, and a piece may have any number",
                       "name the axis in `inputs`, such as `[T, 8]`")  # fmt: skip
    step = layer.stack(types[0]).steps[-1]
    if roles.lengths is not None and layer.returns == "last" and step.output not in step.next.values():
        yield _problem(node, "gives out its last step, which no state keeps for a sequence that ended in an earlier "
                       "piece", "leave out the lengths, or take `returns: sequence`")  # fmt: skip
    elif roles.lengths is not None and layer.returns == "last" and layer.initial_state == "learned":
        yield _problem(node, "gives out 0 for a sequence without steps, which a piece cannot tell from one that ended "
                       "in an earlier piece", "leave out the lengths, or take `returns: sequence` or `initial_state: "
                       "zero`")  # fmt: skip


def _time(graph: Graph, recurrent: list[Node]) -> Dim:
    found: dict[Dim, Node] = {}
    for node in recurrent:
        size = graph.input_types(node)[0].shape[1]
        assert isinstance(size, Dim)
        found.setdefault(size, node)
    first, *others = found
    if others:
        problem = _problem(found[others[0]], f"runs over {others[0]}, `{found[first].name}` over {first}: one axis of "
                           "time can come in pieces", "export without `--streaming`")  # fmt: skip
        raise NetspecError.of([problem])
    if not any(first in type_.shape for type_ in graph.inputs.values()):
        raise NetspecError.of([_problem(found[first], f"runs over {first} steps, and no input has that axis: pieces "
                                        "cannot be cut there", "export without `--streaming`")])  # fmt: skip
    for name, type_ in graph.inputs.items():
        if first not in type_.shape and first.names() & type_.symbols():
            raise NetspecError("NS705", f"input `{name}` is {type_}: it cannot come in pieces of {first}",
                               hint="export without `--streaming`")  # fmt: skip
    return first


def _across_time(graph: Graph, time: Dim) -> Iterator[Problem]:
    """Layers that see other steps than their own, or the place of a step in the whole."""
    # Does a value have the axis (True), is it what the steps so far come to (False), or has it nothing to do with time?
    timed: dict[Ref, bool | None] = {Ref(n): True if time in t.shape else None for n, t in graph.inputs.items()}
    for node in graph.layers():
        types, of_inputs = graph.input_types(node), [timed[ref] for ref in node.inputs]
        for port, type_ in node.outputs.items():
            has = time in type_.shape
            timed[Ref(node.name, port)] = has if has or any(t is not None for t in of_inputs) else None
        if isinstance(node.layer, CellLayer) or True not in of_inputs:
            continue
        if False in of_inputs:
            yield _problem(node, "puts what the last step gives to every step, and a piece does not know the last",
                           "export without `--streaming`")  # fmt: skip
            continue
        reaches = tuple(tuple(Reach() if s == time else None for s in t.shape[1:]) for t in types)
        seen = node.layer.reach(reaches, types, tuple(node.outputs.values()))
        axes = [i for i, s in enumerate(next(iter(node.outputs.values())).shape[1:]) if s == time]
        if len(axes) != 1 or len(seen) <= axes[0] or seen[axes[0]] != Reach():
            yield _problem(node, f"looks across the time `{time}` and cannot stream: a piece does not know the steps "
                           "around it", "export without `--streaming`")  # fmt: skip
        elif isinstance(node.layer, PositionalEncoding):
            yield _problem(node, f"counts the steps of `{time}` and cannot stream: every piece would begin at 0",
                           "export without `--streaming`")  # fmt: skip
