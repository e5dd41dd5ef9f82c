"""onnxruntime latency of recurrent layers as netspec exports them, against what torch's exporters write.

The native operator: an `lstm` against `nn.LSTM` with its weights, by torch's dynamo exporter and by the classic
one; the row is against the faster file.  `Scan`: a cell that ONNX has no operator for, against the same equations as
the body of torch's higher-order `scan`, which the dynamo exporter writes as a `Scan` too.  Batch and time are symbolic
in every file.  The same session options, threads and inputs; outputs compared first.

# T time, B batch, H input and hidden
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime import InferenceSession
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan

import netspec
from benchmarks.cell_peers import ByHand, spec, weights_of
from benchmarks.command import main
from benchmarks.latency import REST, operators, session
from benchmarks.measure import Figure, figure, in_turn

T, H = 100, 256
BATCHES = {1: 6, 32: 2}  # batch -> calls in a timed block
CELLS = ("lstm_peephole_full", "sru")  # Scan


class Lstm(nn.Module):
    """torch's layer with the weights of netspec's `lstm`; the output alone."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.lstm = nn.LSTM(H, H, batch_first=True)
        weights = weights_of(module)
        matrices, biases = (torch.cat([weights[f"{kind}_{gate}"] for gate in "ifco"]).detach() for kind in "Wb")
        values = matrices[:, H:], matrices[:, :H], biases, torch.zeros_like(biases)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        self.lstm.load_state_dict({f"{name}_l0": value for name, value in zip(names, values, strict=True)})

    def forward(self, x_BTH: Tensor) -> Tensor:
        y: Tensor = self.lstm(x_BTH)[0]
        return y


class Scanned(ByHand):
    """The equations by hand, the loop over time by torch's `scan`."""

    def forward(self, x_BTI: Tensor) -> Tensor:
        step = self.bind(**self.weights)

        def body(states: tuple[Tensor, ...], x: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
            y, *after = step(x, *states)
            return tuple(after), y.clone()  # an output may be no state itself

        start = tuple(x_BTI.new_zeros(x_BTI.shape[0], size) for size in self.states)
        _, y_TBO = scan(body, start, x_BTI.transpose(0, 1).contiguous())
        y: Tensor = y_TBO.transpose(0, 1)
        return y


def export(model: nn.Module, path: Path, dynamo: bool) -> Path:
    """By one of torch's exporters, their notes unseen."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    axes: dict[str, Any] = (
        {"dynamic_shapes": ({0: torch.export.Dim("B"), 1: torch.export.Dim("T")},)}
        if dynamo
        else {"dynamic_axes": {"x": {0: "B", 1: "T"}, "rnn": {0: "B", 1: "T"}}}
    )
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            (torch.randn(2, T, H),),
            path,
            dynamo=dynamo,
            verbose=False,
            external_data=False,
            input_names=["x"],
            output_names=["rnn"],
            **axes,
        )
    return path


def files(cell: str, folder: Path) -> dict[str, Path]:
    """netspec's file, and torch's by the name of the exporter."""
    graph = netspec.load(spec(cell, H))
    module: nn.Module = netspec.to_torch(graph, seed=0).eval()
    ours = folder / f"{cell}.onnx"
    ours.write_bytes(netspec.to_onnx(graph, module).SerializeToString())
    if cell != "lstm":
        return {"netspec": ours, "dynamo": export(Scanned(module), folder / f"{cell}.scan.onnx", True)}
    peer = Lstm(module)
    return {
        "netspec": ours,
        "dynamo": export(peer, folder / "dynamo.onnx", True),
        "classic": export(peer, folder / "classic.onnx", False),
    }


def contents(path: Path) -> str:
    """The operators of a file, those in loop bodies after it."""
    graph = onnx.load(path).graph
    bodies = [a.g for node in graph.node for a in node.attribute if a.HasField("g")]
    inside = ", ".join(
        f"{sum(n.op_type == name for n in body.node)} {name}"
        for body in bodies
        for name in dict.fromkeys(n.op_type for n in body.node)
    )
    return operators(path) + (f" (in the loop {inside})" if inside else "")


def checked(sessions: Mapping[str, InferenceSession], x: np.ndarray) -> None:
    wanted, *others = (s.run(None, {"x": x})[0] for s in sessions.values())
    for other in others:
        assert np.abs(wanted - other).max() <= 1e-5, "the files give different outputs"


def measure(quick: bool) -> list[Figure]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for cell in ("lstm", *CELLS):
            paths = files(cell, Path(folder))
            more = {f"{name}'s file holds": contents(path) for name, path in paths.items()}
            sessions = {name: session(path) for name, path in paths.items()}
            sessions |= {f"{name} again": session(path) for name, path in paths.items() if name != "netspec"}
            for batch, inner in BATCHES.items():
                x = np.random.default_rng(0).standard_normal((batch, T, H), dtype=np.float32)
                checked(sessions, x)
                checked(sessions, x[:, :37])
                sides = {name: lambda s=s, x=x: s.run(None, {"x": x}) for name, s in sessions.items()}
                in_turn(sides, 2, inner=inner, rest=REST)
                times = in_turn(sides, 4 if quick else 24, inner=inner, rest=REST)
                best = min((name for name in paths if name != "netspec"), key=lambda n: median(times[n]))
                what = f"onnxruntime latency, {cell}, {'native' if cell == 'lstm' else 'Scan'}, T={T} B={batch} H={H}"
                peer = f"`nn.LSTM`, torch's {best} exporter" if cell == "lstm" else "torch's own export of `scan`"
                found.append(
                    figure(
                        what,
                        peer,
                        times,
                        theirs=best,
                        control=f"{best} again",
                        bound=1.0,
                        more=more if batch == 1 else {},
                    )
                )
    return found


if __name__ == "__main__":
    main("cells_onnx", measure)
