"""Networks in pairs: what the tests of `review` make of an edit, and whether mapped weights give the same outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

import netspec
from netspec.graph.model import Graph
from netspec.review.difference import Matching
from netspec.review.match.networks import match, weight_pairs

HEAD = "netspec: 1\ninputs: {x: [3, 8, 8]}\n"


def edited(text: str, *edits: tuple[str, str]) -> str:
    """The text with every occurrence of some strings replaced; each has to be there."""
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text


def matched(before: str, after: str) -> Matching:
    return match(netspec.load(before), netspec.load(after))


def carried(matching: Matching) -> dict[str, str]:
    """Tensors by their names in `state_dict`, before -> after, of all layers that are in both; shared ones once."""
    after = matching.after
    return {
        f"{a}.{mine}": f"{b}.{its}"
        for a, b in matching.names.items()
        for mine, its in weight_pairs(matching, a).items()
        if after.owner(after[b], its) == b
    }


def difference_of_outputs(matching: Matching) -> float:
    """The largest difference of outputs when the newer network takes the weights of the older through the matching."""
    left, right = outputs_with_weights_of(matching, _inputs(matching.before))
    assert all(value.isfinite().all() and value.any() for value in left.values())
    return max(float((value - right[matching.outputs[name]]).abs().max()) for name, value in left.items())


def outputs_with_weights_of(
    matching: Matching, inputs: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The outputs of both networks, the newer with the weights of the older, each under its own names."""
    before, after = (netspec.to_torch(graph).eval() for graph in (matching.before, matching.after))
    generator = torch.Generator().manual_seed(3)
    state = before.state_dict()
    for value in state.values():  # no layer begins at ones: what is exchanged would not show
        if value.ndim > 1 and value.is_floating_point():
            value.normal_(0, value[0].numel() ** -0.5, generator=generator)
        elif value.is_floating_point():
            value.uniform_(0.5, 1.5, generator=generator)
    values = {new: state[old] for old, new in carried(matching).items()}
    target = after.state_dict()
    for node in matching.after.layers():
        for weight in matching.after.weights_of(node):
            owner = f"{matching.after.owner(node, weight)}.{weight}"
            target[f"{node.name}.{weight}"] = values.get(
                owner, torch.full_like(target[owner], 9)
            )  # seen where it is left
    after.load_state_dict(target)
    single = {name: x.float() if x.is_floating_point() else x for name, x in inputs.items()}
    with torch.no_grad():
        left, right = before(**single), after(**{matching.inputs[name]: x for name, x in single.items()})
    return _named(matching.before, left), _named(matching.after, right)


def _named(graph: Graph, outputs: Any) -> dict[str, Tensor]:
    return outputs if isinstance(outputs, dict) else dict(zip(graph.outputs, [outputs], strict=True))


def _inputs(graph: Graph) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn([2, *(size if isinstance(size, int) else 7 for size in type_.shape[1:])], generator=generator)
        for name, type_ in graph.inputs.items()
    }
