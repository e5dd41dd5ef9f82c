"""What becomes of an old checkpoint, in words: what loads, whether it is right there, and what to do.

*Tensors* are those of `state_dict`.  Where not all of them carry over, those that are trained are counted alone, with
their share of the parameters: the statistics and counters of batch norm are worth nothing without their layer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from netspec.review.changes.inference import same_at_inference
from netspec.review.changes.weights import trained
from netspec.review.difference import Difference, Verdict, WeightFates
from netspec.review.group.fold import fold_within
from netspec.review.group.renames import renames

MAX_RENAMES = 4  # of a checkpoint, that are written out
LEAST_PERCENT = 1  # of the parameters; less, and more than all but this, is said as a number


def loaded_elsewhere(weights: WeightFates) -> str:
    """What goes wrong without a word when an old checkpoint is loaded; empty where nothing does."""
    if not weights.misplaced:
        return ""
    all_of_it = len(weights.by_structure) + len(weights.sliced) + len(weights.lost)
    number = len(weights.misplaced)
    text = f"an old checkpoint loads {number:,} of {all_of_it:,} tensors by name into {_elsewhere(weights)}"
    without = len(set(weights.by_structure) - set(weights.by_name))
    return f"{text}, {without:,} {'find' if without > 1 else 'finds'} no place by name" if without else text


def _elsewhere(weights: WeightFates) -> str:
    layers = [tuple(name.rpartition(".")[0] for name in pair) for pair in weights.misplaced.items()]
    return "other layers" if all(a != b for a, b in layers) else "other places"


def weights_text(difference: Difference, mark: Callable[[str], str] = str) -> str:
    """What becomes of the tensors of a checkpoint; empty where there are none, or where no text differs.

    `mark` writes names as a format has them.
    """
    weights = difference.weights
    if difference.verdict is Verdict.SAME_TEXT:
        return ""
    if not weights.sliced and not weights.lost:
        return _all_carry(difference, mark)
    return _some_carry(difference, mark)


def _all_carry(difference: Difference, mark: Callable[[str], str]) -> str:
    """Every tensor has its place."""
    weights, to_do = difference.weights, _to_do(difference, mark)
    number = len(weights.by_structure)
    new = _fate("new", weights.new, [*weights.new, *weights.by_structure.values()], mark)
    if not number:
        return new
    tensors = f"all {number:,} tensors" if number > 1 else "the only tensor"
    s = "" if number > 1 else "s"
    if new:
        return f"{to_do}{tensors} carr{'y' if number > 1 else 'ies'} over; {new}"
    if difference.verdict is not Verdict.ARCHITECTURE:
        return f"{to_do}{tensors} load{s} as before{_other_inputs(difference)}"
    if same_at_inference(difference):
        return f"{to_do}{tensors} load{s} as before: outputs are others in training alone"
    fit = f"fit{s}" if to_do else f"load{s} by name"
    return f"{to_do}{tensors} {fit}, but the network computes something else{_why(difference, mark)}"


def _some_carry(difference: Difference, mark: Callable[[str], str]) -> str:
    """Tensors change size or are lost: how much of what was learned is left, and which these are."""
    weights = difference.weights
    sizes, new_sizes = (trained(graph) for graph in (difference.matching.before, difference.matching.after))
    fates = [
        ("sliced", list(weights.sliced), sizes),
        ("lost", list(weights.lost), sizes),
        ("new", list(weights.new), new_sizes),
    ]
    learned = [[name for name in names if name in known] for _, names, known in fates]
    carried = [name for name in weights.by_structure if name in sizes]
    noun = "trained tensors"
    if not sizes or any(bool(names) != bool(mine) for (_, names, _), mine in zip(fates, learned, strict=True)):
        learned, carried, noun = [names for _, names, _ in fates], list(weights.by_structure), "tensors"
    total = len(carried) + len(learned[0]) + len(learned[1])
    old_names = [*carried, *learned[0], *learned[1]]
    new_names = [*weights.by_structure.values(), *weights.sliced.values(), *weights.new]
    share = _share(sum(sizes.get(name, 0) for name in weights.by_structure), sum(sizes.values()))
    number = f"{len(carried):,}" if carried else "none"
    text = f"{number} of {total:,} {noun} {'carries' if len(carried) < 2 else 'carry'} over"
    texts = [text + (f" ({share})" if carried and share else "")]
    texts += [
        _fate(fate, names, old_names if fate != "new" else new_names, mark)
        for (fate, _, _), names in zip(fates, learned, strict=True)
        if names
    ]
    return _to_do(difference, mark) + "; ".join(texts)


def _fate(fate: str, names: Sequence[str], of: Collection[str], mark: Callable[[str], str]) -> str:
    """`2 are lost: head.*`; empty where there are none.  Many that have no name in common are counted alone."""
    if not names:
        return ""
    singular, plural = {
        "sliced": ("changes size", "change size"),
        "lost": ("is lost", "are lost"),
        "new": ("is new", "are new"),
    }[fate]
    folded = fold_within(names, of)
    return f"{len(names):,} {singular if len(names) == 1 else plural}" + (f": {mark(folded)}" if folded else "")


def _share(carried: int, total: int) -> str:
    """`53% of the parameters`, `10 of 1,084,586 parameters`, `all but 864 of 11,689,512 parameters`."""
    if not total:
        return ""
    if carried == total:
        return "all parameters"
    percent = 100 * carried / total
    if percent < LEAST_PERCENT:
        return f"{carried:,} of {total:,} parameters"
    if percent > 100 - LEAST_PERCENT:
        return f"all but {total - carried:,} of {total:,} parameters"
    return f"{percent:.0f}% of the parameters"


def _to_do(difference: Difference, mark: Callable[[str], str]) -> str:
    """`rename fc.* -> head.* in the checkpoint, then `; empty where no tensor is called otherwise."""
    texts = [mark(text) for text in _renamings(difference)]
    if not texts:
        return ""
    more = len(texts) - MAX_RENAMES
    shown = texts if more <= 1 else [*texts[:MAX_RENAMES], f"{more:,} more"]
    return f"rename {', '.join(shown)} in the checkpoint, then "


def _renamings(difference: Difference) -> Iterable[str]:
    """`layer1.0.* -> layer0.*`: how layers that have tensors are called now, then tensors of layers that keep names."""
    carried = {**difference.weights.by_structure, **difference.weights.sliced}
    layers = {name.rpartition(".")[0] for name, now in carried.items() if name != now}
    changed = [c for c in difference.layers if c.before and c.after and c.before.name in layers]
    for rename in renames(difference.matching, [c for c in changed if c.status == "renamed"]):
        if rename.scattered:
            yield rename.text
        else:
            before, after = (_all_below(side) for side in (rename.before, rename.after))
            yield f"{before} {rename.arrow} {after}"
    for name, now in carried.items():
        if name != now and name.rpartition(".")[0] == now.rpartition(".")[0]:
            yield f"{name} -> {now}"


def _all_below(names: str) -> str:
    return names if names.endswith("*") else f"{names}.*"


def _why(difference: Difference, mark: Callable[[str], str]) -> str:
    """Which layers do, in a few words: `: 21 layers changed`, `: equations of rnn`."""
    others = [c for c in difference.layers if c.status in ("added", "removed") or c.changes]
    if not others:
        return ": inputs or outputs are others" if difference.interface else ""
    if all(any(change.what == "equations" for change in c.changes) for c in others):
        names = fold_within([c.name for c in others], ())
        return f": the equations of {mark(names) if names else f'{len(others):,} layers'} are others"
    number = dict.fromkeys(("changed", "added", "removed"), 0)
    for c in others:
        number[c.status if c.status in number else "changed"] += 1
    listed = [f"{n:,} {status}" for status, n in number.items() if n]
    first, *rest = listed
    count, status = first.split(" ")
    noun = "layer" if count == "1" else "layers"
    return f": {', '.join([f'{count} {noun} {status}', *rest])}"


def _other_inputs(difference: Difference) -> str:
    """That what a checkpoint was trained on was scaled otherwise."""
    scaled = [cause for cause in difference.sections.get("data", ()) if cause.path.endswith("standardize")]
    return ", but were trained on inputs that were scaled otherwise" if scaled else ""
