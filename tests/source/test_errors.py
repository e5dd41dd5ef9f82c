"""Hints that can be carried out."""

from __future__ import annotations

import pickle

from netspec.source.errors import Hint, Problem, did_you_mean


def test_a_hint_knows_the_word_and_what_stands_for_it() -> None:
    hint = did_you_mean("conw2d", ["conv2d", "relu"], "see the list")
    assert hint == "did you mean `conv2d`?" and isinstance(hint, Hint)
    assert (hint.old, hint.new) == ("conw2d", "conv2d")
    again = pickle.loads(pickle.dumps(Problem("NS201", "unknown", hint=hint))).hint
    assert again == hint and (again.old, again.new) == (hint.old, hint.new)


def test_a_hint_without_a_word_is_text() -> None:
    assert type(did_you_mean("quite_other", ["conv2d"], "see the list")) is str
