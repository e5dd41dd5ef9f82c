"""The table in README.md, written from the committed results: `python -m benchmarks.table`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.measure import RESULTS, ROOT

BEGIN = "<!-- results: written by `python -m benchmarks.table`, not by hand -->"
END = "<!-- end of results -->"
# The order of the table.
GROUPS = (
    "cold",
    "loading",
    "fmt",
    "diff",
    "lsp",
    "page",
    "construct",
    "steps",
    "training",
    "export",
    "latency",
    "cells",
    "cells_loop",
    "cells_onnx",
    "cells_cost",
    "gpu",
)
HEAD = (
    "| what | against | ours | theirs | ratio (95 %) | control | reach | |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |"
)


def line(record: dict[str, Any]) -> str:
    """One figure as a row: medians, the ratio with the interval of its median, the control, the bound, met or not."""
    ours, theirs, ratio, bound, unit = (record[k] for k in ("ours", "theirs", "ratio", "bound", "unit"))
    control = record["control"]
    reach = "" if bound is None else f"≤ {bound:g}" + ("" if ratio else f" {unit}")
    met = {True: "met", False: "**missed**", None: ""}[record["met"]]
    row = (
        record["what"],
        record["against"] or "–",
        f"{_short(ours['median'])} {unit}",
        f"{_short(theirs['median'])} {unit}" if theirs else "–",
        _with_interval(ratio) if ratio else "–",
        _with_interval(control) if control else "–",
        reach,
        met,
    )
    return "| " + " | ".join(row) + " |"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _with_interval(spread: dict[str, Any]) -> str:
    low, high = spread["interval"]
    digits = 3 if spread["median"] >= 0.1 else 4
    return f"{spread['median']:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def table() -> str:
    """All committed results, the machine and the notes below."""
    records = [
        json.loads(path.read_text(encoding="utf-8")) for group in GROUPS if (path := RESULTS / f"{group}.json").exists()
    ]
    if not records:
        return "No results yet."
    rows = [HEAD, *(line(found) for record in records for found in record["figures"])]
    notes = [
        f"- {found['what']}: " + "; ".join(f"{k} {v}" for k, v in found["more"].items())
        for record in records
        for found in record["figures"]
        if found["more"]
    ]
    machines: dict[str, list[str]] = {}
    for record in records:
        machines.setdefault(_machine(record), []).append(record["group"])
    where = [f"- {', '.join(groups)}: {text}" if len(machines) > 1 else text for text, groups in machines.items()]
    return "\n".join([*rows, "", *notes, *([""] if notes else []), *where])


def _machine(record: dict[str, Any]) -> str:
    machine, versions = record["machine"], record["versions"]
    packages = ", ".join(f"{name} {versions[name]}" for name in ("torch", "onnxruntime", "onnx", "onnxscript"))
    return f"{record['date']} on {machine['cpu']}, {machine['cores']} cores, Python {versions['python']}, {packages}."


def write_whole(path: Path, text: str) -> None:
    """The old file or the new one, never half of one."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_table() -> None:
    """Rewrite the block between the markers of README.md."""
    path = ROOT / "benchmarks" / "README.md"
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"benchmarks/README.md has no block between {BEGIN} and {END}")
    write_whole(path, f"{before}{BEGIN}\n{table()}\n{END}{after}")


if __name__ == "__main__":
    write_table()
