"""`netspec diff`: how much there is to read, how long it takes, and how that grows with the layers."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import netspec
from benchmarks.cold import command
from benchmarks.command import main
from benchmarks.measure import Figure, Spread, architecture, figure, in_turn
from netspec.review.match.networks import match

NETSPEC = str(Path(sys.executable).parent / "netspec")
LINES = ((18, 34, 14), (34, 50, 24), (50, 101, 12))  # of resnets, at most
DROPOUT = ("bn2: batch_norm2d", "bn2: batch_norm2d\n          drop: {type: dropout, p: 0.1}")
EDITS = (  # of resnet18: what, what is there before, the edit, entries at most
    ("width 64 -> 96", (), ("width: 64", "width: 96"), 4),
    ("relu -> gelu everywhere", (), ("relu: relu", "relu: gelu"), 3),
    ("a dropout rate in a shared block", (DROPOUT,), ("p: 0.1", "p: 0.3"), 1),
)
CHAIN = 5_000  # layers


# What is done to a chain: the name of a layer, every 20th of another kind, one more in front.
CHAIN_EDITS: dict[str, tuple[str, bool, bool]] = {
    "with itself": ("l{}", False, False),
    "all renamed": ("m{}", False, False),
    "every 20th of another kind": ("l{}", True, False),
    "all renamed, every 20th of another kind": ("m{}", True, False),
    "one inserted in front": ("l{}", False, True),
}


def chain(layers: int, name: str = "l{}", other_kinds: bool = False, in_front: bool = False) -> str:
    """The text of so many layers, linear and relu in turn."""
    lines = ["netspec: 1", "inputs: {x: [8]}", "layers:", *(["  first: tanh"] if in_front else [])]
    for i in range(layers):
        kind = "relu" if i % 2 else "{type: linear, out_features: 8}"
        lines.append(f"  {name.format(i)}: {'gelu' if other_kinds and i % 20 == 19 else kind}")
    return "\n".join(lines) + "\n"


def read(what: str, amount: int, unit: str, bound: int) -> Figure:
    return Figure(what, "", unit, Spread.of([amount]), bound=bound)


def lines(before: int, after: int) -> int:
    files = [str(architecture(f"resnet{depth}")) for depth in (before, after)]
    done = subprocess.run([NETSPEC, "diff", *files], check=True, capture_output=True, text=True)
    return len(done.stdout.splitlines())


def entries(first: tuple[tuple[str, str], ...], edit: tuple[str, str]) -> int:
    text = architecture("resnet18").read_text(encoding="utf-8")
    for old, new in first:
        text = text.replace(old, new)
    assert edit[0] in text
    before, after = (netspec.load(t, hold_budget=False) for t in (text, text.replace(*edit)))
    return len(netspec.diff(before, after).entries)


def processes(folder: Path, edit: str, rounds: int) -> list[Figure]:
    """Whole processes on a chain and on its edited text; what of twice as many layers is."""

    def compare(layers: int) -> Callable[[], None]:
        files = [folder / "before" / f"{layers}.yaml", folder / "after" / f"{layers}.yaml"]
        for file, text in zip(files, (chain(layers), chain(layers, *CHAIN_EDITS[edit])), strict=True):
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        return command([NETSPEC, "diff", *map(str, files)])

    times = in_turn({"once": compare(CHAIN), "twice": compare(2 * CHAIN)}, rounds)
    what, bound = f"`netspec diff` of a chain, {edit}, whole process", 1.5 if edit == "with itself" else 2.5
    return [
        Figure(f"{what}, {CHAIN:,} layers", "", "s", Spread.of(times["once"]), bound=bound),
        figure(f"{what}, {2 * CHAIN:,} layers", f"{CHAIN:,}", times, ours="twice", theirs="once", bound=2.3, unit="s"),
    ]


def matched(edit: str, rounds: int) -> Figure:
    """Which layer is which, in process: a chain, and one of half as many layers."""
    pairs = {n: [netspec.load(chain(n, *way)) for way in ((), CHAIN_EDITS[edit])] for n in (CHAIN, CHAIN // 2)}
    for layers, (before, after) in pairs.items():
        assert len(match(before, after).names) == layers
    times = in_turn({str(layers): lambda pair=pair: match(*pair) for layers, pair in pairs.items()}, rounds)
    what = f"`match` of a chain of {CHAIN:,} layers, {edit}"
    return figure(what, f"{CHAIN // 2:,} layers", times, ours=str(CHAIN), theirs=str(CHAIN // 2), bound=2.3)


def measure(quick: bool) -> list[Figure]:
    found = [
        read(f"lines of `netspec diff`, resnet{a} -> resnet{b}", lines(a, b), "lines", most) for a, b, most in LINES
    ]
    found += [
        read(f"entries of `netspec diff`, resnet18: {what}", entries(first, edit), "entries", most)
        for what, first, edit, most in EDITS
    ]
    diff = command([NETSPEC, "diff", *(str(architecture(f"resnet{depth}")) for depth in (50, 101))])
    torch = command([sys.executable, "-c", "import torch"])
    in_turn({"netspec": diff, "torch": torch}, 1)
    times = in_turn({"netspec": diff, "torch": torch}, 3 if quick else 40)
    what = "`netspec diff` of resnet50 and resnet101, whole process"
    found.append(figure(what, '`python -c "import torch"`', times, theirs="torch", bound=0.4))
    with tempfile.TemporaryDirectory() as folder:
        for edit in CHAIN_EDITS:
            found += processes(Path(folder), edit, 1 if quick else 10)
    return found + [matched(edit, 3 if quick else 15) for edit in CHAIN_EDITS]


if __name__ == "__main__":
    main("diff", measure)
