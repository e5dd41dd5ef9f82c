"""What a layer that is in both networks computes otherwise."""

from __future__ import annotations

from netspec.graph.model import Graph, Node
from netspec.layers.weight_axes import Taps
from netspec.migrate.layer_units import axes_of_weights

TAPS = frozenset({"kernel_size", "padding", "dilation"})  # what the taps of a kernel follow

OF_TRAINING = ("dropout", "momentum", "padding_idx", "recompute")  # fields that say nothing at inference


def changed(old: Node, new: Node, before: Graph, after: Graph) -> str:
    """What a layer computes otherwise, as far as its weights do not follow it; empty where nothing."""
    if old.layer.trained_only and new.layer.trained_only:
        return ""
    if old.kind != new.kind:
        return f"type {old.kind} -> {new.kind}"
    old_axes, new_axes = axes_of_weights(before, old), axes_of_weights(after, new)
    followed: set[tuple[object, object]] = set()
    taps_follow = True
    for name in old_axes.keys() & new_axes.keys():
        for a, b in zip(old_axes[name], new_axes[name], strict=False):
            if isinstance(a, tuple) and isinstance(b, tuple):
                for u, v in zip(a, b, strict=False):
                    followed |= {(u.size, v.size)} | ({(u.blocks, v.blocks)} if u.size != v.size else set())
            elif isinstance(a, Taps) and isinstance(b, Taps):
                taps_follow = taps_follow and set(a.offsets()) <= set(b.offsets())
    for name, weight in before.weights_of(old).items():
        other = after.weights_of(new).get(name)
        followed |= set(zip(weight.shape, other.shape, strict=False)) if other else set()
    texts = []
    for key, value in vars(new.layer).items():
        old_value = vars(old.layer).get(key)
        if key in OF_TRAINING or old_value == value or (old_value, value) in followed or (key in TAPS and taps_follow):
            continue
        texts.append("its equations" if key == "bound" else f"{key} {old_value} -> {value}")
    return ", ".join(texts)
