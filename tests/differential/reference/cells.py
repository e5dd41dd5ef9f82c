"""Recurrent layers, step by step, each cell as its documentation writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, sqrt

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.differential.reference.run import Call, kinds

# H hidden, I input

States = dict[str, Tensor]
Weights = dict[str, Tensor]
Step = Callable[[Weights, Tensor, States, dict[str, float]], tuple[Tensor, States]]


@dataclass(frozen=True)
class Cell:
    """`states` and `weights` name sizes: H hidden, I input, + their sum; a weight of one letter is a vector."""

    states: dict[str, str]
    weights: dict[str, str]
    step: Step


CELLS: dict[str, Cell] = {}
_GATED = {"h": "H", "c": "H"}


def _weights(**groups: str) -> dict[str, str]:
    """`_weights(HC="W_f W_i")`: shape -> the names that have it."""
    return {name: shape for shape, names in groups.items() for name in names.split()}


def _mv(w: Tensor, *parts: Tensor) -> Tensor:
    return torch.cat(parts, -1) @ w.T


def lstm(
    w: Weights, x: Tensor, s: States, *, peep: bool = False, full: bool = False, no: str = "", coupled: bool = False
) -> tuple[Tensor, States]:
    """The LSTM and what Greff et al. 2015 leave out: `no` is a gate that is 1, or an activation."""
    h, c = s["h"], s["c"]
    one = torch.ones_like(h)

    def gate(name: str, context: Tensor) -> Tensor:
        z = _mv(w[f"W_{name}"], context, h, x) if full else _mv(w[f"W_{name}"], h, x)
        return torch.sigmoid(z + (w[f"p_{name}"] * context if peep else 0) + w[f"b_{name}"])

    i = one if no == "i" else gate("i", c)
    f = 1 - i if coupled else one if no == "f" else gate("f", c)
    g = _mv(w["W_c"], h, x) + w["b_c"]
    c = f * c + i * (g if no == "g" else torch.tanh(g))
    o = one if no == "o" else gate("o", c)
    h = o * (c if no == "tanh" else torch.tanh(c))
    return h, {"h": h, "c": c}


def _gates(letters: str, peep: bool = True, wide: str = "HC") -> dict[str, str]:
    found = {f"W_{g}": wide for g in letters} | {"W_c": "HC"} | {f"b_{g}": "H" for g in letters + "c"}
    return found | ({f"p_{g}": "H" for g in letters} if peep else {})


for _name in ("lstm", "np"):
    CELLS[_name] = Cell(_GATED, _gates("fio", False), lambda w, x, s, _: lstm(w, x, s))
CELLS["lstm_peephole"] = Cell(_GATED, _gates("fio"), lambda w, x, s, _: lstm(w, x, s, peep=True))
CELLS["lstm_peephole_full"] = Cell(_GATED, _gates("fio", False, "HF"), lambda w, x, s, _: lstm(w, x, s, full=True))
CELLS["nig"] = Cell(_GATED, _gates("fo"), lambda w, x, s, _: lstm(w, x, s, peep=True, no="i"))
CELLS["nfg"] = Cell(_GATED, _gates("io"), lambda w, x, s, _: lstm(w, x, s, peep=True, no="f"))
CELLS["nog"] = Cell(_GATED, _gates("fi"), lambda w, x, s, _: lstm(w, x, s, peep=True, no="o"))
CELLS["niaf"] = Cell(_GATED, _gates("fio"), lambda w, x, s, _: lstm(w, x, s, peep=True, no="g"))
CELLS["noaf"] = Cell(_GATED, _gates("fio"), lambda w, x, s, _: lstm(w, x, s, peep=True, no="tanh"))
CELLS["cifg"] = Cell(_GATED, _gates("io"), lambda w, x, s, _: lstm(w, x, s, peep=True, coupled=True))


def cell(states: dict[str, str], **weights: str) -> Callable[[Step], Step]:
    def enter(step: Step) -> Step:
        CELLS[step.__name__] = Cell(states, _weights(**weights), step)
        return step

    return enter


@cell(
    _GATED | {"i": "H", "f": "H", "o": "H"},
    HC="W_f W_i W_o W_c",
    HH="R_ii R_fi R_oi R_if R_ff R_of R_io R_fo R_oo",
    H="p_f p_i p_o b_f b_i b_o b_c",
)
def fgr(w: Weights, x: Tensor, s: States, _: dict[str, float]) -> tuple[Tensor, States]:
    def gate(name: str, context: Tensor) -> Tensor:
        z = _mv(w[f"W_{name}"], s["h"], x) + w[f"p_{name}"] * context + w[f"b_{name}"]
        return torch.sigmoid(z + sum(_mv(w[f"R_{a}{name}"], s[a]) for a in "ifo"))

    f, i = gate("f", s["c"]), gate("i", s["c"])
    c = f * s["c"] + i * torch.tanh(_mv(w["W_c"], s["h"], x) + w["b_c"])
    o = gate("o", c)
    h = o * torch.tanh(c)
    return h, {"h": h, "c": c, "i": i, "f": f, "o": o}


@cell({"h": "H"}, HC="W_z W_r W_h", H="b_z b_r b_h")
def gru(w: Weights, x: Tensor, s: States, _: dict[str, float]) -> tuple[Tensor, States]:
    z = torch.sigmoid(_mv(w["W_z"], s["h"], x) + w["b_z"])
    r = torch.sigmoid(_mv(w["W_r"], s["h"], x) + w["b_r"])
    g = torch.tanh(_mv(w["W_h"], r * s["h"], x) + w["b_h"])
    h = (1 - z) * s["h"] + z * g
    return h, {"h": h}


@cell({"h": "H"}, HI="W_ir W_iz W_in", HH="W_hr W_hz W_hn", H="b_ir b_iz b_in b_hr b_hz b_hn")
def gru_reset_after(w: Weights, x: Tensor, s: States, _: dict[str, float]) -> tuple[Tensor, States]:
    r, z = (torch.sigmoid(_mv(w[f"W_i{g}"], x) + w[f"b_i{g}"] + _mv(w[f"W_h{g}"], s["h"]) + w[f"b_h{g}"]) for g in "rz")
    n = torch.tanh(_mv(w["W_in"], x) + w["b_in"] + r * (_mv(w["W_hn"], s["h"]) + w["b_hn"]))
    h = (1 - z) * n + z * s["h"]
    return h, {"h": h}


@cell({"h": "H"}, HI="W_z W_h", H="b_z b_h")
def mingru(w: Weights, x: Tensor, s: States, _: dict[str, float]) -> tuple[Tensor, States]:
    z = torch.sigmoid(_mv(w["W_z"], x) + w["b_z"])
    h = (1 - z) * s["h"] + z * (_mv(w["W_h"], x) + w["b_h"])
    return h, {"h": h}


@cell({"h": "H"}, HI="U", HH="W", H="b")
def rnn(w: Weights, x: Tensor, s: States, _: dict[str, float]) -> tuple[Tensor, States]:
    h = torch.tanh(_mv(w["U"], x) + _mv(w["W"], s["h"]) + w["b"])
    return h, {"h": h}


@cell({"c": "H", "last": "I"}, HT="W_z W_f W_o")
def qrnn(w: Weights, x: Tensor, s: States, _: dict[str, float]) -> tuple[Tensor, States]:
    z = torch.tanh(_mv(w["W_z"], s["last"], x))
    f, o = (torch.sigmoid(_mv(w[f"W_{g}"], s["last"], x)) for g in "fo")
    c = f * s["c"] + (1 - f) * z
    return o * c, {"c": c, "last": x}


@cell({"c": "H"}, HI="W_f W_r W_c", HX="W_s", H="v_f v_r b_f b_r")
def sru(w: Weights, x: Tensor, s: States, params: dict[str, float]) -> tuple[Tensor, States]:
    f, r = (torch.sigmoid(_mv(w[f"W_{g}"], x) + w[f"v_{g}"] * s["c"] + w[f"b_{g}"]) for g in "fr")
    c = f * s["c"] + (1 - f) * _mv(w["W_c"], x)
    alpha = sqrt(1 + 2 * params.get("rescale", 1) * exp(params.get("highway_bias", 0.0)))
    skip = _mv(w["W_s"], x) if "W_s" in w else x
    return r * c + (1 - r) * (alpha * skip), {"c": c}


def _shape(sizes: str, hidden: int, features: int) -> tuple[int, ...]:
    one = {"H": hidden, "I": features, "C": hidden + features, "F": 2 * hidden + features, "T": 2 * features,
           "X": features}  # fmt: skip
    return tuple(one[letter] for letter in sizes)


@kinds("recurrent", *CELLS)
def recurrent(c: Call) -> dict[str, Tensor]:
    """x (B, T, I) -> what `returns` names, and the port `state` (B, layers·directions, all states in a row)."""
    cell_ = CELLS[c.get("cell")] if c.kind == "recurrent" else CELLS[c.kind]
    x = c.ports.get("input", c.x)
    lengths, given = c.ports.get("lengths"), c.ports.get("initial_state")
    if not c.ports:
        lengths = next((t for t in c.inputs[1:] if not t.is_floating_point()), None)
        given = next((t for t in c.inputs[1:] if t.is_floating_point()), None)
    if x.ndim != 3:
        raise ValueError("a sequence has three axes")
    if lengths is not None and int(lengths.max()) > x.shape[1]:
        raise ValueError("a length beyond the steps")
    hidden, layers = c.get("hidden"), c.get("num_layers", 1)
    directions = 2 if c.get("bidirectional") else 1
    features = [x.shape[2] if k == 0 else hidden * directions for k in range(layers)]
    sizes = [{s: _shape(z, hidden, features[r // directions])[0] for s, z in cell_.states.items()}
             for r in range(layers * directions)]  # fmt: skip
    width = max(sum(row.values()) for row in sizes)
    if given is not None and tuple(given.shape) != (x.shape[0], len(sizes), width):
        raise ValueError(f"the initial state is {tuple(given.shape)}")
    learned: dict[str, Tensor] = {}
    if c.get("initial_state", "zero") == "learned":
        largest = {s: max(row[s] for row in sizes) for s in cell_.states}
        weights = _all_weights(c, cell_, hidden, features, directions)
        learned = {s: c.weight(f"{s}_0", len(sizes), size) for s, size in largest.items()}
    else:
        weights = _all_weights(c, cell_, hidden, features, directions)
    finals, ends = [], []
    for layer in range(layers):
        if layer and c.get("dropout", 0.0) and c.run.training:
            c.run.random = True
        outputs, ends = [], []
        for direction in range(directions):
            row = layer * directions + direction
            begin: States = {}
            start = 0
            for name, size in sizes[row].items():
                if given is not None:
                    begin[name] = given[:, row, start : start + size]
                elif learned:
                    begin[name] = learned[name][row, :size].expand(x.shape[0], -1)
                else:
                    begin[name] = x.new_zeros(x.shape[0], size)
                start += size
            y, final, end = _scan(cell_, weights[row], x, lengths, begin, direction == 1, dict(c.get("params", {})))
            outputs.append(y)
            ends.append(end)
            packed = torch.cat(list(final.values()), -1)
            finals.append(F.pad(packed, (0, width - packed.shape[-1])))
        x = torch.cat(outputs, -1)
    state = torch.stack(finals, 1)
    main = {"sequence": x, "last": torch.cat(ends, -1), "state": state}[c.get("returns", "sequence")]
    return {"": main, "state": state}


def _all_weights(c: Call, cell_: Cell, hidden: int, features: list[int], directions: int) -> list[Weights]:
    found = []
    for layer, size in enumerate(features):
        for direction in range(directions):
            suffix = f"_l{layer}" + ("_reverse" if direction else "")
            found.append({name: c.weight(name + suffix, *_shape(shape, hidden, size))
                          for name, shape in cell_.weights.items() if shape != "HX" or size != hidden})  # fmt: skip
    return found


def _scan(
    cell_: Cell, w: Weights, x: Tensor, lengths: Tensor | None, state: States, backward: bool, params: dict[str, float]
) -> tuple[Tensor, States, Tensor]:
    """Outputs (B, T, H), the final states, and the output of each sequence's own last step (0 where it has none)."""
    batch, steps, _ = x.shape
    if lengths is None:
        lengths = torch.full((batch,), steps)
    outputs: list[Tensor] = []
    end: Tensor | None = None
    for t in reversed(range(steps)) if backward else range(steps):
        real = (t < lengths)[:, None]
        h, new = cell_.step(w, torch.where(real, x[:, t], 0.0), state, params)
        state = {name: torch.where(real, new[name], old) for name, old in state.items()}
        y = torch.where(real, h, torch.zeros_like(h))
        end = y if end is None else torch.where(real, h, end)
        outputs.append(y)
    assert end is not None
    return torch.stack(outputs[::-1] if backward else outputs, 1), state, end
