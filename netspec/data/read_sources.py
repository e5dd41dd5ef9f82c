"""From a source to whole arrays: the inputs as they come, and the targets before they are labels or numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netspec.data.arrays import check_array, check_target, read_npz
from netspec.data.columns import Wanted, are_numbers, raise_shown, read_columns, read_labels
from netspec.data.config import SOURCE_NAMES, Csv, DataConfig, ImageFolder, Npz, Task
from netspec.data.images import Images, find_images
from netspec.data.labels import clean
from netspec.data.pixels import MODES
from netspec.data.preprocess import Array, InputRule
from netspec.data.raw import Network, Raw, Target, only, shape_of
from netspec.data.sequence_inputs import feed
from netspec.data.sources.text import Text
from netspec.data.symbols import Symbols
from netspec.data.table import Table, read_table
from netspec.shapes.dim import Dim
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError, Problem, did_you_mean
from netspec.source.text import Span
from netspec.source.tree import Map


def read_source(config: DataConfig, tree: Map, network: Network) -> Raw:
    """Everything the source holds.  Raises NS602 to NS607 at the place in the `data` section."""
    source = config.source
    if isinstance(source, Csv):
        return _csv(source, tree, network)
    if isinstance(source, Npz):
        return _npz(source, tree, network)
    if isinstance(source, ImageFolder):
        return _images(source, tree, network)
    if isinstance(source, Text):
        found = source.make(network.folder, tree.span_at("source", "path"))
        return feed(found, "text" if source.path is None else source.path, network, tree.span_at("source"))
    if isinstance(source, Task):
        return feed(source.make(), SOURCE_NAMES[type(source)], network, tree.span_at("source"))
    return _builtin(SOURCE_NAMES[type(source)], tree, network)


# scikit-learn's own sets


def _builtin(name: str, tree: Map, network: Network) -> Raw:
    from sklearn import datasets

    span = tree.span_at("source")
    x_name = only(network.inputs, "input", name, span)
    y_name = only(network.outputs, "output", name, span)
    found = getattr(datasets, f"load_{name}")()
    type_ = network.inputs[x_name]
    if name == "digits":
        x = found.images[:, None]
        rule = InputRule("image", shape_of(type_), type_.dtype, channels=1, size=(8, 8), divide=16.0)
        if not _holds(type_, 64):
            raise NetspecError(
                "NS605",
                f"input `{x_name}` is {type_}, a digit is 8×8 = 64 pixels",
                span,
                hint=f"write `{x_name}: [1, 8, 8]` or `{x_name}: [64]` in `inputs`",
            )
    else:
        x = found.data
        rule = InputRule("table", shape_of(type_), type_.dtype, columns=tuple(map(str, found.feature_names)))
        _need_columns(type_, x.shape[1], x_name, name, span)
    _need_floating(type_, x_name, span)
    names = tuple(map(str, found.target_names)) if "target_names" in found else ()
    return Raw({x_name: x}, {x_name: rule}, {y_name: Target(found.target, name, span, names)}, len(x))


# tables


def _csv(source: Csv, tree: Map, network: Network) -> Raw:
    path_span = tree.span_at("source", "path")
    table = read_table(network.folder / source.path, source.delimiter, path_span, shown=source.path)
    targets = _target_columns(source, tree, table, network)
    taken = {column for columns in targets.values() for column in columns}
    features = _feature_columns(source, tree, table, network, taken)
    inputs: dict[str, Array | Images | Symbols] = {}
    rules = {}
    problems: list[Problem] = []
    for name, columns in features.items():
        type_ = network.inputs[name]
        entries = network.entries.get(name, 0)
        inputs[name] = read_columns(table, columns, Wanted(type_.dtype, entries), problems)
        rules[name] = InputRule("table", shape_of(type_), type_.dtype, columns=columns)
    found = {}
    for name, columns in targets.items():
        values = [_target_column(table, column, network.kinds[name], problems) for column in columns]
        what = ", ".join(f"column `{c}`" for c in columns)
        found[name] = Target(
            values[0] if len(values) == 1 else np.stack(values, axis=1),
            what,
            tree.span_at("source", "target", name),
            columns=columns,
            lines=table.lines,
        )
    raise_shown(table, problems)
    for name, columns in features.items():
        span = tree.span_at("source", "features", name)
        listing = ", ".join(columns[:8]) + (", …" if len(columns) > 8 else "")
        _need_columns(network.inputs[name], len(columns), name, f"{source.path} ({listing})", span)
    return Raw(inputs, rules, found, len(table.rows))


def _target_column(table: Table, column: str, kind: str, problems: list[Problem]) -> Array:
    """Labels for classes, and for two classes where they are words; else numbers."""
    if kind == "classes" or (kind == "signs" and not are_numbers(table.cells(column))):
        return read_labels(table, column, problems)
    return read_columns(table, (column,), Wanted(use="target"), problems)[:, 0]


def _target_columns(source: Csv, tree: Map, table: Table, network: Network) -> dict[str, tuple[str, ...]]:
    """Output -> its columns."""
    span = tree.span_at("source", "target")
    outputs = list(network.outputs)
    if isinstance(source.target, dict):
        _same_names(source.target, outputs, "output", "target", span)
        chosen = {name: (columns,) if isinstance(columns, str) else columns for name, columns in source.target.items()}
    elif isinstance(source.target, str):
        chosen = {only(network.outputs, "output", f"column `{source.target}`", span): (source.target,)}
    elif len(outputs) == 1:
        chosen = {outputs[0]: source.target}
    elif len(outputs) == len(source.target):
        chosen = {name: (column,) for name, column in zip(outputs, source.target, strict=True)}
    else:
        text = f"`target` names {len(source.target)} columns for {len(outputs)} outputs: {', '.join(outputs)}"
        raise NetspecError(
            "NS605", text, span, hint=f"name one an output, or write `target: {{{outputs[0]}: [column, …], …}}`"
        )
    table.need([column for columns in chosen.values() for column in columns], span)
    return chosen


def _feature_columns(
    source: Csv, tree: Map, table: Table, network: Network, taken: set[str]
) -> dict[str, tuple[str, ...]]:
    """Input -> its columns."""
    span = tree.span_at("source", "features")
    known = {clean(column) for column in taken}
    if isinstance(source.features, dict):
        _same_names(source.features, list(network.inputs), "input", "features", span)
        chosen = dict(source.features)
    else:
        name = only(network.inputs, "input", "a list of `features`" if source.features else source.path, span)
        chosen = {name: source.features or tuple(c for c in table.names if c not in known)}
        if not source.features and "" in chosen[name]:
            text = f"column {table.names.index('') + 1} of {source.path} has no name"
            raise NetspecError("NS603", text, span,
                               hint="is it the number of the row? choose columns with `features`")  # fmt: skip
    table.need([column for columns in chosen.values() for column in columns], span)
    both = known & {clean(column) for columns in chosen.values() for column in columns}
    if both:
        raise NetspecError(
            "NS603",
            f"column `{min(both)}` is both a feature and a target",
            span,
            hint="the network would read its answer",
        )
    if not all(chosen.values()):
        raise NetspecError(
            "NS603", f"{source.path} has no columns left for the features", span, hint="name them with `features`"
        )
    return chosen


def _same_names(given: Mapping[str, Any], names: list[str], what: str, key: str, span: Span | None) -> None:
    for name in given:
        if name not in names:
            raise NetspecError(
                "NS603",
                f"`{key}` names `{name}`, which is no trained {what}",
                span,
                hint=did_you_mean(name, names, f"there are {', '.join(names)}"),
            )
    missing = [name for name in names if name not in given]
    if missing:
        raise NetspecError(
            "NS603", f"`{key}` has nothing for the {what} `{missing[0]}`", span, hint=f"add `{missing[0]}: …`"
        )


# arrays


def _npz(source: Npz, tree: Map, network: Network) -> Raw:
    span = tree.span_at("source", "path")
    wanted = [*network.inputs, *network.outputs]
    arrays, names = read_npz(network.folder / source.path, source.path, span, wanted)
    for name in wanted:
        if name not in arrays:
            raise NetspecError(
                "NS603",
                f"{source.path} has no array `{name}`",
                span,
                hint=did_you_mean(
                    name,
                    names,
                    f"it has {', '.join(names) or 'none'}; save it with "
                    f"np.savez(path, {', '.join(f'{n}=…' for n in wanted)})",
                ),
            )
    lengths = {name: len(arrays[name]) if arrays[name].ndim else 0 for name in wanted}
    count = next(iter(lengths.values()))
    if len(set(lengths.values())) > 1:
        text = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise NetspecError(
            "NS605",
            f"the arrays of {source.path} differ in their number of samples: {text}",
            span,
            hint="the first axis counts the samples",
        )
    if not count:
        raise NetspecError("NS607", f"{source.path} has no samples", span, hint="the first axis counts the samples")
    axes: dict[str, int] = {}
    rules = {}
    for name, type_ in network.inputs.items():
        check_array(arrays[name], type_, name, source.path, axes, span)
        rules[name] = InputRule("array", shape_of(type_), type_.dtype)
    if wrong := network.lengths.wrong(axes):
        given = ", ".join(f"{name} = {axes[name]}" for name in sorted(wrong.size.names()))
        raise NetspecError("NS605", f"the arrays of {source.path} have {given}, the network takes {wrong}", span,
                           hint=f"needed by `{wrong.by}`")  # fmt: skip
    labels = {name: check_target(arrays[name], name, source.path, span) for name in network.outputs}
    targets = {name: Target(labels[name], f"array `{name}`", span) for name in network.outputs}
    return Raw({name: arrays[name] for name in network.inputs}, rules, targets, count)


# images


def _images(source: ImageFolder, tree: Map, network: Network) -> Raw:
    span = tree.span_at("source", "path")
    x_name = only(network.inputs, "input", "image_folder", span)
    y_name = only(network.outputs, "output", "image_folder", span)
    type_ = network.inputs[x_name]
    channels, size = _image_size(source, tree, type_, x_name)
    _need_floating(type_, x_name, span)
    paths, labels = find_images(network.folder / source.path, source.path, span)
    images = Images(paths, channels, size, span)
    rule = InputRule("image", (channels, *size), type_.dtype, channels=channels, size=size)
    return Raw(
        {x_name: images},
        {x_name: rule},
        {y_name: Target(np.array(labels), f"{source.path}/", span, folders=True)},
        len(paths),
    )


def _image_size(source: ImageFolder, tree: Map, type_: TensorType, name: str) -> tuple[int, tuple[int, int]]:
    if type_.rank != 4 or type_.shape[1] not in MODES:
        text = f"input `{name}` is {type_}, an image is (B, C, H, W) with 1, 3 or 4 channels"
        raise NetspecError("NS605", text, tree.span_at("source"), hint=f"write `{name}: [3, 64, 64]` in `inputs`")
    channels, height, width = type_.shape[1:]
    given = (source.size, source.size) if isinstance(source.size, int) else source.size
    if isinstance(height, int) and isinstance(width, int):
        if given is not None and given != (height, width):
            text = f"`size` is {given[0]}×{given[1]}, input `{name}` is {type_}"
            raise NetspecError(
                "NS605", text, tree.span_at("source", "size"), hint="leave `size` out: the input's own is taken"
            )
        given = (height, width)
    if given is None:
        text = f"input `{name}` is {type_}: the images' height and width are not known"
        raise NetspecError("NS605", text, tree.span_at("source"), hint="add `size: [height, width]`")
    assert isinstance(channels, int)
    return channels, given


# shapes and types


def _holds(type_: TensorType, count: int) -> bool:
    numel = type_.numel()
    return numel == count if isinstance(numel, int) else False


def _need_columns(type_: TensorType, count: int, name: str, shown: str, span: Span | None) -> None:
    numel = type_.numel()
    if isinstance(numel, Dim) and type_.rank == 2:
        return  # one symbolic axis takes any number of columns
    if numel != count:
        raise NetspecError(
            "NS605",
            f"input `{name}` is {type_}, {shown} has {count} feature{'s' * (count != 1)}",
            span,
            hint=f"write `{name}: [{count}]` in `inputs`",
        )


def _need_floating(type_: TensorType, name: str, span: Span | None) -> None:
    if not type_.floating:
        raise NetspecError(
            "NS605", f"input `{name}` is of {type_.dtype}, the source gives float32", span, hint="leave its `dtype` out"
        )
