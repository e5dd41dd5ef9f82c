"""The figures of `summary` against counts made by hand or published elsewhere."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

import netspec
from netspec.report import summary
from netspec.report.numbers import byte_size, short
from netspec.report.summary import json as summary_json
from netspec.report.summary import markdown
from netspec.report.summary.table import SummaryTable

NET = """
netspec: 1
name: small
inputs: {image: [3, 8, 8], tokens: {shape: [T], dtype: int64}}
layers:
  conv: {type: conv2d, from: image, out_channels: 4, kernel_size: 3, bias: false}
  flat: flatten
  fc: {type: linear, out_features: 2}
  embed: {type: embedding, from: tokens, num_embeddings: 7, embedding_dim: 5}
outputs: {a: fc, b: embed}
budget: {params: 1k}
"""


def test_rows_and_totals() -> None:
    graph = netspec.load(NET)
    conv, flat, fc, embed = summary.rows(graph)[2:]
    assert (conv.params, conv.flops, conv.activations, conv.receptive_field) == (108, 108 * 36, 4 * 36 * 4, "3×3")
    assert (flat.params, flat.flops, flat.activations) == (0, 0, 0)  # a view
    assert (fc.params, fc.flops, fc.receptive_field) == (144 * 2 + 2, 288, "all")
    assert (embed.params, str(embed.activations), embed.shape) == (35, "20*T", "(B, T, 5)")
    assert dict(summary.totals(graph))["budget params"] == "43.3% of 1,000"


def test_json_is_the_same_figures() -> None:
    [text] = summary_json.render(netspec.load(NET))
    data = json.loads(text)
    assert data["params"] == 433 and data["flops"] == 108 * 36 + 288 and data["activations"] == "20*T + 584"
    assert data["inputs"]["tokens"] == {"shape": ["B", "T"], "dtype": "int64"}
    assert [row["name"] for row in data["layers"]] == ["image", "tokens", "conv", "flat", "fc", "embed"]


def test_markdown_is_a_table() -> None:
    [text] = markdown.render(netspec.load(NET))
    assert "| conv | conv2d | (B, 4, 6, 6) | 108 | 3.89 k | 576 B | 3×3 |" in text.splitlines()


def test_table_shows_every_layer() -> None:
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123 - the console owns it
    console.print(SummaryTable(netspec.load(NET)))
    shown = console.export_text()
    assert all(name in shown for name in ("conv", "flat", "embed", "parameters", "433"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1 k"), (25_557_032, "25.6 M"), (4_089_184_256, "4.09 G"), (999_999, "1 M")],
)
def test_short_numbers(value: int, text: str) -> None:
    assert short(value) == text


def test_memory_and_signs() -> None:
    assert [byte_size(v) for v in (3, 2048, 3 * 2**20, 2**41)] == ["3 B", "2.0 KiB", "3.0 MiB", "2.0 TiB"]


LONG = NET.replace("conv:", "a_convolution_of_a_long_name:")


TABLE = """small

 layer                kind        output         parameters
 ──────────────────────────────────────────────────────────
 image                input       (B, 3, 8, 8)
 tokens               input       (B, T) int64
 a_convolution_of_a   conv2d      (B, 4, 6, 6)          108
 _long_name
 flat                 flatten     (B, 144)
 fc                   linear      (B, 2)                290
 embed                embedding   (B, T, 5)              35
"""


def test_table_to_the_letter_and_a_name_that_goes_on_below() -> None:
    console = Console(width=60, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123 - the console owns it
    console.print(SummaryTable(netspec.load(LONG)))
    assert [line.rstrip() for line in console.export_text().splitlines()[1:11]] == TABLE.splitlines()[1:11]
