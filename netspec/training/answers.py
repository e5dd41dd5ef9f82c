"""From a network's outputs to classes, probabilities and numbers in the units of the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from netspec.data.preprocess import Array, OutputRule


def answers(rule: OutputRule, values: Array) -> list[dict[str, Any]]:
    """One entry a sample; where the network gives NaN, no class (None)."""
    if rule.kind == "numbers":
        values = values if rule.standard is None else rule.standard.backward(values)
        return [{"value": _plain(v)} for v in values]
    if rule.kind == "signs":
        return [_sign(rule, v) for v in values]
    values = np.moveaxis(values.astype(np.float64), rule.axis, -1)
    with np.errstate(invalid="ignore"):  # of NaN or an infinity: NaN, and no class
        exponent = np.exp(values - values.max(axis=-1, keepdims=True))
        shares = exponent / exponent.sum(axis=-1, keepdims=True)
    # A network may have more outputs than the data has classes: those are called by their number.
    names = [*rule.names, *map(str, range(len(rule.names), shares.shape[-1]))]
    if shares.ndim > 2:  # one class in each place
        named = np.array([*names, None], dtype=object)
        none = np.isnan(shares).any(-1)
        classes = np.where(none, len(names), shares.argmax(-1))
        return [
            {"class": named[k].tolist(), "probability": _plain(v.max(-1))} for k, v in zip(classes, shares, strict=True)
        ]
    return [
        {
            "class": None if np.isnan(v).any() else names[int(v.argmax())],
            "probability": float(v.max()),
            "probabilities": dict(zip(names, map(float, v), strict=True)),
        }
        for v in shares
    ]


def until(row: dict[str, Any], length: int, steps: int) -> dict[str, Any]:
    """The answer for the steps before the sample's end alone; each list has as many values for every step."""
    return {k: v[: len(v) // steps * length] if isinstance(v, list) else v for k, v in row.items()}


def _sign(rule: OutputRule, values: Array) -> dict[str, Any]:
    if values.ndim == 2 and values.shape[1] == len(rule.columns):  # a set of symbols for each step
        sets = [" ".join(s for s, v in zip(rule.columns, step, strict=True) if v > 0) for step in values]
        return {"class": [None if np.isnan(step).any() else text for text, step in zip(sets, values, strict=True)]}
    margin = values.astype(np.float64).reshape(-1)
    names = [None if np.isnan(m) else rule.names[int(m > 0)] for m in margin]
    answer: dict[str, Any] = {"class": names[0] if len(names) == 1 else names}
    if not rule.probable:
        return {**answer, "margin": _plain(margin)}
    shares = 0.5 * (1 + np.tanh(0.5 * np.abs(margin)))  # the logistic function, without overflow
    return {**answer, "probability": _plain(shares)}


def _plain(values: Array) -> Any:
    """A number where there is one, else lists of them."""
    return float(values.reshape(-1)[0]) if values.size == 1 else values.tolist()
