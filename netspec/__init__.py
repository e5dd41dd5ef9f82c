"""netspec: a declarative architecture compiler.

`load` compiles a YAML file to a graph with shapes, without importing torch; `to_torch`, `to_onnx`, `diff` and
`train` take it from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.graph.model import Graph
from netspec.source.errors import NetspecError
from netspec.spec import Spec, load
from netspec.version import VERSION as __version__  # noqa: N811 - as packages have it

if TYPE_CHECKING:
    from rich.console import Console

    from netspec.training.runs import Run
    from netspec.training.start import Start

__all__ = ["Graph", "NetspecError", "__version__", "diff", "load", "to_onnx", "to_torch", "train"]

_LAZY = {  # what needs a heavier import than `load` does
    "to_torch": "netspec.backends.torch.module",
    "to_onnx": "netspec.backends.onnx.model",
    "diff": "netspec.review.diff",
}


def _picture(graph: Graph) -> str:
    """The network as SVG; drawing is imported when the first is shown."""
    from netspec.report.plot.svg import svg

    return svg(graph)


Graph.picture = staticmethod(_picture)


def train(
    graph: Spec,
    *,
    run: Path | str | None = None,
    resume: bool = False,
    device: str = "auto",
    console: Console | None = None,
    file: str = "FILE",
    allow_changed_data: bool = False,
    data_at: Path | str | None = None,
    start: Start | None = None,
    options: Sequence[str] = (),
) -> Run:
    """Train a network as its `data` and `train` sections say.

    `run`: the folder to write (default: `runs/<name>-<n>`); `resume`: go on with it, or begin where it is not there
    yet; `device`: auto, cpu, cuda or cuda:N; `console`: where to show progress and results (default: nowhere); `file`:
    what the command to go on with calls the netspec file, and `options` what else it has; `allow_changed_data`: go on
    though the data is not what the run began with; `data_at`: where the data of a run to go on with is now, or the
    folder its path is relative to; `start`: the weights to begin with, in place of fresh ones.
    After Ctrl-C, SIGTERM or SIGHUP the run's status is "interrupted".
    Raises NS6xx.
    """
    from contextlib import AbstractContextManager, nullcontext

    from netspec.training.events import Listener, silent
    from netspec.training.train import train as run_training

    display: AbstractContextManager[Listener] = nullcontext(silent)
    if console is not None:
        from netspec.report.training import TrainingDisplay

        display = TrainingDisplay(console, file, options)
    with display as listener:
        return run_training(
            graph,
            run=run,
            resume=resume,
            device=device,
            file=file,
            allow_changed_data=allow_changed_data,
            data_at=data_at,
            start=start,
            listener=listener,
        )


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in _LAZY:
        raise AttributeError(f"module 'netspec' has no attribute '{name}'")
    from importlib import import_module

    function: Callable[..., Any] = getattr(import_module(_LAZY[name]), name)
    globals()[name] = function
    return function
