"""The source `npz`: arrays of NumPy, named as the inputs and outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from netspec.data.network import Network
from netspec.data.sources.base import DataSource, SampleFiles, source
from netspec.source.errors import NetspecError, did_you_mean

if TYPE_CHECKING:
    from netspec.data.preprocess import InputRule, Preprocess
    from netspec.data.raw import Raw, Samples
    from netspec.shapes.tensor import TensorType


@source("npz")
class Npz(DataSource, SampleFiles):
    """NumPy arrays saved with `np.savez`, named as the inputs and outputs; the first axis counts the samples."""

    predicted_from: ClassVar[str] = "npz"
    suffixes: ClassVar[frozenset[str]] = frozenset((".npz",))
    files: ClassVar[str] = ".npz"

    path: str

    def read(self, network: Network) -> Raw:
        from netspec.data.arrays import check_array, check_target, read_npz
        from netspec.data.preprocess import InputRule, shape_of
        from netspec.data.raw import Raw, RawTarget

        span = self.span_at("path")
        wanted = [*network.inputs, *network.outputs]
        arrays, names = read_npz(network.folder / self.path, self.path, span, wanted)
        for name in wanted:
            if name not in arrays:
                listing = f"it has {', '.join(names) or 'none'}; save it with "
                listing += f"np.savez(path, {', '.join(f'{n}=…' for n in wanted)})"
                text = f"{self.path} has no array `{name}`"
                raise NetspecError("NS603", text, span, hint=did_you_mean(name, names, listing))
        lengths = {name: len(arrays[name]) if arrays[name].ndim else 0 for name in wanted}
        count = next(iter(lengths.values()))
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{name} {length}" for name, length in lengths.items())
            text = f"the arrays of {self.path} differ in their number of samples: {counts}"
            raise NetspecError("NS605", text, span, hint="the first axis counts the samples")
        if not count:
            raise NetspecError("NS607", f"{self.path} has no samples", span, hint="the first axis counts the samples")
        axes: dict[str, int] = {}
        rules = {}
        for name, type_ in network.inputs.items():
            check_array(arrays[name], type_, name, self.path, axes, span)
            rules[name] = InputRule("array", shape_of(type_), type_.dtype)
        if wrong := network.lengths.wrong(axes):
            sizes = ", ".join(f"{name} = {axes[name]}" for name in sorted(wrong.size.names()))
            text = f"the arrays of {self.path} have {sizes}, the network takes {wrong}"
            raise NetspecError("NS605", text, span, hint=f"needed by `{wrong.by}`")
        labels = {name: check_target(arrays[name], name, self.path, span) for name in network.outputs}
        targets = {name: RawTarget(labels[name], f"array `{name}`", span) for name in network.outputs}
        return Raw({name: arrays[name] for name in network.inputs}, rules, targets, count)

    @classmethod
    def describe(cls, preprocess: Preprocess) -> str:
        return f"an .npz file with {', '.join(f'`{name}`' for name in preprocess.inputs)}"

    @classmethod
    def read_samples(cls, path: Path, preprocess: Preprocess) -> Samples:
        import numpy as np

        from netspec.data.arrays import check_array, check_entries, read_npz
        from netspec.data.raw import Samples

        arrays, names = read_npz(path, str(path), None, preprocess.inputs)
        axes: dict[str, int] = {}
        inputs = []
        for name, rule in preprocess.inputs.items():
            if name not in arrays:
                hint = f"it has {', '.join(names) or 'none'}; save it with np.savez(path, {name}=…)"
                raise NetspecError("NS632", f"has no array `{name}`", name=str(path), hint=hint)
            x = arrays[name]
            check_array(x, _type(rule), name, str(path), axes, None)
            check_entries(x, rule.entries, f"input `{name}`", "NS632", name=str(path))
            if rule.kind == "image" and x.dtype == np.uint8 and rule.divide == 1.0:
                x = x / 255.0
            inputs.append(rule.apply(x))
        counts = {len(x) for x in inputs}
        if len(counts) != 1 or not min(counts):
            text, hint = "needs one or more samples, as many in every array", "the first axis counts the samples"
            raise NetspecError("NS632", text, name=str(path), hint=hint)
        return Samples([str(i) for i in range(counts.pop())], inputs)


def _type(rule: InputRule) -> TensorType:
    from netspec.shapes.dim import symbol
    from netspec.shapes.tensor import BATCH, TensorType

    return TensorType((BATCH, *(s if isinstance(s, int) else symbol(s) for s in rule.shape)), rule.dtype)
