"""From the `data` section to a data set ready to learn from: read, checked, split, standardised."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from netspec.data.arrays import check_entries
from netspec.data.config import DataConfig
from netspec.data.fingerprint import Fingerprint, fingerprint_of
from netspec.data.images import Images
from netspec.data.measure_scale import standardized_inputs, standardized_output
from netspec.data.network import Network
from netspec.data.parts import DataPart, Dataset, ImageRows
from netspec.data.preprocess import Array, InputRule, OutputRule, Preprocess
from netspec.data.raw import Raw
from netspec.data.split import ordered_indices, split_indices
from netspec.data.symbols import Symbols
from netspec.data.targets import encode_target
from netspec.data.valid_steps import check_sample_lengths
from netspec.source.errors import NetspecError
from netspec.source.memory import memory
from netspec.source.text import Span


@memory("while reading the data", hint="it is held in memory several times over: learn from less of it")
def load_dataset(
    config: DataConfig,
    network: Network,
    earlier: Preprocess | None = None,
    split: Fingerprint | None = None,
    needed: Collection[str] | None = None,
) -> Dataset:
    """Read, check, split and standardise; as an `earlier` run did, where there is one, and not by what is measured now.

    `split`: of an earlier run, whose samples stay in their parts; others are in none.  `needed`: the parts that may not
    be empty; when left out, all that have a share.

    Raises NS602 to NS608 at the place in the `data` section.
    """
    source = config.source if earlier is None else config.source.as_trained(earlier.inputs)
    raw = source.read(network)
    source_span = config.span_at("source")
    check_sample_lengths(raw.inputs, network, source_span)
    targets: dict[str, Array] = {}
    outputs: dict[str, OutputRule] = {}
    for name, target in raw.targets.items():
        classes = earlier.outputs[name].names if earlier is not None and name in earlier.outputs else ()
        targets[name], outputs[name] = encode_target(target, raw, network, name, classes)
    fingerprint = fingerprint_of(raw)
    if split is not None:
        indices = split.split(fingerprint.rows)
    elif raw.ordered:
        indices = ordered_indices(raw.count, config.split.shares())
    else:
        indices = split_indices(raw.count, config.split.shares(), config.split.seed, _groups(targets, outputs))
    _check_parts(indices, config, raw.count, split, needed)
    if earlier is not None:
        _check_classes(outputs, earlier, source_span)
        rules = dict(earlier.inputs)
        outputs = {n: replace(earlier.outputs[n], masked=r.masked, lengths=r.lengths) for n, r in outputs.items()}
    else:
        rules = standardized_inputs(raw, network, indices["train"]) if config.standardize else raw.rules
        if config.standardize == "both":
            train = {name: values[indices["train"]] for name, values in targets.items()}
            outputs = {name: standardized_output(rule, train[name]) for name, rule in outputs.items()}
    for name, rule in outputs.items():
        if rule.standard is not None:
            targets[name] = rule.standard.narrow(targets[name])
    rules = {name: replace(rule, entries=network.entries.get(name, 0)) for name, rule in rules.items()}
    for name, x in raw.inputs.items():
        if isinstance(x, np.ndarray):
            check_entries(x, rules[name].entries, f"input `{name}`", "NS604", source_span)
    preprocess = Preprocess(source.name, rules, outputs, raw.delimiter)
    return Dataset(_parts(raw, rules, targets, indices), preprocess, replace(fingerprint, parts=indices))


def _parts(
    raw: Raw, rules: Mapping[str, InputRule], targets: Mapping[str, Array], indices: Mapping[str, NDArray[np.int64]]
) -> dict[str, DataPart]:
    """The parts that have samples."""
    inputs = {n: x if isinstance(x, (Images, Symbols)) else rules[n].apply(x) for n, x in raw.inputs.items()}
    return {
        name: DataPart(
            {key: ImageRows(x, rows, rules[key]) if isinstance(x, Images) else x[rows] for key, x in inputs.items()},
            {key: y[rows] for key, y in targets.items()},
            len(rows),
            None if raw.lengths is None else raw.lengths[rows],
            raw.ordered,
        )
        for name, rows in indices.items()
        if len(rows)
    }


def _check_parts(
    indices: Mapping[str, NDArray[np.int64]],
    config: DataConfig,
    count: int,
    split: Fingerprint | None,
    needed: Collection[str] | None,
) -> None:
    """Raises NS607 for a part without samples."""
    for name, share in config.split.shares().items():
        if share and not len(indices.get(name, ())) and (needed is None or name in needed):
            text, hint = f"{share:g} of {count} samples", "give it a larger share, or leave it out"
            if split is not None:
                text = f"the data has none of the {len(split.parts.get(name, ())):,} samples it had in the run"
                hint = "put the data back as it was, or train again"
            raise NetspecError("NS607", f"the {name} part is empty: {text}", config.span_at("split"), hint=hint)


def _check_classes(outputs: Mapping[str, OutputRule], earlier: Preprocess, span: Span | None) -> None:
    """Raises NS606 when the data has other classes now than the run was trained on."""
    for name, rule in outputs.items():
        if name not in earlier.outputs or earlier.outputs[name].names != rule.names:
            text = f"the classes of output `{name}` are no longer those of the training"
            raise NetspecError("NS606", text, span, hint="put the data back as it was, or train again")


def _groups(targets: Mapping[str, Array], outputs: Mapping[str, OutputRule]) -> NDArray[np.int64] | None:
    """The classes that the split keeps in proportion: those of the first output with one class a sample."""
    for name, rule in outputs.items():
        if rule.kind != "numbers" and targets[name].size == len(targets[name]):
            return targets[name].reshape(-1).astype(np.int64)
    return None
