"""Files that are no text, and how a place in a text is shown."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import netspec
from netspec.source.caret import excerpt
from netspec.source.errors import MAX_PROBLEMS, NetspecError, Problem, Problems, Related
from netspec.source.text import Source, Span, show

GOOD = "netspec: 1\ninputs: {x: [8]}\nlayers: {fc: {type: linear, out_features: 10}}\n"


def message(path: str | Path) -> str:
    with pytest.raises(NetspecError) as caught:
        netspec.load(path)
    return str(caught.value)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_missing_file() -> None:
    Path("resnet18.yaml").write_text(GOOD)
    assert message("resnet81.yaml") == "resnet81.yaml: NS101 no such file\n  help: did you mean `resnet18.yaml`?"
    assert message("zzz") == "zzz: NS101 no such file\n  help: check the path"


def test_folder() -> None:
    Path("nets").mkdir()
    assert message("nets") == "nets: NS101 a folder, expected a netspec file\n  help: name one .yaml file in it"


def test_binary() -> None:
    Path("a.yaml").write_bytes(b"\x7fELF\x00\x01")
    assert message("a.yaml") == "a.yaml: NS101 not text: it holds a zero byte\n  help: expected YAML in UTF-8"
    Path("b.yaml").write_bytes(GOOD.encode() + b"# \xff\xfe\n")
    assert message("b.yaml") == "b.yaml: NS101 not UTF-8 text (byte 77, line 4)\n  help: save the file as UTF-8"


def test_utf16() -> None:
    Path("a.yaml").write_bytes(GOOD.encode("utf-16"))
    assert message("a.yaml") == "a.yaml: NS101 not text: it holds a zero byte\n  help: expected YAML in UTF-8"


def test_too_large() -> None:
    Path("a.yaml").write_text(GOOD + "#" * (1 << 20))
    expected = "a.yaml: NS101 larger than 1 MiB\n  help: use blocks and `repeat`, or split the file with `include`"
    assert message("a.yaml") == expected
    assert message(GOOD + "#" * (1 << 20)) == expected.replace("a.yaml", "<text>")
    Path("b.yaml").write_text(GOOD + "#" * ((1 << 20) - len(GOOD)))
    assert len(netspec.load("b.yaml")) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_unreadable() -> None:
    Path("a.yaml").write_text(GOOD)
    Path("a.yaml").chmod(0)
    assert message("a.yaml") == "a.yaml: NS101 cannot be read: Permission denied"


def test_paths_that_are_none() -> None:
    assert message(Path("a\0b")) == "a\N{REPLACEMENT CHARACTER}b: NS101 cannot be read: embedded null byte"
    assert message("a" * 5000).endswith("NS101 cannot be read: File name too long")


def test_byte_order_mark_and_line_ends() -> None:
    Path("a.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert len(netspec.load("a.yaml")) == 2
    assert len(netspec.load("\ufeff" + GOOD)) == 2
    Path("b.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("linear", "liner").replace("\n", "\r\n").encode())
    assert message("b.yaml").startswith(
        "b.yaml:3:21: NS201 unknown layer kind `liner`\n  3 | layers: {fc: {type: liner, out"
    )
    assert message(GOOD.replace("\n", "\r") + "\nfoo: 1\n").startswith(
        "<text>:4:1: NS201 a netspec file has no key `foo`"
    )


@pytest.mark.parametrize(
    "deep",
    [
        "[" * 10_000,
        "[" * 10_000 + "]" * 10_000,
        "{a: " * 10_000,
        "\n" + "".join(" " * i + "a:\n" for i in range(1200)),
        "\n" + "- " * 10_000 + "x",
    ],
    ids=["open list", "list", "mapping", "block", "dashes"],
)
def test_deep_nesting(deep: str) -> None:
    started = time.perf_counter()
    assert "NS103 nesting deeper than 100 is not part of the language" in message(f"netspec: 1\nlayers: {deep}\n")
    assert time.perf_counter() - started < 5


def test_long_expression() -> None:
    started = time.perf_counter()
    text = GOOD.replace("10}", f"$({'-' * 100_000}1)}}")
    assert "NS301 a text of 100,004 characters with expressions; at most 10,000 are read" in message(text)
    assert time.perf_counter() - started < 5


def test_a_hundred_problems_are_enough() -> None:
    layers = "".join(f"  l{i}: rleu\n" for i in range(5000))
    with pytest.raises(NetspecError) as caught:
        netspec.load(f"netspec: 1\ninputs: {{x: [8]}}\nlayers:\n{layers}")
    assert len(caught.value.problems) == MAX_PROBLEMS
    problems = Problems()
    problems += [Problem("NS201", str(i)) for i in range(MAX_PROBLEMS - 1)]
    with pytest.raises(NetspecError):
        problems.append(Problem("NS201", "one more"))


def place(text: str, line: int, column: int, end: int) -> list[str]:
    return excerpt(Span(Source("a.yaml", text), line, column, line, end))


def test_excerpts() -> None:
    assert place("a: relu\nb: rleu\n", 2, 4, 8) == ["  2 | b: rleu", "    |    ^^^^"]
    assert place("\ta: rleu", 1, 5, 9) == ["  1 | \ta: rleu", "    | \t   ^^^^"]
    assert place("字: 字", 1, 4, 5) == ["  1 | 字: 字", "    |     ^^"]
    assert place("e\u0301: x", 1, 5, 6) == ["  1 | e\u0301: x", "    |    ^"]
    assert place("a: \x1b[31m", 1, 4, 5) == ["  1 | a: \N{REPLACEMENT CHARACTER}[31m", "    |    ^"]
    assert place("a", 1, 2, 3) == ["  1 | a", "    |  ^"]
    assert place("a", 7, 1, 2) == []


def test_long_lines_are_cut_around_the_caret() -> None:
    text = "x" * 300 + "HERE" + "y" * 300
    shown, carets = place(text, 1, 301, 305)
    assert shown.startswith("  1 | …xxx") and shown.endswith("y…") and len(shown) < 140
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "HERE"


def test_parts_of_a_span() -> None:
    span = Span(Source("a", "abcdefgh"), 1, 3, 1, 7)
    assert span.within(1, 3) == Span(span.source, 1, 4, 1, 6)
    assert span.within(2, 90).end_column == 7
    assert span.within(90, 95).column < 7
    several = Span(span.source, 1, 3, 2, 1)
    assert several.within(1, 2) is several


def test_rendering_keeps_to_its_line() -> None:
    problem = Problem(
        "NS201",
        "a\nb\x1b[31m" + "z" * 2000,
        related=(Related("one", "x"), Related("three", "yy")),
        route="way",
        hint="do",
    )
    lines = problem.render().split("\n")
    assert lines[0].startswith("NS201 a⏎b\N{REPLACEMENT CHARACTER}[31mzzz") and len(lines[0]) < 700
    assert lines[1:] == ["  one    x", "  three  yy", "  way", "  help: do"]


def test_values_as_they_are_written() -> None:
    assert (
        show([None, True, "a", 1.5, {"k": float("nan")}, float("-inf")])
        == "[nothing, true, 'a', 1.5, {k: .nan}, -.inf]"
    )
    assert show("x" * 100) == "'" + "x" * 58 + "…"


def test_errors_travel() -> None:
    import pickle

    with pytest.raises(NetspecError) as caught:
        netspec.load(GOOD.replace("linear", "liner"))
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
