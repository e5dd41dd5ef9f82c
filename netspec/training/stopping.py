"""When a training ends before its last epoch."""

from __future__ import annotations

from netspec.recipe.config import Stop
from netspec.training.state import Progress


def apply_stop_rules(stop: Stop, progress: Progress, monitored: float) -> None:
    """After an epoch with this loss of the validation part (or of the training part): `progress.stopped` says why."""
    if progress.mark is None or monitored < progress.mark - stop.min_delta:
        progress.mark, progress.waited = monitored, 0
    else:
        progress.waited += 1
    if stop.patience is not None and progress.waited >= stop.patience:
        progress.stopped = f"no better loss in {progress.waited} epochs"
    if stop.settle is not None and progress.running is not None:
        progress.settled = [*progress.settled, progress.running][-stop.settle.epochs :]
        spread = max(progress.settled) - min(progress.settled)
        if len(progress.settled) == stop.settle.epochs and spread <= stop.settle.tolerance * abs(progress.running):
            progress.stopped = f"the running loss has settled at {progress.running:.4g}"
