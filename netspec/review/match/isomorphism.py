"""Whether two networks compute the same: proven by pairing every layer that an output needs, never by digests alone.

Both are walked from the outputs at once.  Once two layers are one, so are their first inputs, their second inputs …;
all is forced but where the order of two inputs does not count and both receive the same: there names decide.  A pair
has equal meanings, equal ports, equal numbers of inputs; no layer has two partners; what shares weights in one network
shares them in the other.
"""

from __future__ import annotations

from collections.abc import Iterable

from netspec.graph.digest import is_commutative
from netspec.graph.meaning import weight_names
from netspec.graph.model import Input, Node, Ref
from netspec.review.match.flow import Flow
from netspec.review.match.pairing import Pairs, likeness

SEARCHED = 50  # undecided pairs of inputs that are looked at for one that is forced


def isomorphism(before: Flow, after: Flow) -> tuple[Pairs[str], dict[str, str]] | None:
    """The nodes that outputs need, name before -> after, and the outputs; None where the networks differ."""
    outputs = _outputs(before, after)
    if outputs is None:
        return None
    proof = _Proof(before, after)
    refs = [(before.graph.outputs[a], after.graph.outputs[b]) for a, b in outputs.items()]
    if not proof.walk(refs) or not proof.same_sharing() or not proof.rest_of_inputs():
        return None
    return proof.pairs, outputs


def _outputs(before: Flow, after: Flow) -> dict[str, str] | None:
    """Outputs of equal names; those with other names by what flows into them, in order."""
    old, new = before.graph.outputs, after.graph.outputs
    if len(old) != len(new):
        return None
    outputs = {name: name for name in old if name in new}
    free = [name for name in new if name not in old]
    for name, ref in old.items():
        match = outputs.get(name) or next((other for other in free if _same(before, after, ref, new[other])), None)
        if match is None or not _same(before, after, ref, new[match]):
            return None
        outputs[name] = match
        if match in free:
            free.remove(match)
    return outputs


def _same(before: Flow, after: Flow, a: Ref, b: Ref) -> bool:
    return a.port == b.port and before.up[a.node] == after.up[b.node]


class _Proof:
    """The walk, and what has been paired on it."""

    def __init__(self, before: Flow, after: Flow) -> None:
        self.before, self.after = before, after
        self.pairs: Pairs[str] = Pairs()
        self.open: list[tuple[tuple[Ref, Ref], tuple[Ref, Ref]]] = []  # inputs whose order is still to be found
        for name in before.inputs:
            self.pairs.put(name, name)

    def walk(self, refs: Iterable[tuple[Ref, Ref]]) -> bool:
        """Pair these, and all that they need; False where it cannot be."""
        stack = list(refs)
        done: set[str] = set()
        while stack or self.open:
            if not stack:
                stack = self.decide()
            a, b = stack.pop()
            if a.port != b.port or not self.pairs.put(a.node, b.node):
                return False
            if a.node in done:
                continue
            done.add(a.node)
            x, y = self.before[a.node], self.after[b.node]
            if not self.same_layer(x, y):
                return False
            stack += self.inputs_of(x, y)
        return True

    def same_layer(self, x: Node, y: Node) -> bool:
        return (
            isinstance(x.layer, Input) == isinstance(y.layer, Input)
            and self.before.meaning[x.name] == self.after.meaning[y.name]
            and len(x.inputs) == len(y.inputs)
        )

    def inputs_of(self, x: Node, y: Node) -> list[tuple[Ref, Ref]]:
        """The pairs that follow from a pair."""
        if is_commutative(x):
            a, b = x.inputs
            c, d = y.inputs
            if not self.can_be(a, c) or not self.can_be(b, d):
                return [(a, d), (b, c)]
            if self.can_be(a, d) and self.can_be(b, c) and a != b:
                self.open.append(((a, b), (c, d)))
                return []
        return list(zip(x.inputs, y.inputs, strict=True))

    def can_be(self, a: Ref, b: Ref) -> bool:
        """Whether both receive the same, and have no other partners."""
        free = self.pairs.free(a.node, b.node) or self.pairs.after.get(a.node) == b.node
        return free and _same(self.before, self.after, a, b)

    def decide(self) -> list[tuple[Ref, Ref]]:
        """The order of two inputs that receive the same: what is forced first, then by names, then as it is written."""
        for i, ((a, b), (c, d)) in enumerate(self.open[:SEARCHED]):
            straight, crossed = (self.can_be(a, c) and self.can_be(b, d)), (self.can_be(a, d) and self.can_be(b, c))
            if not (straight and crossed):
                del self.open[i]
                return [(a, c), (b, d)] if straight else [(a, d), (b, c)]
        (a, b), (c, d) = self.open.pop(0)
        straight_names = likeness(a.node, c.node) + likeness(b.node, d.node)
        if likeness(a.node, d.node) + likeness(b.node, c.node) > straight_names:
            return [(a, d), (b, c)]
        return [(a, c), (b, d)]

    def same_sharing(self) -> bool:
        """Whether nodes of one weight in one network are nodes of one weight in the other.

        Its owners are a pair, also where no output needs them.
        """
        before, after = self.before.graph, self.after.graph
        weights: Pairs[tuple[str, str]] = Pairs()
        owners: Pairs[str] = Pairs()
        for a, b in self.pairs.after.items():
            x, y = before[a], after[b]
            if not (x.share or y.share):
                continue
            for mine, its in zip(weight_names(before, x), weight_names(after, y), strict=True):
                owner, other = before.owner(x, mine), after.owner(y, its)
                if not weights.put((owner, mine), (other, its)) or not owners.put(owner, other):
                    return False
        return all(self.pairs.put(owner, other) for owner, other in owners.after.items())

    def rest_of_inputs(self) -> bool:
        """Inputs that nothing reads: as many on both sides, paired by type in order."""
        free = [name for name in self.after.graph.inputs if name not in self.pairs.before]
        for name in self.before.graph.inputs:
            if name not in self.pairs.after:
                same = [other for other in free if self.before.meaning[name] == self.after.meaning[other]]
                if not same:
                    return False
                self.pairs.put(name, same[0])
                free.remove(same[0])
        return not free and all(
            self.before.meaning[name] == self.after.meaning[self.pairs.after[name]] for name in self.before.graph.inputs
        )
