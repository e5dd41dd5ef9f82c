"""What a call says of its weights: `init` has to fit them, `share` has to lead to ones of the same shapes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from netspec.frontend.calls import Call
from netspec.graph.model import Graph
from netspec.graph.report import Report
from netspec.layers.init import Init, check_init
from netspec.source.errors import NetspecError, Related
from netspec.source.tree import Map

Shapes = Mapping[str, tuple[int, ...]]  # of weights by their short names


def check_inits(call: Call, weights: Shapes, report: Report) -> None:
    """A layer's own `init` has to fit its weights: NS305."""
    tree, owner = call.init_tree, f"{call.layer.kind} `{call.site.name.rpartition('.')[2]}`"
    for key, init in call.own_init.items():
        try:
            check_init(dict.fromkeys(call.layer.weights_named(key, weights) or (key,), init), dict(weights), owner)
        except NetspecError as error:
            within = tree.key_spans.get(key) if isinstance(tree, Map) else None
            report.add(error, within or (tree.span if tree else call.site.span), call.site.route)


def inits_of(call: Call, weights: Shapes) -> dict[str, Init]:
    """An `init` that comes from a container is for weights that it fits, and the layer's own stands over it."""
    own_init, layer = call.own_init, call.layer
    named = {name for key in own_init for name in layer.weights_named(key, weights)}
    inits = {}
    for key, init in call.inherited.init.items():
        names = layer.weights_named(key, weights)
        if key in own_init or any(n not in named and (len(weights[n]) > 1 or n != "weight") for n in names):
            inits[key] = init
    return {**inits, **own_init}


def check_share(graph: Graph, call: Call, weights: Shapes, planned: Collection[str], report: Report) -> None:
    """The weights that a layer takes from another must be there and have the same shapes: NS311.

    `planned` are the layers that the file has; one of them that is not in the graph is already reported.
    """
    share, name = call.inherited.share, call.site.name
    if not share or not weights or (share in planned and share not in graph):
        return

    def add(message: str, hint: str = "", related: tuple[Related, ...] = ()) -> None:
        error = NetspecError("NS311", f"`share`: {message}", hint=hint, related=related)
        report.add(error, call.inherited.share_span or call.site.span, call.site.route)

    if share not in graph:
        add(f"there is no `{share}` whose weights `{name}` could use", "the two sides need layers of the same names")
        return
    owner = graph[share]
    theirs = {key: weight.shape for key, weight in graph.weights_of(owner).items()}
    common = [key for key in weights if key in theirs]
    if not common:
        listing = f"it has {', '.join(f'`{key}`' for key in theirs)}" if theirs else "it has no weights"
        add(f"{owner.kind} `{share}` has no weight in common with `{name}`", listing)
    for key in common:
        if weights[key] != theirs[key]:
            mine = Related(f"{name}.{key}", str(weights[key]), call.site.span)
            its = Related(f"{share}.{key}", str(theirs[key]), owner.span, owner.route)
            add(f"`{key}` has shape {weights[key]} in `{name}` and {theirs[key]} in `{share}`", related=(mine, its))
