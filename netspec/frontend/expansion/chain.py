"""Copies of a `repeat`, each reading the one before it."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.frontend.names import Referent, Wire
from netspec.source.errors import NetspecError
from netspec.source.text import Span


def chained(
    before: Referent, inputs: Sequence[str], wires: tuple[Wire | None, ...], kind: str, name: str, span: Span
) -> tuple[Wire | None, ...]:
    """What a copy reads: `inputs` are the names of what it takes, `wires` what the first copy was given.

    Each output is the input of its name; the only one is the first input where it has no name, or another.  An input
    that was left out and takes what the one before it takes (one Wire for both) goes with that one; every other stays
    as given.
    Raises NS308 when no output has the name of an input.
    """
    if "" in before.ports:
        by_input = dict(zip(inputs, wires, strict=False))
        meant = next((by_input[port] for port in before.ports if port in by_input), wires[0])
        return tuple(before.ports[""] if wire is meant else wire for wire in wires)
    if not any(port in inputs for port in before.ports):
        gives, takes = (", ".join(f"`{n}`" for n in names) for names in (before.ports, inputs))
        raise NetspecError(
            "NS308",
            f"copies of `{name}` cannot be chained: {kind} gives {gives} and takes {takes}",
            span,
            hint=_hint(kind, before, inputs),
        )
    return tuple(before.ports.get(port, wire) for port, wire in zip(inputs, wires, strict=False))


def _hint(kind: str, before: Referent, inputs: Sequence[str]) -> str:
    why = "a copy reads each output of the copy before it as the input of the same name"
    if before.opaque:
        wanted = ", ".join(f"{name}: …" for name in inputs)
        return f"{why}: name the outputs of block {before.opaque} like its inputs, `outputs: {{{wanted}, …}}`"
    if kind == "branches":
        return "`merge` the paths to one tensor, or repeat a block with `outputs` that have the names of its `inputs`"
    return f"{why}: end the {kind} with a single tensor, or repeat a block"
