"""The sizes of symbolic axes at which a network is tried."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import torch

import netspec
from netspec.graph.model import Graph
from tests.differential.case import REFUSALS, DiffersError, run
from tests.differential.draw import text_of
from tests.differential.reference.network import Network, Store
from tests.differential.trial import Trial, axes_of, inputs_of


def trials_of(
    document: Mapping[str, Any], network: Network, store: Store, rng: random.Random, graph: Graph | None = None
) -> tuple[list[Trial], list[Trial]]:
    """The shortest axes at which the reference runs, others, and a batch of 1, 2 and 5 among them; and trials at which
    the reference runs, though the graph says that it does not allow such lengths.
    """
    names = axes_of(document)
    found: list[Trial] = []
    refused: list[Trial] = []

    def runs(trial: Trial) -> bool:
        kept = store.kept()
        try:
            outputs = run(network, store, inputs_of(document, trial), trial, torch.float64)
        except REFUSALS:
            store.restore(kept)
            return False
        if not all(y.numel() for y in outputs.values()):
            return False
        if graph is not None and not graph.lengths.allows({"B": trial.batch, **dict(trial.axes)}):
            refused.append(trial)
            return False
        return True

    batches = [1, 2, 5]
    rng.shuffle(batches)
    if not names:
        return [t for t in (Trial(batch, (), rng.randrange(1000)) for batch in batches) if runs(t)], refused
    for size in (19, 11, 7):  # long axes first: what depends on the formula of a shape is decided there
        if runs(Trial(2, tuple((n, size + 2 * i) for i, n in enumerate(names)))):
            break
    shortest = next((s for s in (1, 2, 3, 4, 5, 6, 8, 11, 16) if runs(Trial(2, tuple((n, s) for n in names)))), None)
    if shortest is None:
        return [], refused
    for attempt in range(9):
        more = 0 if attempt < 3 and not found else 7
        sizes = tuple((n, shortest + rng.randint(0, more)) for n in names)
        trial = Trial(batches[attempt % 3], sizes, rng.randrange(1000))
        if all(sizes != other.axes for other in found) and runs(trial):
            found.append(trial)
        if len(found) == 3:
            break
    return found, refused


def neither_runs(document: Mapping[str, Any], module: torch.nn.Module, network: Network, store: Store) -> None:
    """The reference runs at no size that was tried: where it refuses this one, netspec's module may not run either."""
    names = axes_of(document)
    trial = Trial(2, tuple((n, 6) for n in names))
    try:
        run(network, store, inputs_of(document, trial), trial, torch.float64)
        return  # with these lengths of sequences, not with those tried
    except REFUSALS:
        pass
    given = {n: x.float() if x.is_floating_point() else x for n, x in inputs_of(document, trial).items()}
    try:
        with torch.no_grad():
            module.eval()(**given)
    except netspec.NetspecError:
        return
    except REFUSALS as error:
        raise DiffersError("unsaid", f"what netspec loads torch refuses, at {trial.text()}: {error}") from None
    raise DiffersError("accepts", f"netspec runs what torch refuses, at {trial.text()}")


def check_refused(document: Mapping[str, Any], graph: Graph, module: torch.nn.Module, trial: Trial) -> None:
    """What the graph does not allow its module refuses, and so is the same network with the numbers for names."""
    sizes = dict(trial.axes)
    tries = {"runs": lambda: module(**inputs_of(document, trial))}
    if not graph.lengths.allows(sizes):  # whatever the batch
        tries["is allowed by number"] = lambda: netspec.load(text_of(_numbered(document, sizes)))
    for what, attempt in tries.items():
        try:
            attempt()
        except netspec.NetspecError:
            continue
        raise DiffersError("lengths", f"{trial.text()} {what}, though the network takes {graph.lengths.text()}")


def _numbered(tree: Any, axes: Mapping[str, int]) -> Any:
    """The same document with numbers in place of axes."""
    if isinstance(tree, Mapping):
        return {key: _numbered(value, axes) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_numbered(value, axes) for value in tree]
    return axes.get(tree, tree) if isinstance(tree, str) else tree
