"""A data set ready to learn from: split, standardised, its targets in the form that the losses take."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.data.arrays import all_labelled, check_entries, finite
from netspec.data.config import SOURCE_NAMES, Csv, DataConfig
from netspec.data.fingerprint import Fingerprint, fingerprint
from netspec.data.images import Images
from netspec.data.labels import class_numbers, clean, signs
from netspec.data.padding import check_lengths, ended, told_steps, within
from netspec.data.preprocess import Array, InputRule, OutputRule, Preprocess, Standard
from netspec.data.raw import Network, Raw, Target
from netspec.data.read_sources import read_source
from netspec.data.split import ordered_indices, split_indices
from netspec.data.symbols import Symbols
from netspec.shapes.dim import Dim, Size
from netspec.shapes.tensor import TensorType, shape_text
from netspec.source.errors import NetspecError
from netspec.source.memory import memory
from netspec.source.tree import Map

NO_CLASS = -100  # as torch's cross entropy has it


@dataclass(frozen=True)
class ImageRows:
    """Some of the images, made into an input only when a batch of them is taken."""

    images: Images
    indices: NDArray[np.int64]
    rule: InputRule

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, rows: NDArray[np.int64]) -> Array:
        return self.rule.apply(self.images.take(self.indices[rows]))


@dataclass(frozen=True)
class Part:
    """Some of the samples.

    Inputs are arrays in the network's shape and type, images still on disk, or symbols.  `lengths`: how many steps of
    each sample there are, where a batch may be cut to its longest; `ordered`: the samples follow each other in a text.
    """

    inputs: dict[str, Array | ImageRows | Symbols]
    targets: dict[str, Array]
    count: int
    lengths: NDArray[np.int64] | None = None
    ordered: bool = False


@dataclass(frozen=True)
class Dataset:
    """`parts` has train, and validation and test where they have a share; `fingerprint` says what was read."""

    parts: dict[str, Part]
    preprocess: Preprocess
    fingerprint: Fingerprint


@memory("while reading the data", hint="it is held in memory several times over: learn from less of it")
def load_dataset(
    config: DataConfig, tree: Map, network: Network, kept: Preprocess | None = None, split: Fingerprint | None = None,
    needed: Collection[str] | None = None,
) -> Dataset:  # fmt: skip
    """Read, check, split and standardise; with `kept`, as an earlier run did and not by what is measured now.

    `split`: of an earlier run, whose samples stay in their parts; others are in none.  `needed`: the parts that may not
    be empty; when left out, all that have a share.

    Raises NS602 to NS608 at the place in the `data` section.
    """
    if kept is not None and isinstance(config.source, Csv) and not config.source.features:
        columns = {name: rule.columns for name, rule in kept.inputs.items()}  # others came later, or moved
        config = replace(config, source=replace(config.source, features=columns))
    raw = read_source(config, tree, network)
    check_lengths(raw.inputs, network, tree.span_at("source"))
    targets: dict[str, Array] = {}
    outputs: dict[str, OutputRule] = {}
    for name, target in raw.targets.items():
        known = kept.outputs[name].names if kept is not None and name in kept.outputs else ()
        targets[name], outputs[name] = _target(target, raw, network, name, known)
    found = fingerprint(raw)
    if split is not None:
        indices = split.split(found.rows)
    elif raw.ordered:
        indices = ordered_indices(raw.count, config.split.shares())
    else:
        indices = split_indices(raw.count, config.split.shares(), config.split.seed, _groups(targets, outputs))
    _check_parts(indices, config, tree, raw.count, split, needed)
    if kept is not None:
        _check_kept(outputs, kept, tree)
        rules = dict(kept.inputs)
        outputs = {n: replace(kept.outputs[n], masked=r.masked, lengths=r.lengths) for n, r in outputs.items()}
    else:
        rules = _standardized(raw, network, indices["train"]) if config.standardize else raw.rules
        if config.standardize == "both":
            outputs = {name: _target_standard(rule, targets[name][indices["train"]]) for name, rule in outputs.items()}
    for name, rule in outputs.items():
        if rule.standard is not None:
            targets[name] = rule.standard.narrow(targets[name])
    rules = {name: replace(rule, entries=network.entries.get(name, 0)) for name, rule in rules.items()}
    for name, x in raw.inputs.items():
        if isinstance(x, np.ndarray):
            check_entries(x, rules[name].entries, f"input `{name}`", "NS604", tree.span_at("source"))
    whole = {n: x if isinstance(x, (Images, Symbols)) else rules[n].apply(x) for n, x in raw.inputs.items()}
    parts = {
        name: Part(
            {key: ImageRows(x, rows, rules[key]) if isinstance(x, Images) else x[rows] for key, x in whole.items()},
            {key: y[rows] for key, y in targets.items()},
            len(rows),
            None if raw.lengths is None else raw.lengths[rows],
            raw.ordered,
        )
        for name, rows in indices.items()
        if len(rows)
    }
    delimiter = config.source.delimiter if isinstance(config.source, Csv) else ","
    rules_ = Preprocess(SOURCE_NAMES[type(config.source)], rules, outputs, delimiter)
    return Dataset(parts, rules_, replace(found, parts=indices))


def _check_parts(
    indices: dict[str, NDArray[np.int64]], config: DataConfig, tree: Map, count: int, split: Fingerprint | None,
    needed: Collection[str] | None,
) -> None:  # fmt: skip
    """Raises NS607 for a part without samples."""
    for name, share in config.split.shares().items():
        if share and not len(indices.get(name, ())) and (needed is None or name in needed):
            text, hint = f"{share:g} of {count} samples", "give it a larger share, or leave it out"
            if split is not None:
                text = f"the data has none of the {len(split.parts.get(name, ())):,} samples it had in the run"
                hint = "put the data back as it was, or train again"
            raise NetspecError("NS607", f"the {name} part is empty: {text}", tree.span_at("split"), hint=hint)


def _check_kept(outputs: dict[str, OutputRule], kept: Preprocess, tree: Map) -> None:
    """Raises NS606 when the data has other classes now than the run was trained on."""
    for name, rule in outputs.items():
        if name not in kept.outputs or kept.outputs[name].names != rule.names:
            raise NetspecError(
                "NS606",
                f"the classes of output `{name}` are no longer those of the training",
                tree.span_at("source"),
                hint="put the data back as it was, or train again",
            )


def _target_standard(rule: OutputRule, train: Array) -> OutputRule:
    if rule.kind != "numbers":
        return rule
    if rule.masked or rule.lengths:  # axis 1 are steps: one mean for all of them that count
        return replace(rule, standard=Standard.fit(train[~np.isnan(train)], each=False))
    return replace(rule, standard=Standard.fit(train, each=True))


def _groups(targets: dict[str, Array], outputs: dict[str, OutputRule]) -> NDArray[np.int64] | None:
    """The classes that the split keeps in proportion: those of the first output with one class a sample."""
    for name, rule in outputs.items():
        if rule.kind != "numbers" and targets[name].size == len(targets[name]):
            return targets[name].reshape(-1).astype(np.int64)
    return None


def _standardized(raw: Raw, network: Network, train: NDArray[np.int64]) -> dict[str, InputRule]:
    """The rules with mean and deviation of the training part alone: the other parts stay unseen."""
    rules = dict(raw.rules)
    for name, x in raw.inputs.items():
        rule = rules[name]
        if not network.inputs[name].floating:
            continue
        assert not isinstance(x, Symbols)  # sequences are not standardised: `read_data` says so
        if isinstance(x, Images):
            standard = x.standard(train)
        else:
            part = x[train] / rule.divide
            each = rule.kind == "image" or part.ndim == 2
            lengths = raw.inputs.get(network.told(network.inputs[name].shape[1])) if part.ndim > 2 else None
            if isinstance(lengths, np.ndarray):
                part = part[within(lengths[train], part.shape[1])]
            standard = Standard.fit(part, each=each)
        rules[name] = replace(rule, standard=standard)
    return rules


def _target(target: Target, raw: Raw, network: Network, name: str, known: tuple[str, ...]) -> tuple[Array, OutputRule]:
    """The targets of one output, and what the output means; those that do not count are −100 or NaN.

    `known`: the classes of an earlier run.
    Raises NS604 to NS606.
    """
    type_, kind = network.outputs[name], network.kinds[name]
    recurrent = type_.rank > 2 and bool(network.told(type_.shape[1]))
    target = replace(target, steps=target.steps or (recurrent and target.values.ndim > 1))
    axis = class_axis(type_, target.values.shape, last=target.steps) if kind == "classes" else None
    told = "" if kind == "classes" and axis is None else told_steps(target, type_, axis, network)
    target = ended(target, told, raw)
    values, rule = _whole_target(target, type_, kind, name, known)
    rule = replace(rule, lengths=told)
    if target.kept is None:
        return values, rule
    kept = target.kept.reshape(*target.kept.shape, *[1] * (values.ndim - 2))
    return np.where(kept, values, NO_CLASS if kind == "classes" else np.float32(np.nan)), replace(rule, masked=True)


def _whole_target(
    target: Target, type_: TensorType, kind: str, name: str, known: tuple[str, ...]
) -> tuple[Array, OutputRule]:
    values = target.values
    finite(values, target.what, target.span)
    if values.dtype.kind == "U" and not target.folders:
        all_labelled(values, target.what, target.span)
    if kind == "classes":
        axis = class_axis(type_, values.shape, last=target.steps)
        if axis is None:
            wanted = (type_.shape[0], *type_.shape[2:])
            text = f"{target.what} is {shape_text(values.shape)}, output `{name}` is {type_}"
            raise NetspecError(
                "NS605",
                f"{text} and takes one class number in each place: {shape_text(wanted)}",
                target.span,
                hint=_returns(target, type_) or _not_classes(values, type_),
            )
        count = type_.shape[axis]
        if isinstance(count, Dim):
            raise NetspecError(
                "NS605",
                f"output `{name}` is {type_}: its number of classes is not known",
                target.span,
                hint=f"bring axis {axis} to a known size",
            )
        numbers, names = class_numbers(values, count, target.what, name, target.span, target.lines, known)
        return numbers, OutputRule("classes", target.names or names, axis, target.columns)
    if kind == "signs":
        found, pair = signs(values, target.what, name, target.span, known)
        known = (target.names[0], target.names[1]) if len(target.names) == 2 else pair
        return _shaped(found, type_, target, name), OutputRule("signs", known, columns=target.columns)
    if target.names or values.dtype.kind not in "fiub":
        raise NetspecError(
            "NS605",
            f"{target.what} gives classes, the loss of output `{name}` compares numbers",
            target.span,
            hint="use the loss `cross_entropy`, or `logistic` for two classes",
        )
    return _shaped(values.astype(np.float32), type_, target, name), OutputRule("numbers", columns=target.columns)


def _not_classes(values: Array, type_: TensorType) -> str:
    """What to do with targets that are not one class in each place."""
    found = {clean(str(v)) for v in np.unique(values)[:3]}
    if values.shape[1:] != type_.shape[1:] or not found <= {"0", "1", "0.0", "1.0", "False", "True"}:
        return "give the number of the class; values to come near to have the loss `squared`"
    ones = np.isin(values.astype(str), ("1", "1.0", "True")).sum(axis=-1)
    if (ones == 1).all():
        return "give the number of the class, not a vector with a 1 in it"
    return "each is a yes or no of its own: use the loss `logistic`"


def class_axis(type_: TensorType, shape: tuple[int, ...], last: bool = False) -> int | None:
    """The axis of an output that counts the classes, for targets of this shape: 1 (B, C, …) or the last (B, …, C)."""
    fitting = []
    for axis in (type_.rank - 1,) if last else (1, type_.rank - 1):
        rest = [size for i, size in enumerate(type_.shape) if i not in (0, axis)]
        if _fits(rest, shape[1:]):
            fitting.append(axis)
    known = [axis for axis in fitting if isinstance(type_.shape[axis], int)]  # (B, T, C): T is no number of classes
    return next(iter([*known, *fitting]), None)


def _fits(wanted: Sequence[Size], found: tuple[int, ...]) -> bool:
    return len(wanted) == len(found) and all(isinstance(w, Dim) or w == f for w, f in zip(wanted, found, strict=True))


def _shaped(values: Array, type_: TensorType, target: Target, name: str) -> Array:
    """Targets in the output's own shape: (N) for (B, 1) would broadcast to (N, N) in the loss without a word."""
    wanted: list[Any] = list(type_.shape[1:])
    found = values.shape[1:]
    if [size for size in wanted if size != 1] == [size for size in found if size != 1]:
        return np.ascontiguousarray(values.reshape(len(values), *wanted))
    if _fits(wanted, found):
        return values
    if wanted and wanted[-1] == 1 and _fits(wanted[:-1], found):  # (N, T) for (B, T, 1)
        return values[..., None]
    raise NetspecError(
        "NS605",
        f"{target.what} is {shape_text(values.shape)}, output `{name}` is {type_}",
        target.span,
        hint=_returns(target, type_) or "one number for each of the output's values",
    )


def _returns(target: Target, type_: TensorType) -> str:
    """What to change where one has a value for each step and the other has not."""
    if target.steps and type_.rank < 3:
        return "there is a target for each step: give the recurrent layer `returns: sequence`"
    if target.values.ndim == 1 and type_.rank == 3:
        return "there is one target a sample: give the recurrent layer `returns: last`"
    return ""
