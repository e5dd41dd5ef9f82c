"""The order of the house: data passes each room once, no room imports a later one, and no file imports in a circle.

Imports inside functions and under TYPE_CHECKING count like any other.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import networkx as nx
import pytest

import benchmarks
import netspec

ROOMS = (
    "version",
    "source",
    "shapes",
    "cells",
    "layers",
    "frontend",
    "graph",
    "passes",
    "backends",
    "data",
    "recipe",
    "spec",
    "training",
    "review",
    "migrate",
    "report",
    "lsp",
    "cli",
    "__main__",
)
ROOMS_OF_BACKENDS = ("torch", "onnx", "parity", "export")
ROOMS_OF_REVIEW = (
    "yaml_text",
    "align",
    "difference",
    "sides",
    "match",
    "explain",
    "changes",
    "group",
    "verdict",
    "diff",
    "limits",
    "compared",
    "lock",
    "provenance",
)
ROOMS_OF_CELLS = ("functions", "language", "ir", "recognise", "kernels", "run", "onnx")
HOUSE = Path(netspec.__file__).parent


def name_of(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")


def imports() -> nx.DiGraph:
    """module -> the modules of the house that it imports."""
    folders = [HOUSE, Path(benchmarks.__file__).parent]
    files = {name_of(path, folder): path for folder in folders for path in sorted(folder.rglob("*.py"))}
    graph = nx.DiGraph()
    graph.add_nodes_from(files)
    for name, path in files.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found: list[str] = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: a relative import"
                wholes = [f"{node.module}.{alias.name}" for alias in node.names]
                found = [whole if whole in files else str(node.module) for whole in wholes]
            graph.add_edges_from((name, other) for other in found if other in files and other != name)
    return graph


IMPORTS = imports()


@pytest.mark.parametrize(
    ("root", "rooms"),
    [
        ("netspec", ROOMS),
        ("netspec.cells", ROOMS_OF_CELLS),
        ("netspec.backends", ROOMS_OF_BACKENDS),
        ("netspec.review", ROOMS_OF_REVIEW),
    ],
)
def test_no_room_imports_a_later_one(root: str, rooms: Sequence[str]) -> None:
    def room(name: str) -> int | None:
        inside = name.removeprefix(root + ".").split(".")[0] if name.startswith(root + ".") else ""
        assert not inside or inside in rooms, f"{name} stands in no room"
        return rooms.index(inside) if inside else None

    places = {name: place for name in IMPORTS if (place := room(name)) is not None}
    assert len(set(places.values())) == len(rooms)
    for name, other in IMPORTS.edges:
        if name in places and other in places:
            assert places[other] <= places[name], f"{name} imports {other}"


def test_no_files_import_in_a_circle() -> None:
    circles = [c for c in nx.strongly_connected_components(IMPORTS) if len(c) > 1]
    assert not [sorted(c) for c in circles]


def test_no_two_classes_share_a_name() -> None:
    """Nested classes count too: who searches for a name is to find one declaration."""
    declared: dict[str, list[str]] = defaultdict(list)
    for path in sorted(HOUSE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                declared[node.name].append(f"{path.relative_to(HOUSE)}:{node.lineno}")
    assert not {name: lines for name, lines in declared.items() if len(lines) > 1}


def test_no_two_test_files_share_a_name() -> None:
    """Folders of tests without an `__init__.py` are one namespace to pytest: the second file would not be imported."""
    files: dict[str, list[str]] = defaultdict(list)
    tests = Path(__file__).parent
    for path in sorted(tests.rglob("test_*.py")):
        files[path.name].append(str(path.relative_to(tests)))
    assert not {name: paths for name, paths in files.items() if len(paths) > 1}


def test_what_tests_import_of_each_other_is_there() -> None:
    """A test file that is renamed would stop its neighbours from being collected, and nothing else would say so."""
    tests = Path(__file__).parent
    missing = set()
    for path in sorted(tests.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tests."):
                module = tests.parent.joinpath(*str(node.module).split("."))
                if not module.is_dir() and not module.with_suffix(".py").is_file():
                    missing.add(f"{path.relative_to(tests)}: {node.module}")
    assert not missing


TORCH_ROOMS = ("backends", "training", "cells.kernels", "cells.run", "recipe.optimizers._velocity", "migrate")


def heavy_at_import(path: Path) -> set[str]:
    """What a file imports of torch and of what takes as long, when it is imported itself."""
    found: set[str] = set()
    stack: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            stack += node.orelse
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        found |= {name.split(".")[0] for name in names}
        stack += ast.iter_child_nodes(node)
    return found & {"torch", "onnx", "onnxruntime", "sklearn", "matplotlib", "triton", "llvmlite"}


def test_torch_is_imported_where_it_runs_alone() -> None:
    wrong = {}
    for path in HOUSE.rglob("*.py"):
        name = name_of(path, HOUSE).removeprefix("netspec.")
        if not name.startswith(TORCH_ROOMS) and (heavy := heavy_at_import(path)):
            wrong[name] = sorted(heavy)
    assert not wrong
