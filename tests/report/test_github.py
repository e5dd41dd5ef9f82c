"""Differences in a workflow: notices at lines, errors, and the files that GitHub reads."""

from __future__ import annotations

from pathlib import Path

import pytest

import netspec
from netspec.report.diff.github import MOST_NOTICES, render
from netspec.report.diff.markdown import comment
from netspec.review.compared import Compared
from netspec.review.diff import compare
from netspec.review.difference import Cause, Difference, Side, WeightFates
from netspec.source.errors import Problem
from netspec.source.text import Source, Span

NET = """netspec: 1
inputs: {x: [4]}
layers:
  fc: {type: linear, out_features: WIDTH}
  head: {type: linear, out_features: 4}
"""
CHANGED = "architecture changed"


def difference(*causes: Cause) -> Difference:
    sides = [Side(str(w), netspec.load(NET.replace("WIDTH", str(w)))) for w in (2, 3)]
    change = compare(*sides)
    change.causes = list(causes)
    return change


def cause(line: int, file: str = "", path: str = "vars.width") -> Cause:
    return Cause(path, "2", "3", Span(Source("x", ""), line, 1, line, 2), file)


def compared(path: str, *causes: Cause, crossed: tuple[str, ...] = ()) -> Compared:
    return Compared(path, "a", "b", difference(*causes), (), crossed)


@pytest.fixture(autouse=True)
def no_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)


def test_a_notice_at_each_line_that_caused_something() -> None:
    networks = [
        compared("nets/a.yaml", cause(3), cause(7, path="extends"), cause(9, "common.yaml")),
        compared("nets/sub/b.yaml", cause(9, "../common.yaml")),
        compared("c.yaml"),
    ]
    assert list(render(networks, False)) == [
        f"::notice file=nets/a.yaml,line=3,title=netspec diff::vars.width 2 -> 3%0Anets/a.yaml: {CHANGED}",
        f"::notice file=nets/a.yaml,line=7,title=netspec diff::extends 2 -> 3%0Anets/a.yaml: {CHANGED}",
        f"::notice file=nets/common.yaml,line=9,title=netspec diff::vars.width 2 -> 3%0Anets/a.yaml: {CHANGED}"
        f"%0Anets/sub/b.yaml: {CHANGED}",
        f"::notice file=c.yaml,line=1,title=netspec diff::c.yaml: {CHANGED}",
    ]


def test_an_old_checkpoint_in_the_wrong_places_is_a_warning() -> None:
    loud = compared("a.yaml", cause(3))
    assert loud.difference is not None
    loud.difference.weights = WeightFates(
        {"a.w": "b.w", "b.w": "a.w"}, by_name=("a.w", "b.w"), misplaced={"a.w": "b.w", "b.w": "a.w"}
    )
    [line] = render([loud], False)
    assert line.startswith("::warning file=a.yaml,line=3,")
    assert line.endswith("a.yaml: an old checkpoint loads 2 of 2 tensors by name into other layers")


def test_what_is_the_same_is_no_notice() -> None:
    side = Side("a", netspec.load(NET.replace("WIDTH", "2")))
    assert list(render([Compared("a.yaml", "a", "b", compare(side, side))], False)) == []


def test_problems_and_crossed_limits_are_errors() -> None:
    source = Source("HEAD:nets/a.yaml", "x")
    problems = (Problem("NS201", "wrong", Span(source, 2, 3, 2, 5)), Problem("NS101", "gone", name="v1:b.yaml"))
    networks = [
        Compared("nets/a.yaml", "x", "y", None, problems),
        compared("c.yaml", cause(1), crossed=("params:+5%: 1",)),
    ]
    assert list(render(networks, False))[:3] == [
        "::error file=nets/a.yaml,line=2,endLine=2,col=3,endColumn=5,title=NS201::wrong",
        "::error file=b.yaml,title=NS101::gone",
        "::error file=c.yaml,title=netspec diff --fail-on::params:+5%25: 1",
    ]


def test_whatever_is_in_a_name_it_stays_one_line() -> None:
    name = "a,b:c%0A\r\n::error::x.yaml"
    [line] = render([compared(name, cause(1, path=name))], False)
    assert "\n" not in line and "\r" not in line and line.startswith("::notice file=a%2Cb%3Ac%250A%0D%0A%3A%3Aerror")


def test_more_notices_than_github_shows_are_counted() -> None:
    lines = list(render([compared("a.yaml", *map(cause, range(1, 26)))], False))
    assert len(lines) == MOST_NOTICES and lines[-1].endswith("%0Aand 15 more places")


def test_the_comment_is_the_summary_of_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary, output = tmp_path / "summary", tmp_path / "output"
    for path, name in ((summary, "GITHUB_STEP_SUMMARY"), (output, "GITHUB_OUTPUT")):
        path.write_text("above\n")
        monkeypatch.setenv(name, str(path))
    networks = [compared("a.yaml", cause(1))]
    list(render(networks, False))
    assert summary.read_text() == f"above\n{comment(networks)}\n" and output.read_text() == "above\nnetworks=1\n"
