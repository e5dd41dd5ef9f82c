"""ONNX export, verification apart, against `torch.onnx.export(dynamo=True)` of the same module.

Both begin with the module in memory and end with one file on disk whose batch axis is symbolic, weights inside.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from pathlib import Path

import torch
from torch import nn

import netspec
from benchmarks.command import main
from benchmarks.measure import Figure, architecture, figure, in_turn


def export_netspec(graph: netspec.Graph, module: nn.Module, path: Path) -> None:
    path.write_bytes(netspec.to_onnx(graph, module).SerializeToString())


def export_torch(module: nn.Module, path: Path) -> None:
    """torch's exporter, its progress notes unseen."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.randn(2, 3, 224, 224),),
            path,
            dynamo=True,
            verbose=False,
            external_data=False,
            input_names=["image"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("B")},),
        )


def network(name: str) -> tuple[netspec.Graph, nn.Module]:
    """A graph and its module, ready for inference, with statistics that batch norm could have learned."""
    graph = netspec.load(architecture(name))
    module = netspec.to_torch(graph).eval()
    generator = torch.Generator().manual_seed(0)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1, generator=generator)
            layer.running_var.uniform_(0.5, 1.5, generator=generator)
    return graph, module


def measure(quick: bool) -> list[Figure]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, rounds in (("resnet18", 12), ("resnet152", 6)):
            graph, module = network(name)
            sides = {
                "netspec": lambda g=graph, m=module: export_netspec(g, m, Path(folder) / "netspec.onnx"),
                "torch": lambda m=module: export_torch(m, Path(folder) / "torch.onnx"),
            }
            in_turn(sides, 1)
            times = in_turn(sides, 2 if quick else rounds)
            what = f"ONNX export of {name}, verification apart"
            found.append(figure(what, "`torch.onnx.export(dynamo=True)`", times, theirs="torch", bound=0.1))
    return found


if __name__ == "__main__":
    main("export", measure)
