"""A layer's kind and fields in the few words that a box has room for."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.layers import kinds
from netspec.report.picture.tree import DrawnLayer, Facts

# How a field is written where it is understood without its name; the empty text leaves it out.
_SHORT = {
    "out_channels": "{}",
    "out_features": "{}",
    "hidden": "hidden {}",
    "embedding_dim": "{}",
    "kernel_size": "kernel {}",
    "num_heads": "{} heads",
    "num_layers": "{} layers",
    "eps": "",
    "bias": "",
    "padding": "",
}


def caption(facts: Facts, label: str) -> str:
    """`conv2d 64, kernel 7, stride 2`; without the kind where the box is called so."""
    return _words(facts, {}, "" if facts.kind == label else facts.kind)


def changed_caption(layer: DrawnLayer, label: str) -> str:
    """`conv2d 48 (was 32), kernel 3`, `relu → gelu`: what a layer is, and was where that is something else."""
    before, after = layer.before, layer.after
    if before is None or after is None:
        return caption(layer.facts, label)
    if before.kind != after.kind:
        return f"{before.kind} → {_words(after, {}, after.kind)}"
    old = dict(before.fields)
    changed = {name: old[name] for name, value in after.fields if name in old and old[name] != value}
    own = {name for name, _ in (*before.fields, *after.fields)}
    written = {name: (was, value) for name, was, value in layer.changes if name in own}
    changed |= {name: was for name, (was, _) in written.items() if was}
    after_names = {name for name, _ in after.fields}
    back = tuple((name, value) for name, (_, value) in written.items() if name not in after_names and value)
    kind = "" if after.kind == label else after.kind
    return _words(Facts(after.kind, (*after.fields, *back), (), (), after.cost), changed, kind)


def former_name(old_name: str) -> str:
    """`was fc`; other words where the old name is that of a kind, which the layer had not."""
    return f"{'renamed from' if old_name in kinds() else 'was'} {old_name}" if old_name else ""


def resized(shape: str, old: str) -> str:
    """`48 (was 32)×64×64`."""
    sizes, old_sizes = shape.split("×"), old.split("×")
    if not old or shape == old:
        return shape
    if len(sizes) != len(old_sizes):
        return f"{shape} (was {old})"
    pairs = zip(sizes, old_sizes, strict=True)
    return "×".join(size if size == was else f"{size} (was {was})" for size, was in pairs)


def _words(facts: Facts, old: Mapping[str, str], kind: str) -> str:
    """The kind and the fields, of those in `old` what they were too."""
    words = []
    for name, value in facts.fields:
        word = _SHORT.get(name, f"{name} {{}}") or (f"{name} {{}}" if name in old else "")
        was = f" (was {_value(old[name])})" if name in old else ""
        words.append(word.format(_value(value)) + was)
    return f"{kind} {', '.join(word for word in words if word)}".strip()


def _value(text: str) -> str:
    return text.replace("'", "").strip("[]")
