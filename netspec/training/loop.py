"""`train`: from a graph with `data` and `train` sections to a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from netspec.backends.torch.module import to_torch
from netspec.data.location import relocated
from netspec.data.preprocess import Preprocess
from netspec.frontend.document import text_hash
from netspec.graph.cost import params_of, total
from netspec.graph.model import Graph
from netspec.recipe.config import TrainConfig
from netspec.recipe.optimizers.base import Optimizer
from netspec.source.errors import NetspecError
from netspec.source.memory import hold, memory
from netspec.spec import Spec
from netspec.training.batch_of_one import least_batch
from netspec.training.batches import Batches
from netspec.training.checkpoint import entries_kept
from netspec.training.claim import claimed
from netspec.training.curves import draw_curves
from netspec.training.device import pick_device
from netspec.training.interrupt import ending
from netspec.training.progress import Display
from netspec.training.report import show_interrupted, show_results
from netspec.training.runs import (
    BEST,
    CURVES,
    METRICS,
    MetricsFile,
    Run,
    begin,
    check_same,
    describe_run,
    differences,
    finish,
    has_begun,
    note_resume,
    read_info,
    read_metrics,
    running,
)
from netspec.training.samples import read_samples, samples_of_run
from netspec.training.score import Scorer
from netspec.training.trainer import Interrupted, Trainer
from netspec.training.weights import put_weights

if TYPE_CHECKING:
    from rich.console import Console


@memory("while training", "the device", "lower `batch_size`, or the sizes of layers")
def train(spec: Spec, *, run: Path | str | None = None, resume: bool = False, device: str = "auto",
          console: Console | None = None, file: str = "FILE", allow_changed_data: bool = False,
          data_at: Path | str | None = None, options: Sequence[str] = ()) -> Run:  # fmt: skip
    """Train a network as its `data` and `train` sections say.

    `run`: the folder to write (default: `runs/<name>-<n>`); `resume`: go on with it, or begin where it is not there
    yet; `device`: auto, cpu, cuda or cuda:N; `console`: where to show progress and results (default: nowhere); `file`:
    what the command to go on with calls the netspec file, and `options` what else it has; `allow_changed_data`: go on
    though the data is not what the run began with; `data_at`: where the data of a run to go on with is now, or the
    folder its path is relative to.
    After Ctrl-C, SIGTERM or SIGHUP the run's status is "interrupted".
    Raises NS2xx and NS6xx.
    """
    data, config = spec.learning(file)
    if data_at is not None:
        data = relocated(data, Path(data_at))
    resolved = spec.resolved
    where = pick_device(device, config.precision)
    with ending(), claimed(spec.name, None if run is None else Path(run), resume) as folder:
        if resume:
            check_same(folder, resolved)
        begun = has_begun(folder)
        if begun:
            dataset, changed = samples_of_run(folder, spec, data, config, allow_changed_data)
        else:
            dataset, changed = read_samples(spec, data, config), ""
        if where.type == "cpu":
            hold(bytes_to_train(spec, config.optimizer), "for the weights, their gradients, what the optimiser keeps "
                 "and the best weights", "lower the sizes of layers: `netspec summary` shows them")  # fmt: skip
        part = dataset.parts["train"]
        least = least_batch(spec, part, config, config.span_at("batch_size"), data.span_at("split"))
        left_out = Batches.of(part, config.batch_size, torch.device("cpu"), least).left_out
        info = describe_run(spec.folder, spec.name, resolved, config.seed, where, left_out)
        if not begun:
            preprocess = with_probabilities(dataset.preprocess, config)
            begin(folder, resolved, preprocess.to_json(), dataset.fingerprint.to_bytes(), info)
        with running(folder), torch.random.fork_rng([where] if where.type == "cuda" else []):
            torch.manual_seed(config.seed)
            scorer = Scorer.of(config, dataset.preprocess.outputs, len(spec.outputs), where)
            trainer = Trainer(
                config, to_torch(spec, seed=config.seed), dataset, scorer, where, folder, text_hash(resolved),
                config.span_at("bptt"), least,
            )  # fmt: skip
            went_on = resume and trainer.resume(bool(changed))
            if went_on:
                differs = [*differences(read_info(folder), info), *([f"data: {changed}"] if changed else [])]
                note_resume(folder, info.started, trainer.progress.epoch, differs)
                if differs and console is not None:
                    told = "; ".join(differs)
                    console.print(f"note: {told}: the weights will not be, bit by bit, those of a run left alone",
                                  highlight=False, markup=False, soft_wrap=True)  # fmt: skip
            return _run(trainer, spec, resume, went_on, console, file, options)


def bytes_to_train(graph: Graph, optimizer: Optimizer) -> int:
    """Each weight as it is and as it was best, its gradient, and what the optimiser keeps of it; float32."""
    likes = sum(like is None for like in entries_kept(optimizer).values())
    return 4 * (total(graph).params * 2 + sum(params_of(graph, n, frozen=False) for n in graph.layers()) * (1 + likes))


def with_probabilities(preprocess: Preprocess, config: TrainConfig) -> Preprocess:
    """Says of which outputs probabilities can be had: those trained by maximum likelihood."""
    likely = {name for name, loss in config.losses.items() if loss.likelihood}
    outputs = {name: replace(rule, probable=name in likely) for name, rule in preprocess.outputs.items()}
    return replace(preprocess, outputs=outputs)


def _run(
    trainer: Trainer,
    graph: Graph,
    resume: bool,
    went_on: bool,
    console: Console | None,
    file: str,
    options: Sequence[str],
) -> Run:
    config, folder, parts = trainer.config, trainer.folder, trainer.parts
    progress = trainer.progress
    if console is not None:
        from rich.markup import escape

        count = sum(p.numel() for p in trainer.params)
        extents = {name: batches.extent for name, batches in parts.items()}
        samples = ", ".join(f"{count:,} {name}" for name, (count, _) in extents.items())
        samples += " characters" if extents["train"][1] == "characters" else ""
        begin_at = f" · going on after epoch {progress.epoch}" if went_on else ""
        text = f"{count:,} weights · {samples} · {trainer.device}{begin_at}"
        console.print(f"[bold]{escape(graph.name)}[/bold] · {text}", highlight=False)
        if parts["train"].left_out:
            console.print(f"note: each epoch leaves out {parts['train'].left_out} sample, another each time: batch "
                          "norm has no variance in a last batch of one", highlight=False, soft_wrap=True)  # fmt: skip
        if resume and not went_on:
            console.print(f"nothing to resume in {escape(str(folder))}: a new run begins", highlight=False)
    metrics = MetricsFile(folder / METRICS, progress.epoch)
    results: dict[str, dict[str, float]] = {}
    status: Literal["finished", "interrupted"] = "finished"
    try:
        with (
            memory(f"with batches of {config.batch_size}", str(trainer.device),
                   "lower `batch_size`; what was saved before is still there"),
            Display(console, config.epochs, trainer.steps, parts["train"].extent) as display,
        ):  # fmt: skip
            trainer.run(display, metrics)
    except Interrupted:
        status = "interrupted"
    except IndexError as error:
        raise NetspecError("NS604", f"an input holds a number that the network has no entry for: {error}",
                           hint="numbers of `embedding` go from 0 to `num_embeddings` − 1") from None  # fmt: skip
    finally:
        metrics.close()
    if status == "finished":
        assert trainer.saver.best is not None
        put_weights(trainer.module, trainer.saver.best, str(folder / BEST))
        results = {name: trainer.scorer.score(trainer.module, batches) for name, batches in parts.items()}
    reason = "interrupted" if status == "interrupted" else progress.stopped or "all epochs done"
    outcome = Run(folder, status, reason, progress.epoch, progress.best_epoch, progress.seconds, results,
                  trainer.interrupted)  # fmt: skip
    finish(folder, outcome)
    title = f"{graph.name} · {trainer.progress.step:,} steps"
    draw_curves(folder / CURVES, read_metrics(folder / METRICS, progress.epoch), progress.best_epoch, title)
    if console is not None:
        if status == "interrupted":
            show_interrupted(console, outcome, config.epochs, file, options)
        else:
            show_results(console, outcome, {name: batches.extent for name, batches in parts.items()})
    return outcome
