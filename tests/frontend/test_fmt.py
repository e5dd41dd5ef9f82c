"""`fmt`: one form for all files, in which no network and no comment is lost."""

from __future__ import annotations

import random
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

import netspec
from netspec.frontend.files import SECTIONS
from netspec.frontend.fmt import canonical
from netspec.frontend.fmt.canonical import formatted, same_text
from netspec.frontend.resolved import Dumper
from netspec.source.errors import NetspecError
from netspec.source.text import Source
from netspec.source.tree import Map, parse
from tests.frontend.messy import Messy
from tests.frontend.test_property import SEEDS

ROOT = Path(__file__).parents[2]
ARCHITECTURES = sorted((ROOT / "architectures").glob("*.yaml"))
TEXTS = [*(path.read_text(encoding="utf-8") for path in ARCHITECTURES), *SEEDS]
HEAD = "netspec: 1\n"


def fmt(text: str) -> str:
    once = formatted(Source("net.yaml", text))
    assert formatted(Source("net.yaml", once)) == once
    return once


def fmt_body(text: str) -> str:
    """Of a text below `netspec: 1`."""
    return fmt(HEAD + text).removeprefix(HEAD)


def tree_of(text: str) -> Map:
    tree = parse(Source("net.yaml", text))
    assert isinstance(tree, Map)
    return tree


@pytest.mark.parametrize("path", ARCHITECTURES, ids=lambda path: path.stem)
def test_the_architectures_are_in_this_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert fmt(text) == text


def of_netspec(text: str) -> bool:
    """A file, sections, or layers (which are indented as they are below `layers`); pages have other YAML too."""
    names = re.findall(r"^([a-z_]+):", text, re.M)
    return text.startswith("  ") or (bool(names) and set(names) <= set(SECTIONS))


SNIPPETS = [
    pytest.param(text, id=f"{path.name}-{i}")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for i, text in enumerate(re.findall(r"^```yaml\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S))
    if of_netspec(text)
]


@pytest.mark.parametrize("text", SNIPPETS)
def test_the_snippets_of_the_documentation_are_in_this_form(text: str) -> None:
    if "netspec: 1" in text:
        assert fmt(text) == text
        return
    section = "" if re.match(r"[a-z]+:", text) else "layers:\n"
    assert fmt_body(section + text) == section + text


@pytest.mark.parametrize("seed", range(120))
def test_files_written_differently_become_the_same(seed: int) -> None:
    """Order of keys, braces or lines, quotes, indentation: a file without comments has one form."""
    rng = random.Random(seed)
    text = rng.choice(TEXTS)
    tree = tree_of(text)
    messy = Messy(rng, short="extends" not in tree)
    expected = re.sub(r"^#.*\n", "", fmt(text), flags=re.M)
    written = messy.text(tree)
    result = fmt(written)
    words = re.compile(r"\b(~|null)(?=$|[,}\]])", re.M)  # nothing, and a word for it, are left as they are
    assert words.sub("", result).replace(" \n", "\n") == words.sub("", expected).replace(" \n", "\n"), written


@pytest.mark.parametrize("seed", range(120))
def test_neither_a_network_nor_a_comment_changes(seed: int) -> None:
    rng = random.Random(seed)
    text = rng.choice(TEXTS)
    tree = tree_of(text)
    messy = Messy(rng, comments=rng.choice([0.05, 0.3, 0.9]))
    written = messy.text(tree)
    result = fmt(written)
    assert sorted(re.findall(r"# note \d+:.*", result)) == sorted(messy.comments)
    assert "\n\n\n" not in result and not re.search(r"[ \t]$", result, re.M) and not result.startswith("\n")
    reader = YAML(typ="safe", pure=True)  # YAML 1.2, by another hand
    if "$$" not in text:
        assert reader.load(result) == reader.load(written)
    before, after = (netspec.load(t, folder=ROOT / "architectures") for t in (written, result))
    assert [(n.name, n.layer, n.inputs, n.outputs) for n in before.nodes()] == [
        (n.name, n.layer, n.inputs, n.outputs) for n in after.nodes()
    ]
    assert list(before.inputs) == list(after.inputs) and before.outputs == after.outputs
    assert (before.data, before.train, before.budget) == (after.data, after.train, after.budget)


CHARACTERS = "ab c:#-?,[]{}'\"\\|>&*!%@`=~\n\t é語\xa0$()01.e+_/"


def anything(rng: random.Random, depth: int = 0) -> Any:
    """Values of every kind; texts that want quotes, and such as older readers take for something else."""
    chance = rng.random()
    if depth > 3 or chance < 0.5:
        text = "".join(rng.choice(CHARACTERS) for _ in range(rng.randrange(12)))
        words = " ".join(["word"] * rng.randrange(40))
        lines = "line\n" * rng.randrange(4) + text
        return rng.choice([text, words, lines, 12, 1.5, True, None, float("inf"), "on", "1:30", "2001-01-01", "1e-3"])
    if chance < 0.75:
        return [anything(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {str(anything(rng, 4)): anything(rng, depth + 1) for _ in range(rng.randrange(5))}


class Styled(Dumper):
    """Writes texts in one style, and numbers as they are."""

    style: str | None = None


Styled.add_representer(
    str,
    lambda dumper, value: (
        dumper.represent_scalar("tag:yaml.org,2002:str", value, style=dumper.style)
        if dumper.style
        else Dumper.yaml_representers[str](dumper, value)
    ),
)


@pytest.mark.parametrize("seed", range(300))
def test_any_document_is_kept(seed: int) -> None:
    """As PyYAML writes it in its styles, and messily: also what no section may hold."""
    rng = random.Random(seed)
    sections = rng.sample(["vars", "layers", "blocks", "cells", "data", "train", "outputs", "include"], 4)
    document = {"netspec": 1, **{section: anything(rng) for section in sections}}
    text = yaml.dump(
        document,
        Dumper=type("Dumper", (Styled,), {"style": rng.choice([None, None, "'", '"', "|", ">"])}),
        sort_keys=False,
        width=rng.choice([20, 80]),
        allow_unicode=rng.random() < 0.8,
        default_flow_style=rng.choice([None, True, False]),
    )
    try:
        tree = tree_of(text)
        result = fmt(text)
    except NetspecError as error:
        assert error.problems[0].code == "NS102", error  # a tab in a block
        return
    short = ("layers", "blocks", "data", "train")  # where `{type: x}` is x
    before, after = ({k: v for k, v in t.plain().items() if k not in short} for t in (tree, tree_of(result)))
    assert repr(before) == repr({k: after[k] for k in before})
    messy = Messy(rng, comments=0.2)
    written = messy.text(tree)
    try:
        parse(Source("net.yaml", written))
    except NetspecError:
        return  # texts of several lines are more than it can write
    assert sorted(re.findall(r"# note \d+:.*", fmt(written))) == sorted(c.strip() for c in messy.comments)


def test_the_whole_of_a_file() -> None:
    before = (Path(__file__).parent / "fmt" / "before.yaml").read_text(encoding="utf-8")
    after = (Path(__file__).parent / "fmt" / "after.yaml").read_text(encoding="utf-8")
    assert fmt(before) == after


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1e-3", "1e-3"), ("0o7", "0o7"), ("0x1F", "0x1F"), ("+1", "+1"), ("1.", "1."), (".5", ".5"), ("-0", "-0"),
        (".inf", ".inf"), (".NaN", ".NaN"), ("1_000", "1_000"), ("012", "012"), ("1.50", "1.50"),
        ("on", "on"), ('"on"', '"on"'), ("'on'", '"on"'), ("yes", "yes"), ('"true"', '"true"'), ("TRUE", "true"),
        ("False", "false"), ("null", "null"), ("~", "null"), ("Null", "null"), ("", ""), ("''", '""'), ('""', '""'),
        ("2001-01-01", "2001-01-01"), ("'2001-01-01'", '"2001-01-01"'), ("1:30", "1:30"), ("'1:30'", '"1:30"'),
        ("'10'", '"10"'), ('"1e-3"', '"1e-3"'), ("'0o7'", '"0o7"'), ('".inf"', '".inf"'), ("'~'", '"~"'),
        ("'plain'", "plain"), ('"two words"', "two words"), ("'a: b'", '"a: b"'), ("'a #b'", '"a #b"'),
        ("a#b", "a#b"), ("'#b'", '"#b"'), ("a:b", "a:b"), ("'it''s'", "it's"), ('"say \\"x\\""', 'say "x"'),
        ("'\"x\"'", "'\"x\"'"), ('"back\\\\slash"', "back\\slash"), ("'- x'", '"- x"'), ("'-x'", "-x"), ("-x", "-x"),
        ('"\\u00e9"', '"\\u00e9"'), ('"a\\tb"', '"a\\tb"'), ('"a\\nb"', '"a\\nb"'), ("é", "é"), ("'é 語'", "é 語"),
        ("' lead'", '" lead"'), ("'trail '", '"trail "'), ("'{x}'", '"{x}"'), ("'x{y}'", "x{y}"), ("'%x'", '"%x"'),
        ("'@x'", '"@x"'), ("'`x`'", '"`x`"'), ("'!x'", '"!x"'), ("'&x'", '"&x"'), ("'*x'", '"*x"'), ("'|'", '"|"'),
        ("'?x'", "?x"), ("'? x'", '"? x"'), ("'---'", '"---"'), ("'a,b'", "a,b"), ("'x:'", '"x:"'), ("'='", '"="'),
        ("'<<'", '"<<"'), ("'👩‍🔬'", "👩‍🔬"), ("a\n  b", "a b"), ("'a\n  b'", "a b"), (">-\n  a\n  b", "a b"),
        ("|-\n  a", "a"), ("|\n    a\n     b\n\n\n", "|\n  a\n   b"), (">\n  a\n  b\n", ">\n  a\n  b"),
        ("|+\n  a\n\n", "|+\n  a\n\n"), ("|2-\n    a\n   b", "|2-\n      a\n     b"), ("'a\n\n  b'", "'a\n\n  b'"),
        ("a\n\n   b", "a\n\n  b"), ('"a\\\n   b"', '"a\\\n  b"'), ("|\n  \n   a\n  b", None), ("|\n\n  a", "|\n\n  a"),
        ("[]", "[]"), ("{ }", "{}"), ("[ 1,2 , ]", "[1, 2]"), ("['a,b', 'c d', 1]", '["a,b", c d, 1]'),
        ("[ '?x', ':y', 'z:' ]", '["?x", ":y", "z:"]'), ("- a\n- - b\n  - c: 1", "[a, [b, {c: 1}]]"),
        ("- ''\n-\n- ~", '["", null, null]'), ("{a, b: , c: d}", "{a: , b: , c: d}"),
        ("{? a : b, 'c d': e}", "{a: b, c d: e}"), ("{'a, b': 1, c: 2}", "\n  a, b: 1\n  c: 2"),
        ("{'a: b': 1, '': 2, \"x\\ty\": 3}", '{"a: b": 1, "": 2, "x\\ty": 3}'), ("{null: 1, 2: 3}", "{null: 1, 2: 3}"),
        ("{'<<': 1}", '{"<<": 1}'), ("{'---': 1}", '{"---": 1}'), ("? x\n: y\n? z", "{x: y, z: }"),
        ("{a: [1, {b: {}}]}", "{a: [1, {b: {}}]}"), ("\n  - |\n    x\n    y\n  - 1", "\n  - |\n    x\n    y\n  - 1"),
    ],
)  # fmt: skip  # a table
def test_values(value: str, expected: str | None) -> None:
    below = value.startswith("\n") or (value[0:2] in ("- ", "? ") and "\n" in value)
    nested = textwrap.indent(value.removeprefix("\n"), "  ")
    text = f"{HEAD}budget:\n{nested}\n" if below else f"{HEAD}budget: {nested.lstrip(' ')}\n"
    if expected is None:
        with pytest.raises(NetspecError, match="NS102"):
            fmt(text)
        return
    assert fmt(text) == (
        f"{HEAD}budget: {expected}\n" if expected and expected[0] != "\n" else f"{HEAD}budget:{expected}\n"
    )


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30), st.booleans(), st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_text_is_kept(text: str, in_list: bool, as_key: bool) -> None:
    from netspec.frontend.fmt.scalars import quoted

    text = re.sub("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]", "?", text)
    written = quoted(text)
    value = f"[{written}, x]" if in_list else f"{{{written}: 1}}" if as_key else written
    result = fmt_body(f"vars: {value}\n")
    plain = tree_of(HEAD + result).plain()["vars"]
    assert plain == ([text, "x"] if in_list else {text: 1} if as_key else text)


COMMENTS = """# header

# about the version
netspec: 1  # behind
layers:  # behind the section
  # above a
  a: {type: linear, out_features: 3}  # behind a

  # above b
  # b: relu
  b:  # behind b
    # above the type
    type: linear
    out_features: 3  # behind a key
    # below b
  # below the layers
# above the outputs
outputs:
  y: b
  # below y
# the end
"""


def test_comments_stay_beside_what_they_are_about() -> None:
    assert fmt(COMMENTS) == COMMENTS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("layers:\n  a: relu # x\n  bb: relu # y\n", "layers:\n  a: relu  # x\n  bb: relu  # y\n"),
        ("layers:\n  a: relu     # x\n  bb: relu    # y\n", "layers:\n  a: relu     # x\n  bb: relu    # y\n"),
        ("layers:\n  a: {type: relu} # x\n", "layers:\n  a: relu  # x\n"),
        ("layers:\n  a:\n    type: relu # x\n", "layers:\n  a: relu  # x\n"),
        ("layers:\n  a:\n    # x\n    type: relu\n", "layers:\n  a:\n    # x\n    type: relu\n"),
        ("layers:\n  a: # x\n    type: relu\n", "layers:\n  a: relu  # x\n"),
        ("layers: # x\n  a: # y\n    relu # z\n", "layers:  # x\n  # z\n  a: relu  # y\n"),
        ("layers:\n  a: {type: elu, # x\n    alpha: 2}\n", "layers:\n  a:\n    type: elu  # x\n    alpha: 2\n"),
        ("layers:\n  a: {alpha: 2, # x\n    type: elu}\n", "layers:\n  a:\n    type: elu\n    alpha: 2  # x\n"),
        ("layers:\n  a: {type: elu,\n    # x\n    alpha: 2} # y\n",
         "layers:\n  a:  # y\n    type: elu\n    # x\n    alpha: 2\n"),
        ("outputs: [ # x\n  a, # y\n  b # z\n  # u\n  ] # v\n", None),
        ("outputs:\n- a # x\n# about the budget\nbudget: {}\n",
         "outputs:\n  - a  # x\n# about the budget\nbudget: {}\n"),
        ("outputs: |  # x\n  text\n# y\n", "outputs: |  # x\n  text\n# y\n"),
        ("outputs: 'a\n  b'#x\n", "outputs: a b  #x\n"),
        ("outputs: {} # x\n", "outputs: {}  # x\n"),
        ("outputs: { # x\n  }\n", None),
        ("name: x\n# end", "name: x\n# end\n"),
        ("vars:\n- - # x\n    a: 1\n    # y\n", "vars:\n  # x\n  - - a: 1\n      # y\n"),
        ("vars:\n- - - {a: 1, # x\n      b: 2} # y\n# z\n", "vars:\n  # y\n  - - - a: 1  # x\n        b: 2\n# z\n"),
        ("---\n", None),
    ],
)  # fmt: skip  # a table
def test_comments_of_every_kind(before: str, after: str | None) -> None:
    if before == "---\n":
        assert fmt("# a\n%YAML 1.2\n---  # b\nnetspec: 1\n...\n# c\n") == "# a\n# b\nnetspec: 1\n# c\n"
        return
    result = fmt_body(before)
    assert after is None or result == after
    assert sorted(re.findall("#.*", result)) == sorted(c.strip() for c in re.findall("#[^\n]*", before))


def test_a_kind_alone_is_short_only_where_nothing_is_laid_over() -> None:
    """In a variant `relu` replaces the parent's layer, `{type: relu}` is laid over it."""
    text = "netspec: 1\nextends: parent.yaml\nlayers:\n  act: {type: relu}\n  b: tanh\n"
    assert fmt(text) == text
    assert fmt(text.replace("extends: parent.yaml\n", "")) == "netspec: 1\nlayers:\n  act: relu\n  b: tanh\n"


def test_a_layer_may_be_called_type() -> None:
    """Where `type` is a name its order says something."""
    text = "netspec: 1\nlayers:\n  a: relu\n  type: tanh\n  b: {alpha: 2, type: elu}\n"
    assert fmt(text) == text.replace("{alpha: 2, type: elu}", "{type: elu, alpha: 2}")
    assert not same_text(text, text.replace("  a: relu\n  type: tanh\n", "  type: tanh\n  a: relu\n"))


def test_line_ends_are_those_of_the_file() -> None:
    assert fmt("netspec: 1\r\nname:   x\r\n# c\r\n") == "netspec: 1\r\nname: x\r\n# c\r\n"
    assert fmt("netspec: 1\nname:   x\r\n# c\r") == "netspec: 1\nname: x\n# c\n"
    assert fmt("netspec: 1") == "netspec: 1\n"


@pytest.mark.parametrize("wrong", ["netspec: 1\nname: other\n", "netspec: 1\nname: net\n"])
def test_a_result_of_another_meaning_is_refused(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "write", lambda tree, notes, head: wrong)
    with pytest.raises(NetspecError, match=r"NS106 the formatted text would (mean something else|lack a comment)"):
        formatted(Source("net.yaml", "netspec: 1  # version\nname: net\n"))


def test_a_layer_that_does_not_fit_has_a_line_for_each_key() -> None:
    rest = "init: {weight: {type: normal, std: 0.02}, bias: zeros}"
    start = "  a: {type: linear, out_features: 3, from: "
    name = "x" * (120 - len(f"{start}, {rest}}}"))
    line = f"{start}{name}, {rest}}}"
    assert len(line) == 120 and fmt_body(f"layers:\n{line}\n") == f"layers:\n{line}\n"
    assert fmt_body(f"layers:\n{line.replace(name, name + 'x')}\n") == (
        f"layers:\n  a:\n    type: linear\n    out_features: 3\n    from: {name}x\n    {rest}\n"
    )
