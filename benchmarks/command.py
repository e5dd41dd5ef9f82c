"""The command line of every file here: measure, print, and write the results beside their machine."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.measure import RESULTS, Figure
from benchmarks.table import line, write_table, write_whole

PACKAGES = (
    "netspec",
    "torch",
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "networkx",
    "jsonschema",
    "pyyaml",
    "ruamel.yaml",
    "typer",
)


def machine() -> dict[str, Any]:
    """The machine, and how busy it was when the measurement began."""
    cpu = platform.processor() or platform.machine()
    for entry in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if entry.startswith("model name"):
            cpu = entry.partition(":")[2].strip()
            break
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else None
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "torch_threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}}


def main(group: str, measure: Callable[[bool], list[Figure]]) -> None:
    """The command of one file: measure, print, write results/GROUP.json; `--quick` tries it and writes nothing."""
    quick = "--quick" in sys.argv[1:]
    load, started = os.getloadavg()[0], time.perf_counter()
    figures = measure(quick)
    for found in figures:
        print(line(as_record(found)), flush=True)
    if quick:
        return
    record = {
        "group": group,
        "date": datetime.date.today().isoformat(),
        "seconds": round(time.perf_counter() - started),
        "machine": {**machine(), "load_average_before": round(load, 2)},
        "versions": versions(),
        "figures": [as_record(found) for found in figures],
    }
    write_whole(RESULTS / f"{group}.json", json.dumps(_rounded(record), indent=1, ensure_ascii=False) + "\n")
    write_table()


def as_record(found: Figure) -> dict[str, Any]:
    return {**asdict(found), "met": found.met}


def _rounded(value: Any) -> Any:
    """Five significant digits: more is noise, and makes every new run a large diff."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list | tuple) else value
