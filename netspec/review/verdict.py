"""The first line: how much changed, in one of five verdicts, and in words whatever else did."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from netspec.review.difference import Cause, Change, LayerChange, Matching, Side, Verdict
from netspec.review.interface import same_types

LEARNING_KEYS = ("init", "freeze")  # of a layer
NOUNS = {"data": "data", "train": "training", "init": "initialisation", "freeze": "frozen weights", "budget": "budget"}


def judge(
    before: Side,
    after: Side,
    matching: Matching,
    layers: Collection[LayerChange],
    interface: Collection[Change],
    causes: Collection[Cause],
    sections: Mapping[str, Collection[Cause]],
) -> tuple[Verdict, str]:
    """The verdict, and the headline: it, with what changed beside it."""
    if same_text(before, after):
        return Verdict.SAME_TEXT, Verdict.SAME_TEXT
    if before.spec is None and after.spec is None:
        return _of_fragments(before, after, causes)
    if before.spec is None or after.spec is None:
        return Verdict.ARCHITECTURE, "new network" if before.spec is None else "network deleted"
    learning = {section for section in ("data", "train", "budget") if sections.get(section)}
    learning |= {noun for layer in layers for noun in _learning(layer)}
    others = [layer for layer in layers if layer.status in ("added", "removed", "renamed") or _more(layer)]
    if not matching.same_function or not same_types(matching):
        verdict, base = Verdict.ARCHITECTURE, str(Verdict.ARCHITECTURE)
    elif others or interface:
        verdict, base = Verdict.SAME_FUNCTION, _same_function(matching, others)
    elif learning:
        return Verdict.LEARNING, f"{_listed(learning)} only"
    else:
        return Verdict.SAME_NETWORK, Verdict.SAME_NETWORK
    more = ["interface"] if interface else []
    changed = [f"{_listed(kind)} changed" for kind in (more, learning) if kind]
    return verdict, "; ".join([base, *changed])


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


def _same_function(matching: Matching, others: Collection[LayerChange]) -> str:
    """What of a network of the same function is not the same."""
    names = (*matching.inputs.items(), *matching.outputs.items())
    if any(old != new for old, new in names) or any(_renamed(layer) for layer in others):
        return str(Verdict.SAME_FUNCTION)
    if any(layer.status in ("added", "removed") for layer in others):
        return "same function, other layers that no output needs"
    return "same function, written otherwise" if others else "same function"


def _renamed(layer: LayerChange) -> bool:
    """Whether a layer, or its cell, is called otherwise."""
    return layer.status == "renamed" or any(change.what == "cell" for change in layer.changes)


def _learning(layer: LayerChange) -> Iterable[str]:
    """What of a layer's changes concerns learning alone."""
    if layer.before is not None and layer.after is not None:
        keys = (change.what.partition(".")[0] for change in layer.changes)
        yield from (key for key in keys if key in LEARNING_KEYS)


def _more(layer: LayerChange) -> bool:
    """Whether anything of a layer changed that does not concern learning alone."""
    return any(change.what.partition(".")[0] not in LEARNING_KEYS for change in layer.changes)


def _listed(kinds: Collection[str]) -> str:
    words = [NOUNS.get(kind, kind) for kind in (*NOUNS, "interface") if kind in kinds]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
