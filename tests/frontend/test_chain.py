"""Copies of a `repeat` read one another by the names of their ports, and nothing of a text is lost on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import netspec
from netspec.frontend.calls import Call, Expansion
from netspec.frontend.check import check
from netspec.frontend.document import load_document
from netspec.frontend.expand import expand
from netspec.graph.build import Builder
from netspec.graph.cost import total
from netspec.graph.model import Graph, Ref
from netspec.source.errors import Problems
from netspec.source.text import Source

TWO = """netspec: 1
inputs: {x: [8], z: [8]}
blocks:
  two:
    inputs: [x, skip]
    layers:
      fc: {type: linear, out_features: 8, from: x}
      s: {type: add, from: [skip, fc]}
    outputs: {x: fc, skip: s}
layers:
"""
WAVENET = """netspec: 1
vars: {r: 64, s: 256}
inputs: {audio: {shape: [T], dtype: int64}}
blocks:
  layer:
    params: {d: }
    inputs: [x, skip]
    layers:
      dil: {type: conv1d, out_channels: $(r * 2), kernel_size: 2, dilation: $d, padding: causal, from: x}
      parts: {type: split, dim: 1, num: 2}
      t: {type: tanh, from: parts.0}
      g: {type: sigmoid, from: parts.1}
      z: {type: multiply, from: [t, g]}
      out: {type: conv1d, out_channels: $r, kernel_size: 1}
      x2: {type: add, from: [x, out]}
      sk: {type: conv1d, out_channels: $s, kernel_size: 1, from: z}
      skip2: {type: add, from: [skip, sk]}
    outputs: {x: x2, skip: skip2}
layers:
  embed: {type: embedding, num_embeddings: 256, embedding_dim: $r}
  seq: {type: permute, dims: [0, 2, 1]}
  skip0: {type: conv1d, out_channels: $s, kernel_size: 1}
  stack: {type: layer, d: $(2 ** (i % 10)), repeat: 30, from: {x: seq, skip: skip0}}
  relu1: {type: relu, from: stack.skip}
  conv1: {type: conv1d, out_channels: $s, kernel_size: 1}
  relu2: relu
  conv2: {type: conv1d, out_channels: 256, kernel_size: 1}
"""


def reads(graph: Graph) -> dict[str, list[str]]:
    return {node.name: [str(ref) for ref in node.inputs] for node in graph.layers()}


@pytest.mark.parametrize("wiring", ["{x: x, skip: z}", "{skip: z, x: x}", "[x, z]"])
def test_every_port_is_the_input_of_its_name(wiring: str) -> None:
    graph = netspec.load(f"{TWO}  st: {{type: two, repeat: 3, from: {wiring}}}\noutputs: {{y: st.skip}}\n")
    assert reads(graph) == {
        "st.0.fc": ["x"],
        "st.0.s": ["z", "st.0.fc"],
        "st.1.fc": ["st.0.fc"],
        "st.1.s": ["st.0.s", "st.1.fc"],
        "st.2.fc": ["st.1.fc"],
        "st.2.s": ["st.1.s", "st.2.fc"],
    }
    assert graph.outputs == {"y": Ref("st.2.s")}
    assert total(graph).params == 3 * (8 * 8 + 8)


def test_wavenet_of_thirty_layers() -> None:
    """Causal convolutions, a residual and a skip path, counted by hand: van den Oord et al. 2016, arXiv:1609.03499."""
    layer = (2 * 64 * 128 + 128) + (64 * 64 + 64) + (64 * 256 + 256)
    ends = 256 * 64 + (64 * 256 + 256) + 2 * (256 * 256 + 256)
    assert total(netspec.load(WAVENET)).params == 30 * layer + ends == 1_283_968


def test_an_input_without_a_port_of_its_name_stays_as_given() -> None:
    text = TWO.replace("{x: fc, skip: s}", "{skip: s, aside: fc}")
    graph = netspec.load(
        f"{text}  st: {{type: two, repeat: 3, from: [x, z]}}\n  o: {{type: add, from: [st.skip, x]}}\n"
    )
    assert [reads(graph)[f"st.{i}.fc"] for i in range(3)] == [["x"]] * 3
    assert [reads(graph)[f"st.{i}.s"][0] for i in range(3)] == ["z", "st.0.s", "st.1.s"]
    assert len(graph.warnings) == 0  # `fc` is read inside


def test_a_single_output_is_the_first_input() -> None:
    text = TWO.replace("    outputs: {x: fc, skip: s}\n", "")
    graph = netspec.load(f"{text}  st: {{type: two, repeat: 3, from: [x, z]}}\n")
    assert [reads(graph)[f"st.{i}.fc"] for i in range(3)] == [["x"], ["st.0.s"], ["st.1.s"]]
    assert [reads(graph)[f"st.{i}.s"][0] for i in range(3)] == ["z"] * 3


def test_a_single_output_of_a_name_is_the_input_of_it_and_can_be_read_by_it() -> None:
    """One output more or less rewires nothing."""
    text = TWO.replace("{x: fc, skip: s}", "{skip: s}")
    graph = netspec.load(f"{text}  st: {{type: two, repeat: 3, from: [x, z]}}\noutputs: {{y: st, again: st.skip}}\n")
    assert [reads(graph)[f"st.{i}.fc"] for i in range(3)] == [["x"]] * 3
    assert [reads(graph)[f"st.{i}.s"][0] for i in range(3)] == ["z", "st.0.s", "st.1.s"]
    assert graph.outputs == {"y": Ref("st.2.s"), "again": Ref("st.2.s")}
    other = netspec.load(f"{text.replace('skip: s}', 'other: s}')}  st: {{type: two, repeat: 3, from: [x, z]}}\n")
    assert [reads(other)[f"st.{i}.fc"] for i in range(3)] == [["x"], ["st.0.s"], ["st.1.s"]]


def test_states_of_repeated_recurrent_layers() -> None:
    graph = netspec.load(
        "netspec: 1\ninputs: {x: [T, 8], s: [1, 16]}\nlayers:\n"
        "  st: {type: lstm, hidden: 8, repeat: 3, from: {input: x, initial_state: s}}\n"
        "outputs: {y: st, last: st.state, one: st.1.state}\n"
    )
    assert reads(graph) == {"st.0": ["x", "s"], "st.1": ["st.0", "s"], "st.2": ["st.1", "s"]}
    assert graph.outputs == {"y": Ref("st.2"), "last": Ref("st.2", "state"), "one": Ref("st.1", "state")}


def test_ports_of_copies_and_of_repeats_in_repeats() -> None:
    graph = netspec.load(
        f"{TWO}  g:\n    type: sequence\n    repeat: 2\n    from: x\n    layers:\n      a: relu\n"
        "      st: {type: two, repeat: 2, from: [a, z]}\n      m: {type: add, from: [st.0.x, st.skip]}\n"
        "outputs: {y: g, deep: g.0.st.1.skip}\n"
    )
    assert reads(graph)["g.1.st.1.s"] == ["g.1.st.0.s", "g.1.st.1.fc"]
    assert reads(graph)["g.1.m"] == ["g.1.st.0.fc", "g.1.st.1.s"]
    assert reads(graph)["g.1.a"] == ["g.0.m"]
    assert graph.outputs["deep"] == Ref("g.0.st.1.s")
    assert total(graph).params == 4 * 72


def test_weights_of_repeated_ports() -> None:
    graph = netspec.load(
        f"{TWO}  st: {{type: two, repeat: 3, from: [x, z], init: {{bias: 0.5}}, freeze: true}}\n"
        "  su: {type: two, repeat: 3, from: [st.x, st.skip], share: st}\n"
        "  sv: {type: two, repeat: 2, from: [su.x, su.skip], share: st.0}\n  o: {type: relu, from: sv.skip}\n"
    )
    assert [graph[f"su.{i}.fc"].share for i in range(3)] == [f"st.{i}.fc" for i in range(3)]
    assert [graph[f"sv.{i}.fc"].share for i in range(2)] == ["st.0.fc"] * 2
    assert all(graph[f"st.{i}.fc"].freeze and graph[f"st.{i}.fc"].init for i in range(3))
    assert total(graph).params == 3 * 72


def test_whose_copies_weights_are_taken_is_said() -> None:
    line = "  st: {type: two, repeat: 3, from: [x, z]}\n  su: {type: two, from: [st.x, st.skip], share: st"
    ending = "}\n  o: {type: relu, from: su.skip}\n"
    with pytest.raises(netspec.NetspecError, match=r"NS311 `share`: `st` has 3 copies\n") as caught:
        netspec.load(f"{TWO}{line}{ending}")
    assert "`share: st.2`" in str(caught.value)
    with pytest.raises(netspec.NetspecError, match="NS311 `share`: `st` has 3 copies, and this is copy 4"):
        netspec.load(f"{TWO}{line}, repeat: 4{ending}")
    assert total(netspec.load(f"{TWO}{line}.1, repeat: 4{ending}")).params == 3 * 72


def test_one_copy_none_and_the_same_by_extends(tmp_path: Path) -> None:
    base = f"{TWO}  st: {{type: two, repeat: 1, from: [x, z]}}\n  o: {{type: relu, from: st.skip}}\n"
    (tmp_path / "base.yaml").write_text(base)
    (tmp_path / "more.yaml").write_text("netspec: 1\nextends: base.yaml\nlayers: {st: {repeat: 3}}\n")
    assert total(netspec.load(tmp_path / "base.yaml")).params == 72
    assert total(netspec.load(tmp_path / "more.yaml")).params == 216
    assert total(netspec.load(base.replace("skip: s}", "other: s}").replace("st.skip", "st.other"))).params == 72
    with pytest.raises(netspec.NetspecError, match="NS308 `st` has no copies"):
        netspec.load(tmp_path / "base.yaml", sets=["layers.st.repeat=0"])
    with pytest.raises(netspec.NetspecError, match="NS308 `st` holds no `7`"):
        netspec.load(base.replace("st.skip", "st.7"))


REPEATED = (
    f"{TWO}  st: {{type: two, repeat: 2, from: [x, z]}}\n  b: {{type: residual, from: st.skip, layers: {{r: relu}}}}"
)


def test_whatever_is_lost_on_the_way_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file leads here: each end of an expansion is cut by hand, and must be seen."""
    text = f"{REPEATED}\n"
    checked = check(load_document(Source("t", text), None, None), Problems())
    whole = netspec.load(text)

    def expansion() -> Expansion:
        return expand(checked, {name: whole[name].span for name in whole.inputs})  # type: ignore[misc]

    assert not expansion().problems
    assert not list(expansion().loose_ends())
    for i, item in enumerate(expansion().items):
        cut = expansion()
        cut.items[i] = (
            replace(item, wires=(*item.wires[:-1], None)) if isinstance(item, Call) else replace(item, input=None)
        )
        [problem] = cut.loose_ends()
        assert problem.code == "NS313"
        assert item.site.name in problem.message
    for outputs in ({"b": None}, {}):
        assert [p.code for p in replace(expansion(), outputs=outputs).loose_ends()] == ["NS313"]  # type: ignore[arg-type]
    fewer = whole.rebuilt(list(whole.nodes())[:5], {}, {})
    assert [p.message.split("`")[1] for p in Builder(fewer, expansion()).lost()] == ["st.1.s", "b.r", "b", "output b"]
    monkeypatch.setattr(
        "netspec.frontend.expansion.repeat.chained", lambda before, inputs, wires, *_: (None, *wires[1:])
    )
    with pytest.raises(netspec.NetspecError, match=r"NS313 `st\.1\.fc` was lost"):
        netspec.load(text)
