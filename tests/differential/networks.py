"""Random networks against references written by hand: `python -m tests.differential.networks --count 20000 --jobs 2`.

A file that failed runs again with `python -m tests.differential.networks FILE`.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import torch
import yaml

from tests.differential.compare import DiffersError, Report, compare
from tests.differential.draw import draw, kinds_in, text_of
from tests.differential.long_run import Outcome, long_run
from tests.differential.shrink import shrink


def one(seed: int, folder: Path) -> Outcome:
    """Draw, compare; a network that fails is shrunk and written to the folder."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Using padding='same' with even kernel lengths")
    document = draw(seed)
    failure = failure_of(document, seed)
    if isinstance(failure, Report):
        counts = failure.counts
        counts["layers drawn"] += len(document["layers"])
        counts["kinds in networks"] += len(kinds_in(document))
        return Outcome(counts)
    what, detail = failure
    smallest = shrink(document, lambda d: _fails_as(d, seed, what))
    last = failure_of(smallest, seed)
    detail = detail if isinstance(last, Report) else last[1]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"network_{seed}.yaml"
    notes = "".join(f"# {line}\n" for line in f"seed {seed}: {detail}".splitlines())
    path.write_text(notes + text_of(smallest), encoding="utf-8")
    return Outcome(Counter({f"failed: {what}": 1}), f"seed {seed}: {detail}\n  {path}")


def failure_of(document: dict[str, Any], seed: int, share: float = 0.4) -> Report | tuple[str, str]:
    """The report of what was compared, or what failed and how."""
    try:
        return compare(document, text_of(document), seed, share)
    except DiffersError as error:
        return error.what, str(error)
    except Exception as error:  # netspec may raise anything: that is what is looked for
        return type(error).__name__, f"{type(error).__name__}: {error}"


def _fails_as(document: dict[str, Any], seed: int, what: str) -> bool:
    found = failure_of(document, seed)
    return not isinstance(found, Report) and found[0] == what


def again(path: Path) -> int:
    """One file."""
    found = failure_of(yaml.safe_load(path.read_text(encoding="utf-8")), 0, share=1)
    print(found.counts if isinstance(found, Report) else found[1])
    return 0 if isinstance(found, Report) else 1


if __name__ == "__main__":
    named = [Path(argument) for argument in sys.argv[1:] if argument.endswith((".yaml", ".yml"))]
    sys.exit(max(again(path) for path in named) if named else long_run("networks", one))
