"""What torch's modules ask for and no layer here has: it follows from the layer's input."""

from __future__ import annotations

from netspec.source.errors import Hint

INFERRED = frozenset(
    (
        "in_features",
        "in1_features",
        "in2_features",
        "in_channels",
        "num_features",
        "num_channels",
        "normalized_shape",
        "embed_dim",
        "input_size",
    )
)


def explain_key(key: str) -> str:
    """What to do about a key that shape inference makes needless; empty for any other."""
    return Hint("leave it out: it follows from the layer's input", key, "") if key in INFERRED else ""
