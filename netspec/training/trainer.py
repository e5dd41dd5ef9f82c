"""A training in progress: steps, epochs, and checkpoints now and then."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from netspec.data.parts import Dataset
from netspec.recipe.config import TrainConfig
from netspec.recipe.optimizers.base import LooksAhead
from netspec.source.errors import NetspecError
from netspec.source.text import Span
from netspec.training.batches import Batch, Batches
from netspec.training.checkpoint import Progress, Scaler, load_checkpoint, save_checkpoint
from netspec.training.chunks import Chunks
from netspec.training.info import EpochLine
from netspec.training.interrupt import on_interrupt
from netspec.training.progress import REFRESH, Display
from netspec.training.runs import BEST, CHECKPOINT, LAST, MetricsFile
from netspec.training.score import Scorer
from netspec.training.weights import Weights, save_weights, shared_names

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
    """A training in progress: the module, the optimiser, how far it is, and the best weights so far."""

    def __init__(self, config: TrainConfig, module: nn.Module, dataset: Dataset, scorer: Scorer, device: torch.device,
                 folder: Path, spec: str, bptt_span: Span | None = None, least: int = 1) -> None:  # fmt: skip
        """`least`: a last batch of fewer samples is left out."""
        self.config = config
        self.module = module.to(device)
        self.device = device
        self.folder = folder
        self.spec = spec
        self.scorer = scorer
        self.parts = {name: Batches.of(part, config.batch_size, device, least) for name, part in dataset.parts.items()}
        train_part = self.parts["train"]
        self.chunks = Chunks.of(train_part, config.bptt, bptt_span) if config.bptt else None
        self.steps = (self.chunks or train_part).steps  # an epoch
        self.params = [p for p in module.parameters() if p.requires_grad]
        if not self.params:
            raise NetspecError("NS612", "there is nothing to train: the network has no weights that are not frozen",
                               hint="remove `freeze` from a layer")  # fmt: skip
        self.optimizer = config.optimizer.to_torch(self.params)
        self.scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
        self.progress = Progress()
        self.best: Weights | None = None
        self.pending: list[Tensor] = []  # losses of batches, per output, still on the device
        self.numbers: list[int] = []  # which batches
        self.counts: list[list[Tensor | int]] = []  # over how much each of these losses is a mean
        self.carried: Carried | None = None  # while an epoch with `bptt` runs
        self._carry_on: Weights = {}  # what the first epoch after a resume begins with
        self.interrupted = 0  # by which signal
        self._began = time.perf_counter()
        self._next_save = self._began + FIRST_SAVE
        self._next_show = self._began + REFRESH
        self._next = 0.0  # when `_tick` has something to do
        self._best_saved = False

    # the loop

    def run(self, display: Display, metrics: MetricsFile) -> None:
        """Train to the end, or raise `Interrupted` with everything saved."""
        self.display, self.metrics = display, metrics
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
        """One step of the optimiser for each."""
        config, progress, module, params, optimizer = (
            self.config,
            self.progress,
            self.module,
            self.params,
            self.optimizer,
        )
        steps = self.steps
        begun = progress.epoch * steps
        group, base, schedule = optimizer.param_groups[0], config.optimizer.lr, config.schedule
        ahead = optimizer if isinstance(optimizer, LooksAhead) else None
        scaler = self.scaler if self.scaler.is_enabled() else None
        mixed = self.scorer.mixed
        losses_of, counts_of, alone = self.scorer.losses.each, self.scorer.losses.counts, self.scorer.losses.alone
        pending, numbers, counts = self.pending, self.numbers, self.counts
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
                loss.backward()  # type: ignore[no-untyped-call]
            else:
                scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
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
            pending.append(losses.detach())
            counts.append(counts_of(targets))
            progress.batch += 1
            numbers.append(progress.batch)
            progress.step += 1
            if clock() >= self._next:
                self._tick()

    def _fetch(self) -> None:
        """Bring the pending losses into the running sums, one by one: the order of additions is always the same.

        Raises NS623 at the first loss that is not finite.
        """
        if not self.pending:
            return
        progress, rate = self.progress, self.config.rate
        found = torch.stack(self.pending).double()
        per_output = found.reshape(len(found), -1).tolist()
        for batch, losses, counts in zip(self.numbers, per_output, self._fetched_counts(), strict=True):
            loss = sum(losses)
            if not math.isfinite(loss):
                raise NetspecError("NS623", f"the loss is {loss} in epoch {progress.epoch + 1}, batch {batch}",
                                   hint="lower `lr`, add `clip: 1.0` or `standardize: true`; "
                                        "what was saved before is still there")  # fmt: skip
            progress.loss_sums = [s + x * n for s, x, n in zip(progress.loss_sums or [0.0] * len(losses), losses,
                                                               counts, strict=True)]  # fmt: skip
            progress.counts = [s + n for s, n in zip(progress.counts or [0] * len(counts), counts, strict=True)]
            progress.running = loss if progress.running is None else (1 - rate) * progress.running + rate * loss
        self.pending.clear()
        self.numbers.clear()
        self.counts.clear()

    def _fetched_counts(self) -> list[list[int]]:
        """In one transfer from the device."""
        flat = [n for row in self.counts for n in row]
        there = [n for n in flat if isinstance(n, Tensor)]
        fetched = iter(torch.stack(there).tolist() if there else ())
        numbers = iter([int(next(fetched)) if isinstance(n, Tensor) else n for n in flat])
        return [[next(numbers) for _ in row] for row in self.counts]

    def _close_epoch(self) -> None:
        """Validate, keep the best, decide whether to stop, write the line of the epoch."""
        self._fetch()
        config, progress = self.config, self.progress
        loss = sum(s / max(n, 1) for s, n in zip(progress.loss_sums, progress.counts, strict=True))
        progress.epoch += 1
        progress.batch, progress.loss_sums, progress.counts = 0, [], []
        # From the schedule, not from the optimiser: after a resume it may have made no step yet.
        factor = config.schedule.rate_factor(progress.epoch * self.steps - 1, self.steps, config.epochs)
        figures: dict[str, float] = {}
        monitored = loss
        if "validation" in self.parts:
            figures = self.scorer.score(self.module, self.parts["validation"])
            monitored = figures["loss"]
            if not math.isfinite(monitored):
                raise NetspecError("NS623", f"the validation loss is {monitored} after epoch {progress.epoch}",
                                   hint="lower `lr`; what was saved before is still there")  # fmt: skip
            self.display.epoch({"validation": monitored, **{k: v for k, v in figures.items() if k != "loss"}})
        if progress.best is None or monitored < progress.best:
            progress.best, progress.best_epoch = monitored, progress.epoch
            self._keep_best()
        self._decide(monitored)
        progress.seconds = time.perf_counter() - self._began
        self.metrics.add(EpochLine(progress.epoch, progress.step, config.optimizer.lr * factor, loss, progress.running,
                                   {**figures} if figures else None, round(progress.seconds, 3)))  # fmt: skip

    def _keep_best(self) -> None:
        state = self.module.state_dict()
        if self.best is None:
            again = shared_names(state)
            self.best = {name: tensor.detach().clone() for name, tensor in state.items() if name not in again}
        else:
            for name, tensor in self.best.items():
                tensor.copy_(state[name])
        self._best_saved = False

    def _decide(self, monitored: float) -> None:
        """The stop rules, after an epoch."""
        stop, progress = self.config.stop, self.progress
        if stop is None:
            return
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

    # now and then

    def _tick(self) -> None:
        now = time.perf_counter()
        if self.interrupted:
            self.save()
            raise Interrupted
        if now >= self._next_show:
            self._fetch()
            self.display.show(self.progress)
            self._next_show = time.perf_counter() + REFRESH
        if now >= self._next_save:
            self.save()
        self._next = min(self._next_show, self._next_save)

    def save(self) -> None:
        """Checkpoint, best and last weights.  Raises NS623 for weights that are not finite, NS624 when it cannot."""
        self._fetch()
        began = time.perf_counter()
        progress = self.progress
        for name, tensor in self.module.state_dict().items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                where = f"epoch {progress.epoch + 1}, batch {progress.batch}"
                raise NetspecError("NS623", f"{name} is not finite in {where}",
                                   hint="lower `lr` or add `clip: 1.0`; what was saved before is there")  # fmt: skip
        progress.seconds = began - self._began
        progress.scaler = Scaler(**self.scaler.state_dict()) if self.scaler.is_enabled() else None
        self.metrics.to_disk()
        save_checkpoint(
            self.folder / CHECKPOINT, self.spec, progress, self.module, self.optimizer, self.best, self.device,
            {} if self.carried is None else self.carried.state(),
        )  # fmt: skip
        if self.best is not None and not self._best_saved:
            save_weights(self.folder / BEST, self.module, self.best, epoch=str(progress.best_epoch))
            self._best_saved = True
        save_weights(self.folder / LAST, self.module, epoch=str(progress.epoch))
        now = time.perf_counter()
        self._next_save = now + PAUSE * (now - began)

    def resume(self, changed: bool = False) -> bool:
        """Put back the checkpoint, if the run has come as far as one.  Raises NS622.

        `changed`: the data is not what the run began with, so that an epoch that had begun begins again.
        """
        path = self.folder / CHECKPOINT
        if not path.exists():
            return False
        self.progress, self.best, self._carry_on = load_checkpoint(
            path, self.spec, self.config, sys.maxsize if changed else self.steps, self.module, self.optimizer,
            self.device,
        )  # fmt: skip
        if changed:
            self.progress.batch, self.progress.loss_sums, self.progress.counts, self._carry_on = 0, [], [], {}
        if self._carry_on:
            self._check_carried(path)
        if self.progress.scaler is not None:
            self.scaler.load_state_dict(asdict(self.progress.scaler))
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
                raise NetspecError("NS622", f"`carried.{name}` is of {len(state)} sequences, expected {rows}",
                                   name=str(path))  # fmt: skip

    def _interrupt(self, number: int = signal.SIGINT) -> None:
        self.interrupted = number
        self._next = 0.0
