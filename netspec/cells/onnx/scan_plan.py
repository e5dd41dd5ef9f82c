"""What a Scan computes of a step in its loop and around it, and which sums of the loop are one Gemm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netspec.cells.ir.dag import Value
from netspec.cells.ir.schedule import StepSchedule, Stretch

Products = tuple[tuple[Value, float], ...]  # each with its factor


@dataclass(frozen=True, eq=False)
class GemmSum:
    """A value of the loop as Σ matrix · loop value + Σ matrix · sequence + Σ biases + rest."""

    node: Value
    loop: Products
    sequence: Products
    biases: Products  # weights and numbers, not products
    rest: tuple[Value, ...]

    @property
    def operands(self) -> tuple[int, ...]:
        """What its matrices of the loop multiply, by index."""
        return _operands(self.loop)


@dataclass(frozen=True, eq=False)
class GemmGroup:
    """Sums that multiply the same values first: one Gemm, split behind it.  Some go on with others, as groups again."""

    operands: tuple[int, ...]
    sequence: tuple[int, ...]
    alone: tuple[GemmSum, ...]
    further: tuple[GemmGroup, ...] = ()

    @property
    def sums(self) -> tuple[GemmSum, ...]:
        """All of them, in the order of their columns."""
        return (*self.alone, *(s for group in self.further for s in group.sums))


class ScanPlan:
    """The values of a step that are computed: `outer` before the loop, `inside` in it, `after` behind it."""

    def __init__(self, schedule: StepSchedule) -> None:
        self.schedule, self.step = schedule, schedule.step
        self.groups = self._groups(schedule.of(Stretch.LOOP))
        summed = {p for g in self.groups.values() for s in g.sums for p, _ in (*s.loop, *s.sequence) if p is not s.node}
        self.subtracted = {n for n in schedule.stretch if self._subtracted(n)}
        leaves = ("weight", "number", "previous")

        def computed(*stretches: Stretch) -> list[Value]:
            skipped = summed | self.subtracted
            return [n for n in schedule.of(*stretches) if n not in skipped and n.op not in leaves]

        self.outer = computed(Stretch.FIXED, Stretch.SEQUENCE)
        self.inside = computed(Stretch.LOOP)
        self.after = computed(Stretch.AFTER)
        self.exports = schedule.exports(self.after, self.read)  # values of the loop that are wanted of every step

    def read(self, term: Value) -> Value:
        """The value that is computed for a term: −a that is only subtracted is none."""
        return term.args[0] if term in self.subtracted else term

    def _subtracted(self, node: Value) -> bool:
        """−a that is only ever added, so that `a` is subtracted in its place."""
        readers = self.schedule.readers.get(node, ())
        return (
            node.op == "neg" and bool(readers) and all(r.op == "add" for r in readers) and (node not in self.step.roots)
        )

    def _groups(self, looped: Sequence[Value]) -> dict[Value, GemmGroup]:
        sums = [total for n in looped if (total := self._sum(n))]
        common = Counter(operand for total in sums for operand in total.operands)
        by_first: dict[Any, list[tuple[GemmSum, tuple[int, ...]]]] = {}
        for total in sums:
            operands = tuple(sorted(total.operands, key=lambda operand: (-common[operand], operand)))
            # One without a matrix in the loop is a sequence of its own, which needs no splitting.
            key = (operands[:1] or total.node, _operands(total.sequence))
            by_first.setdefault(key, []).append((total, operands))
        groups = [_group(members, sequence) for (_, sequence), members in by_first.items()]
        return {s.node: group for group in groups for s in group.sums}

    def _sum(self, node: Value) -> GemmSum | None:
        if node.op == "product":  # alone, when no sum takes it in; a state's whole equation has no reader
            taken = any(self._taken(node, r) for r in self.schedule.readers.get(node, ()))
            return None if taken else GemmSum(node, ((node, 1.0),), (), (), ())
        if node.op != "add":
            return None
        loop: list[tuple[Value, float]] = []
        sequence: list[tuple[Value, float]] = []
        biases: list[tuple[Value, float]] = []
        rest: list[Value] = []
        for term in node.args:
            inner, factor = bare(term), -1.0 if term.op == "neg" else 1.0
            if (
                inner.op == "product"
                and self.schedule.stretch[inner] is not Stretch.FIXED
                and self._only(inner, term, node)
            ):
                (loop if self.schedule.stateful(inner) else sequence).append((inner, factor))
            elif inner.op in ("weight", "number"):
                biases.append((inner, factor))
            else:
                rest.append(term)
        if not loop and not sequence:
            return None
        return GemmSum(node, tuple(loop), tuple(sequence), tuple(biases), tuple(rest))

    def _taken(self, product: Value, reader: Value) -> bool:
        sums = self.schedule.readers.get(reader, ()) if reader.op == "neg" else (reader,)
        return any(s.op == "add" and self._only(product, reader if reader.op == "neg" else product, s) for s in sums)

    def _only(self, product: Value, term: Value, total: Value) -> bool:
        """Is the sum all that reads the product, and the product no value of its own?"""
        chain = [product] if term is product else [product, term]
        readers = [self.schedule.readers[n] for n in chain]
        return (
            readers[-1] == (total,)
            and all(r == (term,) for r in readers[:-1])
            and (not any(n in self.step.roots for n in chain))
        )


def _operands(products: Products) -> tuple[int, ...]:
    return tuple(sorted({p.args[0].index for p, _ in products}))


def _group(members: Sequence[tuple[GemmSum, tuple[int, ...]]], sequence: tuple[int, ...]) -> GemmGroup:
    """Sums with one first operand, those with the same others behind each other."""
    others: dict[tuple[int, ...], list[GemmSum]] = {}
    for total, operands in members:
        others.setdefault(operands[1:], []).append(total)
    _, operands = members[0]
    if len(others) == 1:
        return GemmGroup(operands, sequence, tuple(total for total, _ in members))
    further = tuple(GemmGroup(more, (), tuple(sums)) for more, sums in others.items() if more)
    return GemmGroup(operands[:1], sequence, tuple(others.get((), ())), further)


def bare(term: Value) -> Value:
    """A term without its minus."""
    return term.args[0] if term.op == "neg" else term
