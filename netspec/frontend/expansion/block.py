"""An instance of a block: its parameters, its layers in names of their own, and what it gives out."""

from __future__ import annotations

from typing import Any

from netspec.frontend.blocks import Block, check_arguments
from netspec.frontend.expansion.container import outputs_of_body
from netspec.frontend.expansion.state import Expander
from netspec.frontend.expansion.use import Use
from netspec.frontend.expansion.wires import miscounted, read_by, reference
from netspec.frontend.expression import VALUE, is_value, resolve
from netspec.frontend.names import Frame, Referent, Wire
from netspec.source.errors import NetspecError, Problems, raise_all
from netspec.source.text import show
from netspec.source.tree import Map


def expand_block(expander: Expander, block: Block, use: Use) -> Referent:
    """Expand the layers of a block with the values of its parameters."""
    if any(block.name == name for name, _ in use.frame.blocks):  # through `type: $kind`; else check.py saw it
        raise NetspecError(
            "NS310",
            f"block {block.name} uses itself",
            use.fields.entries["type"].span,
            hint="a network of this language has no recursion: use `repeat`",
        )
    params = _params(expander, block, use)
    wires = read_by(use)
    if len(wires) != len(block.inputs):
        raise miscounted(use, f"block {block.name}", str(len(block.inputs)), block.inputs, len(wires))
    expander.out.scopes[use.path] = block.name
    frame = _frame(block, use, {**expander.checked.document.vars, **params}, wires)
    expander.body(block.layers, frame, use.inherited, use.nesting + 1)
    through = ", ".join(part for part in (f"through block {block.name}", use.copy) if part)
    if block.outputs is not None:
        return _named_outputs(expander, block, block.outputs, frame, use, through)
    ports = outputs_of_body(frame, use, through)
    return Referent(use.path, ports, use.name_span, opaque=block.name, leaf=frame.leaf, broken=not ports)


def _params(expander: Expander, block: Block, use: Use) -> dict[str, Any]:
    """The value of each parameter; a default may name those before it.  Raises NS202, NS203, NS204."""
    problems = Problems()
    check_arguments(use.fields, block, f"{block.name} `{use.name}`", use.span, problems)
    raise_all(problems)
    params: dict[str, Any] = {}
    for name, default in block.params.entries.items():
        argument = use.fields.get(name)
        defaults = {**expander.checked.document.vars, **params}
        tree = resolve(default, defaults) if argument is None else resolve(argument, use.env)
        value = tree.plain()
        if not is_value(value):
            owner = f"`{name}` of {block.name} `{use.name}`"
            raise NetspecError("NS203", f"{owner} expects {VALUE}, received {show(value)}", tree.span)
        params[name] = value
    return params


def _frame(block: Block, use: Use, env: dict[str, Any], wires: tuple[Wire | None, ...]) -> Frame:
    """The names that the block's layers see: its inputs."""
    names = {
        n: Referent(n, {"": w.named(n, w.ref)} if w else {}, block.span, broken=w is None)
        for n, w in zip(block.inputs, wires, strict=True)
    }
    blocks = (*use.frame.blocks, (block.name, use.name_span))
    frame = Frame(f"{use.path}.", use.path, env, block.layers, names, blocks=blocks)
    if len(names) == 1:
        frame.last = next(iter(names.values())).ports.get("")
        frame.last_broken = frame.last is None
    return frame


def _named_outputs(expander: Expander, block: Block, outputs: Map, frame: Frame, use: Use, through: str) -> Referent:
    """What `outputs` of the block names, each a port; the only one is also what the block itself stands for."""
    ports: dict[str, Wire] = {}
    broken = False
    for name, target in outputs.entries.items():
        try:
            wire = reference(resolve(target, frame.env), frame, f"output `{name}` of block {block.name}")
            ports[name] = wire.seen(use.path, use.name_span, through)
        except NetspecError as error:
            expander.report(error, target.span, frame.route("", target.span))
            broken = True
    if len(outputs.entries) == 1:
        ports.update({"": wire for wire in ports.values()})  # noqa: B035  # one, or none if it is broken
    return Referent(use.path, ports, use.name_span, opaque=block.name, broken=broken)
