"""onnxruntime latency of resnet18 as netspec exports it, against the file that torch's own exporter writes.

The same session options, threads and inputs; outputs compared first.  What each file and each session's optimised graph
holds is counted, for the note below the table.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from benchmarks.command import main
from benchmarks.export import export_netspec, export_torch, network
from benchmarks.measure import Figure, figure, in_turn

REST = 0.02  # seconds: onnxruntime's threads spin for a while after a run, and would take a core from the other session


def session(path: Path) -> onnxruntime.InferenceSession:
    """With onnxruntime's defaults; the graph that it makes of the file is kept beside it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(path.with_suffix(".optimised.onnx"))
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def operators(path: Path) -> str:
    """`20 Conv, 17 Relu, …`"""
    counts = Counter(node.op_type for node in onnx.load(path, load_external_data=False).graph.node)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def measure(quick: bool) -> list[Figure]:
    graph, module = network("resnet18")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "netspec.onnx", Path(folder) / "torch.onnx"
        export_netspec(graph, module, ours)
        export_torch(module, theirs)
        sessions = {"netspec": session(ours), "torch": session(theirs), "torch again": session(theirs)}
        more = {}
        for name, path in (("netspec's", ours), ("torch's", theirs)):
            more[f"{name} file holds"] = operators(path)
            more[f"onnxruntime makes of {name}"] = operators(path.with_suffix(".optimised.onnx"))
        for batch, inner in ((1, 10), (8, 2)):
            x = np.random.default_rng(0).standard_normal((batch, 3, 224, 224), dtype=np.float32)
            a, b = (sessions[name].run(None, {"image": x})[0] for name in ("netspec", "torch"))
            assert np.abs(a - b).max() <= 1e-4 * np.abs(b).max(), "the two files give different outputs"
            sides = {name: lambda s=s, x=x: s.run(None, {"image": x}) for name, s in sessions.items()}
            in_turn(sides, 2, inner=inner, rest=REST)
            times = in_turn(sides, 8 if quick else 200, inner=inner, rest=REST)
            what = f"onnxruntime latency of resnet18, batch {batch}"
            found.append(
                figure(
                    what,
                    "torch's own export",
                    times,
                    theirs="torch",
                    control="torch again",
                    bound=1.02,
                    more=more if batch == 1 else {},
                )
            )
    return found


if __name__ == "__main__":
    main("latency", measure)
