"""A network that predicts the next character, writing on from a prompt.

Each character is drawn from softmax(output / temperature); at temperature 0 it is the likeliest.  Graves 2013,
arXiv:1308.0850.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from netspec.data.preprocess import Array
from netspec.data.sequence_inputs import LENGTHS
from netspec.data.symbols import Symbols
from netspec.source.errors import NetspecError
from netspec.source.text import show
from netspec.training.model import LoadedModel

Predictor = Callable[[list[int]], Array]  # the characters so far -> the outputs for what comes next


@dataclass(frozen=True)
class Writing:
    """How a network of characters writes on: how many more, at which temperature, and from which seed."""

    length: int = 500
    temperature: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Generated:
    """What was written on from a prompt."""

    prompt: str
    text: str
    temperature: float
    seed: int
    notes: tuple[str, ...] = ()  # what whoever reads it has to know

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {key: value for key, value in asdict(self).items() if key != "notes"}


def generate(model: LoadedModel, prompt: str, name: str, writing: Writing) -> Generated:
    """The characters that follow.  An empty prompt is the beginning of a line.

    Raises NS632 for a character that the text of the training had not, and for a network that takes a fixed number of
    steps.
    """
    temperature = writing.temperature
    rule = next(rule for rule in model.preprocess.inputs.values() if rule.symbols)
    alphabet = {symbol: k for k, symbol in enumerate(rule.symbols)}
    if isinstance(rule.shape[0], int):
        text = f"takes exactly {rule.shape[0]} characters: it cannot go on from a prompt"
        hint = "train it with a named axis, such as T, in its place"
        raise NetspecError("NS632", text, name=name, hint=hint)
    if math.isnan(temperature):
        raise NetspecError("NS632", "a temperature is a number of at least 0, received nan", hint="such as 0.8")
    unknown = sorted(set(prompt) - alphabet.keys())
    if unknown:
        text = f"the prompt has {show(unknown[0])}, the text of the training had not"
        hint = f"its characters are {show(''.join(rule.symbols))}"
        raise NetspecError("NS632", text, name=name, hint=hint)
    codes = [alphabet[c] for c in prompt] or [alphabet.get("\n", 0)]
    rng = np.random.default_rng(writing.seed)
    written: list[int] = []
    with _predictor(model) as outputs:
        while len(written) < writing.length:
            written.append(_drawn(outputs(codes + written), temperature, rng))
    return Generated(prompt, "".join(rule.symbols[k] for k in written), temperature, writing.seed)


def _drawn(values: Array, temperature: float, rng: np.random.Generator) -> int:
    if temperature == 0:
        return int(values.argmax())
    scaled = (values - values.max()).astype(np.float64) / temperature
    shares = np.exp(scaled)
    return int(rng.choice(len(shares), p=shares / shares.sum()))


@contextmanager
def _predictor(model: LoadedModel) -> Iterator[Predictor]:
    """A network with a state reads each character once; any other reads the last of them again for each."""
    preprocess, module = model.preprocess, model.module
    [(output, output_rule)] = preprocess.outputs.items()
    rule = next(rule for rule in preprocess.inputs.values() if rule.symbols)

    def last(codes: list[int]) -> Array:
        row = np.array([codes], np.int64)
        x = Symbols(row, len(rule.symbols)).vectors() if rule.dtype == "float32" else row
        inputs = [
            np.array([len(codes)], np.int64) if name == LENGTHS and not r.symbols else r.apply(x)
            for name, r in preprocess.inputs.items()
        ]
        values = np.moveaxis(model.compute(inputs)[output], output_rule.axis, -1)[0, -1]
        characters: Array = values[: len(rule.symbols)]  # a network may have more outputs than the text has characters
        return characters

    if module is None:
        yield lambda codes: last(codes[-rule.steps :])
        return
    from netspec.cells.run.carry import carrying

    with carrying(module) as carried:
        read, stateless = 0, False

        def go_on(codes: list[int]) -> Array:
            nonlocal read, stateless
            if stateless:
                return last(codes[-rule.steps :])
            values, read, first = last(codes[read:]), len(codes), read == 0
            stateless = first and not carried.state()
            return values

        yield go_on
