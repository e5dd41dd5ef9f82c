"""Whatever is done to a valid file, `load` gives a graph or says in a NetspecError what is wrong, and soon."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import netspec
from netspec.cells.language.library import library_cell, library_names
from netspec.frontend.resolved import dump
from netspec.layers import kinds
from netspec.source.text import Source
from netspec.source.tree import parse

ROOT = Path(__file__).parents[2]
SEEDS = [
    *(
        p.read_text(encoding="utf-8")
        for p in sorted((ROOT / "architectures").glob("*.yaml"))
        if "extends:" not in p.read_text("utf-8")
    ),
    """netspec: 1
name: everything
vars: {width: 8, sizes: [4, 8], shortcut: projection, deep: true, kind: relu}
inputs:
  x: [3, 16, 16]
  words: {shape: [T], dtype: int64}
  h: [T, $width]
blocks:
  pair:
    params: {channels: , stride: 1, act: relu}
    layers:
      conv: {type: conv2d, out_channels: $channels, kernel_size: 3, stride: $stride, padding: 1, init: he}
      act: {type: $act}
  cross:
    inputs: [query, memory]
    params: {heads: 2}
    layers:
      attend: {type: multi_head_attention, num_heads: $heads, from: {query: query, key: memory}}
      sum: {type: add, from: [query, attend]}
    outputs: {out: sum, attended: attend}
layers:
  stem: {type: pair, channels: $width, from: x}
  body:
    type: residual
    shortcut: $shortcut
    repeat: $(len2 if false else 2)
    layers:
      pair: {type: pair, channels: "$(max(width, width * (i + 1)))", stride: $(2 if i == 0 else 1)}
      mixed:
        type: branches
        merge: concat
        branches:
          one: {conv: {type: conv2d, out_channels: 4, kernel_size: 1}}
          two:
  gate:
    type: highway
    gate: {layers: {c: {type: conv2d, out_channels: 20, kernel_size: 1}}}
    layers: {c: {type: conv2d, out_channels: 20, kernel_size: 3, padding: 1}}
    when: $deep
  flat: flatten
  head: {type: linear, out_features: 10, init: {weight: {type: normal, std: 0.1}, bias: zeros}, freeze: true}
  embed: {type: embedding, num_embeddings: 50, embedding_dim: $width, from: words}
  cross: {type: cross, from: {query: h, memory: embed}}
  tied: {type: linear, out_features: 50, bias: false, share: embed, from: cross.out}
  parts: {type: split, sizes: [20, 30], dim: -1, from: tied}
outputs: {logits: head, scores: tied, first: parts.0}
budget: {params: 100k}
data: {source: {type: npz, path: "$$ and $(width) of text"}, split: {train: 0.8, seed: $width}}
train: {epochs: $(width + 2), loss: {logits: cross_entropy, scores: squared, first: squared}}
""".replace("$(len2 if false else 2)", "$(2)"),
    """netspec: 1
name: cells
vars: {cell: mine, scale: 2}
inputs:
  x: [T, 4]
  lengths: {shape: [], dtype: int64}
  start: [4, 11]
cells:
  mine:
    source: nobody
    params: {scale: , size: 5}
    state: {h: hidden, c: size}
    output: y
    weights:
      W_f, W_c: [size, hidden + input]
      U: [hidden, size]
      p: [size]
      b: []
      S: [hidden, input]
    init: {p: 1.0, "W_f, W_c": {type: orthogonal, gain: 2}, b: scale}
    equations:
      - f = sigmoid(W_f @ [h[t-1], x[t]] + p * c[t-1] + b)
      - c[t] = f * c[t-1] + (1 - f) * tanh(W_c @ [h[t-1], x[t]])
      - s = S @ x[t] if input != hidden else x[t]
      - h[t] = max(U @ c[t], -s) / scale
      - y = relu(h[t]) * 2
layers:
  one: {type: recurrent, cell: $cell, hidden: 6, params: {scale: $scale}, num_layers: 2, bidirectional: true, from: {
    input: x, lengths: lengths, initial_state: start}}
  two: {type: sru, hidden: 3, params: {rescale: 0}, returns: last, initial_state: learned}
  three: {type: recurrent, cell: lstm, hidden: 2, from: one, init: {b_f: 2.0}}
outputs: {two: two, three: three.state}
""",
]
WORDS = [
    "netspec",
    "layers",
    "inputs",
    "blocks",
    "type",
    "from",
    "repeat",
    "share",
    "when",
    "init",
    "freeze",
    "relu",
    "residual",
    "branches",
    "sequence",
    "highway",
    "linear",
    "conv2d",
    "in",
    "x",
    "fc",
    "conv1",
    "body",
    "body.pair",
    "null",
    "true",
    "$width",
    "$(width)",
    "$i",
    "$(i",
    "$(9**9**9)",
    "0",
    "-1",
    "1e9",
    "1e999",
    ".nan",
    "99999999999999999999",
    "1.5",
    "''",
    "[]",
    "{}",
    "[x, x]",
    "{a: b}",
    "&a",
    "*a",
    "!!str",
    "---",
    "- ",
    ": ",
    "? ",
    "|",
    ">",
    "#",
    "%",
    "@",
    "`",
    "\t",
    "\x00",
    "\ufeff",
    "\u2028",
    "é",
    "字",
    "merge",
    "none",
    "stack",
    "params",
    "outputs",
    "shortcut",
    "gate",
    "100000",
    "[3, T]",
    "T",
    "{shape: [T], dtype: int64}",
    "flatten",
    "max_pool2d",
    "embedding",
    "upsample",
    "reshape",
    "permute",
    "split",
    "concat",
]

values = st.recursive(
    st.sampled_from(WORDS) | st.integers().map(str) | st.floats().map(str) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda v: f"[{', '.join(v)}]")
        | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4).map(
            lambda v: "{" + ", ".join(f"{k}: {x}" for k, x in v.items()) + "}"
        )
    ),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A seed with a few lines, characters, tokens or values deleted, doubled, swapped or replaced."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        lines = text.split("\n")
        i, j = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
        what = draw(
            st.sampled_from(
                [
                    "delete",
                    "double",
                    "swap",
                    "copy",
                    "indent",
                    "character",
                    "token",
                    "value",
                    "value",
                    "scalar",
                    "scalar",
                ]
            )
        )
        line = lines[i]
        at = draw(st.integers(0, max(0, len(line) - 1)))
        if what == "delete":
            del lines[i]
        elif what == "double":
            lines.insert(i, line)
        elif what == "swap":
            lines[i], lines[j] = lines[j], lines[i]
        elif what == "copy":
            lines.insert(j, line)
        elif what == "indent":
            lines[i] = draw(st.sampled_from(["", " ", "  ", "    ", "\t"])) + line.lstrip()
        elif what == "character":
            lines[i] = (
                line[:at]
                + draw(st.characters() | st.sampled_from("{}[]:,$()'\"|&*!#\t"))
                + line[at + draw(st.integers(0, 1)) :]
            )
        elif what == "token":
            lines[i] = line[:at] + draw(st.sampled_from(WORDS)) + line[at:]
        elif what == "value":
            lines[i] = line.split(":")[0] + ": " + draw(values)
        else:
            lines[i] = _with_other_scalar(line, draw)
        text = "\n".join(lines)
        if not lines:
            break
    return text + "\n"


def _with_other_scalar(line: str, draw: st.DrawFn) -> str:
    """One value of a flow mapping on the line replaced."""
    parts = line.split(", ")
    k = draw(st.integers(0, len(parts) - 1))
    key, colon, value = parts[k].partition(": ")
    tail = value[len(value.rstrip("}]")) :]
    parts[k] = key + colon + draw(values) + tail
    return ", ".join(parts)


numbers = st.sampled_from([1, 2, 3, 4, 8]) | st.sampled_from(
    [0, 1, 2, 3, 7, 16, -1, 1.5, 10**18, True, None, "T", "$i", "$(width // 3)", "x", "none", [1, 2], [], {}, 100]
)
PARTS = [parse(Source("seed", text)).plain() for text in SEEDS]


@st.composite
def rearranged(draw: st.DrawFn) -> str:
    """A seed whose tree has a few values replaced, moved, renamed or taken out: valid YAML, that gets further."""
    tree = copy.deepcopy(draw(st.sampled_from(PARTS)))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(tree))
        parent, key = draw(st.sampled_from(places))
        other, other_key = draw(st.sampled_from(places))
        what = draw(
            st.sampled_from(["number", "number", "number", "word", "other", "other", "delete", "rename", "add", "kind"])
        )
        if what == "number":
            parent[key] = copy.deepcopy(draw(numbers))
        elif what == "word":
            parent[key] = draw(st.sampled_from(WORDS))
        elif what == "other":
            parent[key] = copy.deepcopy(other[other_key])
        elif what == "delete":
            del parent[key]
        elif what == "rename" and isinstance(parent, dict):
            parent[draw(st.sampled_from(WORDS))] = parent.pop(key)
        elif what == "kind" and isinstance(parent[key], (str, dict)):
            kind = draw(st.sampled_from(sorted(kinds())))
            parent[key] = {**parent[key], "type": kind} if isinstance(parent[key], dict) else kind
        elif isinstance(parent, dict):
            parent[draw(st.sampled_from(["repeat", "from", "share", "when", "stride", "dim", "shape", "init"]))] = draw(
                numbers
            )
        if not isinstance(tree, dict) or not tree:
            break
    return dump(tree)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in (
        list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)) if isinstance(tree, list) else ()
    ):
        yield tree, key
        yield from _places(value)


def check(text: str) -> None:
    started = time.perf_counter()
    try:
        graph = netspec.load(text, folder=ROOT / "tests")
    except netspec.NetspecError as error:
        assert error.problems
        assert str(error)
        for problem in error.problems:
            assert problem.code.startswith("NS") and problem.message
            for span in (problem.span, *(r.span for r in problem.related)):
                if span is not None:
                    lines = span.source.lines or [""]
                    assert 1 <= span.line <= span.end_line <= len(lines), span
                    assert 1 <= span.column <= len(lines[span.line - 1]) + 1, span
                    assert span.line < span.end_line or span.column <= span.end_column, span
    else:
        assert graph.outputs
        again = netspec.load(graph.resolved, folder=ROOT / "tests")
        assert [(n.name, n.layer, n.inputs, n.outputs) for n in again.nodes()] == [
            (n.name, n.layer, n.inputs, n.outputs) for n in graph.nodes()
        ]
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize("seed", SEEDS, ids=range(len(SEEDS)))
def test_seeds_are_valid(seed: str) -> None:
    assert len(netspec.load(seed)) > 1


@settings(max_examples=700, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_mutated_files(text: str) -> None:
    check(text)


@settings(max_examples=1500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rearranged())
def test_rearranged_files(text: str) -> None:
    check(text)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=60), values)
def test_any_text(text: str, value: str) -> None:
    check(f"netspec: 1\ninputs: {{x: [8]}}\n{text}\nlayers: {value}\n")


EQUATIONS = [e.text.value for name in library_names() for e in library_cell(name).equations]
TOKENS = [*"+-*/@=()[],.^'{}$", "//", "==", "!=", "**", " if ", " else ", "input", "hidden", "scale", "1", "0", "2.5",
          "1e999", "x", "x[t]", "x[t-1]", "h", "h[t]", "h[t-1]", "h[t-2]", "c[t-1]", "W", "U", "b", "b[t]", "f", "g",
          "tanh(", "exp(", "sqrt(", "max(", "sigma(", "W @ ", "U @ ", "b * ", "h_t", "σ", "ₜ", " "]  # fmt: skip


@st.composite
def equations(draw: st.DrawFn) -> list[str]:
    """Equations: random words, or those of the library with a few words replaced."""
    if draw(st.booleans()):
        return draw(st.lists(st.lists(st.sampled_from(TOKENS), max_size=12).map("".join), min_size=1, max_size=3))
    found = draw(st.lists(st.sampled_from(EQUATIONS), min_size=1, max_size=4))
    for _ in range(draw(st.integers(0, 3))):
        i = draw(st.integers(0, len(found) - 1))
        at = draw(st.integers(0, len(found[i])))
        found[i] = found[i][:at] + draw(st.sampled_from(TOKENS)) + found[i][at + draw(st.integers(0, 3)) :]
    return found


@settings(max_examples=700, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(equations(), st.sampled_from(["h", "f", "c"]), st.sampled_from([1, 4]))
def test_any_equations(equations: list[str], output: str, hidden: int) -> None:
    cell = {
        "params": {"scale": 2},
        "state": {"h": "hidden", "c": "hidden"},
        "output": output,
        "weights": {"W": ["hidden", "hidden + input"], "U": ["hidden", "input"], "b": ["hidden"]},
        "equations": equations,
    }
    layer = {"type": "recurrent", "cell": "it", "hidden": hidden}
    check(dump({"netspec": 1, "inputs": {"x": ["T", 4]}, "cells": {"it": cell}, "layers": {"rnn": layer}}))


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=40), st.text(alphabet="0123456789+-*/@=()[], .thxWb", max_size=40))
def test_any_equation_text(anything: str, signs: str) -> None:
    for text in (anything, signs, f"h[t] = {signs}", f"h[t] = W @ [h[t-1], x[t]] + {signs}"):
        cell = {"state": {"h": text if text == anything else "hidden"}, "output": "h", "equations": [text],
                "weights": {"W": ["hidden", "hidden + input"], "b": ["hidden", text]}}  # fmt: skip
        layer = {"type": "recurrent", "cell": "it", "hidden": 3}
        check(dump({"netspec": 1, "inputs": {"x": ["T", 4]}, "cells": {"it": cell}, "layers": {"rnn": layer}}))


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.text(alphabet="0123456789+-*/%<>=!()., $'\"abiwfnoelsrdt_[]{}:", max_size=40))
def test_any_expression(text: str) -> None:
    quoted = text.replace("'", "''")
    check(
        f"netspec: 1\nvars: {{w: 8, a: abc, b: true, l: [1, 2]}}\ninputs: {{x: [8]}}\nlayers:\n"
        f"  f: {{type: linear, out_features: '$({quoted})'}}\n"
    )
