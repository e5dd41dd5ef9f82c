"""Weights of another network, as `migrate` and `train --from` take and show them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netspec.cli.load import compiled
from netspec.cli.output import notes, show
from netspec.spec import Spec

if TYPE_CHECKING:
    from netspec.migrate.migration import Migration
    from netspec.migrate.old_network import OldNetwork
    from netspec.training.start import Start


def carried_weights(
    old: Path, new: Spec, of: Path | None, noise: float, *, seed: int = 0, quiet: bool
) -> tuple[OldNetwork, Migration]:
    """The table is printed; `of`: the netspec file of a safetensors file.  Raises as `migrate_files` does."""
    from netspec.migrate.from_files import migrate_files
    from netspec.report.migration import migration_lines, renamed_lines

    network, migration = migrate_files(old, new, compiled(str(of), None) if of else None, noise, seed)
    if not quiet:
        show(notes(network.notes))
        show([*renamed_lines(network.renamed), *migration_lines(migration, noise)])
    return network, migration


def carried_start(old: Path, new: Spec, of: Path | None, noise: float, *, quiet: bool) -> Start:
    """What a training begins with."""
    from netspec.migrate.migration import Fate
    from netspec.training.info import BegunFrom
    from netspec.training.start import Start

    seed = new.train.seed if new.train is not None else 0
    network, migration = carried_weights(old, new, of, noise, seed=seed, quiet=quiet)
    if not quiet:
        show([""])
    counts = {fate.value: len(migration.of(fate)) for fate in Fate}
    begun_from = BegunFrom(network.name, network.sha256, counts, migration.keeps_function)
    return Start(migration.tensors, begun_from)
