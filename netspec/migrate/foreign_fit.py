"""Which tensors of a file may be a layer's: by suffix and shape, or packed in another way that is known.

A candidate gives the layer's weights by their short names, each made of the file's tensors when it is asked for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from netspec.graph.model import Graph, Node
from netspec.layers.attention import MultiHeadAttention
from netspec.layers.base import Weight
from netspec.layers.recurrent import CellLayer
from netspec.migrate.foreign_paths import nearest
from netspec.migrate.foreign_recurrent import unpacked

Tensors = Mapping[str, Tensor]
# What other libraries call the parts of a layer that torch calls so.
SYNONYMS = {
    "weight": ("weight", "gamma", "scale", "kernel", "w", "W"),
    "bias": ("bias", "beta", "offset", "b"),
    "running_mean": ("running_mean", "moving_mean", "mean"),
    "running_var": ("running_var", "moving_variance", "moving_var", "var"),
}
OPTIONAL = "num_batches_tracked"
TURNED = "its weights (in, out) transposed"
QUERY = re.compile(r"(^|\.|_)(q|query|wq|q_?proj|q_?lin|to_q|in_proj_q)$")
KEY = re.compile(r"(^|\.|_)(k|key|wk|k_?proj|k_?lin|to_k|in_proj_k)$")
VALUE = re.compile(r"(^|\.|_)(v|value|wv|v_?proj|v_?lin|to_v|in_proj_v)$")


@dataclass(frozen=True)
class Candidate:
    """`prefix`: where its tensors stand in the file; `groups`: the prefixes of all of them; `how`: what is done."""

    prefix: str
    groups: frozenset[str]
    make: Callable[[], dict[str, Tensor]]
    how: str = ""


@dataclass(frozen=True)
class Groups:
    """The tensors of a file by prefix and suffix: `layer1.0.conv1` has `weight`."""

    by_prefix: Mapping[str, Tensors]

    @classmethod
    def of(cls, tensors: Tensors) -> Groups:
        by_prefix: dict[str, dict[str, Tensor]] = defaultdict(dict)
        for name, tensor in tensors.items():
            prefix, _, suffix = name.rpartition(".")
            by_prefix[prefix][suffix] = tensor
        return cls(dict(by_prefix))


def candidates(graph: Graph, node: Node, groups: Groups) -> list[Candidate]:
    """Every place in the file whose tensors may be this layer's."""
    weights = graph.weights_of(node)
    owned = {name for name in weights if graph.owner(node, name) == node.name}
    fitting: list[Candidate] = []
    for prefix, tensors in groups.by_prefix.items():
        fitting += _as_it_is(prefix, tensors, weights, owned)
        if isinstance(node.layer, CellLayer):
            fitting += _recurrent(prefix, tensors, node, graph)
        else:
            fitting += _transposed(prefix, tensors, weights, owned, node, graph)
    if isinstance(node.layer, MultiHeadAttention) and "in_proj_weight" in weights:
        fitting += _attention(groups, weights)
    return fitting


def _suffixes(tensors: Tensors, weights: Mapping[str, Weight], owned: set[str]) -> dict[str, str] | None:
    """The layer's short names -> the suffixes that stand for them; None where some are missing or too many."""
    names: dict[str, str] = {}
    for name in weights:
        suffix = next((s for s in SYNONYMS.get(name, (name,)) if s in tensors), None)
        if suffix is not None:
            names[name] = suffix
        elif name in owned and name != OPTIONAL:
            return None
    if tensors.keys() - {OPTIONAL} - set(names.values()):
        return None
    return {name: suffix for name, suffix in names.items() if name in owned}


def _as_it_is(prefix: str, tensors: Tensors, weights: Mapping[str, Weight], owned: set[str]) -> Iterator[Candidate]:
    names = _suffixes(tensors, weights, owned)
    if names and all(tuple(tensors[s].shape) == weights[n].shape for n, s in names.items()):
        given = {name: tensors[suffix] for name, suffix in names.items()}
        yield Candidate(prefix, frozenset({prefix}), lambda: given)


def _transposed(
    prefix: str, tensors: Tensors, weights: Mapping[str, Weight], owned: set[str], node: Node, graph: Graph
) -> Iterator[Candidate]:
    """A linear layer that keeps its weight as (in, out)."""
    names = _suffixes(tensors, weights, owned)
    if not is_product(graph, node) or not names or "weight" not in names:
        return
    shape = weights["weight"].shape
    others = all(tuple(tensors[s].shape) == weights[n].shape for n, s in names.items() if n != "weight")
    if others and shape[0] != shape[1] and tuple(tensors[names["weight"]].shape) == shape[::-1]:
        given = {name: tensors[suffix] for name, suffix in names.items()}
        yield Candidate(prefix, frozenset({prefix}), lambda: {**given, "weight": given["weight"].T}, TURNED)


def is_product(graph: Graph, node: Node) -> bool:
    """Whether the layer's `weight` is a matrix (output, input)."""
    axes = node.layer.weight_axes(graph.input_types(node), tuple(node.outputs.values())).get("weight", ())
    return len(axes) == 2 and [along[0].of for along in axes if isinstance(along, tuple)] == ["output", "input"]


def _recurrent(prefix: str, tensors: Tensors, node: Node, graph: Graph) -> Iterator[Candidate]:
    """torch's layers keep the gates of a cell in one matrix."""
    assert isinstance(node.layer, CellLayer)
    if "weight_ih_l0" in tensors and node.layer.initial_state == "zero":
        made = unpacked(node.layer.stack(graph.input_types(node)[0]), tensors)
        if made is not None:
            yield Candidate(prefix, frozenset({prefix}), lambda: made, "its gates taken apart")


def _attention(groups: Groups, weights: Mapping[str, Weight]) -> Iterator[Candidate]:
    """Projections of one matrix, or of three, and the one of the output."""
    width = weights["out_proj.weight"].shape[0]
    biased = "in_proj_bias" in weights
    square = [p for p, t in groups.by_prefix.items() if _is_linear(t, width, width, biased)]
    for prefix, tensors in groups.by_prefix.items():
        packed = {"in_proj_weight", *(["in_proj_bias"] if biased else [])}
        if set(tensors) == packed and tuple(tensors["in_proj_weight"].shape) == (3 * width, width):
            own_out = f"{prefix}.out_proj" if prefix else "out_proj"
            if own_out in square:
                yield _joined(groups, [prefix], own_out, "in_proj_")
        elif _is_linear(tensors, 3 * width, width, biased) and (out := nearest(prefix, square)):
            yield _joined(groups, [prefix], out, "")
        elif _is_linear(tensors, 3 * width, width, biased, in_out=True) and (out := nearest(prefix, square)):
            yield turned(_joined(groups, [prefix], out, ""))
    for query in filter(QUERY.search, square):
        parent, _, _ = query.rpartition(".")
        beside = [p for p in square if p.rpartition(".")[0] == parent]
        keys, values = [p for p in beside if KEY.search(p)], [p for p in beside if VALUE.search(p)]
        rest = [p for p in square if not any(role.search(p) for role in (QUERY, KEY, VALUE))]
        if len(keys) == len(values) == 1 and (out := nearest(query, rest)):
            yield _joined(groups, [query, *keys, *values], out, "")


def turned(candidate: Candidate) -> Candidate:
    """The projections of one layer all keep their weights as (in, out), where one is seen to."""

    def make() -> dict[str, Tensor]:
        return {name: tensor.T if tensor.dim() == 2 else tensor for name, tensor in candidate.make().items()}

    return Candidate(candidate.prefix, candidate.groups, make, TURNED)


def _is_linear(tensors: Tensors, out: int, width: int, biased: bool, in_out: bool = False) -> bool:
    expected = {"weight": (width, out) if in_out else (out, width), **({"bias": (out,)} if biased else {})}
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()} == expected


def _joined(groups: Groups, parts: list[str], out: str, start: str) -> Candidate:
    def make() -> dict[str, Tensor]:
        given = {
            f"in_proj_{name}": torch.cat([groups.by_prefix[p][f"{start}{name}"] for p in parts])
            for name in ("weight", "bias")
            if f"{start}{name}" in groups.by_prefix[parts[0]]
        }
        return given | {f"out_proj.{name}": tensor for name, tensor in groups.by_prefix[out].items()}

    prefix = parts[0] if len(parts) == 1 else parts[0].rpartition(".")[0]
    how = "its query, key and value joined" if len(parts) > 1 else ""
    return Candidate(prefix, frozenset({*parts, out}), make, how)
