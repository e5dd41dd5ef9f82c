"""`budget`: upper bounds that `validate` holds a network to."""

from __future__ import annotations

from netspec.graph.amount import read_amount
from netspec.graph.cost import depth, params_of, total
from netspec.graph.model import Budget, Graph
from netspec.shapes.dim import Size
from netspec.source.errors import NetspecError, Problem, Problems
from netspec.source.records import fields_of, offered, unknown_key
from netspec.source.text import show
from netspec.source.tree import Map

LARGE = 10**9  # parameters: 4 GB of float32 weights, 16 GB while Adam trains them


def read_budget(tree: Map, problems: Problems) -> Budget:
    """The bounds.  Reports NS202 and NS203."""
    limits: dict[str, int] = {}
    known = fields_of(Budget)
    for key, value in tree.entries.items():
        if key not in known:
            problems.append(unknown_key(key, tree.key_span(key), offered(key, known, tree), "`budget`"))
        elif (amount := read_amount(value)) is None:
            problems.append(
                Problem(
                    "NS203",
                    f"`{key}` of `budget` expects an amount, received {show(value.plain())}",
                    value.span,
                    "a whole number, also with k, M, G or T behind it: `12M`",
                )
            )
        else:
            limits[key] = amount
    return Budget(**limits)


def check_budget(graph: Graph, tree: Map) -> None:
    """Refuse a network that is over its budget (NS404)."""
    cost = total(graph)
    actual: dict[str, Size] = {"params": cost.params, "flops": cost.flops, "activations": cost.activations, "depth": 0}
    if graph.budget.depth is not None:
        actual["depth"] = depth(graph)
    problems = []
    for key, value in actual.items():
        bound = getattr(graph.budget, key)
        if bound is None:
            continue
        span = tree.entries[key].span
        unit = {
            "params": " parameters",
            "flops": " FLOPs",
            "activations": " bytes of activations",
            "depth": " layers deep",
        }[key]
        if not isinstance(value, int):
            problems.append(
                Problem(
                    "NS404",
                    f"the budget for {key} cannot be held against {value}: the size is symbolic",
                    span,
                    "give every axis in `inputs` a number, or leave this bound out",
                )
            )
        elif value > bound:
            problems.append(
                Problem(
                    "NS404",
                    f"over budget: {value:,}{unit}, the budget is {bound:,}",
                    span,
                    f"{value - bound:,} too many; raise the budget or make the network smaller",
                )
            )
    if problems:
        raise NetspecError.of(problems)


def warn_large(graph: Graph) -> None:
    """Warn of more than LARGE parameters that no budget speaks of (NS314), mostly a size with a zero too many."""
    if graph.budget.params is not None:
        return
    params = {node.name: params_of(graph, node) for node in graph.layers()}
    if (count := sum(params.values())) <= LARGE:
        return
    largest = graph[max(params, key=lambda name: params[name])]
    graph.warnings.append(
        Problem(
            "NS314",
            f"the network has {count:,} parameters, more than {LARGE:,}: {4 * count / 2**30:.1f} GiB of weights, four "
            f"times as much while Adam trains them; `{largest.name}` alone has {params[largest.name]:,}",
            largest.span,
            "if they are meant, say so with a bound: `budget: {params: …}`",
            route=largest.route,
        )
    )
