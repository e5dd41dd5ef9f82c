"""Networks that differ by edits drawn at random: any of these can be made beside any others."""

from __future__ import annotations

from hypothesis import strategies as st

BASE = """
netspec: 1
vars: {width: 4}
inputs:
  image: [3, 8, 8]
  mask: [3, 8, 8]
blocks:
  basic:
    params: {channels: }
    layers:
      body:
        type: residual
        shortcut: projection
        layers:
          conv: {type: conv2d, out_channels: $channels, kernel_size: 3, padding: 1, bias: false}
          norm: batch_norm2d
          act: relu
layers:
  mix: {type: concat, from: [image, mask]}
  stage1: {type: basic, channels: $width, repeat: 3}
  stage2: {type: basic, channels: $(width * 2), repeat: 2}
  pool: global_avg_pool2d
  left: {type: linear, out_features: 6, from: pool}
  right: {type: linear, out_features: 6, from: pool}
  both: {type: concat, from: [left, right]}
  fc: {type: linear, out_features: 5}
outputs: {logits: fc, features: pool}
"""

LINEAR = "{type: linear, out_features: 5}"
SAME_FUNCTION = (  # written otherwise, or under other names
    ("stage1: {", "phase: {"),
    ("          act: relu", "          relu: relu"),
    (
        "  fc: {type: linear, out_features: 5}\noutputs: {logits: fc",
        "  head: {type: linear, out_features: 5}\noutputs: {logits: head",
    ),
    ("kernel_size: 3, padding: 1", "padding: 1, kernel_size: [3, 3]"),
    ("  pool: global_avg_pool2d", "  pool: {type: global_avg_pool2d}  # over all positions"),
    ("from: [left, right]", "from: [right, left]"),  # they are twins
)
UNUSED = (("  both:", "  tail: {type: relu, from: left}\n  both:"),)  # by any output
LEARNING = (
    ("          norm: batch_norm2d", "          norm: {type: batch_norm2d, init: {weight: zeros}}"),
    ("  right: {type: linear,", "  right: {type: linear, freeze: true,"),
)
ARCHITECTURE = (
    ("width: 4", "width: 6"),
    (", repeat: 3}", ", repeat: 4}"),
    (", repeat: 2}", ", repeat: 1}"),
    ("          norm: batch_norm2d\n", ""),
    ("          act: relu", "          act: gelu"),
    ("  left: {type: linear, out_features: 6", "  left: {type: linear, out_features: 7"),
    ("from: [image, mask]", "from: [mask, image]"),
    (", features: pool", ""),
    ("  mask: [3, 8, 8]\n", "  mask: [2, 8, 8]\n"),
)

ALL = (SAME_FUNCTION, UNUSED, LEARNING, ARCHITECTURE)


def edited(text: str, edits: tuple[tuple[str, str], ...]) -> str:
    """The text after the edits whose place is still there."""
    for old, new in edits:
        text = text.replace(old, new)
    return text


def texts(*groups: tuple[tuple[str, str], ...]) -> st.SearchStrategy[str]:
    """The base after some of the edits of these groups."""
    every = [edit for group in groups for edit in group]
    return st.lists(st.sampled_from(every), unique=True, max_size=4).map(lambda edits: edited(BASE, tuple(edits)))
