"""The first line: how much changed, in one of five verdicts, and in words whatever else did."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from netspec.review.changes.interface import same_types
from netspec.review.difference import Cause, Difference, LayerChange, Side, Verdict, WeightFates

LEARNING_KEYS = ("init", "freeze")  # of a layer
NOUNS = {"data": "data", "train": "training", "init": "initialisation", "freeze": "frozen weights", "budget": "budget"}


def judge(difference: Difference) -> tuple[Verdict, str]:
    """The verdict by all else that is known, and the headline: it, with what changed beside it."""
    before, after, matching = difference.before, difference.after, difference.matching
    if same_text(before, after):
        return Verdict.SAME_TEXT, Verdict.SAME_TEXT
    if before.spec is None and after.spec is None:
        return _of_fragments(before, after, difference.causes)
    if before.spec is None or after.spec is None:
        return Verdict.ARCHITECTURE, "new network" if before.spec is None else "network deleted"
    learning = {section for section in ("data", "train", "budget") if difference.sections.get(section)}
    learning |= {key for layer in difference.layers for key in _learning(layer)}
    others = [layer for layer in difference.layers if _is_more_than_learning(layer)]
    if not matching.same_function or not same_types(matching):
        verdict, base = Verdict.ARCHITECTURE, str(Verdict.ARCHITECTURE)
    elif others or difference.interface or _renamed_weights(difference.weights):
        verdict, base = Verdict.SAME_FUNCTION, _same_function(difference, others)
    elif learning:
        return Verdict.LEARNING, f"{_listed(learning)} only"
    else:
        return Verdict.SAME_NETWORK, Verdict.SAME_NETWORK
    interface = {"interface"} if difference.interface else set()
    return verdict, "; ".join([base, *(f"{_listed(kind)} changed" for kind in (interface, learning) if kind)])


def _of_fragments(before: Side, after: Side, causes: Collection[Cause]) -> tuple[Verdict, str]:
    """Files without a network, such as blocks that others include: what they change is seen in those."""
    if before.document is None or after.document is None:
        return (
            Verdict.ARCHITECTURE,
            f"{'new file' if before.document is None else 'file deleted'}, no network by itself",
        )
    if causes:
        return Verdict.ARCHITECTURE, "text changed, no network by itself"
    return Verdict.SAME_NETWORK, "same but for comments and spaces, no network by itself"


def same_text(before: Side, after: Side) -> bool:
    """Whether both sides were read from texts and no byte differs in any of them."""
    texts = ({path: source.text for path, source in side.files.items()} for side in (before, after))
    first, second = texts
    return bool(first) and first == second


def _same_function(difference: Difference, others: Collection[LayerChange]) -> str:
    """What of a network of the same function is not the same."""
    names = (*difference.matching.inputs.items(), *difference.matching.outputs.items())
    if any(a != b for a, b in names) or any(map(_renamed, others)) or _renamed_weights(difference.weights):
        return str(Verdict.SAME_FUNCTION)
    if any(layer.status in ("added", "removed") for layer in others):
        return "same function, other layers that no output needs"
    return "same function, written otherwise" if others else "same function"


def _renamed_weights(weights: WeightFates) -> bool:
    """Whether a checkpoint of the one is none of the other: of layers, or of a cell's own weights."""
    return any(old != new for old, new in weights.by_structure.items())


def _renamed(layer: LayerChange) -> bool:
    """Whether a layer, or its cell, is called otherwise."""
    return layer.status == "renamed" or any(change.what == "cell" for change in layer.changes)


def _learning(layer: LayerChange) -> Iterable[str]:
    """What of a layer's changes concerns learning alone."""
    if layer.before is not None and layer.after is not None:
        keys = (change.what.partition(".")[0] for change in layer.changes)
        yield from (key for key in keys if key in LEARNING_KEYS)


def _is_more_than_learning(layer: LayerChange) -> bool:
    """Whether anything of a layer changed beside what concerns learning alone."""
    if layer.status in ("added", "removed", "renamed"):
        return True
    return any(change.what.partition(".")[0] not in LEARNING_KEYS for change in layer.changes)


def _listed(kinds: Collection[str]) -> str:
    words = [NOUNS.get(kind, kind) for kind in (*NOUNS, "interface") if kind in kinds]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
