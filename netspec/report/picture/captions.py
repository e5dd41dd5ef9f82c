"""A layer's kind and fields in the few words that a box has room for."""

from __future__ import annotations

from netspec.report.picture.tree import Facts

# How a field is written where it is understood without its name; the empty text leaves it out.
_SHORT = {
    "out_channels": "{}",
    "out_features": "{}",
    "hidden": "{}",
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
    words = [
        _SHORT.get(name, f"{name} {{}}").format(value.replace("'", "").strip("[]")) for name, value in facts.fields
    ]
    fields = ", ".join(word for word in words if word)
    return f"{'' if facts.kind == label else facts.kind} {fields}".strip()
