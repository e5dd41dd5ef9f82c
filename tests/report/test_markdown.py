"""The comment on a pull request: what it shows, what it cuts, and that nothing in it means anything to GitHub."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

import netspec
from netspec.report.diff.markdown import LIMIT, MARKER, comment
from netspec.report.markdown import code, fence, one_line, row
from netspec.review.compared import Compared
from netspec.review.diff import compare
from netspec.review.difference import Cause, Change, Difference, Entry, LayerChange, Side
from netspec.source.errors import Problem

ARCHITECTURES = sorted((Path(__file__).parents[2] / "architectures").glob("*.yaml"))
NET = """
netspec: 1
inputs: {x: [10]}
layers:
  fc: {type: linear, out_features: WIDTH}
  head: {type: linear, out_features: 3}
outputs: {y: head}
"""
RENDERED = MarkdownIt("gfm-like", {"linkify": False, "html": True})


def difference(before: int = 100, after: int = 200) -> Difference:
    sides = [Side(str(w), netspec.load(NET.replace("WIDTH", str(w)))) for w in (before, after)]
    return compare(*sides)


def compared(path: str = "net.yaml", change: Difference | None = None, **more: Any) -> Compared:
    return Compared(path, f"HEAD:{path}", path, difference() if change is None else change, **more)


def html(text: str) -> str:
    return str(RENDERED.render(text))


def rows(text: str) -> list[list[str]]:
    return [
        re.findall(r"<td[^>]*>(.*?)</td>", r, re.DOTALL) for r in re.findall(r"<tr>.*?</tr>", html(text), re.DOTALL)
    ][1:]


def test_one_row_a_network_and_the_rest_folded() -> None:
    text = comment([compared(), compared("same.yaml", difference(100, 100))])
    assert text.startswith(f"{MARKER}\n**netspec diff** · 2 networks: 1 architecture changed · 1 same network\n")
    assert rows(text) == [
        [
            "<code>net.yaml</code>",
            "<strong>architecture changed</strong>",
            "1.4\N{NO-BREAK SPACE}k → 2.8\N{NO-BREAK SPACE}k (+99.8%)",
            "1.3\N{NO-BREAK SPACE}k → 2.6\N{NO-BREAK SPACE}k (+100.0%)",
            "1 of 4 trained tensors carries over (3 of 1,403 parameters); "
            "3 change size: <code>fc.*, head.weight</code>",
        ],
        [
            "<code>same.yaml</code>",
            "same network",
            "1.4\N{NO-BREAK SPACE}k",
            "1.3\N{NO-BREAK SPACE}k",
            "all 4 tensors load as before",
        ],
    ]
    assert html(text).count("<details>") == html(text).count("</details>") == 1


def test_what_a_fold_is_called() -> None:
    caused = difference()
    caused.causes = [Cause("vars.width", "100", "200"), Cause("layers.fc.bias", None, "false")]
    assert "<summary><code>net.yaml</code>: <code>vars.width 100 -&gt; 200</code> and 1 more</summary>" in comment(
        [compared(change=caused)]
    )


def test_new_deleted_and_broken_networks() -> None:
    side = Side("net.yaml", netspec.load(NET.replace("WIDTH", "100")))
    networks = [
        compared("new.yaml", compare(Side("old"), side)),
        compared("deleted.yaml", compare(side, Side("new"))),
        Compared("broken.yaml", "a", "b", None, (Problem("NS201", "unknown layer kind `linaer`"),)),
    ]
    text = comment(networks)
    assert "3 networks: 1 new network · 1 network deleted · 1 broken\n" in text
    assert "NS201 unknown layer kind `linaer`" in text
    assert [cells[1:3] for cells in rows(text)] == [
        ["<strong>new network</strong>", "1.4\N{NO-BREAK SPACE}k"],
        ["<strong>network deleted</strong>", "1.4\N{NO-BREAK SPACE}k"],
        ["❌ <strong>cannot be read</strong>", ""],
    ]


def test_a_crossed_limit_stands_in_the_row() -> None:
    [cells] = rows(comment([compared(crossed=("params:+5%: 1 -> 2 parameters",))]))
    assert cells[1].endswith("<br>❌ <code>params:+5%: 1 -&gt; 2 parameters</code>")


def test_nothing_changed() -> None:
    assert comment([]) == f"{MARKER}\nThis change affects no network."


NAMES = [
    "a|b.yaml",
    "a`b``c.yaml",
    "<img src=x onerror=alert(1)>.yaml",
    "@team/name.yaml",
    "a\n\n# heading\n| x | y |.yaml",
    "a\\|b\\.yaml",
    "</code></details><h1>.yaml",
    "**bold** _it_ [l](http://x) :tada: #1 &lt;.yaml",
    "`",
    " a ",
    "```\nx",
    "-->",
    "\x1b[31m\u202e.yaml",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_and_values_mean_nothing(name: str) -> None:
    bad = difference()
    bad.causes = [Cause(name, name, name, file=name)]
    bad.entries = [Entry("changed", name, name, 3)]
    bad.headline = "architecture changed"
    problem = Problem("NS201", name, name=name)
    text = comment([compared(name, bad, crossed=(name,)), Compared(name, name, name, None, (problem,)), compared()])
    shown = html(text)
    assert [len(cells) for cells in rows(text)] == [5, 5, 5]
    assert shown.count("<details>") == shown.count("</details>") == 3 and shown.count("<pre>") == 3
    assert not re.search(r"<(img|h1|a|em)\b", shown) and shown.count("<strong>") == 4
    outside = re.sub(r"<code[^>]*>.*?</code>", "", shown, flags=re.DOTALL)
    assert "@" not in outside and ":tada:" not in outside and "#1" not in outside
    assert "\x1b" not in text and "\u202e" not in text


@pytest.mark.parametrize("name", NAMES)
def test_code_is_shown_as_it_is(name: str) -> None:
    shown = MarkdownIt("gfm-like", {"linkify": False}).render(
        "\n".join([row([code("head")]), row(["---"]), row([code(name)])])
    )
    [cell] = re.findall(r"<td>(.*?)</td>", shown)

    assert unescape(re.sub(r"</?code>", "", cell)).strip() == one_line(name).strip()


def test_a_fence_is_longer_than_what_is_in_it() -> None:
    assert fence(["a ``` b", "`````"])[0] == "``````"


def test_many_networks_and_long_ones_are_cut_and_counted() -> None:
    long = difference()
    node = next(long.matching.after.layers())
    long.layers = [LayerChange("changed", node, node, (Change(f"out_features{i}" * 9, i, i + 1),)) for i in range(4000)]
    other = replace(long, headline="architecture changed; training changed")
    text = comment([compared("long.yaml", long), compared(), compared("other.yaml", other)], every=True)
    assert 0.9 * LIMIT < len(text) <= LIMIT
    left_out = [int(n.replace(",", "")) for n in re.findall(r"… and ([\d,]+) of 4,\d{3} entries more", text)]
    shown = [len(re.findall(r"^  ~ ", part, re.MULTILINE)) for part in text.split("<details>") if "4,0" in part]
    assert len(left_out) == 2 and all(4000 < a + b < 4020 for a, b in zip(left_out, shown, strict=True))
    assert html(text).count("<pre>") == 3 and "net.yaml</code>: " in text

    one = difference()
    networks = [compared(f"net{i}.yaml", replace(one, causes=[Cause("vars.width", "0", str(i))])) for i in range(2000)]
    text = comment(networks)
    [more] = re.findall(r"^\*… and ([\d,]+) more networks\.\*$", text, re.MULTILINE)
    [details] = re.findall(r"^\*What changed in ([\d,]+) more networks is left out here\.\*$", text, re.MULTILINE)
    assert len(text) <= LIMIT and len(rows(text)) + int(more.replace(",", "")) == 2000
    assert text.count("<details>") + int(details.replace(",", "")) == 2000 and text.count("<details>") > 20


@pytest.mark.slow
def test_a_small_limit_still_holds() -> None:
    long = difference()
    long.entries = [Entry("changed", "x" * 5000, "y" * 5000, 1) for _ in range(50)]
    for limit in (1500, 3000, 9000):
        assert len(comment([compared("z" * 5000 + ".yaml", long)] * 40, limit=limit)) <= limit


@pytest.mark.slow
def test_every_pair_of_architectures_fits() -> None:
    graphs = {path.name: Side(path.name, netspec.load(path, hold_budget=False)) for path in ARCHITECTURES}
    longest = 0
    for a, b in permutations(graphs, 2):
        change = compare(graphs[a], graphs[b])
        longest = max(
            longest, len(comment([Compared(b, a, b, change)])), len(comment([Compared(b, a, b, change)], True))
        )
    assert 2000 < longest <= LIMIT


def test_the_same_change_of_several_networks_is_folded_once() -> None:
    other = difference()
    other.causes = [Cause("vars.width", "100", "200")]
    text = comment([compared("a.yaml"), compared("other.yaml", other), compared("b.yaml")])
    assert "3 networks: 3 architecture changed\n" in text and len(rows(text)) == 3
    assert text.count("<details>") == 2
    assert "<summary><code>a.yaml</code>, <code>b.yaml</code>: " in text


def test_headings_say_all_and_in_numbers() -> None:
    side = Side("net.yaml", netspec.load(NET.replace("WIDTH", "100")))
    new = compare(Side("old"), side)
    more = replace(difference(), headline="architecture changed; interface changed")
    text = comment([compared("a.yaml", new), compared("b.yaml", new), compared("c.yaml", more)])
    assert "3 networks: 2 new networks · 1 architecture changed; interface changed\n" in text


def test_long_lines_go_on_below_and_no_word_is_cut() -> None:
    long = difference()
    long.causes = [Cause("vars.width", "word " * 12, "word " * 13)]
    text = comment([compared(change=long)])
    assert max(len(line) for line in text.split("```diff\n")[1].split("```")[0].splitlines()) <= 88
    assert " word …</code></summary>" in text and "--all" not in text
