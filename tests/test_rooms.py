"""The order of the house: data passes each room once, and no room imports a later one."""

from __future__ import annotations

import ast
from pathlib import Path

import netspec

ROOMS = [
    "source",
    "shapes",
    "cells",
    "layers",
    "frontend",
    "graph",
    "passes",
    "backends",
    "data",
    "train",
    "review",
    "report",
    "cli",
]
HOUSE = Path(netspec.__file__).parent


def imported(path: Path) -> set[str]:
    """The rooms that a module imports, also inside its functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {parts[1] for name in names if (parts := name.split("."))[0] == "netspec" and len(parts) > 1} & set(ROOMS)


def test_no_room_imports_a_later_one() -> None:
    files = [p for p in HOUSE.rglob("*.py") if p.parent != HOUSE or p.stem in ROOMS]
    assert len(files) > 40
    for path in files:
        room = path.relative_to(HOUSE).parts[0].removesuffix(".py")
        later = {other for other in imported(path) if ROOMS.index(other) > ROOMS.index(room)}
        assert not later, f"{path.relative_to(HOUSE)} imports {later}"
