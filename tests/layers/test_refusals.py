"""What every layer kind refuses, word by word."""

from __future__ import annotations

import pytest
from networks import one_layer

from netspec.layers import kinds
from netspec.source.errors import NetspecError

REFUSED: list[tuple[str, str, tuple[str, ...], str]] = [
    ("linear", "out_features: 2", ("[3, T]",), "NS402 linear expects a last axis of known size, received (B, 3, T)"),
    ("bilinear", "out_features: 2", ("[T, 3]", "[4, 3]"),
     "NS401 bilinear cannot pair (B, T, 3) and (B, 4, 3): (B, T) is not (B, 4)"),
    ("conv2d", "out_channels: 2, kernel_size: 7", ("[3, 5, 5]",),
     "NS403 conv2d kernel 7 does not fit an input of 5x5 with padding 0"),
    ("conv2d", "out_channels: 2, kernel_size: [3, 5], padding: [0, 1], dilation: 2", ("[3, 5, 6]",),
     "NS403 conv2d kernel 3x5 does not fit an input of 5x6 with padding 0x1 and dilation 2"),
    ("conv1d", "out_channels: 2, kernel_size: 3", ("[4]",), "NS402 conv1d expects (B, C, L), received (B, 4)"),
    ("conv1d", "out_channels: 2, kernel_size: 3", ("[T, 8]",),
     "NS402 conv1d expects a channel axis of known size, received (B, T, 8)"),
    ("conv2d", "out_channels: 4, kernel_size: 1, groups: 2", ("[3, 5, 5]",),
     "NS403 conv2d groups 2 does not divide 3 input channels"),
    ("conv2d", "out_channels: 3, kernel_size: 1, groups: 2", ("[4, 5, 5]",),
     "NS403 conv2d groups 2 does not divide 3 output channels"),
    ("conv2d", "out_channels: 3, kernel_size: 3, stride: [1, 2], padding: same", ("[4, 5, 5]",),
     "NS403 conv2d cannot keep the size with stride 1x2"),
    ("conv1d", "out_channels: 3, kernel_size: 3, padding: causal, padding_mode: reflect", ("[4, 5]",),
     "NS403 conv1d cannot be causal with padding_mode reflect"),
    ("conv1d", "out_channels: 3, kernel_size: 3, padding: 5, padding_mode: reflect", ("[4, 5]",),
     "NS403 conv1d cannot reflect 5 positions of an axis of 5"),
    ("conv_transpose1d", "out_channels: 3, kernel_size: 3, padding: 3", ("[4, 2]",),
     "NS403 conv_transpose1d leaves nothing of an input of 2: (2 - 1)*1 - 2*3 + 3 + 0 = -2"),
    ("conv_transpose1d", "out_channels: 3, kernel_size: 3, stride: 2, output_padding: 2", ("[4, 2]",),
     "NS403 conv_transpose1d output_padding 2 is not below stride 2 or dilation 1"),
    ("max_pool2d", "kernel_size: 3, padding: 2", ("[4, 8, 8]",),
     "NS403 max_pool2d padding 2 is more than half of kernel 3"),
    ("avg_pool1d", "kernel_size: 3", ("[4, 2]",),
     "NS403 avg_pool1d kernel 3 does not fit an input of 2 with padding 0"),
    ("avg_pool3d", "kernel_size: 3, padding: 1", ("[4, 3, 2, 3]",),
     "NS403 avg_pool3d with kernel 3 expects an axis of at least 3, received (B, 4, 3, 2, 3)"),
    ("adaptive_avg_pool2d", "output_size: 1", ("[4, 8]",),
     "NS402 adaptive_avg_pool2d expects (B, C, H, W), received (B, 4, 8)"),
    ("global_max_pool1d", "", ("[4]",), "NS402 global_max_pool1d expects (B, C, L), received (B, 4)"),
    ("batch_norm1d", "", ("[4, 8, 8]",), "NS402 batch_norm1d expects (B, C) or (B, C, L), received (B, 4, 8, 8)"),
    ("batch_norm2d", "", ("[T, 8, 8]",),
     "NS402 batch_norm2d expects a channel axis of known size, received (B, T, 8, 8)"),
    ("instance_norm1d", "", ("[4, 1]",),
     "NS403 instance_norm1d expects more than one position in each channel, received (B, 4, 1)"),
    ("group_norm", "num_groups: 3", ("[4, 8]",), "NS403 group_norm num_groups 3 does not divide 4 channels"),
    ("group_norm", "num_groups: 4", ("[4]",),
     "NS403 group_norm expects more than one value in a group, received (B, 4)"),
    ("layer_norm", "num_axes: 2", ("[4]",),
     "NS402 layer_norm over 2 axes expects an input of at least 3 axes with the batch, received (B, 4)"),
    ("rms_norm", "", ("[4, T]",), "NS402 rms_norm expects normalised axes of known size, received (B, 4, T)"),
    ("dropout2d", "", ("[4, 3]",), "NS402 dropout2d expects (B, C, H, W), received (B, 4, 3)"),
    ("hard_tanh", "min_val: 2", ("[4]",), "NS403 hard_tanh expects max_val above min_val, received 1.0 and 2.0"),
    ("softmax", "dim: 3", ("[4]",), "NS402 softmax expects an axis from 1 to 1, received 3 for (B, 4)"),
    ("log_softmax", "dim: -2", ("[4]",),
     "NS402 log_softmax does not work along the batch axis, received -2 for (B, 4)"),
    ("glu", "", ("[5]",), "NS403 glu halves axis 1 of (B, 5), and 5 is not even"),
    ("glu", "", ("[T]",), "NS403 glu halves axis 1 of (B, T), and T is not even"),
    ("prelu", "per_channel: true", ("[T, 5]",), "NS402 prelu expects a channel axis of known size, received (B, T, 5)"),
    ("maxout", "out_features: 2", ("[T]",), "NS402 maxout expects a last axis of known size, received (B, T)"),
    ("embedding", "num_embeddings: 2, embedding_dim: 3", ("[4]",),
     "NS405 embedding expects whole numbers, received float32 (B, 4)"),
    ("embedding", "num_embeddings: 2, embedding_dim: 3, padding_idx: 2", ("{shape: [4], dtype: int64}",),
     "NS403 embedding padding_idx 2 is no row of a table of 2"),
    ("flatten", "start_dim: 2, end_dim: 1", ("[4, 3]",),
     "NS402 flatten expects start_dim before end_dim, received axes 2 and 1 of (B, 4, 3)"),
    ("flatten", "start_dim: 0", ("[4, 3]",),
     "NS402 flatten does not work along the batch axis, received 0 for (B, 4, 3)"),
    ("reshape", "shape: [-1, 4]", ("[6, 5]",), "NS403 reshape of (B, 6, 5) to [-1, 4]: 30 values do not divide by 4"),
    ("reshape", "shape: [5, 5]", ("[6, 5]",), "NS403 reshape of (B, 6, 5) to [5, 5]: 30 values cannot become 25"),
    ("reshape", "shape: [-1, -1]", ("[6, 5]",),
     "NS403 reshape expects positive sizes and at most one -1, received [-1, -1]"),
    ("reshape", "shape: [W, 2]", ("[T, 2]",), "NS402 reshape found no axis `W` in (B, T, 2)"),
    ("reshape", "shape: [-1, T]", ("[4, 2]",), "NS402 reshape found no axis `T` in (B, 4, 2)"),
    ("reshape", "shape: [T, 3]", ("[T, 2]",), "NS403 reshape of (B, T, 2) to [T, 3]: 2*T values cannot become 3*T"),
    ("permute", "dims: [1, 0, 2]", ("[4, 3]",),
     "NS402 permute expects the axes 0 to 2 in some order and 0 first, received [1, 0, 2] for (B, 4, 3)"),
    ("concat", "", ("[4, 3]", "[4, 2]"), "NS401 cannot concat (B, 4, 3) and (B, 4, 2) along axis 1"),
    ("concat", "", ("[4]", "{shape: [4], dtype: int64}"),
     "NS405 concat expects inputs of one element type, received float32, int64"),
    ("stack", "", ("[4, 3]", "[4, 2]"), "NS401 cannot stack (B, 4, 3) and (B, 4, 2)"),
    ("stack", "dim: 4", ("[4, 3]", "[4, 3]"), "NS402 stack expects an axis from 1 to 3, received 4 for (B, 4, 3)"),
    ("add", "", ("[64, 56, 56]", "[128, 28, 28]"), "NS401 cannot add (B, 64, 56, 56) and (B, 128, 28, 28)"),
    ("multiply", "", ("[3, 4]", "[3]", "[3, 4]"), "NS401 cannot multiply (B, 3, 4), (B, 3), (B, 3, 4)"),
    ("subtract", "", ("[T]", "[4]"), "NS401 cannot subtract (B, T) and (B, 4)"),
    ("add", "", ("{shape: [4], dtype: bool}", "{shape: [4], dtype: bool}"),
     "NS405 add expects numbers, received bool (B, 4)"),
    ("lerp", "", ("[4]", "[4]", "[3]"), "NS401 cannot lerp (B, 4), (B, 4), (B, 3)"),
    ("slice", "dim: 1, stop: 9", ("[5]",),
     "NS403 slice 0:9 of axis 1 of (B, 5) reaches outside: the axis has 5 positions"),
    ("slice", "dim: 1, start: 3, stop: -2", ("[5]",),
     "NS403 slice 3:-2 of axis 1 of (B, 5) is empty: it begins at 3 and ends before 3"),
    ("split", "dim: 1, num: 2", ("[5]",), "NS403 split of axis 1 of (B, 5): 5 does not divide into 2 equal parts"),
    ("split", "dim: 1, sizes: [2, 2]", ("[5]",), "NS403 split of axis 1 of (B, 5): 2 + 2 = 4 is not 5"),
    ("split", "dim: 1", ("[5]",), "NS403 split expects one of `num` and `sizes`"),
    ("pad", "padding: [1]", ("[5]",), "NS403 pad expects pairs of numbers, received [1]"),
    ("pad", "padding: [1, 1, 1, 1]", ("[5]",),
     "NS402 pad of 2 axes expects at least 3 with the batch, received (B, 5)"),
    ("pad", "padding: [1, 1], mode: reflect", ("[5]",),
     "NS402 pad with mode reflect pads every axis behind the channels, of one to three; received 1 pairs for (B, 5)"),
    ("pad", "padding: [6, 0], mode: circular", ("[2, 5]",), "NS403 pad cannot wrap 6 positions of an axis of 5"),
    ("upsample", "scale_factor: 2, mode: bilinear", ("[2, 5]",),
     "NS402 upsample with mode bilinear expects (B, C, H, W), received (B, 2, 5)"),
    ("upsample", "", ("[2, 5]",), "NS403 upsample expects one of `scale_factor` and `size`"),
    ("upsample", "scale_factor: 0.1", ("[2, 5]",), "NS403 upsample by 0.1 leaves nothing of an input of 5"),
    ("upsample", "scale_factor: 0.3", ("[2, T]",),
     "NS402 upsample by 0.3 expects an axis of known size, received (B, 2, T)"),
    ("upsample", "size: [2, 3]", ("[2, 5]",), "NS403 upsample expects one number or 1, received [2, 3] for (B, 2, 5)"),
    ("upsample", "size: 3, align_corners: true", ("[2, 5]",), "NS403 upsample with mode nearest has no align_corners"),
    ("mean", "dim: [1, -1]", ("[5]",), "NS402 mean expects different axes, received [1, -1] for (B, 5)"),
    ("max", "dim: 0", ("[5]",), "NS402 max does not work along the batch axis, received 0 for (B, 5)"),
    ("multi_head_attention", "num_heads: 3", ("[5, 4]",),
     "NS403 multi_head_attention num_heads 3 does not divide 4 features"),
    ("multi_head_attention", "num_heads: 2", ("[5, 4]", "[5, 4]", "[6, 4]"),
     "NS401 multi_head_attention expects as many keys as values, received (B, 5, 4) and (B, 6, 4)"),
    ("multi_head_attention", "num_heads: 2", ("[5, 4]", "{shape: [6], dtype: bool}"),
     "NS401 multi_head_attention expects a mask for the keys (B, 5, 4), received (B, 6)"),
    ("multi_head_attention", "num_heads: 2", ("{shape: [5], dtype: bool}",),
     "NS405 multi_head_attention expects one to three floating inputs, "
     "then at most one bool mask, received bool (B, 5)"),
    ("multi_head_attention", "num_heads: 2", ("[4]",), "NS402 multi_head_attention expects (B, T, E), received (B, 4)"),
    ("positional_encoding", "", ("[5, 3]",),
     "NS403 positional_encoding pairs sines and cosines, and 3 features are odd"),
    ("positional_encoding", "mode: learned, max_length: 4", ("[5, 3]",),
     "NS403 positional_encoding has 4 positions for a sequence of 5"),
    ("positional_encoding", "mode: learned", ("[5, 3]",),
     "NS403 positional_encoding with mode learned needs a max_length"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "shapes", "message"), REFUSED, ids=[m for *_, m in REFUSED])
def test_refusal_says_what_was_received(kind: str, fields: str, shapes: tuple[str, ...], message: str) -> None:
    with pytest.raises(NetspecError) as caught:
        one_layer(kind, fields, *shapes)
    [problem] = caught.value.problems
    assert f"{problem.code} {problem.message}" == message
    assert problem.span is not None


def test_whole_numbers_are_refused_where_torch_refuses_them() -> None:
    for kind in ("relu", "linear", "conv1d", "batch_norm1d", "mean", "softmax", "dropout"):
        assert kinds()[kind].floating
    with pytest.raises(NetspecError, match="NS405"):
        one_layer("relu", "", "{shape: [3], dtype: int64}")
