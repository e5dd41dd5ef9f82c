"""A graph as a PyTorch module: torch.fx, straight-line code, one submodule for each block instance and container.

`print(module.code)` shows what runs.  `state_dict` keys are the names of the YAML file.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

from netspec.backends.torch.code import NetworkLowering
from netspec.backends.torch.padding_rows import hold_padding_rows
from netspec.graph.cost import num_params
from netspec.graph.model import Graph, Node
from netspec.source.garbage import collecting_later
from netspec.source.memory import memory, require_memory

_BUILDING = "for the weights of the network"


def to_torch(graph: Graph, seed: int = 0) -> fx.GraphModule:
    """The network as an `nn.Module`, freshly initialised from `seed`; the global random state is left as it was.

    The module takes its inputs in the file's order or by name, and gives the tensor for one output, a dict for
    several.  Initialisation is torch's default where `init` does not say otherwise.
    Raises NS625 where there is too little memory.
    """
    require_memory(
        4 * num_params(graph), _BUILDING, "lower the sizes of its layers: `netspec summary` shows their parameters"
    )
    with collecting_later(), torch.random.fork_rng(devices=[]), memory(_BUILDING):
        torch.manual_seed(seed)
        lowering = NetworkLowering(graph)
        module = lowering.network()
        _initialise(graph, module)
    _share(graph, module)
    if any(isinstance(part, nn.Embedding) for part in lowering.modules):
        hold_padding_rows(module, zero=True)
    for node in graph.layers():
        if node.freeze and graph.weights_of(node):
            module.get_submodule(node.name).requires_grad_(False)
    return module


def _initialise(graph: Graph, module: nn.Module) -> None:
    with torch.no_grad():
        for node in graph.layers():
            for name, init in _inits(graph, node).items():
                init.fill(module.get_parameter(f"{node.name}.{name}"))


def _inits(graph: Graph, node: Node) -> dict[str, Any]:
    """`init` by tensor; one that says its tensor outright stands over one that means several."""
    if not node.init:
        return {}
    weights = graph.weights_of(node)
    by_role = {name: init for key, init in node.init.items() for name in node.layer.weights_named(key, weights)}
    return {**by_role, **{name: init for name, init in node.init.items() if name in weights}}


def _share(graph: Graph, module: nn.Module) -> None:
    for node in graph.layers():
        if not node.share:
            continue
        for name in graph.weights_of(node):
            source = graph.owner(node, name)
            if source != node.name:
                _replace(module, f"{node.name}.{name}", f"{source}.{name}")


def _replace(module: nn.Module, name: str, source: str) -> None:
    path, _, last = name.rpartition(".")
    other_path, _, other = source.rpartition(".")
    mine, theirs = module.get_submodule(path), module.get_submodule(other_path)
    for table in ("_parameters", "_buffers"):
        if last in getattr(mine, table):
            getattr(mine, table)[last] = getattr(theirs, table)[other]
