"""Learning curves as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from pathlib import Path
from typing import Any

from netspec.source.files import write_whole
from netspec.training.files import cannot_write
from netspec.training.info import EpochLine

TRAIN, VALIDATION, BEST, FAINT = "#4c72b0", "#dd8452", "#55a868", "#8c8c8c"


def draw_curves(path: Path, lines: Sequence[EpochLine], best_epoch: int, title: str) -> None:
    """One panel for the losses and one a metric, over the epochs, the best epoch marked.  Raises NS624."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    if not lines:
        return
    epochs = [line.epoch for line in lines]
    measured = {
        name: [line.validation[name] for line in lines if line.validation] for name in lines[-1].validation or ()
    }
    names = [name for name in measured if name != "loss"]
    figure = Figure(figsize=(5.2 * (1 + len(names)), 3.8), dpi=110, layout="constrained")
    panels = figure.subplots(1, 1 + len(names), squeeze=False)[0]
    marker = "o" if len(lines) < 3 else None  # a line of one point cannot be seen

    def line(axes: Any, values: Sequence[float | None], label: str, color: str) -> None:
        axes.plot(epochs, [nan if v is None else v for v in values], color=color, lw=1.8, label=label, marker=marker)

    loss = panels[0]
    line(loss, [entry.loss for entry in lines], "training", TRAIN)
    losses = [entry.loss for entry in lines]
    if "loss" in measured:
        line(loss, measured["loss"], "validation", VALIDATION)
        losses += [value for value in measured["loss"] if value is not None]
    loss.set_ylabel("loss")
    if min(losses) > 0 and max(losses) > 30 * min(losses):
        loss.set_yscale("log")
    for axes, name in zip(panels[1:], names, strict=True):
        line(axes, measured[name], "validation", VALIDATION)
        axes.set_ylabel(name)
    for axes in panels:
        axes.axvline(best_epoch, color=BEST, lw=1.2, ls="--", label=f"best, epoch {best_epoch}", zorder=0)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
        axes.grid(color="#e6e6e6", lw=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    figure.suptitle(title, fontsize=11)
    write_whole(path, lambda file: figure.savefig(file, format="png"), cannot_write)
