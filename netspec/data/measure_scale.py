"""Mean and deviation, measured on the training part alone: the other parts stay unseen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from netspec.data.images import Images
from netspec.data.network import Network
from netspec.data.preprocess import Array, InputRule, OutputRule
from netspec.data.raw import Raw
from netspec.data.standard_scale import Standard
from netspec.data.symbols import Symbols
from netspec.data.valid_steps import steps_within


def standardized_inputs(raw: Raw, network: Network, train: NDArray[np.int64]) -> dict[str, InputRule]:
    """The rules of all inputs, those of floating ones with what was measured on the samples `train`."""
    rules = dict(raw.rules)
    for name, x in raw.inputs.items():
        rule = rules[name]
        if not network.inputs[name].floating:
            continue
        assert not isinstance(x, Symbols)  # sequences are not standardised: `read_data` says so
        if isinstance(x, Images):
            standard = x.standard(train)
        else:
            part = x[train] / rule.divide
            each = rule.kind == "image" or part.ndim == 2
            steps = network.inputs[name].shape[1]
            lengths = raw.inputs.get(network.lengths_input(steps)) if part.ndim > 2 else None
            if isinstance(lengths, np.ndarray):
                part = part[steps_within(lengths[train], part.shape[1])]
            standard = Standard.fit(part, each=each)
        rules[name] = replace(rule, standard=standard)
    return rules


def standardized_output(rule: OutputRule, train: Array) -> OutputRule:
    """The rule of an output of numbers with what was measured on its targets `train`."""
    if rule.kind != "numbers":
        return rule
    if rule.masked or rule.lengths:  # axis 1 are steps: one mean for all of them that count
        return replace(rule, standard=Standard.fit(train[~np.isnan(train)], each=False))
    return replace(rule, standard=Standard.fit(train, each=True))
