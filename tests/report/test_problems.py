"""Problems for a program, a code review and a terminal."""

from __future__ import annotations

import json

import pytest

import netspec
from netspec.report.problems import Checked
from netspec.report.problems.github import command
from netspec.report.problems.json import render as render_json
from netspec.report.problems.text import coloured, listed
from netspec.source.errors import Problem


def problem() -> Problem:
    with pytest.raises(netspec.NetspecError) as caught:
        netspec.load("netspec: 1\ninputs: {x: [4]}\nlayers:\n  a: {type: linear, out_features: 0}\n")
    return caught.value.problems[0]


def test_json_has_the_place() -> None:
    [text] = render_json([Checked("<text>", errors=(problem(),))])
    [data] = json.loads(text)
    assert (data["code"], data["file"], data["line"], data["column"], data["end_column"]) == (
        "NS203",
        "<text>",
        4,
        35,
        36,
    )
    assert data["message"] == "`out_features` of linear `a` expects a whole number of at least 1, received 0"


def test_github_command_is_escaped() -> None:
    p = problem()
    text = command(Problem("NS999", "50% of\nit, all: x", p.span), "warning")
    assert text == "::warning file=<text>,line=4,endLine=4,col=35,endColumn=36,title=NS999::50%25 of%0Ait, all: x"


def test_colours_change_nothing_but_colours() -> None:
    import re

    text = problem().render()
    assert re.sub(r"\x1b\[\d+m", "", coloured(text)) == text
    assert "\x1b[31mNS203" in coloured(text)


def test_every_problem_has_its_colours() -> None:
    problems = [(Problem("NS201", "unknown layer kind `rellu`", name="a.yaml"), "error") for _ in range(2)]
    texts = [coloured(shown.text) for shown in listed(problems)]
    assert len(texts) == 2 and all("\x1b[31mNS201\x1b[39m" in text for text in texts)
    assert texts[1].startswith("\n")
