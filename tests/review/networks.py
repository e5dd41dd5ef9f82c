"""Networks in pairs: what the tests of `review` make of an edit, and whether mapped weights give the same outputs."""

from __future__ import annotations

import netspec
from netspec.graph.model import Graph
from netspec.review.match import Matching, match, weight_pairs

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
    """Tensors by their names in `state_dict`, before -> after, of all layers that are in both."""
    return {
        f"{a}.{mine}": f"{b}.{its}"
        for a, b in matching.names.items()
        for mine, its in weight_pairs(matching, a).items()
    }


def difference_of_outputs(matching: Matching) -> float:
    """The largest difference of outputs when the newer network takes the weights of the older through the matching."""
    import torch

    modules = netspec.to_torch(matching.before, seed=1), netspec.to_torch(matching.after, seed=2)
    old, new = (module.eval() for module in modules)
    state, target = old.state_dict(), new.state_dict()
    names = carried(matching)
    missing = set(target) - set(names.values())
    assert not missing or not matching.same_function, sorted(missing)
    generator = torch.Generator().manual_seed(3)
    for name in state:  # begin nowhere at zeros or ones: a batch norm would hide what is exchanged
        if state[name].is_floating_point():
            state[name] = torch.rand(state[name].shape, generator=generator) * 0.5 + 0.25
    old.load_state_dict(state)
    new.load_state_dict(target | {names[name]: value for name, value in state.items() if name in names})
    inputs = _inputs(matching.before)
    with torch.no_grad():
        left = old(**inputs)
        right = new(**{matching.inputs[name]: value for name, value in inputs.items()})
    left = left if isinstance(left, dict) else dict(zip(matching.before.outputs, [left], strict=True))
    right = right if isinstance(right, dict) else dict(zip(matching.after.outputs, [right], strict=True))
    return max(float((value - right[matching.outputs[name]]).abs().max()) for name, value in left.items())


def _inputs(graph: Graph) -> dict[str, object]:
    import torch

    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn([2, *(size if isinstance(size, int) else 7 for size in type_.shape[1:])], generator=generator)
        for name, type_ in graph.inputs.items()
    }
