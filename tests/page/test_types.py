"""The page's code under the TypeScript compiler (Debian's `node-typescript`), and the data against the code's types."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import netspec
from netspec.report.page.data import network_data
from netspec.report.page.review import compared_data
from netspec.review.compared import Compared
from netspec.review.diff import compare
from netspec.review.sides.side import read_sides
from netspec.source.errors import Problem
from tests.page.browser import NEEDED

pytestmark = pytest.mark.slow

CODE = Path(netspec.__file__).parent / "report" / "page" / "code"


def compiled(project: Path) -> str:
    """What the compiler says; empty when all is well."""
    tsc = shutil.which("tsc")
    if tsc is None and not NEEDED:
        pytest.skip("there is no tsc: apt-get install node-typescript")
    return subprocess.run(["tsc", "-p", project], capture_output=True, text=True, check=False).stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the code, to add to."""
    return Path(shutil.copytree(CODE, tmp_path / "code"))


def test_the_code_has_types() -> None:
    assert compiled(CODE) == ""


def test_a_slip_is_found(project: Path) -> None:
    file = project / "places.js"
    file.write_text(
        file.read_text().replace("this.unit.names", "this.unit.nmaes").replace("unit?.names", "unit?.nmaes")
    )
    assert "nmaes" in compiled(project)


def test_the_data_has_the_types_that_the_code_reads(project: Path) -> None:
    folder = Path("architectures")
    sides = read_sides(str(folder / "resnet34.yaml"), str(folder / "resnet50.yaml"))
    broken = Compared("x", "x", "y", None, (Problem("NS101", "no such file"),))
    pages = [
        network_data(netspec.load(folder / "char_lstm.yaml")),
        network_data(netspec.load(folder / "digits_highway.yaml")),
        compared_data([Compared("b", "a", "b", compare(*sides)), broken]),
    ]
    for number, data in enumerate(pages):
        text = f'/** @type {{import("./data.js").Data}} */\nexport const page{number} = {json.dumps(data)};\n'
        (project / f"page{number}.js").write_text(text)
    assert compiled(project) == ""
