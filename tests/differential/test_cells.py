"""Some tens of random cells against the reference, on every way that runs them; and what keeps the mechanism honest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from netspec.cells.language.library import library_names, library_text
from tests.differential.cells import case_of, one
from tests.differential.cells_check import Case, Report, check
from tests.differential.cells_reference import Array
from tests.differential.cells_shrink import shrunk

OF_THE_INPUT_ALONE = """\
state: {m: hidden, c: hidden}
output: c
weights: {W: [hidden, input]}
equations:
  - m[t] = tanh(W @ x[t])
  - g = sigmoid(W @ x[t] + min(m[t-1], m[t]))
  - c[t] = (1 - g) * c[t-1] + g * m[t]
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NETSPEC_CACHE", str(tmp_path_factory.getbasetemp() / "kernels"))
    yield


@pytest.mark.parametrize("seed", range(24))
def test_random_cells(seed: int) -> None:
    """With machine code for some: compiling it is what takes long."""
    assert check(case_of(seed), machine=seed % 3 == 0) is None


@pytest.mark.parametrize("name", library_names())
def test_library_cells(name: str) -> None:
    """On the same ways; machine code of theirs is held in tests/cells/test_cpu.py."""
    text = library_text(name)
    assert (
        check(Case(text, bidirectional=True, ragged=True, initial="given", returns="last", batch=5), machine=False)
        is None
    )
    assert check(Case(text, num_layers=2, initial="learned", steps=3), machine=False) is None


def test_a_state_of_the_input_alone_that_is_read_before_and_after() -> None:
    report = Report()
    assert check(Case(OF_THE_INPUT_ALONE), report) is None
    assert report.counts["layers compiled"] == 1 and report.counts["compared, float32"] > 3


# In padding what is divided by, or what a root is taken of, is 0 unless something is put there.
SLOPES_IN_PADDING = {
    "after the loop": "  - h[t] = tanh(V @ h[t-1] + W @ x[t])\n  - y = V @ h[t] / softplus(h[t])\n",
    "a root after the loop": "  - h[t] = tanh(V @ h[t-1] + W @ x[t])\n  - y = V @ h[t] * sqrt(abs(h[t]))\n",
    "of the input": "  - h[t] = tanh(V @ h[t-1] / sqrt(abs(W @ x[t])))\n  - y = h[t]\n",
    "of the input, after the loop": "  - h[t] = tanh(V @ h[t-1])\n  - y = V @ h[t] / abs(W @ x[t])\n",
    "of the input alone": "  - h[t] = tanh(V @ h[t-1])\n  - y = sqrt(abs(W @ x[t]))\n",
}


@pytest.mark.parametrize("equations", SLOPES_IN_PADDING.values(), ids=SLOPES_IN_PADDING)
@pytest.mark.parametrize("lengths", [[0], [0, 0, 0], [3, 0, 2], [1, 3, 3]])
def test_padding_has_no_slope(equations: str, lengths: list[int]) -> None:
    weights = "{W: [hidden, input], V: [hidden, hidden]}"
    text = f"state: {{h: hidden}}\noutput: y\nweights: {weights}\nequations:\n{equations}"

    def given(case: Case) -> list[int]:
        return [min(length, case.steps) for length in (lengths * 3)[: case.batch]]

    with patch("tests.differential.cells_check.Case.lengths", given):
        case = Case(text, ragged=True, initial="given", steps=3, batch=len(lengths))
        assert check(case, machine=False) is None


@pytest.mark.parametrize("seed", [3, 5, 11, 17])
def test_the_slopes_of_the_reference_are_those_of_differences(seed: int) -> None:
    """In a random direction."""
    case = case_of(seed)
    given, lengths = case.given(), case.lengths()
    random = np.random.default_rng(seed)
    way = {name: random.normal(size=v.shape) for name, v in given.items()}
    ports, nearest = case.layer.run(given, lengths)
    assert nearest > 1e-4

    def at(step: float, port: str) -> Array:
        moved = {name: v + step * way[name] for name, v in given.items()}
        return case.layer.run(moved, lengths, slopes=False)[0][port].value

    flat = np.concatenate([w.ravel() for w in way.values()])
    for port, dual in ports.items():
        if dual.slope is not None:
            slope = np.tensordot(flat, dual.slope, 1)
            difference = (at(1e-5, port) - at(-1e-5, port)) / 2e-5
            np.testing.assert_allclose(slope, difference, rtol=1e-6, atol=1e-6)


def test_a_fault_is_found_made_small_and_written(tmp_path: Path) -> None:
    """A compiler that believes that the new value of every state is kept."""
    with patch("netspec.cells.ir.backward._kept_states", lambda program: set(program.next.values())):
        long = OF_THE_INPUT_ALONE.replace("g * m[t]", "g * m[t] - 0.1 * g")
        case = Case(long, hidden=4, features=3, num_layers=2, ragged=True, steps=6, batch=5)
        fault = check(case, machine=False)
        assert fault is not None and (fault.way, fault.what) == ("compiled", "KeyError")
        small = shrunk(case, fault)
        assert (small.num_layers, small.ragged, small.steps, small.batch, small.hidden) == (1, False, 1, 1, 1)
        assert len(small.text) < len(long)
        with patch("tests.differential.cells.case_of", lambda seed: case):
            outcome = one(7, tmp_path)
    assert "compiled: KeyError" in outcome.failure
    [file] = tmp_path.iterdir()
    assert file.name == "cell_7.yaml" and "recurrent" in file.read_text() and "KeyError" in file.read_text()
