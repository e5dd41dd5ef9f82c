"""Everything that is derived from one step, made once for each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from weakref import WeakValueDictionary

from netspec.cells.ir.backward import Backward, backward_of
from netspec.cells.ir.forward import Forward, forward_of
from netspec.cells.ir.gradient import gradient_overflows
from netspec.cells.ir.lower import step_of
from netspec.cells.ir.program import Program, plain_reason, program_of, without_scalars
from netspec.cells.ir.read import read_cell
from netspec.cells.ir.step import CellStep
from netspec.source.errors import Problems, raise_all
from netspec.source.text import Source
from netspec.source.tree import parse


@dataclass(frozen=True)
class PassBuffers:
    """The buffers of exports, and of what is kept for the gradient beside them."""

    exports: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Compiled:
    """A program with its loops.  `key` is the step as text, from which another process compiles the same."""

    key: str
    program: Program
    weights: tuple[str, ...]  # those that the loop and its products take, in order

    @cached_property
    def inference(self) -> Forward:
        return forward_of(self.program)

    @cached_property
    def training(self) -> Backward:
        return backward_of(self.program)

    @cached_property
    def kept_in_order(self) -> tuple[str, ...]:
        """The buffers of the forward loop that the gradient reads."""
        forward, backward = self.training.forward, self.training
        read = set(backward.loop.buffers)
        read |= {forward.kept[g.operand].buffer for g in self.program.loop_groups}
        made = forward.loop.of("sequence", "state")
        return tuple(b.name for b in made if b.name in read and not b.name.startswith("operand:"))

    def buffers(self, training: bool, ragged: bool) -> PassBuffers:
        """What a forward pass gives out."""
        both = self._training_buffers if training else self._inference_buffers
        return both[ragged]

    @cached_property
    def _inference_buffers(self) -> tuple[PassBuffers, PassBuffers]:
        exports = self._exports(self.inference)
        return PassBuffers(exports, ()), PassBuffers(exports, ())

    @cached_property
    def _training_buffers(self) -> tuple[PassBuffers, PassBuffers]:
        """Of whole sequences, and of ragged ones: those are 0 in padding where states stand still, so that an export
        is no buffer that the gradient could read."""
        exports = self._exports(self.training.forward)
        others = tuple(name for name in self.kept_in_order if name not in exports)
        return PassBuffers(exports, others), PassBuffers(exports, self.kept_in_order)

    def _exports(self, forward: Forward) -> tuple[str, ...]:
        names = (f"export:{k}" for k in range(len(self.program.exports)))
        return tuple(
            name if name in forward.loop.buffers else forward.kept[value].buffer
            for name, value in zip(names, self.program.exports, strict=True)
        )


def compiled_of(step: CellStep) -> Compiled | None:
    """The compiled loop of a step, made once; None where only torch's operations are right.

    Steps of one text, sizes and parameters share one, as long as any of them is there.
    """
    return step.once(_compiled_of)


def compiled(key: str) -> Compiled:
    """The compiled loop of a key, also of one that a file brought from another process."""
    return _IN_USE.get(key) or _compiled_from_text(key)


# Loops are held by the steps that they are made from, and go with them.
_IN_USE: WeakValueDictionary[str, Compiled] = WeakValueDictionary()


def _compiled_of(step: CellStep) -> Compiled | None:
    simple = without_scalars(step)
    if simple is None or plain_reason(step):
        return None
    program = program_of(simple)
    if gradient_overflows(program):
        return None
    sizes = {name: int(str(size)) for name, size in step.sizes.items()}
    key = json.dumps({"name": step.cell.name, "sizes": sizes, "params": dict(step.params), "cell": step.cell.text})
    groups = (*program.sequence_groups, *program.loop_groups)
    weights = dict.fromkeys([*(p.attr.weight for g in groups for p in g.products), *program.vectors])
    return _IN_USE.setdefault(key, Compiled(key, program, tuple(weights)))


@lru_cache(maxsize=64)
def _compiled_from_text(key: str) -> Compiled:
    """The loop of a program that was exported: no step of this process holds it."""
    fields = json.loads(key)
    problems = Problems()
    tree = parse(Source("<cell>", fields["cell"]))
    cell = read_cell(fields["name"], tree, tree.span, problems)
    raise_all(problems)
    assert cell is not None  # else there were problems
    loop = compiled_of(step_of(cell, fields["sizes"], fields["params"]))
    assert loop is not None  # a step without one has no key
    return loop
