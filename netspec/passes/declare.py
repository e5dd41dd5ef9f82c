"""What a pass is: a function `Graph -> Graph`, what has to hold before it, and what holds from then on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from netspec.graph.model import Graph
from netspec.source.errors import NetspecError

# What is so of a graph, as a function that says what is not, in a sentence, and nothing where it is so.
Property = Callable[[Graph], str]


@dataclass(frozen=True)
class Pass:
    """One rewriting of a network at inference."""

    function: Callable[[Graph], Graph]
    requires: tuple[Property, ...]
    ensures: tuple[Property, ...]

    @property
    def name(self) -> str:
        return self.function.__name__

    def __call__(self, graph: Graph) -> Graph:
        return self.function(graph)


PASSES: dict[str, Pass] = {}


def inference_pass(
    *, requires: tuple[Property, ...] = (), ensures: tuple[Property, ...] = ()
) -> Callable[[Callable[[Graph], Graph]], Pass]:
    """Declare a pass: it runs behind those that ensure what it requires, and what it ensures holds to the end."""

    def declare(function: Callable[[Graph], Graph]) -> Pass:
        declared = Pass(function, requires, ensures)
        if declared.name in PASSES:
            raise TypeError(f"pass {declared.name} is declared twice")
        PASSES[declared.name] = declared
        return declared

    return declare


def require(properties: tuple[Property, ...], graph: Graph, context: str) -> None:
    """Raise NS502 with the first that does not hold."""
    for holds in properties:
        if wrong := holds(graph):
            raise NetspecError("NS502", f"{context} {holds.__name__}: {wrong}")
