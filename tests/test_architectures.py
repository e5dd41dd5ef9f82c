"""Every file in architectures/ compiles, has its published size, agrees with torch, and is exported."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import torch

import netspec
from netspec.backends.parity.compare import compare
from netspec.graph.cost import depth, total
from netspec.report.schema import netspec_schema, schema_text
from netspec.source.tree import parse, read_text

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "architectures").glob("*.yaml"))
PUBLISHED = {  # parameters; multiply-adds as torchvision publishes them, in units of 1e9; layers
    "lenet5": (61_706, None, 5),
    "alexnet": (61_100_840, 0.71, 8),
    "resnet18": (11_689_512, 1.81, 18),
    "resnet34": (21_797_672, 3.66, 34),
    "resnet50": (25_557_032, 4.09, 50),
    "resnet101": (44_549_160, 7.80, 101),
    "resnet152": (60_192_808, 11.51, 152),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_size(name: str) -> None:
    graph = netspec.load(ROOT / "architectures" / f"{name}.yaml")
    params, flops, layers = PUBLISHED[name]
    cost = total(graph)
    assert cost.params == params
    assert graph.budget.params == params
    assert depth(graph) == layers
    if flops is not None:
        assert isinstance(cost.flops, int) and round(cost.flops / 1e9, 2) == flops


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_torch_agrees_on_parameters(path: Path) -> None:
    graph = netspec.load(path)
    assert not graph.warnings
    with torch.device("meta"):
        module = netspec.to_torch(graph)
    assert sum(p.numel() for p in module.parameters()) == total(graph).params


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_export_agrees_with_torch(path: Path) -> None:
    small = {"width": 8} if path.stem.startswith("resnet") else {}
    graph = netspec.load(path, **small)
    module = netspec.to_torch(graph).eval()
    assert compare(graph, module, netspec.to_onnx(graph, module).SerializeToString(), batches=(1, 3)).error < 1e-5


def test_plain_twin_is_one_variable_away() -> None:
    twin = netspec.load(ROOT / "architectures" / "resnet34.yaml", shortcut="none")
    assert not any(n.kind == "add" or "shortcut" in n.name for n in twin.layers())
    assert depth(twin) == 34
    gateless = netspec.load(ROOT / "architectures" / "digits_highway.yaml", gate="none")
    assert not any("gate" in n.name for n in gateless.layers())


def test_published_schema_is_fresh() -> None:
    path = ROOT / "schemas" / "netspec.schema.json"
    assert path.read_text() == schema_text(), "run: netspec schema > schemas/netspec.schema.json"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_published_schema_accepts_every_architecture(path: Path) -> None:
    validator = jsonschema.Draft7Validator(netspec_schema())
    assert [e.message for e in validator.iter_errors(parse(read_text(path)).plain())] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("out_channels: 6", "out_chanels: 6"),
        ("kernel_size: 5", "kernel_size: five"),
        ("padding: 2", "padding: -2"),
        ("type: linear, out_features: 84", "type: linear, out_features: 84, stride: 1"),
        ("netspec: 1", "netspec: 2"),
        ("params: 61706", "parameters: 61706"),
    ],
)
def test_published_schema_refuses_what_validate_refuses(old: str, new: str) -> None:
    text = (ROOT / "architectures" / "lenet5.yaml").read_text()
    assert old in text
    data = parse(netspec.source.text.Source("x", text.replace(old, new))).plain()
    assert not jsonschema.Draft7Validator(netspec_schema()).is_valid(data)
    with pytest.raises(netspec.NetspecError):
        netspec.load(text.replace(old, new))


def test_published_schema_is_draft_7_itself() -> None:
    jsonschema.Draft7Validator.check_schema(json.loads(schema_text()))
