"""The passes of this folder in an order in which each finds what it requires, and the graph held after each."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter

import netspec.passes
from netspec.graph.model import Graph
from netspec.graph.verify import verify, verify_change
from netspec.passes.declare import PASSES, Pass, Property, require
from netspec.source.errors import NetspecError


@cache
def inference_passes() -> tuple[Pass, ...]:
    """Every pass that is declared in this folder, behind those that ensure what it requires."""
    for module in pkgutil.iter_modules(netspec.passes.__path__):
        importlib.import_module(f"{netspec.passes.__name__}.{module.name}")
    return ordered(PASSES.values())


def ordered(passes: Iterable[Pass]) -> tuple[Pass, ...]:
    """Each behind those that ensure what it requires, and else by name."""
    by_name = {step.name: step for step in sorted(passes, key=lambda step: step.name)}
    order = TopologicalSorter(
        {
            name: [other for other, before in by_name.items() if not {*before.ensures}.isdisjoint(step.requires)]
            for name, step in by_name.items()
        }
    )
    return tuple(by_name[name] for name in order.static_order())


def for_inference(graph: Graph) -> Graph:
    """Run all passes on a graph with weights."""
    return run(inference_passes(), graph)


def run(passes: Iterable[Pass], graph: Graph) -> Graph:
    """Run passes.  Raises NS502 with the name of one that leaves a wrong graph, or finds one that it cannot work on."""
    ensured: tuple[Property, ...] = ()
    for step in passes:
        require(step.requires, graph, f"pass {step.name} requires")
        ensured += step.ensures
        try:
            after = step(graph)
            verify(after)
            verify_change(graph, after)
            require(ensured, after, "it is no longer")
        except NetspecError as error:
            message = f"pass {step.name} left a wrong graph: {error.problems[0].message}"
            raise NetspecError("NS502", message) from error
        graph = after
    return graph
