"""A registry finds what the files of a folder declare, and imports a file when its class is asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest

from netspec.source.registry import Registered, Registry

FILE = """
from {package}.base import SHAPES, Shape

class {cls}(Shape):
    elsewhere = ("{other}",)

SHAPES.declare("{name}", {cls})
"""


@pytest.fixture
def shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[Registered]]:
    folder = tmp_path / "shapes_of_a_test"
    folder.mkdir()
    package = folder.name
    (folder / "__init__.py").touch()
    (folder / "_drawing.py").write_text("raise AssertionError('imported for nothing')")
    (folder / "base.py").write_text(
        "from netspec.source.registry import Registered, Registry\n"
        f"class Shape(Registered): pass\nSHAPES: Registry[Shape] = Registry('{package}')\n"
    )
    for name, cls, other in (("square", "Square", "box"), ("circle", "Circle", "disc")):
        (folder / f"{name}.py").write_text(FILE.format(package=package, name=name, cls=cls, other=other))
    monkeypatch.syspath_prepend(tmp_path)
    yield import_module(f"{package}.base").SHAPES
    for module in [m for m in sys.modules if m.partition(".")[0] == package]:
        del sys.modules[module]


def test_names_are_known_before_any_file_is_imported(shapes: Registry[Registered]) -> None:
    assert list(shapes) == ["circle", "square"] and len(shapes) == 2 and "square" in shapes
    assert not {"base", "_drawing", "triangle"} & set(shapes)
    assert not any(f"{shapes.package}.{name}" in sys.modules for name in shapes)


def test_a_file_is_imported_for_its_own_class_alone(shapes: Registry[Registered]) -> None:
    assert shapes["circle"].name == "circle"
    assert f"{shapes.package}.square" not in sys.modules
    with pytest.raises(KeyError):
        shapes["base"]


def test_names_of_other_libraries(shapes: Registry[Registered]) -> None:
    assert shapes.called("Disc") == "circle" and shapes.called("box") == "square" and shapes.called("circle") == ""


def test_a_file_has_to_declare_its_own_name(shapes: Registry[Registered], tmp_path: Path) -> None:
    (tmp_path / shapes.package / "oval.py").write_text("")
    invalidate_caches()
    with pytest.raises(TypeError, match="oval does not declare `oval`"):
        shapes["oval"]


def test_a_name_is_declared_once(shapes: Registry[Registered]) -> None:
    class Other(Registered):
        pass

    assert shapes["circle"]
    with pytest.raises(TypeError, match=r"`circle` is declared twice: in \w+.circle and in .*test_registry"):
        shapes.declare("circle", Other)
