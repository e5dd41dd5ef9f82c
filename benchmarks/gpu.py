"""Recurrent cells on a GPU: `python -m benchmarks.gpu`, against cuDNN's LSTM and a plain loop.

A training step is forward and backward for all weights and the input.  The loop by hand is written as one writes it:
the input's products for all steps first, then the equations step by step under autograd.  It is held against netspec's
layer, outputs and gradients, before anything is timed.

Times are the GPU's own (CUDA events).  "float32" is full float32 on all sides; in "tf32" all sides may round products
to TensorFloat-32, as PyTorch lets cuDNN do unless told otherwise.

# T time, B batch, H input and hidden
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

import netspec
from benchmarks.command import main
from benchmarks.measure import Figure, Side, figure, in_turn

T, B, H = 512, 64, 512
INNER = 3  # calls in a timed block


@dataclass(frozen=True)
class Case:
    """One cell in one precision, and what its ratio to `nn.LSTM` has to reach."""

    cell: str
    precision: str
    training: bool
    bound: float | None


CASES = tuple(
    Case(cell, precision, training, None if precision == "tf32" else bound)
    for cell, bound in (("lstm_peephole", 1.5), ("sru", 0.15))
    for precision in ("bfloat16", "float32", "tf32")
    for training in (True, False)
)


class LstmPeephole(nn.Module):
    """Gers & Schmidhuber 2000, with the weights of netspec's cell."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.weights = nn.ParameterDict(weights)

    def forward(self, x_BTH: Tensor) -> Tensor:
        w = self.weights
        size = w["b_f"].shape[0]
        gates = ("W_f", "W_i", "W_o", "W_c")
        from_input = x_BTH @ torch.cat([w[g][:, size:] for g in gates]).t()
        recurrent = torch.cat([w[g][:, :size] for g in gates]).t()
        h = c = x_BTH.new_zeros(x_BTH.shape[0], size)
        out = []
        for z in from_input.unbind(1):
            f, i, o, g = (z + h @ recurrent).chunk(4, 1)
            f = torch.sigmoid(f + w["p_f"] * c + w["b_f"])
            i = torch.sigmoid(i + w["p_i"] * c + w["b_i"])
            c = f * c + i * torch.tanh(g + w["b_c"])
            h = torch.sigmoid(o + w["p_o"] * c + w["b_o"]) * torch.tanh(c)
            out.append(h)
        return torch.stack(out, 1)


class Sru(nn.Module):
    """Lei et al. 2018, equal input and hidden sizes, with the weights of netspec's cell."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.weights = nn.ParameterDict(weights)

    def forward(self, x_BTH: Tensor) -> Tensor:
        w = self.weights
        from_input = x_BTH @ torch.cat([w["W_f"], w["W_r"], w["W_c"]]).t()
        c = x_BTH.new_zeros(x_BTH.shape[0], w["b_f"].shape[0])
        out = []
        for z, x in zip(from_input.unbind(1), x_BTH.unbind(1), strict=True):
            f, r, new = z.chunk(3, 1)
            f = torch.sigmoid(f + w["v_f"] * c + w["b_f"])
            r = torch.sigmoid(r + w["v_r"] * c + w["b_r"])
            c = f * c + (1 - f) * new
            out.append(r * c + (1 - r) * 3**0.5 * x)
        return torch.stack(out, 1)


BY_HAND: dict[str, Callable[[dict[str, Tensor]], nn.Module]] = {"lstm_peephole": LstmPeephole, "sru": Sru}


def layer(cell: str, size: int, device: torch.device) -> nn.Module:
    """netspec's layer, from its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cell.yaml"
        path.write_text(f"netspec: 1\ninputs: {{x: [T, {size}]}}\nlayers:\n  rnn: {{type: {cell}, hidden: {size}}}\n")
        return netspec.to_torch(netspec.load(path), seed=0).to(device)


def by_hand(cell: str, ours: nn.Module) -> nn.Module:
    """The loop with the same weights."""
    named = {name.removeprefix("rnn.").removesuffix("_l0"): w for name, w in ours.named_parameters()}
    return BY_HAND[cell]({name: nn.Parameter(w.detach().clone()) for name, w in named.items()})


def check(ours: nn.Module, hand: nn.Module, x: Tensor) -> None:
    """Outputs and gradients agree to float32's rounding over a sequence."""
    found, wanted = results(ours, x), results(hand, x)
    order = [name.removeprefix("weights.") for name, _ in hand.named_parameters()]
    own = [name.removeprefix("rnn.").removesuffix("_l0") for name, _ in ours.named_parameters()]
    gradients = dict(zip(order, wanted[2:], strict=True))
    for name, a, b in zip(("output", "input", *own), found, [*wanted[:2], *(gradients[n] for n in own)], strict=True):
        error = ((a - b).norm() / b.norm()).item()
        if error > 1e-4:
            raise SystemExit(f"{name} of the loop by hand and of netspec differ by {error:.1e}")


def results(model: nn.Module, x: Tensor) -> list[Tensor]:
    """The output, then the gradients of input and weights."""
    y = model(x)
    return [y, *torch.autograd.grad(y.square().mean(), [x, *model.parameters()])]


@contextmanager
def products(precision: str) -> Iterator[None]:
    """How float32 products are rounded, by cuBLAS and cuDNN alike."""
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn.rnn)
    before = [backend.fp32_precision for backend in backends]
    for backend in backends:
        backend.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    try:
        yield
    finally:
        for backend, old in zip(backends, before, strict=True):
            backend.fp32_precision = old


def side(model: nn.Module, x: Tensor, training: bool) -> Side:
    if not training:

        def infer() -> None:
            with torch.inference_mode():
                model(x)

        return infer
    wanted = [x, *model.parameters()]
    made = model(x)
    g = torch.randn_like(made[0] if isinstance(made, tuple) else made)

    def train() -> None:
        y = model(x)
        torch.autograd.grad(y[0] if isinstance(y, tuple) else y, wanted, g)

    return train


def on_the_gpu(run: Side, inner: int) -> float:
    """Seconds of one call by the GPU's clock, the mean of `inner`."""
    gc.collect()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    begin.record()
    for _ in range(inner):
        run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3 / inner


def figures_of(case: Case, rounds: int, device: torch.device) -> list[Figure]:
    dtype = torch.bfloat16 if case.precision == "bfloat16" else torch.float32
    ours = layer(case.cell, H, device)
    hand = by_hand(case.cell, ours).to(device)
    x = torch.randn(B, T, H, device=device, requires_grad=True)
    with products("float32"):
        check(ours, hand, x[:, :32])
    x = x.detach().to(dtype).requires_grad_(case.training)
    models = {
        "netspec": ours,
        "nn.LSTM": nn.LSTM(H, H, batch_first=True),
        "nn.LSTM again": nn.LSTM(H, H, batch_first=True),
        "hand": hand,
    }
    with products(case.precision):
        sides = {name: side(model.to(device, dtype), x, case.training) for name, model in models.items()}
        in_turn(sides, 3, clock=on_the_gpu)
        times = in_turn(sides, rounds, inner=INNER, clock=on_the_gpu)
    what = f"{'training step' if case.training else 'inference'}, {case.cell}, {case.precision}, T={T} B={B} H={H}"
    more = {"GPU": torch.cuda.get_device_name(device)}
    return [
        figure(what, "cuDNN's nn.LSTM", times, theirs="nn.LSTM", control="nn.LSTM again", bound=case.bound, more=more),
        figure(what, "a plain loop by hand", times, theirs="hand", bound=None),
    ]


def measure(quick: bool) -> list[Figure]:
    device = torch.device("cuda")
    return [found for case in CASES for found in figures_of(case, 3 if quick else 40, device)]


if __name__ == "__main__":
    if torch.cuda.is_available():
        main("gpu", measure)
    else:
        print("no GPU that torch can use: nothing was measured, nothing written")
        sys.exit(0)
