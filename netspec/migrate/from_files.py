"""From files to weights: the old network read, paired with the new one, and its weights carried over."""

from __future__ import annotations

from pathlib import Path

from netspec.migrate.migration import Fate, Migration, migrate
from netspec.migrate.old_network import OldNetwork, read_old_network
from netspec.review.match.networks import match
from netspec.source.errors import NetspecError
from netspec.source.memory import memory
from netspec.spec import Spec


@memory("while carrying the weights over")
def migrate_files(
    old: Path, new: Spec, network: Spec | None = None, noise: float = 0.0, seed: int = 0
) -> tuple[OldNetwork, Migration]:
    """`network`: what a safetensors file has the weights of.  Raises NS641 where no tensor fits, and as
    `read_old_network` does."""
    source = read_old_network(old, network, new)
    migration = migrate(match(source.graph, new), source.tensors, seed=seed, noise=noise)
    if not any(t.trainable for fate in (Fate.CARRIED, Fate.SLICED, Fate.WIDENED) for t in migration.of(fate)):
        hint = f"`netspec diff {old} …` shows how the networks differ"
        raise NetspecError("NS641", f"no tensor of {source.graph.name} fits {new.name}", name=str(old), hint=hint)
    return source, migration
