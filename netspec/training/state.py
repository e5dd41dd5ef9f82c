"""How far a training is, as a checkpoint holds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from netspec.recipe.config import TrainConfig
from netspec.source.records import Above, Count, NotNegative, Positive


@dataclass(frozen=True)
class Scaler:
    """What `torch.amp.GradScaler` keeps."""

    scale: Above
    growth_factor: Above
    backoff_factor: Above
    growth_interval: Positive
    _growth_tracker: Count


@dataclass
class Progress:
    """How far a training is.  Every number that a later step depends on is here or among the tensors."""

    epoch: Count = 0  # finished epochs
    batch: Count = 0  # finished batches of the next one
    step: Count = 0  # optimizer steps in all
    loss_sums: list[float] = field(default_factory=list)  # of the epoch so far, per output: batch losses times counts
    counts: list[Count] = field(default_factory=list)  # of the epoch so far, per output: what the mean is over
    running: float | None = None  # Q
    settled: list[float] = field(default_factory=list)  # Q at the end of the last epochs
    best: float | None = None  # the monitored loss at its lowest
    best_epoch: Count = 0
    mark: float | None = None  # the loss that patience compares with
    waited: Count = 0  # epochs since then
    stopped: str = ""  # why the training ended before its last epoch
    seconds: NotNegative = 0.0
    scaler: Scaler | None = None  # with `precision: fp16`

    def misfits(self, config: TrainConfig, steps: int) -> Iterator[tuple[str, str]]:
        """Field, and what a training of `steps` batches an epoch can have there."""
        outputs = len(config.losses)
        last = 0 if self.epoch == config.epochs else steps
        settle = config.stop.settle.epochs if config.stop and config.stop.settle else 0
        for name, fits, expected in (
            ("epoch", self.epoch <= config.epochs, f"at most {config.epochs}"),
            ("batch", self.batch <= last, f"at most {last}"),
            ("step", self.step <= self.epoch * steps + self.batch, "at most as many as there were batches"),
            ("loss_sums", len(self.loss_sums) == len(self.counts), "as many numbers as `counts` has"),
            ("counts", self._counted(outputs, config.bptt is not None), f"{outputs} of a begun epoch, else none"),
            ("running", (self.running is None) == (self.step == 0), "a number once there was a step"),
            ("settled", len(self.settled) <= settle, f"at most {settle} numbers"),
            ("best", (self.best is None) == (self.epoch == 0), "a number once there was an epoch"),
            (
                "best_epoch",
                bool(self.best_epoch) == bool(self.epoch) and self.best_epoch <= self.epoch,
                f"an epoch that was finished, of {self.epoch}",
            ),
            ("mark", (self.mark is None) == (config.stop is None or not self.epoch), "a number with `stop` alone"),
            ("waited", self.waited <= self.epoch, f"at most {self.epoch}"),
            ("scaler", (self.scaler is None) == (config.precision != "fp16"), "something with `fp16` alone"),
        ):
            if not fits:
                yield name, expected

    def _counted(self, outputs: int, pieces: bool) -> bool:
        """Pieces of sequences in which nothing has a target leave no count."""
        return len(self.counts) == (outputs if self.batch else 0) or (pieces and not self.counts)
