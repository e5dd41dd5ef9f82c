"""The lengths that a network allows are those at which torch gives the inferred shape: every kind, every length.

At an allowed length torch gives the inferred shape; at one that is refused it raises, gives another, or gives nothing,
so that no network is refused for caution.  The ONNX model agrees at all lengths that the comparison tries.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator

import pytest
import torch
from test_contract import EXAMPLES, text_of

import netspec
from netspec.backends.parity.compare import compare
from netspec.backends.parity.inputs import random_inputs
from netspec.backends.parity.trials import trial_sizes
from netspec.backends.torch.lengths import check_equal, check_length
from netspec.graph.model import Graph
from netspec.layers.base import Example
from netspec.shapes.dim import at
from netspec.source.errors import NetspecError

# kind, inputs, and for each field the values that are tried together
EDGES: list[tuple[str, tuple[str, ...], dict[str, list[object]]]] = [
    ("slice", ("[T, 2]",), {"dim": [1], "start": [0, 1, 4, -1, -6], "stop": ["null", 1, 5, 9, -1, -3],
                            "step": [1, 2, 3]}),
    ("pad", ("[2, T]",), {"padding": ["[1, 2]", "[3, 0]", "[0, 5]"], "mode": ["constant", "reflect", "replicate",
                                                                              "circular"]}),
    ("conv1d", ("[2, T]",), {"out_channels": [2], "kernel_size": [1, 2, 5], "stride": [1, 3], "padding": [0, 1, 2],
                             "dilation": [1, 3]}),
    ("conv1d", ("[2, T]",), {"out_channels": [2], "kernel_size": [4, 5], "dilation": [1, 2],
                             "padding": ["same", "valid", "causal"]}),
    ("conv1d", ("[2, T]",), {"out_channels": [2], "kernel_size": [3], "padding": [1, 4, "same"],
                             "padding_mode": ["reflect", "replicate", "circular"]}),
    ("conv2d", ("[1, T, 9]",), {"out_channels": [1], "kernel_size": ["[4, 2]"], "stride": ["[2, 1]"],
                                "padding": [0, 1], "dilation": ["[2, 1]"]}),
    ("conv3d", ("[1, 3, T, 4]",), {"out_channels": [1], "kernel_size": ["[1, 4, 2]"], "stride": [1, 2]}),
    ("conv_transpose1d", ("[2, T]",), {"out_channels": [2], "kernel_size": [1, 3], "stride": [1, 2, 4],
                                       "padding": [0, 1, 3], "output_padding": [0, 1]}),
    ("max_pool1d", ("[2, T]",), {"kernel_size": [2, 3, 5], "stride": [1, 2, 4], "padding": [0, 1], "dilation": [1, 2],
                                 "ceil_mode": ["true", "false"]}),
    ("avg_pool1d", ("[2, T]",), {"kernel_size": [2, 3, 5], "stride": [1, 2, 4], "padding": [0, 1],
                                 "ceil_mode": ["true", "false"], "count_include_pad": ["true", "false"]}),
    ("avg_pool2d", ("[1, T, W]",), {"kernel_size": ["[3, 2]"], "stride": [1, 2], "ceil_mode": ["true", "false"]}),
    ("adaptive_avg_pool1d", ("[2, T]",), {"output_size": [1, 2, 5, 7]}),
    ("adaptive_max_pool2d", ("[2, T, 3]",), {"output_size": ["[5, 2]"]}),
    ("upsample", ("[2, T]",), {"scale_factor": [0.25, 0.5, 0.75, 1.5, 2, 3], "mode": ["nearest", "linear"]}),
    ("upsample", ("[2, T]",), {"size": [1, 3, 8], "mode": ["nearest", "linear"]}),
    ("positional_encoding", ("[T, 4]",), {"mode": ["learned"], "max_length": [1, 2, 9]}),
    ("instance_norm1d", ("[2, T]",), {"affine": ["true", "false"]}),
    ("instance_norm2d", ("[2, T, W]",), {}),
    ("group_norm", ("[4, T]",), {"num_groups": [1, 2, 4]}),
    ("reshape", ("[T, 6]",), {"shape": ["[-1, 3]", "[T, 2, 3]", "[2, -1]"]}),
    ("reshape", ("[T, W, 4]",), {"shape": ["[-1]", "[W, 4, T]", "[-1, T]"]}),
    ("multi_head_attention", ("[T, 4]", "[S, 4]"), {"num_heads": [2], "causal": ["true", "false"]}),
    ("lstm", ("[T, 2]",), {"hidden": [3], "bidirectional": ["true", "false"], "returns": ["sequence", "last"]}),
    ("concat", ("[T, 2]", "[T, 2]", "[3, 2]"), {}),
]  # fmt: skip

CHAINS = {  # several layers, each with a condition on what the one before it leaves
    "slices": ("[T, 2]", "  a: {type: slice, dim: 1, start: -6, stop: 6}\n  b: {type: slice, dim: 1, stop: 4}\n"),
    "falling, then strided": ("[2, T]", "  p: {type: permute, dims: [0, 2, 1]}\n"
                              "  a: {type: slice, dim: 1, start: -12, stop: 12}\n"
                              "  q: {type: permute, dims: [0, 2, 1]}\n"
                              "  c: {type: conv1d, out_channels: 2, kernel_size: 3, stride: 2}\n"),
    "pools": ("[2, T]", "  a: {type: max_pool1d, kernel_size: 3, stride: 2}\n"
                        "  b: {type: max_pool1d, kernel_size: 3, stride: 2, ceil_mode: true}\n"
                        "  c: {type: pad, padding: [2, 2], mode: reflect}\n"),
    "up and down": ("[2, T]", "  a: {type: upsample, scale_factor: 2}\n"
                              "  b: {type: conv1d, out_channels: 2, kernel_size: 5, stride: 3}\n"
                              "  c: {type: conv_transpose1d, out_channels: 2, kernel_size: 2, padding: 1}\n"),
    "two names": ("[T, S]", "  a: {type: flatten, start_dim: 1}\n  b: {type: slice, dim: 1, start: 7, stop: 20}\n"),
    "two names, pooled": ("[T, S]", "  p: {type: slice, dim: 1, start: 2}\n  a: {type: flatten, start_dim: 1}\n"
                                    "  b: {type: slice, dim: 1, stop: 9}\n"),
    "positions behind a stride": ("[T, 2]", "  p: {type: permute, dims: [0, 2, 1]}\n"
                                  "  c: {type: conv1d, out_channels: 2, kernel_size: 2, stride: 2}\n"
                                  "  q: {type: permute, dims: [0, 2, 1]}\n"
                                  "  a: {type: positional_encoding, mode: learned, max_length: 6}\n"),
}  # fmt: skip


def edges() -> Iterator[tuple[str, str]]:
    for kind, inputs, choices in EDGES:
        for row in itertools.product(*choices.values()):
            fields = ", ".join(f"{key}: {value}" for key, value in zip(choices, row, strict=True))
            yield f"{kind} {fields}", text_of(kind, Example(fields, inputs))
    for case, (kind, example) in EXAMPLES.items():
        if any("T" in shape for shape in example.inputs) and kind != "split":
            yield case, text_of(kind, example)
    for name, (shape, layers) in CHAINS.items():
        yield name, f"netspec: 1\ninputs: {{x: {shape}}}\nlayers:\n{layers}"


def loaded(text: str) -> Graph | None:
    """None for a setting that is wrong at every length."""
    try:
        return netspec.load(text)
    except NetspecError:
        return None


def numbered(name: str, sizes: dict[str, int]) -> str:
    """The same file with numbers in place of the names."""
    text = TEXTS[name]
    for key, size in sizes.items():
        text = re.sub(rf"\b{key}\b", str(size), text)
    return text


TEXTS = dict(edges())
GRAPHS = {name: graph for name, text in TEXTS.items() if (graph := loaded(text))}


def unchecked(graph: Graph) -> torch.nn.Module:
    """The module without its own refusals."""
    module = netspec.to_torch(graph).eval()
    for node in list(module.graph.nodes):
        if node.op == "call_function" and node.target in (check_length, check_equal):
            module.graph.erase_node(node)
    module.recompile()
    return module


def bindings(graph: Graph) -> Iterator[dict[str, int]]:
    """Every length up to 40 of one name; of several, every one up to 12 with some of the others."""
    names = sorted({n for t in graph.inputs.values() for n in t.symbols()} - {"B"})
    if len(names) == 1:
        yield from ({names[0]: n} for n in [*range(1, 41), 64, 101])
    else:
        yield from (dict(zip(names, row, strict=True)) for row in itertools.product((*range(1, 13),), (1, 2, 3, 5, 9)))


def result(graph: Graph, module: torch.nn.Module, sizes: dict[str, int], batch: int) -> dict[str, tuple[int, ...]]:
    inputs = random_inputs(graph, batch, sizes, torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = module(**inputs)
    if not isinstance(outputs, dict):
        outputs = {next(iter(graph.outputs)): outputs}
    return {name: tuple(y.shape) for name, y in outputs.items()}


def test_there_are_many() -> None:
    assert len(GRAPHS) > 300
    assert sum(bool(graph.lengths.conditions) for graph in GRAPHS.values()) > 150


@pytest.mark.parametrize("part", range(8))
def test_allowed_is_what_torch_gives_as_inferred(part: int) -> None:
    for name, graph in list(GRAPHS.items())[part::8]:
        module, checked = unchecked(graph), netspec.to_torch(graph).eval()
        allowed = 0
        for sizes in bindings(graph):
            inferred = {
                key: tuple(at(size, {"B": 1, **sizes}) for size in type_.shape)
                for key, type_ in graph.output_types().items()
            }
            if graph.lengths.allows({"B": 1, **sizes}):
                allowed += 1
                assert result(graph, checked, sizes, 1) == inferred, (name, sizes)
                continue
            with pytest.raises(NetspecError, match="NS503"):
                result(graph, checked, sizes, 1)
            try:
                found = result(graph, module, sizes, 1)
                result(graph, module.train(), sizes, 1)
            except (RuntimeError, ValueError, IndexError):
                continue
            finally:
                module.eval()
            odd = "slice" in TEXTS[name] or "max_pool1d" in name  # outside, and yet as many; nothing but padding
            assert found != inferred or any(0 in shape for shape in found.values()) or odd, (name, sizes)
        assert allowed, name


@pytest.mark.parametrize("part", range(8))
def test_a_name_is_allowed_the_numbers_that_could_stand_there(part: int) -> None:
    """One rule for names and for numbers."""
    for name, graph in list(GRAPHS.items())[part::8]:
        for sizes in itertools.islice(bindings(graph), 0, 60, 1 if len(graph.inputs) == 1 else 4):
            known = loaded(numbered(name, sizes))
            assert (known is not None) == graph.lengths.allows(sizes), (name, sizes)
            if known is not None:
                for key, type_ in graph.output_types().items():
                    assert tuple(at(s, sizes) for s in type_.shape) == known.output_types()[key].shape


def random_layer(rng: random.Random) -> str:
    """One that shortens, lengthens or scales the axis, mostly with a condition of its own."""

    def k(low: int, high: int) -> int:
        return rng.randint(low, high)

    stop = rng.choice(["null", k(-6, -1), k(1, 14)])
    return rng.choice([
        f"{{type: slice, dim: 2, start: {k(-9, 6)}, stop: {stop}, step: {k(1, 3)}}}",
        f"{{type: pad, padding: [{k(0, 5)}, {k(0, 5)}], mode: {rng.choice(['constant', 'reflect', 'circular'])}}}",
        f"{{type: conv1d, out_channels: 2, kernel_size: {k(1, 6)}, stride: {k(1, 3)}, padding: {k(0, 3)}, "
        f"dilation: {k(1, 3)}, padding_mode: {rng.choice(['zeros', 'reflect', 'circular'])}}}",
        f"{{type: max_pool1d, kernel_size: {k(2, 5)}, stride: {k(1, 4)}, padding: {k(0, 1)}, dilation: {k(1, 3)}, "
        f"ceil_mode: {rng.choice(['true', 'false'])}}}",
        f"{{type: avg_pool1d, kernel_size: {k(2, 5)}, stride: {k(1, 4)}, ceil_mode: {rng.choice(['true', 'false'])}}}",
        f"{{type: conv_transpose1d, out_channels: 2, kernel_size: {k(1, 4)}, stride: {k(1, 3)}, padding: {k(0, 4)}}}",
        f"{{type: upsample, scale_factor: {rng.choice([0.25, 0.5, 0.75, 1.5, 2, 3])}}}",
        "instance_norm1d",
    ])  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_random_chains(seed: int) -> None:
    """Symbol and number agree behind several layers, and torch with both; no chain is refused that runs somewhere."""
    rng = random.Random(seed)
    for _ in range(40):
        layers = "".join(f"  l{i}: {random_layer(rng)}\n" for i in range(rng.randint(2, 5)))
        text = f"netspec: 1\ninputs: {{x: [2, T]}}\nlayers:\n{layers}"
        graph = loaded(text)
        module = netspec.to_torch(graph).eval() if graph else None
        for length in (*range(1, 33), 64, 101, 400):
            known = loaded(text.replace("[2, T]", f"[2, {length}]"))
            assert (known is not None) == (graph is not None and graph.lengths.allows({"T": length})), (text, length)
            if graph and known and module:
                [size] = [t.shape[2] for t in known.output_types().values()]
                assert [at(t.shape[2], {"T": length}) for t in graph.output_types().values()] == [size]
                assert module(torch.zeros(1, 2, length)).shape[2] == size


@pytest.mark.parametrize("part", range(8))
def test_onnx_agrees_at_every_length_that_matters(part: int) -> None:
    for name, graph in list(GRAPHS.items())[part::8]:
        module = netspec.to_torch(graph)
        parity = compare(graph, module, netspec.to_onnx(graph, module).SerializeToString(), batches=(1, 2))
        assert all(graph.lengths.allows(sizes) for sizes in parity.sizes), name
        assert parity.sizes == tuple(trial_sizes(graph))
