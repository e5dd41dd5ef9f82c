"""Compiled recurrent cells on the CPU: training steps and inference against `nn.LSTM`, `nn.GRU` and `nn.RNN`.

A training step is forward and backward of a mean, for all weights and the input; no optimiser.  Layers come from a
file through `netspec.load` and `netspec.to_torch`, batch first like torch's.  All cells of one size run in the same
rounds, beside torch's layer and a second copy of it as control; where the allocator puts weights is worth a per cent
or two, so that the modules are built anew several times.

`np` is `nn.LSTM` written differently: netspec recognises it and calls what `nn.LSTM` calls.  The row "np, compiled"
keeps it off that path.

glibc gives large freed blocks back to the system, and a step that asks for them anew waits for page faults: a fifth of
the time of `nn.LSTM`, less of netspec's.  That is what a user meets, so the figures have it; the last rows show the
same where glibc was told to keep freed memory, on both sides.

# T time, B batch, H input and hidden
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.cell_peers import Compiled, inference, layer, results, same, training, verified, weights_of
from benchmarks.command import main
from benchmarks.construct import keep_memory
from benchmarks.measure import Figure, figure, in_turn

FORCED = ", compiled"  # behind the name of a cell: not by torch's own kernel


@dataclass(frozen=True)
class Case:
    """One size against one layer of torch: the cells and what their ratios have to reach, calls in a timed block,
    rounds of blocks.  `keep`: freed memory is kept, from this case on."""

    T: int
    B: int
    H: int
    training: bool
    bounds: Mapping[str, float | None]
    inner: int
    rounds: int
    peer: Callable[..., nn.RNNBase] = nn.LSTM
    keep: bool = False

    @property
    def what(self) -> str:
        return f"T={self.T} B={self.B} H={self.H}" + ", freed memory kept" * self.keep


def three(bound: float) -> dict[str, float | None]:
    """The cells that have a bound at every size."""
    return dict.fromkeys(("lstm_peephole", "cifg", "np", f"np{FORCED}"), bound)


CASES = (
    Case(100, 32, 256, True, {**three(1.1), "lstm": 1.02, "sru": 0.38}, 1, 60),
    Case(50, 64, 512, True, three(1.1), 1, 30),
    Case(100, 8, 64, True, three(1.4), 4, 100),
    Case(100, 32, 256, False, three(1.3), 2, 60),
    Case(50, 64, 512, False, three(1.3), 1, 40),
    Case(100, 8, 64, False, three(1.3), 10, 100),
    Case(100, 32, 256, True, {"gru": 0.8, "gru_reset_after": None}, 1, 40, nn.GRU),
    Case(100, 32, 256, True, {"rnn": None}, 1, 40, nn.RNN),
    Case(100, 32, 256, True, dict.fromkeys(("lstm_peephole", f"np{FORCED}", "sru")), 1, 40, keep=True),
)
BUILDS = 4  # times that the modules are built anew


def built(name: str, case: Case, x: Tensor) -> nn.Module:
    """netspec's layer, held against the equations in plain torch."""
    module = layer(name.removesuffix(FORCED), case.H)
    hand = verified(module, x)
    if not name.endswith(FORCED):
        return module
    forced = Compiled(module)
    same(results(forced, weights_of(module), x), results(hand, dict(hand.weights), x))
    return forced


def case_times(case: Case, quick: bool) -> dict[str, list[float]]:
    if case.keep:
        keep_memory()
    x = torch.randn(case.B, case.T, case.H, generator=torch.Generator().manual_seed(0))
    found: dict[str, list[float]] = defaultdict(list)
    builds = 1 if quick else BUILDS
    for _ in range(builds):
        models = {name: built(name, case, x[:4, :20]) for name in case.bounds}
        models |= {name: case.peer(case.H, case.H, batch_first=True) for name in ("torch", "torch again")}
        sides = {k: training(m, x) if case.training else inference(m, x) for k, m in models.items()}
        in_turn(sides, 2, inner=case.inner)
        gc.freeze()  # the collection before each block then walks what is new, not all of torch
        for name, times in in_turn(sides, 3 if quick else case.rounds // builds, inner=case.inner).items():
            found[name] += times
        gc.unfreeze()
    return found


def measure(quick: bool) -> list[Figure]:
    found = []
    for case in CASES:
        times = case_times(case, quick)
        step = "training step" if case.training else "inference"
        found += [
            figure(
                f"{step}, {name}, {case.what}",
                f"`nn.{case.peer.__name__}`",
                times,
                ours=name,
                theirs="torch",
                control="torch again",
                bound=bound,
            )
            for name, bound in case.bounds.items()
        ]
    return found


if __name__ == "__main__":
    main("cells", measure)
