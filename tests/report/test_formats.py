"""Formats are files: found by their names, called alike."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from netspec.report.formats import Formats

REPORTS = [
    (Formats("netspec.report.diff", "text"), {"text", "json", "html"}),
    (Formats("netspec.report.plot", "svg"), {"svg", "dot", "html"}),
    (Formats("netspec.report.problems", "text"), {"text", "json", "github"}),
    (Formats("netspec.report.provenance", "text"), {"text", "json"}),
    (Formats("netspec.report.summary", "table"), {"table", "json", "markdown"}),
]


@pytest.mark.parametrize(("formats", "names"), REPORTS, ids=lambda x: getattr(x, "package", ""))
def test_every_file_is_a_format_with_the_same_face(formats: Formats, names: set[str]) -> None:
    assert formats.names()[0] == formats.default and set(formats.names()) >= names
    modules = [import_module(f"{formats.package}.{name}") for name in formats.names()]
    assert len({str(inspect.signature(m.render)).partition(" ->")[0] for m in modules}) == 1
    assert all(m.__doc__ for m in modules)


def test_a_file_is_all_that_a_format_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "reports_of_a_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "plain.py").write_text("def render(name): yield f'hello {name}'")
    (package / "loud.py").write_text("def render(name): yield f'HELLO {name}'")
    monkeypatch.syspath_prepend(str(tmp_path))
    formats = Formats("reports_of_a_test", default="plain")
    assert formats.names() == ["plain", "loud"]
    assert list(formats.render("loud", "you")) == ["HELLO you"]
