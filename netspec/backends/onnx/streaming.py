"""Which networks take sequences in pieces, and what states go from piece to piece.

A streaming model has, for every state of every recurrent layer, an input `LAYER.STATE_0` and an output
`LAYER.STATE_n`, each (B, num_layers, size).  What comes out of one piece goes into the next; the first piece gets the
start, zeros where the layer learned none.  Then outputs with the time axis are the whole's, piece by piece, and the
others (`returns: last` or `state`, and what is computed from them) are what the whole sequence up to here would give.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netspec.graph.model import Graph, Node, Ref
from netspec.layers.base import Reach
from netspec.layers.positional_encoding import PositionalEncoding
from netspec.layers.recurrent import CellLayer, RecurrentRoles, roles_of
from netspec.passes.drop_dead_nodes import drop_dead_nodes
from netspec.shapes.dim import Dim
from netspec.source.errors import NetspecError, Problem, Problems, raise_all

if TYPE_CHECKING:
    from netspec.cells.ir.stack import CellStack


@dataclass(frozen=True)
class CarriedState:
    """One state of a layer: its names in the model, (num_layers, size), and whether the layer learned its start."""

    input: str
    output: str
    shape: tuple[int, int]
    learned: bool

    def start(self, weights: Mapping[str, Any]) -> Any:
        """What it begins with, (num_layers, size); `weights` are arrays by their names in `state_dict`."""
        return weights[self.input] if self.learned else np.zeros(self.shape)


@dataclass(frozen=True)
class Streaming:
    """What goes on in a network that takes sequences in pieces."""

    time: Dim  # the axis that comes in pieces
    lengths: frozenset[str]  # inputs that say how long each sequence is
    states: tuple[CarriedState, ...]


def streaming_of(graph: Graph) -> Streaming:
    """Raises NS705 at every layer that needs more of a sequence than a piece and the states before it."""
    graph = drop_dead_nodes(graph)
    recurrent = [(node, node.layer) for node in graph.layers() if isinstance(node.layer, CellLayer)]
    if not recurrent:
        raise NetspecError(
            "NS705",
            "there is no recurrent layer, and nothing to carry from piece to piece",
            hint="export without `--streaming`",
        )
    problems = Problems()
    states: list[CarriedState] = []
    lengths: set[str] = set()
    for node, layer in recurrent:
        types = graph.input_types(node)
        roles, stack = roles_of(types), layer.stack(types[0])
        problems += _of_layer(graph, node, layer, roles, stack)
        if roles.lengths is not None:
            lengths.add(node.inputs[roles.lengths].node)
        learned = layer.initial_state == "learned"
        for name, size in stack.states.items():
            prefix = f"{node.name}.{name}"
            states.append(CarriedState(f"{prefix}_0", f"{prefix}_n", (stack.rows, size), learned))
    raise_all(problems)
    time = _time(graph, [node for node, _ in recurrent])
    problems += _across_time(graph, time)
    raise_all(problems)
    return Streaming(time, frozenset(lengths), tuple(states))


def _problem(node: Node, message: str, hint: str) -> Problem:
    return Problem("NS705", f"`{node.name}` {message}", node.span, hint, route=node.route)


def _of_layer(graph: Graph, node: Node, layer: CellLayer, roles: RecurrentRoles, stack: CellStack) -> Iterator[Problem]:
    types = graph.input_types(node)
    if layer.bidirectional:
        yield _problem(
            node,
            "is bidirectional and cannot stream: it reads a sequence from its end, which has not come yet",
            "leave out `bidirectional`, or export without `--streaming`",
        )
    if roles.state is not None:
        yield _problem(
            node,
            "is given its initial state and cannot stream: each piece would begin there again",
            "export without `--streaming`: an initial state that is an input of the network, and an output "
            f"`{node.name}.state`, carry it too",
        )
    if roles.lengths is not None and node.inputs[roles.lengths].node not in graph.inputs:
        yield _problem(
            node, "reads lengths that are computed, which are not those of a piece", "make them an input of the network"
        )
    if not isinstance(types[0].shape[1], Dim):
        yield _problem(
            node,
            f"reads {types[0].shape[1]} steps, and a piece may have any number",
            "name the axis in `inputs`, such as `[T, 8]`",
        )
    step = stack.steps[-1]
    if roles.lengths is not None and layer.returns == "last" and step.output not in step.next.values():
        yield _problem(
            node,
            "gives out its last step, which no state keeps for a sequence that ended in an earlier piece",
            "leave out the lengths, or take `returns: sequence`",
        )
    elif roles.lengths is not None and layer.returns == "last" and layer.initial_state == "learned":
        yield _problem(
            node,
            "gives out 0 for a sequence without steps, which a piece cannot tell from one that ended "
            "in an earlier piece",
            "leave out the lengths, or take `returns: sequence` or `initial_state: zero`",
        )


def _time(graph: Graph, recurrent: list[Node]) -> Dim:
    reader_of: dict[Dim, Node] = {}
    for node in recurrent:
        size = graph.input_types(node)[0].shape[1]
        assert isinstance(size, Dim)
        reader_of.setdefault(size, node)
    first, *others = reader_of
    if others:
        problem = _problem(
            reader_of[others[0]],
            f"runs over {others[0]}, `{reader_of[first].name}` over {first}: one axis of time can come in pieces",
            "export without `--streaming`",
        )
        raise NetspecError.of([problem])
    if not any(first in type_.shape for type_ in graph.inputs.values()):
        raise NetspecError.of(
            [
                _problem(
                    reader_of[first],
                    f"runs over {first} steps, and no input has that axis: pieces cannot be cut there",
                    "export without `--streaming`",
                )
            ]
        )
    for name, type_ in graph.inputs.items():
        if first not in type_.shape and first.names() & type_.symbols():
            raise NetspecError(
                "NS705",
                f"input `{name}` is {type_}: it cannot come in pieces of {first}",
                hint="export without `--streaming`",
            )
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
            yield _problem(
                node,
                "puts what the last step gives to every step, and a piece does not know the last",
                "export without `--streaming`",
            )
            continue
        reaches = tuple(tuple(Reach() if s == time else None for s in t.shape[1:]) for t in types)
        seen = node.layer.reach(reaches, types, tuple(node.outputs.values()))
        axes = [i for i, s in enumerate(next(iter(node.outputs.values())).shape[1:]) if s == time]
        if len(axes) != 1 or len(seen) <= axes[0] or seen[axes[0]] != Reach():
            yield _problem(
                node,
                f"looks across the time `{time}` and cannot stream: a piece does not know the steps around it",
                "export without `--streaming`",
            )
        elif isinstance(node.layer, PositionalEncoding):
            yield _problem(
                node,
                f"counts the steps of `{time}` and cannot stream: every piece would begin at 0",
                "export without `--streaming`",
            )
