"""The samples that a network learns from and is tested on: those of its `data`, in the parts they had in its run."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from netspec.data.config import DataConfig
from netspec.data.dataset import load_dataset
from netspec.data.fingerprint import Fingerprint
from netspec.data.location import hint_at
from netspec.data.network import Network
from netspec.data.parts import Dataset
from netspec.data.preprocess import Preprocess
from netspec.graph.sequence_lengths import lengths_inputs
from netspec.recipe.config import TrainConfig
from netspec.source.errors import NetspecError
from netspec.spec import Spec
from netspec.training.entries import entries_of
from netspec.training.info import read_info
from netspec.training.runs import read_fingerprint, read_preprocess


def network_of(spec: Spec, config: TrainConfig) -> Network:
    """What the data has to fit."""
    kinds = config.target_kinds
    outputs = {name: type_ for name, type_ in spec.output_types().items() if name in kinds}
    return Network(spec.inputs, outputs, kinds, spec.folder, entries_of(spec), lengths_inputs(spec), spec.lengths)


def dataset_of(
    spec: Spec,
    data: DataConfig,
    config: TrainConfig,
    preprocess: Preprocess | None = None,
    first: Fingerprint | None = None,
    needed: Collection[str] | None = None,
) -> Dataset:
    """`preprocess`, `first`: what a run measured, and the data it began with; `needed`: parts that may not be empty.

    Raises NS602 to NS608 at the place in the `data` section.
    """
    return load_dataset(data, network_of(spec, config), preprocess, first, needed)


def dataset_of_run(
    folder: Path, spec: Spec, data: DataConfig, config: TrainConfig, allow_changed: bool
) -> tuple[Dataset, str]:
    """The data of a run to go on with, and what of it is not as it was; every sample is in the part it was in then.

    Raises NS609 when there is such a change, unless it is allowed.
    """
    first = read_fingerprint(folder)
    with hint_at(read_info(folder).folder):
        dataset = dataset_of(spec, data, config, read_preprocess(folder, spec), first)
    changed = first.change(dataset.fingerprint)
    if changed and not allow_changed:
        raise NetspecError(
            "NS609",
            f"the data is not what the run began with: {changed}",
            data.span_at("source"),
            hint="put it back as it was or start a new run; with --allow-changed-data the samples that are left go on "
            "in their parts, and new ones are in none",
        )
    return dataset, changed
