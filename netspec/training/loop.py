"""A training in progress: steps, epochs, and checkpoints now and then."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from netspec.data.parts import Dataset
from netspec.recipe.config import TrainConfig
from netspec.recipe.optimizers.base import LooksAhead
from netspec.source.errors import NetspecError
from netspec.training.batch_losses import BatchLosses
from netspec.training.batches import Batch, Batches
from netspec.training.chunks import Chunks
from netspec.training.events import REFRESH, Listener, Stepped, Validated
from netspec.training.info import EpochLine
from netspec.training.interrupt import on_interrupt
from netspec.training.metrics_file import MetricsFile
from netspec.training.runs import CHECKPOINT
from netspec.training.saving import Saver
from netspec.training.score import Scorer
from netspec.training.state import Progress
from netspec.training.stopping import apply_stop_rules
from netspec.training.weights import Weights

FIRST_SAVE = 0.5  # seconds from the start to the first checkpoint
PAUSE = 50  # times as long as a checkpoint takes, training goes on before the next: at most 2 % of the time


class Interrupted(Exception):  # noqa: N818 - it is no error
    """Ctrl-C, or a signal like it: everything is saved."""


class Carried(Protocol):
    """The states that recurrent layers go on from: what `netspec.cells.run.carry.carrying` gives."""

    def reset(self) -> None: ...
    def state(self) -> Weights: ...
    def load(self, state: Weights) -> None: ...


class Trainer:
    """A training in progress: the module, the optimizer, how far it is, and the best weights so far."""

    def __init__(
        self,
        config: TrainConfig,
        module: nn.Module,
        dataset: Dataset,
        scorer: Scorer,
        device: torch.device,
        folder: Path,
        spec: str,
        least: int = 1,
    ) -> None:
        """`least`: a last batch of fewer samples is left out."""
        self.config = config
        self.module = module.to(device)
        self.device = device
        self.folder = folder
        self.scorer = scorer
        self.parts = {name: Batches.of(part, config.batch_size, device, least) for name, part in dataset.parts.items()}
        train_part = self.parts["train"]
        self.chunks = Chunks.of(train_part, config.bptt, config.span_at("bptt")) if config.bptt else None
        self.steps = (self.chunks or train_part).steps  # an epoch
        self.params = [p for p in module.parameters() if p.requires_grad]
        if not self.params:
            raise NetspecError(
                "NS612",
                "there is nothing to train: the network has no weights that are not frozen",
                hint="remove `freeze` from a layer",
            )
        self.optimizer = config.optimizer.to_torch(self.params)
        self.scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
        self.progress = Progress()
        self.saver = Saver(folder, spec, module, self.optimizer, self.scaler, device)
        self.losses = BatchLosses(config.rate)
        self.carried: Carried | None = None  # while an epoch with `bptt` runs
        self._carry_on: Weights = {}  # what the first epoch after a resume begins with
        self.interrupted = 0  # by which signal
        self._began = time.perf_counter()
        self._next_save = self._began + FIRST_SAVE
        self._next_show = self._began + REFRESH
        self._next = 0.0  # when `_tick` has something to do

    # the loop

    def run(self, listener: Listener, metrics: MetricsFile) -> None:
        """Train to the end, or raise `Interrupted` with everything saved."""
        self.listener, self.metrics = listener, metrics
        self._began = time.perf_counter() - self.progress.seconds
        self.module.train()
        with on_interrupt(self._interrupt):
            while self.progress.epoch < self.config.epochs and not self.progress.stopped:
                self._epoch()
                self._close_epoch()
                self._tick()
            self.save()

    def _epoch(self) -> None:
        """The batches, or with `bptt` the pieces, of one epoch that are left."""
        if self.chunks is None:
            self._train_on(self.parts["train"].shuffled(self.config.seed, self.progress.epoch, self.progress.batch))
            return
        from netspec.cells.run.carry import carrying

        with carrying(self.module) as carried:
            carried.load(self._carry_on)
            self._carry_on = {}
            self.carried = carried
            self._train_on(self._pieces(self.chunks, carried))
            self.carried = None

    def _pieces(self, chunks: Chunks, carried: Carried) -> Iterator[Batch]:
        """The pieces that are left, the state carried from one to the next of the same sequences."""
        for chunk in chunks.shuffled(self.config.seed, self.progress.epoch, self.progress.batch):
            if chunk.fresh:
                carried.reset()
            self.progress.batch = chunk.index
            if chunk.empty:
                with torch.no_grad(), self.scorer.mixed():
                    self.module(*chunk.inputs)
                self.progress.batch += 1
            else:
                yield chunk.inputs, chunk.targets

    def _train_on(self, batches: Iterator[Batch]) -> None:
        """One step of the optimizer for each."""
        config, progress, steps = self.config, self.progress, self.steps
        module, params, optimizer = self.module, self.params, self.optimizer
        begun = progress.epoch * steps
        group, base, schedule = optimizer.param_groups[0], config.optimizer.lr, config.schedule
        ahead = optimizer if isinstance(optimizer, LooksAhead) else None
        scaler = self.scaler if self.scaler.is_enabled() else None
        mixed = self.scorer.mixed
        losses_of, counts_of, alone = self.scorer.losses.each, self.scorer.losses.counts, self.scorer.losses.alone
        add = self.losses.add
        clock = time.perf_counter
        for inputs, targets in batches:
            group["lr"] = base * schedule.rate_factor(begun + progress.batch, steps, config.epochs)
            for p in params:
                p.grad = None
            if ahead is not None:
                ahead.look_ahead()
            with mixed():
                losses = losses_of(module(*inputs), targets)
                loss = losses if alone else losses.sum()
            if scaler is None:
                loss.backward()  # type: ignore[no-untyped-call]  # torch's own
            else:
                scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch's own
                scaler.unscale_(optimizer)
            if ahead is not None:
                ahead.come_back()
            if config.clip is not None:
                nn.utils.clip_grad_norm_(params, config.clip)
            if scaler is None:
                optimizer.step()
            else:
                scaler.step(optimizer)
                scaler.update()
            progress.batch += 1
            add(losses, counts_of(targets), progress.batch)
            progress.step += 1
            if clock() >= self._next:
                self._tick()

    def _close_epoch(self) -> None:
        """Validate, keep the best, decide whether to stop, write the line of the epoch."""
        self.losses.fetch(self.progress)
        config, progress = self.config, self.progress
        loss = sum(s / max(n, 1) for s, n in zip(progress.loss_sums, progress.counts, strict=True))
        progress.epoch += 1
        progress.batch, progress.loss_sums, progress.counts = 0, [], []
        # From the schedule, not from the optimizer: after a resume it may have made no step yet.
        factor = config.schedule.rate_factor(progress.epoch * self.steps - 1, self.steps, config.epochs)
        figures: dict[str, float] = {}
        monitored = loss
        if "validation" in self.parts:
            figures = self.scorer.score(self.module, self.parts["validation"])
            monitored = figures["loss"]
            if not math.isfinite(monitored):
                raise NetspecError(
                    "NS623",
                    f"the validation loss is {monitored} after epoch {progress.epoch}",
                    hint="lower `lr`; what was saved before is still there",
                )
            self.listener(Validated(figures))
        if progress.best is None or monitored < progress.best:
            progress.best, progress.best_epoch = monitored, progress.epoch
            self.saver.keep_best()
        if config.stop is not None:
            apply_stop_rules(config.stop, progress, monitored)
        progress.seconds = time.perf_counter() - self._began
        self.metrics.add(
            EpochLine(
                progress.epoch,
                progress.step,
                config.optimizer.lr * factor,
                loss,
                progress.running,
                {**figures} if figures else None,
                round(progress.seconds, 3),
            )
        )

    # now and then

    def _tick(self) -> None:
        now = time.perf_counter()
        if self.interrupted:
            self.save()
            raise Interrupted
        if now >= self._next_show:
            self.losses.fetch(self.progress)
            self.listener(Stepped(self.progress.epoch, self.progress.batch, self.progress.running))
            self._next_show = time.perf_counter() + REFRESH
        if now >= self._next_save:
            self.save()
        self._next = min(self._next_show, self._next_save)

    def save(self) -> None:
        """Checkpoint, best and last weights.  Raises NS623 for weights that are not finite, NS624 when it cannot."""
        self.losses.fetch(self.progress)
        began = time.perf_counter()
        self.progress.seconds = began - self._began
        self.metrics.to_disk()
        self.saver.save(self.progress, {} if self.carried is None else self.carried.state())
        now = time.perf_counter()
        self._next_save = now + PAUSE * (now - began)

    def resume(self, changed: bool = False) -> bool:
        """Put back the checkpoint, if the run has come as far as one.  Raises NS622.

        `changed`: the data is not what the run began with, so that an epoch that had begun begins again.
        """
        state = self.saver.resume(self.config, sys.maxsize if changed else self.steps)
        if state is None:
            return False
        self.progress, self._carry_on = state
        if changed:
            self.progress.batch, self.progress.loss_sums, self.progress.counts, self._carry_on = 0, [], [], {}
        if self._carry_on:
            self._check_carried(self.folder / CHECKPOINT)
        return True

    def _check_carried(self, path: Path) -> None:
        from netspec.cells.run.carry import carrying

        assert self.chunks is not None  # a checkpoint without `bptt` has none
        rows = self.chunks.rows(max(self.progress.batch - 1, 0))
        try:
            with carrying(self.module) as carried:
                carried.load(self._carry_on)
        except NetspecError as error:
            raise NetspecError("NS622", f"`carried`: {error.problems[0].message}", name=str(path)) from None
        for name, state in self._carry_on.items():
            if len(state) != rows:
                raise NetspecError(
                    "NS622", f"`carried.{name}` is of {len(state)} sequences, expected {rows}", name=str(path)
                )

    def _interrupt(self, number: int = signal.SIGINT) -> None:
        self.interrupted = number
        self._next = 0.0
