"""Which input and output of one network is which of another, once its layers are paired."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netspec.review.match.flow import Flow
from netspec.review.match.pairing import Pairs


def pair_inputs(old: Flow, new: Flow, pairs: Pairs[str]) -> dict[str, str]:
    """Inputs of the network: equal names, then equal readers, then equal types in order; then a last one on each side
    of as many axes."""
    before, after = old.graph, new.graph

    def reads(flow: Flow, name: str, partners: Mapping[str, str]) -> set[tuple[str, int]]:
        return {(partners[reader], i) for reader, i, _ in flow.readers.get(name, ()) if reader in partners}

    known = {name: pairs.after[name] for name in before.inputs if name in pairs.after}
    of_before = {name: reads(old, name, pairs.after) for name in before.inputs}
    own_names = {name: name for name in pairs.before}
    of_after = {name: reads(new, name, own_names) for name in after.inputs}
    rules: list[Callable[[str, str], bool]] = [
        lambda a, b: a == b,
        lambda a, b: bool(of_before[a] & of_after[b]),
        lambda a, b: old.meaning[a] == new.meaning[b],
    ]
    return _by_rules(before.inputs, after.inputs, known, rules, lambda a, b: before[a].type.rank == after[b].type.rank)


def pair_outputs(old: Flow, new: Flow, pairs: Pairs[str]) -> dict[str, str]:
    """Outputs of the network: equal names, then what comes of one layer; then a last one on each side of one kind."""
    before, after = old.graph.outputs, new.graph.outputs

    def same_source(a: str, b: str) -> bool:
        return before[a].port == after[b].port and pairs.after.get(before[a].node) == after[b].node

    def same_kind(a: str, b: str) -> bool:
        return old[before[a].node].kind == new[after[b].node].kind

    return _by_rules(before, after, {}, [lambda a, b: a == b, same_source], same_kind)


def _by_rules(
    before: Mapping[str, object],
    after: Mapping[str, object],
    known: Mapping[str, str],
    rules: list[Callable[[str, str], bool]],
    last: Callable[[str, str], bool],
) -> dict[str, str]:
    """Pairs of names by one rule after another, each name to the first that fits; `last` is for a single rest."""
    pairs: Pairs[str] = Pairs(dict(known), {b: a for a, b in known.items()})
    for rule in rules:
        for a in before:
            partner = next((b for b in after if pairs.free(a, b) and rule(a, b)), None)
            if partner is not None:
                pairs.put(a, partner)
    old, new = [a for a in before if a not in pairs.after], [b for b in after if b not in pairs.before]
    if len(old) == len(new) == 1 and last(old[0], new[0]):
        pairs.put(old[0], new[0])
    return {name: pairs.after[name] for name in before if name in pairs.after}
