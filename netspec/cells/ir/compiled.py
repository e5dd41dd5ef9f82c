"""Everything that is derived from one step, made once for each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

from netspec.cells.ir.backward import Backward, gradient_overflows, reverse_of
from netspec.cells.ir.forward import Forward, forward_of
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
    """A program with its loops."""

    program: Program

    @cached_property
    def inference(self) -> Forward:
        return forward_of(self.program)

    @cached_property
    def training(self) -> Backward:
        return reverse_of(self.program)

    @cached_property
    def weights(self) -> tuple[str, ...]:
        """The weights that the loop and its products take, in order."""
        groups = (*self.program.sequence_groups, *self.program.loop_groups)
        return tuple(dict.fromkeys([*(p.attr.weight for g in groups for p in g.products), *self.program.vectors]))

    @cached_property
    def kept_in_order(self) -> tuple[str, ...]:
        """The buffers of the forward loop that the gradient reads."""
        forward, reverse = self.training.forward, self.training
        read = set(reverse.loop.buffers)
        read |= {forward.kept[g.operand].buffer for g in self.program.loop_groups}
        made = forward.loop.of("sequence", "state")
        return tuple(b.name for b in made if b.name in read and not b.name.startswith("operand:"))

    def names(self, training: bool, ragged: bool) -> PassBuffers:
        """What a forward pass gives out."""
        key = (training, ragged)
        if key not in self._names:
            self._names[key] = self._named(training, ragged)
        return self._names[key]

    @cached_property
    def _names(self) -> dict[tuple[bool, bool], PassBuffers]:
        return {}

    def _named(self, training: bool, ragged: bool) -> PassBuffers:
        forward = self.training.forward if training else self.inference
        own = [f"export:{k}" for k in range(len(self.program.exports))]
        exports = [
            name if name in forward.loop.buffers else forward.kept[node].buffer
            for name, node in zip(own, self.program.exports, strict=True)
        ]
        # Ragged outputs are 0 in padding, where states stand still: two tensors.
        shared = [] if ragged else exports
        return PassBuffers(tuple(exports), tuple(n for n in self.kept_in_order if n not in shared) if training else ())


_COMPILED: dict[str, Compiled] = {}


def key_of(step: CellStep) -> str | None:
    """The step as text, from which another process compiles the same; None where only the plain path is right."""
    kept = vars(step)  # as recognise.py does: once for each step, and torch.compile reads it
    if "key" not in kept:
        kept["key"] = _register(step)
    key: str | None = kept["key"]
    return key


def _register(step: CellStep) -> str | None:
    simple = without_scalars(step)
    if simple is None or plain_reason(step):
        return None
    program = program_of(simple)
    if gradient_overflows(program):
        return None
    sizes = {name: int(str(size)) for name, size in step.sizes.items()}
    key = json.dumps({"name": step.cell.name, "sizes": sizes, "params": dict(step.params), "cell": step.cell.text})
    _COMPILED.setdefault(key, Compiled(program))
    return key


def compiled(key: str) -> Compiled:
    """The compiled program of a key, also of one that a file brought from another process."""
    if key not in _COMPILED:
        given = json.loads(key)
        problems = Problems()
        tree = parse(Source("<cell>", given["cell"]))
        cell = read_cell(given["name"], tree, tree.span, problems)
        raise_all(problems)
        assert cell is not None  # else there were problems
        key_of(step_of(cell, given["sizes"], given["params"]))
    return _COMPILED[key]
