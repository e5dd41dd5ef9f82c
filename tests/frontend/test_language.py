"""What language.md promises, one promise a test: what a file means, read off the graph that comes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.frontend.document import load_document
from netspec.frontend.expression import resolve
from netspec.graph.model import Graph, Ref
from netspec.graph.verify import verify
from netspec.source.text import Source

ROOT = Path(__file__).parents[2]


def load(text: str, **variables: Any) -> Graph:
    """The graph of a text, verified, and the same from its resolved text."""
    graph = netspec.load(text if text.startswith("netspec") else f"netspec: 1\n{text}\n", **variables)
    verify(graph)
    again = netspec.load(graph.resolved)
    assert rows(again) == rows(graph)
    assert again.outputs == graph.outputs
    return graph


def rows(graph: Graph) -> list[tuple[Any, ...]]:
    return [(n.name, n.layer, n.inputs, dict(n.outputs), n.share, n.init, n.freeze, n.scope) for n in graph.nodes()]


def shapes(graph: Graph) -> dict[str, str]:
    return {node.name: str(node.type) for node in graph.layers()}


def reads(graph: Graph) -> dict[str, list[str]]:
    return {node.name: [str(ref) for ref in node.inputs] for node in graph.layers()}


X = "inputs: {x: [8]}\n"
IMAGE = "inputs: {x: [3, 16, 16]}\n"


def test_layers_stand_in_the_order_of_the_data() -> None:
    graph = load(
        X + "layers:\n  fc: {type: linear, out_features: 4}\n  relu: relu\n  head: {type: linear, out_features: 2}"
    )
    assert reads(graph) == {"fc": ["x"], "relu": ["fc"], "head": ["relu"]}
    assert shapes(graph) == {"fc": "(B, 4)", "relu": "(B, 4)", "head": "(B, 2)"}
    assert graph.outputs == {"head": Ref("head")}


def test_texts_and_name() -> None:
    graph = load("name: net\ndescription: small\nsource: nobody 1999\n" + X + "layers: {a: relu}")
    assert (graph.name, graph.description, graph.source) == ("net", "small", "nobody 1999")
    assert netspec.load(ROOT / "architectures" / "lenet5.yaml").name == "lenet5"


def test_inputs_with_symbolic_axes_and_types() -> None:
    graph = load(
        "vars: {size: 6}\ninputs:\n  words: {shape: [T], dtype: int64}\n  image: [3, $size, $(size / 2)]\n"
        "  scalar: []\n"
        "layers: {e: {type: embedding, num_embeddings: 9, embedding_dim: 4, from: words}}"
    )
    assert {k: (str(t), t.dtype) for k, t in graph.inputs.items()} == {
        "words": ("(B, T)", "int64"),
        "image": ("(B, 3, 6, 3)", "float32"),
        "scalar": ("(B,)", "float32"),
    }
    assert shapes(graph) == {"e": "(B, T, 4)"}


def test_several_inputs_and_outputs() -> None:
    graph = load(
        "inputs: {a: [4], b: [4]}\nlayers:\n  sum: {type: add, from: [a, b]}\n  twice: {type: add, from: [a, a]}\n"
        "  both: {type: concat, dim: 1, from: [sum, twice]}\noutputs: {first: sum, last: both}"
    )
    assert reads(graph) == {"sum": ["a", "b"], "twice": ["a", "a"], "both": ["sum", "twice"]}
    assert {k: str(t) for k, t in graph.output_types().items()} == {"first": "(B, 4)", "last": "(B, 8)"}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$width", 8),
        ("$(width * 2)", 16),
        ("$(width // 3)", 2),
        ("$(width % 3)", 2),
        ("$(2 ** 3)", 8),
        ("$(width / 2)", 4),
        ("$(-(-width))", 8),
        ("$(width if deep else 1)", 8),
        ("$(1 if not deep else 3)", 3),
        ("$(2 if width > 4 and deep else 5)", 2),
        ("$(2 if width < 4 or not deep else 5)", 5),
        ("'$(min(width, 3))'", 3),
        ("'$(max(1, width, 3))'", 8),
        ("$(abs(-3))", 3),
        ("$(round(2.6))", 3),
        ("$(floor(2.6))", 2),
        ("$(ceil(2.1))", 3),
        ("$(int(2.9))", 2),
        ("$(4 if 1 < width <= 8 else 1)", 4),
        ("$(7 if kind == 'relu' else 1)", 7),
        ('$(7 if kind != "relu" else 1)', 1),
        ("$(true + 1 if false else 6)", 6),
        ("$( width )", 8),
        ("'$(max(width,')')) if false else 2)'", None),
    ],
)
def test_expressions_keep_their_type(expression: str, value: int | None) -> None:
    text = (
        f"vars: {{width: 8, deep: true, kind: relu}}\n{X}layers: {{fc: {{type: linear, out_features: {expression}}}}}"
    )
    if value is None:
        with pytest.raises(netspec.NetspecError):
            load(text)
    else:
        assert load(text)["fc"].layer.out_features == value  # type: ignore[attr-defined]


def test_expressions_inside_text_and_dollars() -> None:
    text = (
        "netspec: 1\nvars: {n: 3, s: [1, 2], on: true}\n"
        + X
        + "layers: {a: relu}\ndata: {path: 'fold-$(n + 1)/$$x/$n.csv', s: $s, "
        "b: $on, t: '$(on)-', d: $$, all: [$n, {k: $(n * 1.5)}]}\n"
    )
    document = load_document(Source("<text>", text))
    assert resolve(document.section("data"), document.vars).plain() == {
        "path": "fold-4/$x/$n.csv",
        "s": [1, 2],
        "b": True,
        "t": "true-",
        "d": "$",
        "all": [3, {"k": 4.5}],
    }


def test_variables_are_replaced() -> None:
    text = (
        "vars: {width: 8, act: relu, sizes: [2, 3]}\n" + IMAGE + "layers:\n  c: {type: conv2d, out_channels: $width, "
        "kernel_size: $sizes}\n  a: {type: $act}"
    )
    assert shapes(load(text)) == {"c": "(B, 8, 15, 14)", "a": "(B, 8, 15, 14)"}
    graph = load(text, width=4, act="tanh", sizes=(1, 3))
    assert shapes(graph) == {"c": "(B, 4, 16, 14)", "a": "(B, 4, 16, 14)"}
    assert graph["a"].kind == "tanh"


BLOCK = """
vars: {width: 8}
inputs: {x: [4]}
blocks:
  mlp:
    params: {features: , hidden: $(features * 2), act: relu, depth: 1}
    layers:
      up: {type: linear, out_features: $hidden, repeat: $depth}
      act: {type: $act}
      down: {type: linear, out_features: $features}
"""


def test_blocks_with_parameters() -> None:
    graph = load(
        BLOCK
        + "layers:\n  a: {type: mlp, features: $width}\n  b: {type: mlp, features: 3, hidden: 5, act: tanh, depth: 2}"
    )
    assert shapes(graph) == {
        "a.up.0": "(B, 16)",
        "a.act": "(B, 16)",
        "a.down": "(B, 8)",
        "b.up.0": "(B, 5)",
        "b.up.1": "(B, 5)",
        "b.act": "(B, 5)",
        "b.down": "(B, 3)",
    }
    assert graph["b.act"].kind == "tanh"
    assert graph["b.up.0"].inputs == (Ref("a.down"),)
    assert {s.name: s.kind for s in graph.scopes.values()} == {"a": "mlp", "b": "mlp"}
    assert graph["b.act"].scope == "b"


def test_blocks_take_lists_and_kinds_and_use_blocks() -> None:
    graph = load(
        IMAGE
        + """blocks:
  conv:
    params: {n: , size: [3, 3]}
    layers: {c: {type: conv2d, out_channels: $n, kernel_size: $size}, r: relu}
  two:
    params: {n: , inner: conv}
    layers: {first: {type: $inner, n: $n}, second: {type: $inner, n: $(n * 2), size: [1, 1]}}
layers:
  t: {type: two, n: 4}
  u: {type: two, n: 4, inner: conv}"""
    )
    assert shapes(graph)["t.second.c"] == "(B, 8, 14, 14)"
    assert graph["u.first.c"].inputs == (Ref("t.second.r"),)


def test_blocks_with_several_inputs_and_outputs() -> None:
    text = """inputs: {q: [T, 8], m: [U, 8]}
blocks:
  cross:
    inputs: [query, memory]
    layers:
      attend: {type: multi_head_attention, num_heads: 2, from: {query: query, key: memory}}
      sum: {type: add, from: [query, attend]}
    outputs: {out: sum, attended: attend}
layers:
  a: {type: cross, from: [q, m]}
  b: {type: cross, from: {query: a.out, memory: a.attended}}
outputs: {y: b.out}"""
    graph = load(text)
    assert graph["a.attend"].inputs[:2] == (Ref("q"), Ref("m"))
    assert graph["b.sum"].inputs == (Ref("a.sum"), Ref("b.attend"))
    assert graph.outputs == {"y": Ref("b.sum")}


def test_repeat_chains_copies_with_an_index() -> None:
    graph = load(
        X + "layers:\n  fc: {type: linear, out_features: $(8 - i), repeat: 3}\n  head: {type: add, from: [fc, fc.2]}\n"
        "  old: {type: relu, from: fc.0}"
    )
    assert shapes(graph) == {"fc.0": "(B, 8)", "fc.1": "(B, 7)", "fc.2": "(B, 6)", "head": "(B, 6)", "old": "(B, 8)"}
    assert reads(graph)["fc.1"] == ["fc.0"]
    assert reads(graph)["head"] == ["fc.2", "fc.2"]


def test_nested_repeats_have_their_own_index() -> None:
    graph = load(
        X + "layers:\n  g:\n    type: sequence\n    repeat: 2\n    layers:\n"
        "      fc: {type: linear, out_features: $(i + 1), "
        "repeat: 2}\n      last: {type: linear, out_features: $(10 + i)}"
    )
    assert shapes(graph) == {
        "g.0.fc.0": "(B, 1)",
        "g.0.fc.1": "(B, 2)",
        "g.0.last": "(B, 10)",
        "g.1.fc.0": "(B, 1)",
        "g.1.fc.1": "(B, 2)",
        "g.1.last": "(B, 11)",
    }


def test_repeat_zero_and_when_leave_a_layer_out() -> None:
    text = (
        "vars: {deep: true, n: 0}\n"
        + X
        + "layers:\n  a: {type: relu, when: $deep}\n  b: {type: tanh, repeat: $n}\n  c: sigmoid\n"
    )
    assert reads(load(text)) == {"a": ["x"], "c": ["a"]}
    assert reads(load(text, deep=False, n=1)) == {"b.0": ["x"], "c": ["b.0"]}
    inside = X + "layers:\n  s: {type: sequence, layers: {r: {type: relu, when: false}}}\n  c: sigmoid\n"
    assert reads(load(inside)) == {"c": ["x"]}
    copies = X + "layers:\n  s: {type: sequence, repeat: 3, layers: {r: {type: relu, when: $(i != 1)}}}\n"
    assert list(shapes(load(copies))) == ["s.0.r", "s.2.r"]


def test_residual_and_its_shortcuts() -> None:
    def net(shortcut: str, channels: int, stride: int) -> Graph:
        return load(
            IMAGE
            + f"layers:\n  r:\n    type: residual\n    shortcut: {shortcut}\n    layers:\n      c: {{type: conv2d, "
            f"out_channels: {channels}, kernel_size: 3, stride: {stride}, padding: 1}}"
        )

    assert reads(net("identity", 3, 1)) == {"r.c": ["x"], "r": ["r.c", "x"]}
    assert net("identity", 3, 1)["r"].kind == "add"
    assert reads(net("projection", 3, 1)) == {"r.c": ["x"], "r": ["r.c", "x"]}
    graph = net("projection", 5, 2)
    assert reads(graph) == {
        "r.c": ["x"],
        "r.shortcut.conv": ["x"],
        "r.shortcut.norm": ["r.shortcut.conv"],
        "r": ["r.c", "r.shortcut.norm"],
    }
    assert str(graph["r.shortcut.conv"].layer).startswith("Conv2d(out_channels=5, kernel_size=1, stride=(2, 2)")
    graph = net("pad", 5, 2)
    assert shapes(graph)["r.shortcut.pad"] == "(B, 5, 8, 8)" == shapes(graph)["r"]
    assert graph["r.shortcut.slice2"].kind == "slice"
    graph = net("none", 5, 2)
    assert reads(graph) == {"r.c": ["x"], "r": ["r.c"]}
    assert graph["r"].kind == "identity"
    graph = net(
        "{layers: {p: {type: avg_pool2d, kernel_size: 2}, q: {type: conv2d, out_channels: 5, kernel_size: 1}}}", 5, 2
    )
    assert reads(graph)["r.shortcut.p"] == ["x"]
    assert reads(graph)["r"] == ["r.c", "r.shortcut.q"]
    linear = load(
        X + "layers: {r: {type: residual, shortcut: projection, layers: {fc: {type: linear, out_features: 3}}}}"
    )
    assert linear["r.shortcut.linear"].kind == "linear"


def test_plain_twin_by_one_variable() -> None:
    text = (
        "vars: {shortcut: projection}\n"
        + X
        + "layers: {r: {type: residual, shortcut: $shortcut, layers: {fc: {type: linear, "
        "out_features: 3}}}}"
    )
    assert "r.shortcut.linear" in load(text)
    assert list(shapes(load(text, shortcut="none"))) == ["r.fc", "r"]


def test_highway_and_its_gates() -> None:
    def net(options: str, x: str = X, body: str = "{type: linear, out_features: 8}") -> Graph:
        return load(x + f"layers: {{h: {{type: highway, {options} layers: {{f: {body}, r: relu}}}}}}")

    graph = net("")
    assert reads(graph) == {
        "h.f": ["x"],
        "h.r": ["h.f"],
        "h.gate.linear": ["x"],
        "h.gate.sigmoid": ["h.gate.linear"],
        "h": ["x", "h.r", "h.gate.sigmoid"],
    }
    assert graph["h"].kind == "lerp"
    assert graph["h.gate.linear"].init["bias"].value == -2.0
    assert net("gate_bias: -1,")["h.gate.linear"].init["bias"].value == -1.0
    conv = net("gate: conv,", IMAGE, "{type: conv2d, out_channels: 3, kernel_size: 3, padding: 1}")
    assert str(conv["h.gate.conv"].type) == "(B, 3, 16, 16)"
    assert reads(net("gate: none,")) == {"h.f": ["x"], "h.r": ["h.f"], "h": ["h.r"]}
    own = net("gate: {layers: {g: {type: linear, out_features: 8}}},")
    assert reads(own)["h.gate.sigmoid"] == ["h.gate.g"]
    assert net("shortcut: none,")["h"].kind == "multiply"
    wide = net("shortcut: projection,", body="{type: linear, out_features: 5}")
    assert reads(wide)["h"] == ["h.shortcut.linear", "h.r", "h.gate.sigmoid"]


@pytest.mark.parametrize(
    ("merge", "kind", "shape"),
    [
        ("concat", "concat", "(B, 16)"),
        ("add", "add", "(B, 8)"),
        ("multiply", "multiply", "(B, 8)"),
        ("stack", "stack", "(B, 2, 8)"),
    ],
)
def test_branches_and_their_merges(merge: str, kind: str, shape: str) -> None:
    graph = load(
        X + f"layers: {{m: {{type: branches, merge: {merge}, branches: {{one: {{a: relu, b: tanh}}, two: }}}}}}"
    )
    assert reads(graph) == {"m.one.a": ["x"], "m.one.b": ["m.one.a"], "m": ["m.one.b", "x"]}
    assert graph["m"].kind == kind
    assert shapes(graph)["m"] == shape
    assert graph["m.one.a"].scope == "m.one"


def test_branches_as_ports() -> None:
    graph = load(
        X + "layers:\n  m: {type: branches, merge: none, branches: {one: {a: relu}, two: {b: tanh}, raw: }}\n"
        "  s: {type: add, from: [m.two, m.one]}\n  t: {type: add, from: [s, m.raw]}\n  u: {type: relu, from: m.one.a}"
    )
    assert reads(graph)["s"] == ["m.two.b", "m.one.a"]
    assert reads(graph)["t"] == ["s", "x"]
    assert reads(graph)["u"] == ["m.one.a"]
    last = load(X + "layers:\n  m: {type: branches, merge: none, branches: {one: {a: relu}, two: {b: tanh}}}")
    assert last.outputs == {"one": Ref("m.one.a"), "two": Ref("m.two.b")}


def test_containers_nest_and_see_outer_names() -> None:
    graph = load(
        X
        + """layers:
  stem: relu
  enc:
    type: sequence
    layers:
      deep: {type: sequence, layers: {one: {type: linear, out_features: 8}, two: {type: add, from: [one, stem]}}}
      again: {type: add, from: [deep.one, deep]}
  out: {type: add, from: [enc.deep.two, enc, x]}"""
    )
    assert reads(graph)["enc.deep.two"] == ["enc.deep.one", "stem"]
    assert reads(graph)["enc.again"] == ["enc.deep.one", "enc.deep.two"]
    assert reads(graph)["out"] == ["enc.deep.two", "enc.again", "x"]


def test_named_ports_of_a_layer() -> None:
    graph = load(
        X + "layers:\n  s: {type: split, sizes: [3, 5], dim: 1}\n  a: {type: relu, from: s.1}\n"
        "  b: {type: relu, from: s.0}"
    )
    assert reads(graph)["a"] == ["s.1"]
    assert (
        shapes(
            load(
                X + "layers:\n  s: {type: split, sizes: [3, 5], dim: 1}\n  a: {type: relu, from: s.1}\noutputs: {y: a}"
            ).rebuilt([], {}, {})
        )
        == {}
    )
    assert str(graph["a"].type) == "(B, 5)"


def test_sharing() -> None:
    graph = load(
        "inputs: {w: {shape: [T], dtype: int64}}\nlayers:\n"
        "  e: {type: embedding, num_embeddings: 50, embedding_dim: 8}\n"
        "  fc: {type: linear, out_features: 8}\n  again: {type: linear, out_features: 8, share: fc}\n"
        "  head: {type: linear, out_features: 50, bias: false, share: e}"
    )
    assert (graph["again"].share, graph["head"].share) == ("fc", "e")
    from netspec.graph.cost import total

    assert total(graph).params == 50 * 8 + 8 * 8 + 8


def test_sharing_blocks_and_repeats() -> None:
    text = (
        BLOCK
        + "layers:\n  a: {type: mlp, features: 4, repeat: 2}\n  b: {type: mlp, features: 4, share: a, repeat: 2}\n"
        "  c: {type: mlp, features: 4, share: a.0}\n  d: {type: mlp, features: 4, share: c}"
    )
    graph = load(text)
    assert {n.name: n.share for n in graph.layers() if n.share} == {
        f"{mine}.{layer}": f"{theirs}.{layer}"
        for mine, theirs in (("b.0", "a.0"), ("b.1", "a.1"), ("c", "a.0"), ("d", "c"))
        for layer in ("up.0", "down")
    }


def test_initialisation_and_freezing() -> None:
    graph = load(
        X + "layers:\n  a: {type: linear, out_features: 4, init: he}\n"
        "  b: {type: linear, out_features: 4, init: {weight: "
        "{type: normal, std: 0.1}, bias: 0.5}, freeze: true}\n  s:\n    type: sequence\n    init: xavier\n"
        "    freeze: true\n"
        "    layers: {c: {type: linear, out_features: 4}, n: layer_norm, d: {type: linear, "
        "out_features: 4, freeze: false, "
        "init: zeros}}"
    )
    kinds = {n.name: {k: type(i).__name__ for k, i in n.init.items()} for n in graph.layers()}
    assert kinds == {
        "a": {"weight": "HeNormal"},
        "b": {"weight": "Normal", "bias": "Constant"},
        "s.c": {"weight": "XavierUniform"},
        "s.n": {},
        "s.d": {"weight": "Zeros"},
    }
    assert [n.name for n in graph.layers() if n.freeze] == ["b", "s.c", "s.n"]


def test_one_weight_of_several_axes_is_what_a_container_initialises() -> None:
    graph = load(
        X + "layers: {s: {type: sequence, init: {weight: he, bias: ones}, layers: {c: {type: linear, "
        "out_features: 4}, n: "
        "layer_norm}}}"
    )
    assert sorted(graph["s.c"].init) == ["bias", "weight"]
    assert sorted(graph["s.n"].init) == ["bias"]


def test_budget_in_its_units() -> None:
    graph = load(
        X
        + "layers: {fc: {type: linear, out_features: 10}}\nbudget: {params: 0.1k, flops: 1M, activations: 4G, depth: 1}"
    )
    assert (graph.budget.params, graph.budget.flops, graph.budget.activations, graph.budget.depth) == (
        100,
        10**6,
        4 * 10**9,
        1,
    )


def test_unused_layers_are_a_warning() -> None:
    graph = load(
        "inputs: {x: [8], y: [8]}\nlayers:\n  a: {type: relu, from: x}\n  b: {type: tanh, from: x}\noutputs: {o: b}"
    )
    assert [(w.code, w.message) for w in graph.warnings] == [
        ("NS312", "input `y` is not used by any output"),
        ("NS312", "layer `a` is not used by any output"),
    ]


def test_load_imports_neither_torch_nor_networkx() -> None:
    code = (
        "import sys, netspec\n"
        f"netspec.load({str(ROOT / 'architectures' / 'resnet50.yaml')!r})\n"
        "heavy = ('torch', 'numpy', 'networkx', 'onnx', 'onnxruntime', 'sklearn', 'matplotlib')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_names_of_torch_cannot_be_layers() -> None:
    import keyword

    import torch

    from netspec.frontend.identifiers import TORCH_NAMES

    graph = torch.fx.symbolic_trace(torch.nn.Sequential(torch.nn.ReLU()))
    attributes = {
        n for n in {*dir(graph), *dir(torch.nn.Module())} if not n.startswith("_") and not keyword.iskeyword(n)
    }
    assert attributes - {"0"} <= TORCH_NAMES


def test_no_parameter_of_a_kind_is_a_wiring_key() -> None:
    from netspec.frontend.containers import CONTAINERS, WIRING
    from netspec.layers import kinds
    from netspec.source.records import fields_of

    for name, cls in {**kinds(), **CONTAINERS}.items():
        assert not set(fields_of(cls)) & set(WIRING), name
