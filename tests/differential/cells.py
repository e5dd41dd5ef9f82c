"""Random recurrent cells against a reference in NumPy: `python -m tests.differential.cells --count 3000 --jobs 2`.

A seed draws one layer, the same on every machine.  A layer with a fault is made smaller and written as a file, with
what it was run on in its first lines.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import torch

from netspec.cells.language.library import library_names, library_text
from tests.cells.random_cells import drawn, valid
from tests.differential.cells_check import Case, Report, check
from tests.differential.cells_shrink import shrunk
from tests.differential.long_run import Outcome, long_run


def case_of(seed: int) -> Case:
    """The layer of a seed; one of forty is a cell of the library."""
    draw = random.Random(seed)
    if draw.randrange(40):
        text = drawn(draw.randrange)
        while not valid(text):
            text = drawn(draw.randrange)
    else:
        text = library_text(draw.choice(library_names()))
    return Case(
        text,
        hidden=draw.choice((1, 2, 3, 4, 5)),
        features=draw.choice((1, 2, 3, 4)),
        num_layers=draw.choice((1, 1, 1, 2, 3)),
        bidirectional=draw.random() < 0.3,
        returns=draw.choice(("sequence", "sequence", "sequence", "last", "state")),
        initial=draw.choice(("zero", "given", "learned")),
        ragged=draw.random() < 0.5,
        recompute=draw.random() < 0.1,
        steps=draw.choice((1, 2, 3, 4, 6)),
        batch=draw.choice((1, 2, 5)),
        seed=seed,
    )


def one(seed: int, folder: Path) -> Outcome:
    """Draw, compare; a layer that fails is shrunk and written to the folder."""
    torch.set_num_threads(1)
    case, report = case_of(seed), Report()
    with tempfile.TemporaryDirectory() as kernels:
        before = os.environ.get("NETSPEC_CACHE")
        os.environ["NETSPEC_CACHE"] = kernels
        try:
            fault = check(case, report)
            if fault is None:
                return Outcome(report.counts)
            smallest = shrunk(case, fault)
        finally:
            if before is None:
                del os.environ["NETSPEC_CACHE"]
            else:
                os.environ["NETSPEC_CACHE"] = before
    last = check(smallest) or fault
    fields = ", ".join(f"{name}={getattr(smallest, name)!r}" for name in ("steps", "batch", "seed"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"cell_{seed}.yaml"
    notes = "".join(f"# {line}\n" for line in [*str(last).splitlines(), fields])
    path.write_text(notes + smallest.network, encoding="utf-8")
    return Outcome(Counter({f"failed: {fault.way}: {fault.what}": 1}), f"seed {seed}: {fault}\n  {path}")


if __name__ == "__main__":
    sys.exit(long_run("cells", one, 3000))
