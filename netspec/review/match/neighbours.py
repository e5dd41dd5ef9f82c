"""Layers that are one because their neighbours are: what a pair reads, and what reads it, at the same input."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator

from netspec.graph.digest import is_commutative
from netspec.graph.model import Ref
from netspec.review.match.flow import Flow
from netspec.review.match.pairing import Pairs, most_alike
from netspec.review.match.scopes import copy_of

Fits = Callable[[str, str], bool]


def anchors(before: Flow, after: Flow) -> Pairs[str]:
    """Layers that are one beyond doubt: the only ones into which the same flows, or with which the same is done.

    Where both lead to different partners, as in a repeat with one copy less, nothing is said; nor where one leads to a
    layer of another name though the name is still there.
    """

    def named(a: str, b: str) -> bool:
        """Whether neither name stands for another layer in the other network, or for one of several copies."""
        return a == b or not (a in after.graph or b in before.graph or copy_of(a) or copy_of(b))

    pairs: Pairs[str] = Pairs()
    up, down = _unique(before.up, after.up), _unique(before.down, after.down)
    up_after, down_after = ({b: a for a, b in pairs.items()} for pairs in (up, down))
    for node in before.graph.layers():
        a = node.name
        b = up.get(a, down.get(a))
        if b is None or down.get(a, b) != b or up_after.get(b, a) != a or down_after.get(b, a) != a:
            continue
        if up.get(a) == down.get(a) or named(a, b):
            pairs.put(a, b)
    known_up, known_down = (
        (frozenset(old.values()), frozenset(new.values()))
        for old, new in ((before.up, after.up), (before.down, after.down))
    )

    def fits(x: str, y: str) -> bool:
        """Whether nothing that flows in or out leads elsewhere."""
        if before.meaning[x] != after.meaning[y] or not named(x, y):
            return False
        ups, downs = (before.up[x], after.up[y]), (before.down[x], after.down[y])
        return _agree(ups, known_up) and _agree(downs, known_down)

    spread(before, after, pairs, fits, readers=False)
    return pairs


def _agree(digests: tuple[bytes, bytes], known: tuple[frozenset[bytes], frozenset[bytes]]) -> bool:
    """Whether two digests are equal, or neither is that of a layer of the other network."""
    old, new = digests
    return old == new or not (old in known[1] or new in known[0])


def _unique(before: dict[str, bytes], after: dict[str, bytes]) -> dict[str, str]:
    """Nodes whose digest no other has, before -> after."""

    def single(digests: dict[str, bytes]) -> dict[bytes, str]:
        by_digest: dict[bytes, list[str]] = defaultdict(list)
        for name, digest in digests.items():
            by_digest[digest].append(name)
        return {digest: names[0] for digest, names in by_digest.items() if len(names) == 1}

    new = single(after)
    return {name: new[digest] for digest, name in single(before).items() if digest in new}


def spread(before: Flow, after: Flow, pairs: Pairs[str], fits: Fits, *, readers: bool = True) -> None:
    """From every pair to its inputs, and its readers, as long as they fit and have no partners; each pair once."""
    queue = deque(pairs.after.items())
    while queue:
        a, b = queue.popleft()
        near = _inputs(before, after, a, b)
        for x, y in [*near, *(_readers(before, after, pairs, a, b) if readers else ())]:
            if pairs.free(x, y) and x not in before.graph.inputs and y not in after.graph.inputs and fits(x, y):
                pairs.put(x, y)
                queue.append((x, y))


def stand_alike(before: Flow, after: Flow, pairs: Pairs[str], a: str, b: str) -> bool:
    """Whether two layers read pairs alone, and a pair reads both at the same input."""
    reads = [(pairs.after.get(ref.node), ref.port) for ref in before[a].inputs]
    readers = {(pairs.after.get(name), position, port) for name, position, port in before.readers.get(a, ())}
    return reads == list(after[b].inputs) and not readers.isdisjoint(after.readers.get(b, ()))


def _inputs(before: Flow, after: Flow, a: str, b: str) -> Iterator[tuple[str, str]]:
    """What both read at the same input; where the order does not count, what the same flows into."""
    old, new = before[a].inputs, after[b].inputs
    if len(old) == len(new) == 2 and is_commutative(before[a]) and _same(before, after, old[0], new[1]):
        new = (new[1], new[0])
    for x, y in zip(old, new, strict=False):
        if x.port == y.port:
            yield x.node, y.node


def _same(before: Flow, after: Flow, x: Ref, y: Ref) -> bool:
    return x.port == y.port and before.up[x.node] == after.up[y.node]


def _readers(before: Flow, after: Flow, pairs: Pairs[str], a: str, b: str) -> Iterator[tuple[str, str]]:
    """What reads both at the same input, of several the most alike in name first."""
    new = _by_input(after, b, pairs.before)
    for input_port, names in _by_input(before, a, pairs.after).items():
        yield from most_alike(names, new.get(input_port, []), str)


def _by_input(flow: Flow, name: str, paired: dict[str, str]) -> dict[Hashable, list[str]]:
    """The readers of a node that have no partner: (which input, port) -> names."""
    by_input: dict[Hashable, list[str]] = defaultdict(list)
    for reader, position, port in flow.readers.get(name, ()):
        if reader not in paired:
            by_input[0 if is_commutative(flow[reader]) else position, port].append(reader)
    return by_input
