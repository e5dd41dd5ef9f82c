"""The contract: every example of every layer kind, through schema, shapes, weights, gradients and ONNX.

torch (what a module really gives), jsonschema, the ONNX checker and onnxruntime judge; none of them is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from jsonschema import Draft7Validator

import netspec
from netspec.backends.onnx.model import emit_model
from netspec.graph.model import Graph
from netspec.layers import kinds
from netspec.layers.base import Example, Layer
from netspec.layers.recurrent import CellLayer
from netspec.shapes.dim import Size, at
from netspec.source.records import record_schema
from netspec.source.text import Source
from netspec.source.tree import parse

EXAMPLES = {f"{name}-{i}": (name, example) for name, cls in kinds().items() for i, example in enumerate(cls.examples)}
BATCHES = (2, 1, 5)
FLOATING = [case for case, (_, example) in EXAMPLES.items() if any("dtype" not in shape for shape in example.inputs)]
WEIGHTED = [case for case in EXAMPLES if case in FLOATING or "embedding" in case]
each_example = pytest.mark.parametrize("case", EXAMPLES)


def text_of(kind: str, example: Example, outputs: str = "") -> str:
    """A network of the one layer `it`, with the inputs a, b, …"""
    names = "abcdefgh"[: len(example.inputs)]
    inputs = "".join(f"  {name}: {shape}\n" for name, shape in zip(names, example.inputs, strict=True))
    wiring = example.wiring or f"from: [{', '.join(names)}]"
    fields = ", ".join(part for part in (f"type: {kind}", example.fields, wiring) if part)
    return f"netspec: 1\ninputs:\n{inputs}layers:\n  it: {{{fields}}}\n{outputs}"


@cache
def compiled(case: str) -> tuple[Graph, torch.nn.Module]:
    """Graph and module; several ports become as many outputs; no weight is left at a 0 or 1 that hides a mistake."""
    kind, example = EXAMPLES[case]
    outputs = ""
    first = netspec.load(text_of(kind, example, "outputs: {out: it.0}\n" if kind == "split" else ""))
    if len(ports := first["it"].outputs) > 1:
        outputs = f"outputs: {{{', '.join(f'out{p}: it.{p}' if p else 'out: it' for p in ports)}}}\n"
    graph = netspec.load(text_of(kind, example, outputs))
    module = netspec.to_torch(graph)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(
                    torch.rand(tensor.shape, generator=generator) * 0.8 + (0.2 if "running_var" in name else -0.4)
                )
    return graph, module.eval()


def trials(case: str) -> Iterator[tuple[int, Mapping[str, int]]]:
    """Batch size and axis sizes, several of each; a network without named axes has one set of sizes."""
    graph, _ = compiled(case)
    named = any(type_.symbols() - {"B"} for type_ in graph.inputs.values())
    for batch in BATCHES:
        for sizes in EXAMPLES[case][1].sizes if named else ({},):
            yield batch, sizes


def several_steps(case: str) -> tuple[int, Mapping[str, int]]:
    """The shortest trial of two steps and more: a recurrent weight has no gradient in a sequence of one."""
    long = [trial for trial in trials(case) if min(trial[1].values(), default=2) > 1]
    return min(long or trials(case), key=lambda trial: (max(trial[1].values(), default=0), trial[0] != BATCHES[0]))


def values_of(
    case: str, batch: int, sizes: Mapping[str, int], dtype: torch.dtype = torch.float32
) -> dict[str, torch.Tensor]:
    """Random inputs; masks hide whole rows, their beginnings and their ends, and lengths begin at 0."""
    graph, _ = compiled(case)
    generator = torch.Generator().manual_seed(batch)
    values = {}
    lengths = lengths_of(graph)
    for name, type_ in graph.inputs.items():
        shape = [at(size, {"B": batch, **sizes}) for size in type_.shape]
        if name in lengths:
            values[name] = torch.randint(0, at(lengths[name], sizes) + 1, shape, generator=generator)
            values[name][(batch + 1) % batch :: 3] = 0  # the only sequence of one, the second of two
        elif type_.floating:
            values[name] = torch.randn(shape, generator=generator, dtype=dtype)
        elif type_.dtype == "bool":
            values[name] = torch.rand(shape, generator=generator) > 0.6
            values[name][-1] = True
            values[name][:1, 0] = batch > 1  # padding on the left, where nothing else is to be seen of a causal row
        else:
            values[name] = torch.randint(0, EXAMPLES[case][1].high, shape, generator=generator).to(
                getattr(torch, type_.dtype)
            )
    return values


def lengths_of(graph: Graph) -> dict[str, Size]:
    """The input that says how long each sequence is, and the steps that there are."""
    layer, types = graph["it"].layer, graph.input_types(graph["it"])
    if not isinstance(layer, CellLayer) or (place := layer.lengths_of(types)) is None:
        return {}
    return {graph["it"].inputs[place].node: types[0].shape[1]}


def outputs_of(case: str, values: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    graph, module = compiled(case)
    result = module(**values)
    return result if isinstance(result, dict) else dict(zip(graph.outputs, [result], strict=True))


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_says_what_it_is(kind: str) -> None:
    """Equation or sentence, shapes, and examples that show every field."""
    cls = kinds()[kind]
    assert cls.examples, f"{kind} has no example"
    words = cls.__doc__ or ""
    assert "(B" in words or "one shape" in words, f"{kind} names no shapes"
    shown = " ".join(example.fields for example in cls.examples)
    hidden = [name for name in record_schema(cls)["properties"] if f"{name}:" not in shown]
    assert not hidden, f"no example of {kind} shows {hidden}"


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_has_every_part(kind: str) -> None:
    """What has a default that fits a layer without weights only, or none, is its own."""
    cls = kinds()[kind]
    assert cls.to_onnx is not Layer.to_onnx, f"{kind} has no to_onnx"
    has_module, has_wiring = cls.torch_module is not Layer.torch_module, cls.to_torch is not Layer.to_torch
    assert has_module or has_wiring, f"{kind} has neither torch_module nor to_torch"
    assert cls.weights is Layer.weights or has_module, f"{kind} has weights and no torch_module"


@pytest.mark.parametrize("case", WEIGHTED)
def test_what_stands_along_the_axes_of_weights_is_as_long_as_they_are(case: str) -> None:
    node = compiled(case)[0]["it"]
    types = compiled(case)[0].input_types(node)
    axes = node.layer.weight_axes(types, tuple(node.outputs.values()))
    for name, weight in node.layer.weights(*types).items():
        assert len(axes[name]) == len(weight.shape), name
        for along, size in zip(axes[name], weight.shape, strict=True):
            length = sum(u.length for u in along) if isinstance(along, tuple) else along.length if along else size
            assert length == size, name
    for port, units in node.layer.output_units(types).items():
        assert sum(u.length for u in units) == node.outputs[port].shape[-1]


@pytest.mark.parametrize(
    "case", [case for case in EXAMPLES if kinds()[EXAMPLES[case][0]].one_spelling is not Layer.one_spelling]
)
def test_fields_in_one_spelling_make_the_same_layer(case: str) -> None:
    graph, module = compiled(case)
    node = graph["it"]
    spelled = node.layer.one_spelling(*graph.input_types(node))
    other = replace(node, layer=replace(node.layer, **spelled))
    assert other.layer.one_spelling(*graph.input_types(node)) == spelled
    rewritten = graph.rebuilt([other if n is node else n for n in graph.nodes()], dict(graph.outputs), {})
    second = netspec.to_torch(rewritten)
    second.load_state_dict(module.state_dict())
    values = values_of(case, *next(trials(case)))
    expected, result = outputs_of(case, values), second.train(module.training)(**values)
    named = result if isinstance(result, dict) else dict(zip(graph.outputs, [result], strict=True))
    assert all(named[name].equal(value) for name, value in expected.items())


@pytest.mark.parametrize("case", [case for case in EXAMPLES if kinds()[EXAMPLES[case][0]].commutative])
def test_two_inputs_whose_order_does_not_count_can_be_exchanged(case: str) -> None:
    graph, module = compiled(case)
    node = graph["it"]
    if len(node.inputs) == 2:
        exchanged = [replace(n, inputs=n.inputs[::-1]) if n is node else n for n in graph.nodes()]
        second = netspec.to_torch(graph.rebuilt(exchanged, dict(graph.outputs), {}))
        values = values_of(case, *next(trials(case)))
        assert second(**values).equal(module(**values))


@each_example
def test_the_schema_takes_the_fields(case: str) -> None:
    kind, example = EXAMPLES[case]
    schema = record_schema(kinds()[kind])
    Draft7Validator.check_schema(schema)
    Draft7Validator(schema).validate(parse(Source("fields", f"{{{example.fields}}}")).plain())


@each_example
def test_shapes_are_torchs(case: str) -> None:
    graph, _ = compiled(case)
    for batch, sizes in trials(case):
        for name, value in outputs_of(case, values_of(case, batch, sizes)).items():
            type_ = graph.output_types()[name]
            assert tuple(value.shape) == tuple(at(size, {"B": batch, **sizes}) for size in type_.shape)
            assert value.dtype == getattr(torch, type_.dtype)


@each_example
def test_weights_are_torchs(case: str) -> None:
    graph, module = compiled(case)
    declared = {f"it.{name}": weight for name, weight in graph.weights_of(graph["it"]).items()}
    state = module.state_dict()
    assert {n: (w.shape, w.dtype) for n, w in declared.items()} == {
        n: (tuple(t.shape), str(t.dtype).removeprefix("torch.")) for n, t in state.items()
    }
    assert list(declared) == list(state)
    assert [n for n, w in declared.items() if w.trainable] == [n for n, _ in module.named_parameters()]


@pytest.mark.parametrize("case", WEIGHTED)
def test_gradients_flow(case: str) -> None:
    """While training, every weight gets a gradient that is finite and not 0, every floating input a finite one."""
    _, module = compiled(case)
    batch, sizes = several_steps(case)
    values = values_of(case, batch, sizes)
    inputs = {name: v.requires_grad_() for name, v in values.items() if v.is_floating_point()}
    weights = dict(module.named_parameters())
    saved = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    module.train()
    try:
        torch.manual_seed(0)
        outputs = outputs_of(case, values)
        loss = sum((y * torch.sin(torch.arange(y.numel()).view(y.shape) + 1.0)).sum() for y in outputs.values())
        found = torch.autograd.grad(loss, [*inputs.values(), *weights.values()])
    finally:
        module.eval().load_state_dict(saved)
    gradients = dict(zip([*inputs, *weights], found, strict=True))
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    without = [name for name, gradient in gradients.items() if not gradient.any()]
    assert not without


@pytest.mark.parametrize("case", FLOATING)
def test_gradients_of_inputs_are_right(case: str) -> None:
    """Against finite differences in float64."""
    _, module = compiled(case)
    batch, sizes = next(trials(case))
    values = values_of(case, batch, sizes, torch.float64)
    names = [name for name, v in values.items() if v.is_floating_point()]
    module.double()
    try:

        def function(*given: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(outputs_of(case, values | dict(zip(names, given, strict=True))).values())

        assert torch.autograd.gradcheck(
            function, [values[n].requires_grad_() for n in names], atol=1e-4, fast_mode=True
        )
    finally:
        module.float()


@pytest.mark.parametrize("case", [case for case in EXAMPLES if kinds()[EXAMPLES[case][0]].weights is not Layer.weights])
def test_gradients_of_each_weight_are_right(case: str) -> None:
    """Along a direction at random, against the difference of two values in float64: weight by weight."""
    graph, module = compiled(case)
    values = values_of(case, *several_steps(case), torch.float64)
    module.double()
    try:

        def loss() -> torch.Tensor:
            outputs = outputs_of(case, values).values()
            return torch.stack(
                [(y * torch.sin(torch.arange(y.numel()).view(y.shape) + 1.0)).sum() for y in outputs]
            ).sum()

        weights = dict(module.named_parameters())
        gradients = torch.autograd.grad(loss(), list(weights.values())) if weights else ()  # a norm may have none
        generator, h = torch.Generator().manual_seed(2), 1e-6
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
            direction = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            if (row := getattr(graph["it"].layer, "padding_idx", None)) is not None:
                direction[row] = 0  # torch never trains it
            ends = []
            with torch.no_grad():
                begin = weight.clone()
                for sign in (1, -1):
                    weight.copy_(begin + sign * h * direction)
                    ends.append(loss())
                weight.copy_(begin)
            difference = (ends[0] - ends[1]) / (2 * h)
            slope = (gradient * direction).sum()
            torch.testing.assert_close(slope, difference, rtol=1e-6, atol=1e-7, msg=lambda m, name=name: f"{name}: {m}")
    finally:
        module.float()


@each_example
def test_onnx_is_the_module(case: str) -> None:
    """The layer's own ONNX, no pass run, under onnxruntime: every batch and every length through one model."""
    graph, module = compiled(case)
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    model = emit_model(graph.with_weights(weights))
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for batch, sizes in trials(case):
        values = values_of(case, batch, sizes)
        with torch.no_grad():
            expected = outputs_of(case, values)
        received = session.run(list(expected), {name: v.numpy() for name, v in values.items()})
        for y, ours in zip(expected.values(), received, strict=True):
            np.testing.assert_allclose(ours, y.numpy(), rtol=1e-5, atol=2e-6)
            assert ours.dtype == y.numpy().dtype
