"""A network that overflows by its own equations: its export is refused for that, not as a fault of netspec."""

from __future__ import annotations

import pytest

import netspec
from netspec.backends.parity.compare import compare
from netspec.source.errors import NetspecError

MAP = """\
netspec: 1
inputs: {x: [T, 3]}
cells:
  it:
    state: {h: hidden}
    output: y
    weights: {W: [hidden, input]}
    equations:
      - h[t] = FACTOR * h[t-1] - h[t-1] * h[t-1] * h[t-1] + 0.02 * tanh(W @ x[t]) + 0.01
      - y = h[t]
layers:
  rnn: {type: recurrent, cell: it, hidden: 4}
outputs: {values: rnn}
"""


def test_it_is_said_that_the_network_overflows() -> None:
    """A chaotic map that leaves all bounds, in every runtime at a step of its own."""
    graph = netspec.load(MAP.replace("FACTOR", "3"))
    module = netspec.to_torch(graph)
    model = netspec.to_onnx(graph, module).SerializeToString()
    words = r"output `values` overflows: PyTorch itself gives infinity or NaN at batch \d+, T = \d+"
    with pytest.raises(NetspecError, match=words) as caught:
        compare(graph, module, model)
    [problem] = caught.value.problems
    assert problem.code == "NS703" and "report" not in problem.hint and "bound what grows" in problem.hint


def test_a_fault_of_the_model_stays_one() -> None:
    """The same map where nothing grows, with another model."""
    graph = netspec.load(MAP.replace("FACTOR", "0.5"))
    module = netspec.to_torch(graph)
    other = netspec.to_onnx(netspec.load(MAP.replace("FACTOR", "0.6")), module).SerializeToString()
    with pytest.raises(NetspecError, match="differs from the PyTorch module") as caught:
        compare(graph, module, other)
    assert "please report" in caught.value.problems[0].hint


def test_too_little_memory_is_no_fault_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell without weights, whose state alone is large."""
    graph = netspec.load(MAP.replace("FACTOR", "0.5"))
    module = netspec.to_torch(graph)
    model = netspec.to_onnx(graph, module).SerializeToString()

    def full(*args: object, **kwargs: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8000000000 bytes")

    monkeypatch.setattr(module, "forward", full)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        compare(graph, module, model)
