"""`train`: from a spec with `data` and `train` to a run folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from netspec.backends.torch.module import to_torch
from netspec.data.location import relocated
from netspec.data.preprocess import Preprocess
from netspec.frontend.origin import origin_of
from netspec.frontend.resolved import text_hash
from netspec.graph.cost import params_of, total
from netspec.graph.digest import digests
from netspec.graph.model import Graph
from netspec.recipe.config import TrainConfig
from netspec.recipe.optimizers.base import Optimizer
from netspec.source.errors import NetspecError
from netspec.source.memory import memory, require_memory
from netspec.spec import Spec
from netspec.training.batch_of_one import least_batch
from netspec.training.batches import Batches
from netspec.training.checkpoint import optimizer_entries
from netspec.training.claim import claimed
from netspec.training.curves import draw_curves
from netspec.training.device import pick_device
from netspec.training.events import Began, Finished, Listener, StepsEnded, silent
from netspec.training.info import Resumed, RunInfo, read_info
from netspec.training.interrupt import ending
from netspec.training.loop import Interrupted, Trainer
from netspec.training.metrics_file import METRICS, MetricsFile, read_metrics
from netspec.training.run_data import dataset_of, dataset_of_run
from netspec.training.runs import (
    BEST,
    CURVES,
    INITIAL,
    Run,
    begin,
    check_same,
    describe_run,
    differences,
    finish,
    has_begun,
    note_resume,
    running,
)
from netspec.training.score import Scorer
from netspec.training.start import Start, check_start, read_start, write_start
from netspec.training.weights import put_weights


@memory("while training", "the device", "lower `batch_size`, or the sizes of layers")
def train(
    spec: Spec,
    *,
    run: Path | str | None = None,
    resume: bool = False,
    device: str = "auto",
    file: str = "FILE",
    allow_changed_data: bool = False,
    data_at: Path | str | None = None,
    start: Start | None = None,
    listener: Listener = silent,
) -> Run:
    """Train a network as its `data` and `train` sections say, and tell `listener` how far it is.

    The rest is as `netspec.train` has it.  Raises NS6xx.
    """
    data, config = spec.learning(file)
    if data_at is not None:
        data = relocated(data, Path(data_at))
    resolved = spec.resolved
    where = pick_device(device, config.precision)
    with ending(), claimed(spec.name, None if run is None else Path(run), resume) as folder:
        if resume:
            resolved = check_same(folder, resolved)
        spec_hash = text_hash(resolved)
        start = read_start(folder) if resume else start
        begun = has_begun(folder)
        if begun:
            dataset, changed = dataset_of_run(folder, spec, data, config, allow_changed_data)
        else:
            dataset, changed = dataset_of(spec, data, config), ""
        if where.type == "cpu":
            require_memory(
                bytes_to_train(spec, config.optimizer),
                "for the weights, their gradients, what the optimizer keeps and the best weights",
                "lower the sizes of layers: `netspec summary` shows them",
            )
        part = dataset.parts["train"]
        least = least_batch(spec, part, data, config)
        left_out = Batches.of(part, config.batch_size, torch.device("cpu"), least).left_out
        info = describe_run(spec, spec_hash, config.seed, where, left_out, start.begun_from if start else None)
        module = to_torch(spec, seed=config.seed)
        if start is not None:
            start.put(module, str(folder / INITIAL))
        if begun:
            check_start(folder, read_info(folder), start)
        else:
            if start is not None and not resume:
                write_start(folder, start)
            preprocess = with_probabilities(dataset.preprocess, config)
            identified = replace(info, origin=origin_of(spec.document), digests=digests(spec))
            begin(folder, resolved, preprocess.to_json(), dataset.fingerprint.to_bytes(), identified)
        with running(folder), torch.random.fork_rng([where] if where.type == "cuda" else []):
            torch.manual_seed(config.seed)
            scorer = Scorer.of(config, dataset.preprocess.outputs, len(spec.outputs), where)
            trainer = Trainer(
                config,
                module,
                dataset,
                scorer,
                where,
                folder,
                spec_hash,
                least,
            )
            resumed = _resume(trainer, info, changed) if resume else None
            listener(
                Began(
                    spec.name,
                    folder,
                    sum(p.numel() for p in trainer.params),
                    {name: batches.extent for name, batches in trainer.parts.items()},
                    str(trainer.device),
                    config.epochs,
                    trainer.steps,
                    left_out,
                    resumed.differs if resumed else [],
                    resumed.epoch if resumed else None,
                    resume and resumed is None,
                )
            )
            return _run(trainer, spec.name, listener)


def _resume(trainer: Trainer, now: RunInfo, changed: str) -> Resumed | None:
    """Go on from the checkpoint in the folder, and note there what is not as it was; None: there is no checkpoint."""
    if not trainer.resume(bool(changed)):
        return None
    differs = [*differences(read_info(trainer.folder), now), *([f"data: {changed}"] if changed else [])]
    resumed = Resumed(now.started, trainer.progress.epoch, differs)
    note_resume(trainer.folder, resumed)
    return resumed


def bytes_to_train(graph: Graph, optimizer: Optimizer) -> int:
    """Each weight as it is and as it was best, its gradient, and what the optimizer keeps of it; float32."""
    likes = sum(like is None for like in optimizer_entries(optimizer).values())
    return 4 * (total(graph).params * 2 + sum(params_of(graph, n, frozen=False) for n in graph.layers()) * (1 + likes))


def with_probabilities(preprocess: Preprocess, config: TrainConfig) -> Preprocess:
    """Says of which outputs probabilities can be had: those trained by maximum likelihood."""
    likely = {name for name, loss in config.losses.items() if loss.likelihood}
    outputs = {name: replace(rule, probable=name in likely) for name, rule in preprocess.outputs.items()}
    return replace(preprocess, outputs=outputs)


def _run(trainer: Trainer, name: str, listener: Listener) -> Run:
    """All steps, the best weights on every part, and what the folder keeps of them."""
    config, folder, progress = trainer.config, trainer.folder, trainer.progress
    metrics = MetricsFile(folder / METRICS, progress.epoch)
    results: dict[str, dict[str, float]] = {}
    status: Literal["finished", "interrupted"] = "finished"
    try:
        hint = "lower `batch_size`; what was saved before is still there"
        with memory(f"with batches of {config.batch_size}", str(trainer.device), hint):
            trainer.run(listener, metrics)
    except Interrupted:
        status = "interrupted"
    except IndexError as error:
        raise NetspecError(
            "NS604",
            f"an input holds a number that the network has no entry for: {error}",
            hint="numbers of `embedding` go from 0 to `num_embeddings` − 1",
        ) from None
    finally:
        metrics.close()
    listener(StepsEnded())
    if status == "finished":
        assert trainer.saver.best is not None
        put_weights(trainer.module, trainer.saver.best, str(folder / BEST))
        results = {part: trainer.scorer.score(trainer.module, batches) for part, batches in trainer.parts.items()}
    reason = "interrupted" if status == "interrupted" else progress.stopped or "all epochs done"
    outcome = Run(
        folder, status, reason, progress.epoch, progress.best_epoch, progress.seconds, results, trainer.interrupted
    )
    finish(folder, outcome)
    title = f"{name} · {progress.step:,} steps"
    draw_curves(folder / CURVES, read_metrics(folder / METRICS, progress.epoch), progress.best_epoch, title)
    listener(Finished(outcome))
    return outcome
