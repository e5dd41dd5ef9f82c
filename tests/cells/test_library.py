"""Every cell of the library against its paper's formulas written out in NumPy, and against torch's cells."""

from __future__ import annotations

import difflib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_lower import evaluate

from netspec.cells.ir.lower import step_of
from netspec.cells.ir.step import CellStep
from netspec.cells.language import library
from netspec.cells.language.cell import Cell
from netspec.cells.language.library import library_cell, library_names, library_text
from netspec.layers.init import cell_inits, check_init
from netspec.source.errors import NetspecError

Array = Any
HIDDEN, INPUT = 4, 3


class Given(dict[str, Array]):
    """Weights and states by attribute: `w.W_f`."""

    __getattr__ = dict.__getitem__


def sig(v: Array) -> Array:
    return 1 / (1 + np.exp(-v))


tanh = np.tanh


def lstm(
    x: Array, h: Array, c: Array, w: Given, *, one: str = "", peep: bool = True, g_in: Any = tanh, h_out: Any = tanh
) -> dict[str, Array]:
    """Greff et al. 2015, section II, with one change; gates and block input written apart, as there."""
    hx = np.r_[h, x]
    f = 1.0 if one == "f" else sig(w.W_f @ hx + (w.p_f * c if peep else 0) + w.b_f) if one != "1-i" else None
    i = 1.0 if one == "i" else sig(w.W_i @ hx + (w.p_i * c if peep else 0) + w.b_i)
    f = 1 - i if f is None else f
    c_new = f * c + i * g_in(w.W_c @ hx + w.b_c)
    o = 1.0 if one == "o" else sig(w.W_o @ hx + (w.p_o * c_new if peep else 0) + w.b_o)
    h_new = o * h_out(c_new)
    return {"h": h_new, "c": c_new, "": h_new}


def same(v: Array) -> Array:
    return v


def full(x: Array, h: Array, c: Array, w: Given) -> dict[str, Array]:
    """The slide "LSTM with peepholes": W_f · [C_{t-1}, h_{t-1}, x_t], W_o · [C_t, h_{t-1}, x_t]."""
    f, i = (sig(m @ np.r_[c, h, x] + b) for m, b in ((w.W_f, w.b_f), (w.W_i, w.b_i)))
    c_new = f * c + i * tanh(w.W_c @ np.r_[h, x] + w.b_c)
    h_new = sig(w.W_o @ np.r_[c_new, h, x] + w.b_o) * tanh(c_new)
    return {"h": h_new, "c": c_new, "": h_new}


def fgr(x: Array, h: Array, c: Array, i: Array, f: Array, o: Array, w: Given) -> dict[str, Array]:
    """Greff et al. 2015, appendix: R_ab carries gate a of the step before into gate b."""
    hx = np.r_[h, x]

    def gates(to: str) -> Array:
        return w["R_i" + to] @ i + w["R_f" + to] @ f + w["R_o" + to] @ o

    i_new = sig(w.W_i @ hx + w.p_i * c + w.b_i + gates("i"))
    f_new = sig(w.W_f @ hx + w.p_f * c + w.b_f + gates("f"))
    c_new = tanh(w.W_c @ hx + w.b_c) * i_new + c * f_new
    o_new = sig(w.W_o @ hx + w.p_o * c_new + w.b_o + gates("o"))
    h_new = tanh(c_new) * o_new
    return {"h": h_new, "c": c_new, "i": i_new, "f": f_new, "o": o_new, "": h_new}


def gru(x: Array, h: Array, w: Given) -> dict[str, Array]:
    """The slide "GRU": h_t = (1 − z) h_{t-1} + z th(W_h [r h_{t-1}, x_t] + b_h)."""
    z, r = (sig(m @ np.r_[h, x] + b) for m, b in ((w.W_z, w.b_z), (w.W_r, w.b_r)))
    h_new = (1 - z) * h + z * tanh(w.W_h @ np.r_[r * h, x] + w.b_h)
    return {"h": h_new, "": h_new}


def gru_reset_after(x: Array, h: Array, w: Given) -> dict[str, Array]:
    """The documentation of torch's nn.GRU."""
    r = sig(w.W_ir @ x + w.b_ir + w.W_hr @ h + w.b_hr)
    z = sig(w.W_iz @ x + w.b_iz + w.W_hz @ h + w.b_hz)
    n = tanh(w.W_in @ x + w.b_in + r * (w.W_hn @ h + w.b_hn))
    h_new = (1 - z) * n + z * h
    return {"h": h_new, "": h_new}


def sru(x: Array, c: Array, w: Given, alpha: float = 3**0.5) -> dict[str, Array]:
    """Lei et al. 2018, equations 1 to 4 of version 5, and the scaling correction of section 3.2 at b = 0."""
    f = sig(w.W_f @ x + w.v_f * c + w.b_f)
    r = sig(w.W_r @ x + w.v_r * c + w.b_r)
    c_new = f * c + (1 - f) * (w.W_c @ x)
    return {"c": c_new, "": r * c_new + (1 - r) * (w.W_s @ x if "W_s" in w else x) * alpha}


def mingru(x: Array, h: Array, w: Given) -> dict[str, Array]:
    """Feng et al. 2024, section 3.1: z_t = σ(Linear(x_t)), h̃_t = Linear(x_t)."""
    z = sig(w.W_z @ x + w.b_z)
    h_new = (1 - z) * h + z * (w.W_h @ x + w.b_h)
    return {"h": h_new, "": h_new}


def qrnn(x: Array, c: Array, last: Array, w: Given) -> dict[str, Array]:
    """Bradbury et al. 2016, equations 2 and 4: width 2, fo-pooling."""

    def conv(m: Array) -> Array:
        return m[:, :INPUT] @ last + m[:, INPUT:] @ x

    z, f, o = tanh(conv(w.W_z)), sig(conv(w.W_f)), sig(conv(w.W_o))
    c_new = f * c + (1 - f) * z
    return {"c": c_new, "last": x, "": o * c_new}


def rnn(x: Array, h: Array, w: Given) -> dict[str, Array]:
    """The slides: h_t = σ_h(U x_t + W h_{t-1}), with a bias."""
    h_new = tanh(w.U @ x + w.W @ h + w.b)
    return {"h": h_new, "": h_new}


PAPERS: dict[str, Any] = {
    "cifg": lambda **k: lstm(one="1-i", **k),
    "fgr": fgr,
    "gru": gru,
    "gru_reset_after": gru_reset_after,
    "lstm": lambda **k: lstm(peep=False, **k),
    "lstm_peephole": lstm,
    "lstm_peephole_full": full,
    "mingru": mingru,
    "nfg": lambda **k: lstm(one="f", **k),
    "niaf": lambda **k: lstm(g_in=same, **k),
    "nig": lambda **k: lstm(one="i", **k),
    "noaf": lambda **k: lstm(h_out=same, **k),
    "nog": lambda **k: lstm(one="o", **k),
    "np": lambda **k: lstm(peep=False, **k),
    "qrnn": qrnn,
    "rnn": rnn,
    "sru": sru,
}


def draw(step: CellStep, seed: int = 0) -> tuple[Array, dict[str, Array], Given]:
    rng = np.random.default_rng(seed)
    states = {name: rng.normal(size=size) for name, size in step.states.items()}
    return rng.normal(size=INPUT), states, Given({name: rng.normal(size=s) for name, s in step.weights.items()})


def test_every_cell_has_its_paper() -> None:
    assert set(PAPERS) == set(library_names())


@pytest.mark.parametrize("name", library_names())
def test_two_steps_are_the_paper_s(name: str) -> None:
    step = step_of(library_cell(name), {"hidden": HIDDEN, "input": INPUT})
    x, states, weights = draw(step)
    for _ in range(2):
        computed = evaluate(step, x, states, weights)
        expected = PAPERS[name](x=x, w=weights, **states)
        assert set(computed) == set(expected)
        for key, value in expected.items():
            np.testing.assert_allclose(computed[key], value, rtol=1e-12, atol=1e-13, err_msg=f"{name} {key}")
        states = {key: computed[key] for key in states}
        x = x[::-1] * 0.7


def test_sru_on_the_slides_is_rescale_0() -> None:
    """h_t = r_t C_t + (1 − r_t) x_t, letter by letter, where input and hidden size agree."""
    step = step_of(library_cell("sru"), {"hidden": INPUT, "input": INPUT}, {"rescale": 0})
    assert "W_s" not in step.weights
    x, states, weights = draw(step)
    computed = evaluate(step, x, states, weights)
    np.testing.assert_allclose(computed[""], sru(x, states["c"], weights, alpha=1.0)[""], rtol=1e-12)


def test_sru_s_scale_follows_the_highway_bias() -> None:
    step = step_of(library_cell("sru"), {"hidden": HIDDEN, "input": INPUT}, {"highway_bias": -2.0})
    x, states, weights = draw(step)
    expected = sru(x, states["c"], weights, alpha=(1 + 2 * np.exp(-2.0)) ** 0.5)
    np.testing.assert_allclose(evaluate(step, x, states, weights)[""], expected[""], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "gates", "cell"),
    [
        ("lstm", "ifco", torch.nn.LSTMCell),
        ("np", "ifco", torch.nn.LSTMCell),
        ("gru_reset_after", "rzn", torch.nn.GRUCell),
        ("rnn", "", torch.nn.RNNCell),
    ],
)
def test_torch_s_cells(name: str, gates: str, cell: Any) -> None:
    step = step_of(library_cell(name), {"hidden": HIDDEN, "input": INPUT})
    x, states, w = draw(step)
    module = cell(INPUT, HIDDEN, dtype=torch.float64)
    zeros = np.zeros(len(gates or "h") * HIDDEN)
    if gates == "ifco":
        packed = np.concatenate([w["W_" + g] for g in gates])
        values = [packed[:, HIDDEN:], packed[:, :HIDDEN], np.concatenate([w["b_" + g] for g in gates]), zeros]
    elif gates:
        values = [np.concatenate([w[p + g] for g in gates]) for p in ("W_i", "W_h", "b_i", "b_h")]
    else:
        values = [w.U, w.W, w.b, zeros]
    for parameter, value in zip(
        (module.weight_ih, module.weight_hh, module.bias_ih, module.bias_hh), values, strict=True
    ):
        parameter.data = torch.from_numpy(np.ascontiguousarray(value))
    before = {k: torch.from_numpy(v)[None] for k, v in states.items()}
    after = module(torch.from_numpy(x)[None], tuple(before.values()) if "c" in before else before["h"])
    for key, value in zip(states, after if isinstance(after, tuple) else (after,), strict=True):
        np.testing.assert_allclose(evaluate(step, x, states, w)[key], value[0].detach().numpy(), rtol=1e-12)


VARIANTS = {  # Greff et al. 2015 -> equations that differ from lstm_peephole's: removed, added
    "nig": ({"i = sigmoid(W_i @ [h[t-1], x[t]] + p_i * c[t-1] + b_i)"}, {"i = 1"}),
    "nfg": ({"f = sigmoid(W_f @ [h[t-1], x[t]] + p_f * c[t-1] + b_f)"}, {"f = 1"}),
    "nog": ({"o = sigmoid(W_o @ [h[t-1], x[t]] + p_o * c[t] + b_o)"}, {"o = 1"}),
    "niaf": ({"g = tanh(W_c @ [h[t-1], x[t]] + b_c)"}, {"g = W_c @ [h[t-1], x[t]] + b_c"}),
    "noaf": ({"h[t] = o * tanh(c[t])"}, {"h[t] = o * c[t]"}),
    "cifg": ({"f = sigmoid(W_f @ [h[t-1], x[t]] + p_f * c[t-1] + b_f)"}, {"f = 1 - i"}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_its_one_change(name: str) -> None:
    before, after = (library_text(n).partition("equations:")[2].splitlines() for n in ("lstm_peephole", name))
    lines = [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
    changed = ({line[6:] for line in lines if line[0] == "-"}, {line[6:] for line in lines if line[0] == "+"})
    assert changed == VARIANTS[name]


@pytest.mark.parametrize("name", library_names())
def test_a_cell_says_where_it_comes_from(name: str) -> None:
    cell = library_cell(name)
    assert cell.name == name and cell.source and cell.description
    assert any(year in cell.source for year in map(str, range(1990, 2027)))
    shapes = {w.name: (1,) * len(w.shape) for w in cell.weights.values()}
    inits = cell_inits(cell, {n: v or 0.0 for n, v in cell.params.items()})
    assert set(inits) == set(cell.init)
    check_init(inits, shapes, name)


def test_the_forget_gate_begins_open() -> None:
    """Gers 2000, Jozefowicz 2015: where there is a forget bias, it begins at 1."""
    for name in library_names():
        cell = library_cell(name)
        if "b_f" in cell.weights and name != "sru":
            assert cell.init["b_f"].plain() == 1.0, name


def test_an_unknown_cell() -> None:
    with pytest.raises(NetspecError, match="did you mean `lstm`"):
        library_cell("lsmt")


def test_a_cell_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    library_cell.cache_clear()
    read: list[Path] = []
    original = library.read_text
    monkeypatch.setattr(library, "read_text", lambda path, *a: read.append(path) or original(path, *a))
    first, second = library_cell("gru"), library_cell("gru")
    assert first is second and isinstance(first, Cell)
    assert [p.name for p in read] == ["gru.yaml"]


def test_validate_without_recurrent_layers_reads_no_cell(tmp_path: Path) -> None:
    """And imports neither torch nor what compiles cells."""
    file = tmp_path / "net.yaml"
    file.write_text("netspec: 1\ninputs: {x: [4]}\nlayers: {fc: {type: linear, out_features: 2}}\n", encoding="utf-8")
    code = (
        "import sys; opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "from typer.testing import CliRunner; from netspec.cli import app\n"
        f"result = CliRunner().invoke(app, ['validate', {str(file)!r}])\n"
        "assert result.exit_code == 0, result.output\n"
        "assert not [p for p in opened if p.endswith('.yaml') and 'library' in p], opened\n"
        "assert 'torch' not in sys.modules and 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
