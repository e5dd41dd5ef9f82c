"""Places, brackets and broken texts, without a server."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspec.lsp.cursor import cursor_at
from netspec.lsp.lines import TextLines
from netspec.lsp.mend import mended
from netspec.source.text import Source
from netspec.source.tree import Map, Tree, parse
from tests.test_architectures import FILES

TEXTS = st.text(
    st.sampled_from(["a", ":", "\n", "\r", "\x85", "\u2028", "\x0c", "ä", "\N{GRINNING FACE}"]), max_size=30
)
BYTES = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


@pytest.mark.parametrize("encoding", BYTES)
@given(text=TEXTS)
def test_positions_are_those_of_the_encoded_line(encoding: str, text: str) -> None:
    """Against Python's own codecs; lines end as the protocol says."""
    codec, width = BYTES[encoding]
    lines = TextLines(text, encoding)
    normal = text.replace("\r\n", "\n\n").replace("\r", "\n")  # of the same length: `\r\n` is one break, at its end
    for offset in range(len(text) + 1):
        if text[offset - 1 : offset + 1] == "\r\n" and offset:
            continue  # between the two there is no place
        before = text[:offset]
        count = len(before.replace("\r\n", "\n").replace("\r", "\n").split("\n")) - 1
        start = max(normal.rfind("\n", 0, offset) + 1, 0)
        position = lines.position(offset)
        assert (position.line, position.character) == (count, len(text[start:offset].encode(codec)) // width)
        assert lines.at(position) == offset
        line, column = lines.line_and_column(offset)
        assert lines.offset(line, column) == offset


@pytest.mark.parametrize(
    ("text", "path", "key", "word"),
    [
        ("lay|", (), None, "lay"),
        ("layers:\n  fc: {type: lin|\n  a: relu", ("layers", "fc"), "type", "lin"),
        ("layers:\n  fc: {type: linear, ou|}", ("layers", "fc"), None, "ou"),
        ("layers:\n  fc:\n    type: linear\n    |", ("layers", "fc"), None, ""),
        ("layers:\n  fc: {from: [a, b|", ("layers", "fc"), "from", "b"),
        ("layers:\n  fc: {from: {x: a, y: |", ("layers", "fc", "from"), "y", ""),
        ("include:\n  - fi|", (), "include", "fi"),
        ("include: [a, fi|", (), "include", "fi"),
        ("train: {\n  optimizer: {type: adam,\n   |}}", ("train", "optimizer"), None, ""),
        ("a: {b: $(min(x, y|", ("a",), "b", "$(min(x, y"),
        ('a: {b: "x, {y|', ("a",), "b", '"x, {y'),
        ("'a b':\n  c: d|", ("a b",), "c", "d"),
    ],
)
def test_what_stands_around_the_cursor(text: str, path: tuple[str, ...], key: str | None, word: str) -> None:
    at = text.index("|")
    cursor = cursor_at(text.replace("|", ""), at)
    assert cursor is not None
    assert (cursor.path, cursor.key, cursor.word) == (path, key, word)


def test_no_cursor_in_a_comment() -> None:
    assert cursor_at("a: b  # cd", 9) is None
    assert cursor_at("a: b#c", 6) is not None


@given(text=st.text(st.sampled_from(list("ab:{}[],'\"#$()- \n")), max_size=60), at=st.integers(0, 60))
def test_a_cursor_anywhere_in_anything(text: str, at: int) -> None:
    cursor_at(text, min(at, len(text)))
    mended(Source("", text))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_line_that_is_broken_off_costs_no_other(path: Path) -> None:
    """All but what stands in that line, and below it where it was a key, is read as it is in the whole text."""
    text = path.read_text(encoding="utf-8")
    random.seed(path.stem)
    lines = text.split("\n")
    for _ in range(40):
        number = random.randrange(len(lines))
        cut = lines[number][: random.randrange(len(lines[number]) + 1)]
        source = Source("", "\n".join([*lines[:number], cut, *lines[number + 1 :]]))
        tree = mended(source)
        assert tree is not None, source.text
        indent = len(lines[number]) - len(lines[number].lstrip())
        after = range(number + 1, len(lines))
        outside = (i for i in after if lines[i].strip() and len(lines[i]) - len(lines[i].lstrip()) <= indent)
        lost = range(number + 1, next(outside, len(lines)) + 1)
        whole = {line for line in places(parse(Source("", text))) if line not in lost}
        assert whole <= places(tree), source.text


def places(tree: Tree) -> set[int]:
    """The lines on which a mapping has keys."""
    if not isinstance(tree, Map):
        return set()
    return {span.line for span in tree.key_spans.values()}.union(*map(places, tree.entries.values()))
