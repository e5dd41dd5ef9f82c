"""The network whose weights are carried over: of a run, of a safetensors file, or of an exported model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from netspec.graph.model import Graph
from netspec.migrate.foreign import Renamed, named_by_structure
from netspec.migrate.weights_file import WeightsFile, open_weights, sha256_of
from netspec.source.errors import NetspecError
from netspec.source.memory import memory
from netspec.spec import Spec, load
from netspec.training.runs import BEST
from netspec.training.trained import trained_spec
from netspec.training.weights import check_finite

SPEC_META = "netspec.spec"  # in the metadata of weights that netspec wrote: the network that they are of


@dataclass(frozen=True)
class OldNetwork:
    """`sha256`: of the file that holds the weights.  `renamed`: what went where in a file of other names."""

    name: str
    graph: Graph
    tensors: Mapping[str, Tensor]
    sha256: str
    renamed: tuple[Renamed, ...] = ()
    notes: tuple[str, ...] = field(default=())


@memory("while reading the weights")
def read_old_network(path: Path, network: Spec | None, new: Spec) -> OldNetwork:
    """`network`: what a safetensors file has the weights of, where the file itself does not say it; else the new one.

    Raises NS631 for no run, NS622 for a broken file, NS641 for weights that are not of the network.
    """
    if path.is_dir():
        return _of_run(path)
    if path.suffix == ".onnx":
        return _of_model(path)
    file = open_weights(path)
    if network is None:
        network = load(file.metadata[SPEC_META]) if SPEC_META in file.metadata else new
    tensors, renamed, notes = named(file, network)
    return OldNetwork(str(path), network, tensors, sha256_of(path), renamed, notes)


def _of_run(path: Path) -> OldNetwork:
    trained = trained_spec(path)
    file = open_weights(path / BEST)
    tensors, renamed, unused = named(file, trained.spec)
    notes = trained.notes(path, file.metadata.get("epoch", "?"))
    return OldNetwork(str(path), trained.spec, tensors, sha256_of(path / BEST), renamed, (*notes, *unused))


def _of_model(path: Path) -> OldNetwork:
    from netspec.migrate.from_onnx import weights_of_model  # onnx takes as long to import as torch

    graph, tensors, notes = weights_of_model(path)
    return OldNetwork(str(path), graph, tensors, sha256_of(path), (), notes)


def named(file: WeightsFile, graph: Graph) -> tuple[Mapping[str, Tensor], tuple[Renamed, ...], tuple[str, ...]]:
    """The file's tensors by the names of the network, which they have or get by their structure; and notes."""
    expected = {
        f"{node.name}.{name}": weight
        for node in graph.layers()
        for name, weight in graph.weights_of(node).items()
        if graph.owner(node, name) == node.name
    }
    check_finite(file.tensors, str(file.path))
    if all(n in file.tensors and tuple(file.tensors[n].shape) == w.shape for n, w in expected.items()):
        return {name: file.tensors[name] for name in expected}, (), ()
    if not expected:
        raise NetspecError("NS641", "there is nothing to carry: the network has no weights", name=graph.name)
    tensors, renamed, unused = named_by_structure(file, graph)
    listed = ", ".join(unused[:4]) + (", …" if len(unused) > 4 else "")
    return tensors, renamed, (f"nothing is made of what else the file holds: {listed}",) if unused else ()
