"""Tasks on sequences: each against its published definition, written here a second time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec import NetspecError
from netspec.data.config import read_data
from netspec.data.generated_sequences import Sequences
from netspec.data.sources._task import SequenceTask
from netspec.data.sources.adding import Adding
from netspec.data.sources.anbn import AnBn
from netspec.data.sources.base import SOURCES
from netspec.data.sources.copy import Copy
from netspec.data.sources.msd import Msd
from netspec.data.sources.reber import Reber
from netspec.data.sources.temporal_order import TemporalOrder
from netspec.data.sources.text import Text, builtin
from netspec.source.text import Source
from netspec.source.tree import Map, parse

TASKS = [(name, cls) for name, cls in SOURCES.items() if issubclass(cls, SequenceTask)]


def strings(sequences: Sequences) -> list[str]:
    """The inputs as text, without what they were padded with."""
    return ["".join(sequences.symbols[k] for k in row if k >= 0) for row in sequences.x]


def legal_sets(sequences: Sequences, sample: int) -> list[set[str]]:
    return [{s for s, y in zip(sequences.sets, step, strict=True) if y}
            for step in sequences.targets["signs"][sample][: sequences.lengths[sample]]]  # fmt: skip


@pytest.mark.parametrize(("name", "cls"), TASKS)
def test_the_seed_decides(name: str, cls: Any) -> None:
    one, same, other = (cls(samples=40, seed=seed).make() for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.x, same.x)
    for kind, values in one.targets.items():
        np.testing.assert_array_equal(values, same.targets[kind])
    assert one.x.shape != other.x.shape or not np.array_equal(one.x, other.x)
    assert len(one.x) == len(one.lengths) == 40


@pytest.mark.parametrize(("name", "cls"), TASKS)
def test_after_its_end_a_sample_is_padding(name: str, cls: Any) -> None:
    sequences = cls(samples=30).make()
    assert sequences.lengths.max() == sequences.x.shape[1]
    for x, length in zip(sequences.x, sequences.lengths, strict=True):
        assert (x[length:] == (-1 if sequences.symbols else 0)).all()
        assert not sequences.symbols or (x[:length] >= 0).all()
    if sequences.mask is not None:
        assert not sequences.mask[np.arange(sequences.x.shape[1]) >= sequences.lengths[:, None]].any()


def test_adding() -> None:
    sequences = Adding(length=100, samples=4000, seed=1).make()
    assert set(sequences.lengths) == set(range(100, 111))
    assert abs(sequences.lengths.mean() - 105) < 0.3
    places = []
    for x, length, target in zip(sequences.x, sequences.lengths, sequences.targets["numbers"], strict=True):
        values, marks = x[:length, 0].astype(float), x[:length, 1]
        chosen = np.flatnonzero(marks == 1)
        assert len(chosen) == 2 and marks[-1] == -1 and marks[0] in (-1, 1)
        assert (np.delete(marks, [0, length - 1, *chosen]) == 0).all()
        if marks[0] == 1:
            assert values[0] == 0
        assert target == pytest.approx(0.5 + values[chosen].sum() / 4, abs=1e-6)
        assert chosen[0] < 10 and chosen[1] <= 49
        assert np.abs(values).max() <= 1
        places.append(chosen)
    assert set(np.array(places)[:, 0]) == set(range(10))  # the first ten
    assert max(p[1] for p in places) == 49
    inner = sequences.x[:, 1:100, 0]
    assert abs(inner.mean()) < 0.01 and abs(inner.std() - 1 / 3**0.5) < 0.01


@pytest.mark.parametrize(("marks", "windows"), [(2, [(10, 20), (50, 60)]), (3, [(10, 20), (33, 43), (66, 76)])])
def test_temporal_order(marks: Any, windows: list[tuple[int, int]]) -> None:
    sequences = TemporalOrder(marks=marks, samples=3000).make()
    assert len(sequences.names) == 2**marks and sequences.names[1] == "X" * (marks - 1) + "Y"
    assert set(sequences.lengths) == set(range(100, 111))
    seen: list[set[int]] = [set() for _ in windows]
    for text, label in zip(strings(sequences), sequences.targets["classes"], strict=True):
        assert re.fullmatch(r"E[abcdXY]+B", text)
        assert re.sub("[^XY]", "", text) == sequences.names[label]
        for k, hit in enumerate(re.finditer("[XY]", text)):
            low, high = windows[k]
            assert low <= hit.start() <= high
            seen[k].add(hit.start())
    assert seen == [set(range(low, high + 1)) for low, high in windows]
    assert (np.bincount(sequences.targets["classes"]) > 3000 / 2**marks * 0.8).all()


def accepts(text: str) -> list[set[str]] | None:
    """What may follow each symbol of an embedded Reber string; None for a string that is none.

    An automaton of its own: states of the diagram in Hochreiter & Schmidhuber 1997, figure 3, as numbered there.
    """
    arcs = {(0, "T"): 1, (0, "P"): 2, (1, "S"): 1, (1, "X"): 3, (2, "T"): 2, (2, "V"): 4, (3, "X"): 2, (3, "S"): 5,
            (4, "P"): 3, (4, "V"): 5}  # fmt: skip
    if not re.fullmatch(r"B([TP])B[TPSXV]+E\1E", text):
        return None
    may, state = [{"T", "P"}, {"B"}], 0
    for symbol in text[3:-3]:
        may.append({s for (k, s) in arcs if k == state})
        if (state, symbol) not in arcs:
            return None
        state = arcs[state, symbol]
    return [*may, {"E"}, {text[1]}, {"E"}] if state == 5 else None


def test_reber_strings_and_their_legal_symbols() -> None:
    sequences = Reber(samples=1500, seed=2).make()
    texts = [text + "E" for text in strings(sequences)]  # the last symbol is only ever a target
    for i, text in enumerate(texts):
        may = accepts(text)
        assert may is not None, text
        assert legal_sets(sequences, i) == may
        following = [sequences.names[k] for k in sequences.targets["classes"][i][: sequences.lengths[i]]]
        assert "".join(following) == text[1:]
    assert min(map(len, texts)) == 9  # B T B T X S E T E
    assert len(set(texts)) > 300
    assert 0.45 < np.mean([text[1] == "T" for text in texts]) < 0.55
    assert 0.2 < np.mean([len(text) == 9 for text in texts]) < 0.3  # TXS and PVV: each 1/2·1/2·1/2, so 1/4 in all


def test_the_automaton_of_this_test_is_reber_s() -> None:
    for inner in ("TXS", "PVV", "TSSXXTVV", "TSXXTVPS", "PTVPXVPS", "PVPXVV"):  # as they are printed everywhere
        assert accepts(f"BTB{inner}ETE") is not None
    for wrong in ("BTBTXSEPE", "BTBTXXEPE", "BTBSETE", "BPBPVPEPE", "BTBTSXETE"):
        assert accepts(wrong) is None


def test_copy() -> None:
    sequences = Copy(delay=30, items=4, samples=50).make()
    assert (
        sequences.x.shape == (50, 38) and sequences.symbols[8:] == ("blank", "delimiter") and len(sequences.names) == 9
    )
    for x, y in zip(sequences.x, sequences.targets["classes"], strict=True):
        assert (x[:4] < 8).all() and (x[4:33] == 8).all() and x[33] == 9 and (x[34:] == 8).all()
        assert (y[:34] == 8).all() and (y[34:] == x[:4]).all()
    assert set(sequences.x[:, :4].flatten()) == set(range(8))
    assert Copy(samples=1).make().x.shape == (1, 120)  # T + 20


def test_anbn() -> None:
    sequences = AnBn(shortest=2, longest=5, samples=200).make()
    seen = set()
    for i, text in enumerate(strings(sequences)):
        hit = re.fullmatch("S(a+)(b+)", text)
        assert hit and len(hit[1]) == len(hit[2])
        n = len(hit[1])
        seen.add(n)
        assert legal_sets(sequences, i) == [{"a", "T"}, *[{"a", "b"}] * n, *[{"b"}] * (n - 1), {"T"}]
        assert (
            "".join(sequences.names[k] for k in sequences.targets["classes"][i][: sequences.lengths[i]])
            == text[1:] + "T"
        )
    assert seen == {2, 3, 4, 5}


def test_msd() -> None:
    sequences = Msd(period=7, delays=(0, 3, 5), spikes=6, samples=100).make()
    assert sequences.mask is not None
    seen = set()
    for x, y, kept, length in zip(
        sequences.x, sequences.targets["numbers"], sequences.mask, sequences.lengths, strict=True
    ):
        times = np.flatnonzero(x[:, 0]) + 1
        assert len(times) == 6 and times[-1] == length and set(x[:, 0]) == {0, 1}
        late = np.diff(times, prepend=0) - 7
        assert (np.flatnonzero(kept) + 1 == times).all()
        assert (y[kept] == late).all()
        seen |= set(late.tolist())
    assert seen == {0, 3, 5}
    assert sequences.targets["classes"].max() == 5 and len(sequences.names) == 6


# text


def test_text_of_a_file(tmp_path: Path) -> None:
    text = "to be or not to be: là est la question.\r\n" * 3 + "…"
    (tmp_path / "a.txt").write_bytes(text.encode())
    sequences = Text("a.txt", 7).make(tmp_path)
    plain = text.replace("\r\n", "\n")
    assert "".join(sequences.symbols) == "".join(sorted(set(plain)))
    count = (len(plain) - 1) // 7
    assert sequences.x.shape == (count, 7) and sequences.ordered
    assert "".join(sequences.symbols[k] for k in sequences.x.flatten()) == plain[: count * 7]
    assert "".join(sequences.names[k] for k in sequences.targets["classes"].flatten()) == plain[1 : count * 7 + 1]


def test_the_built_in_text_has_one_alphabet_everywhere() -> None:
    sequences = Text().make(Path())
    assert len(sequences.symbols) == 96 and sequences.symbols[0] == "\n"
    assert len(builtin()) > 300_000 and "__getattr__" in builtin()
    assert sequences.x.max() < 96 and sequences.x.min() == 0


def test_text_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(b"caf\xe9")
    (tmp_path / "c.txt").write_text("short")
    for name, words in (
        ("a.txt", "NS602 no such file: a.txt"),
        ("b.txt", "NS602 b.txt is not UTF-8 text (byte 3)"),
        ("c.txt", "NS607 c.txt has 5 characters, `length` is 100"),
    ):
        with pytest.raises(NetspecError) as error:
            Text(name).make(tmp_path)
        assert words in str(error.value) and "CSV" not in str(error.value)


# the section


def read(text: str) -> Any:
    tree = parse(Source("net.yaml", text))
    assert isinstance(tree, Map)
    return read_data(tree)


@pytest.mark.parametrize(("name", "cls"), [*TASKS, ("text", Text)])
def test_short_form(name: str, cls: Any) -> None:
    assert read(f"source: {name}").source == cls()


def test_long_form() -> None:
    assert read("source: {type: adding, length: 50, samples: 9, seed: 4}").source == Adding(50, 9, 4)
    assert read("source: {type: msd, delays: [0, 2]}").source == Msd(delays=(0, 2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "source: {type: adding, length: 5}",
            "net.yaml:1:32: NS203 `length` of data source adding expects a whole number of at least 20, received 5",
        ),
        ("source: {type: adding, size: 5}", "NS202 data source adding has no key `size`"),
        ("source: {type: temporal_order, marks: 4}", "`marks` of data source temporal_order expects one of 2, 3"),
        ("source: {type: anbn, shortest: 5, longest: 2}", "net.yaml:1:32: NS601 `shortest` 5 is more than `longest` 2"),
        ("source: {type: msd, delays: []}", "net.yaml:1:29: NS601 `delays` is empty"),
        ("source: reber\nstandardize: true", "net.yaml:2:14: NS601 reber has its values from its paper"),
        ("source: adingg", "did you mean `adding`?"),
    ],
)
def test_messages(text: str, expected: str) -> None:
    with pytest.raises(NetspecError) as error:
        read(text)
    assert expected in str(error.value)
