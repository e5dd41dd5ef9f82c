"""Expansion: blocks, repeats and containers become a flat list of calls with full names, in the order of the data.

This is the walk over the entries; `expansion/` holds what each of them becomes.  What depends on shapes (a projection
shortcut, a gate) is left as a `Join`, which the graph turns into layers.
"""

from __future__ import annotations

from collections.abc import Mapping

from netspec.frontend.calls import Expansion, Inherited
from netspec.frontend.check import CheckedDocument, unknown_kind
from netspec.frontend.containers import CONTAINERS
from netspec.frontend.expansion.block import expand_block
from netspec.frontend.expansion.container import expand_container
from netspec.frontend.expansion.layer import expand_layer
from netspec.frontend.expansion.outputs import expand_outputs
from netspec.frontend.expansion.repeat import expand_repeat
from netspec.frontend.expansion.size import NetworkTooLargeError
from netspec.frontend.expansion.state import Expander
from netspec.frontend.expansion.use import Use
from netspec.frontend.expansion.weights import with_weight_keys
from netspec.frontend.expansion.wires import wires_of
from netspec.frontend.expression import resolve
from netspec.frontend.names import Frame, Referent, Wire
from netspec.frontend.wiring import read_flag, read_repeat
from netspec.layers import kinds
from netspec.source.errors import NetspecError
from netspec.source.text import Span
from netspec.source.tree import Map, Tree

MAX_NESTING = 40


def expand(checked: CheckedDocument, inputs: Mapping[str, Span]) -> Expansion:
    """Expand the layers of a checked document; what is wrong is collected in `problems`."""
    expander = _Walk(checked)
    try:
        expander.network(inputs)
    except NetworkTooLargeError as error:
        expander.report(error)
    if not expander.out.problems:
        expander.out.problems += expander.out.loose_ends()
    return expander.out


class _Walk(Expander):
    def network(self, inputs: Mapping[str, Span]) -> None:
        """The layers of the file, and its outputs."""
        document = self.checked.document
        layers = document.section("layers")
        assert layers is not None  # document.py refused a file without
        values = {name: Referent(name, {"": Wire.to(name, name, span)}, span) for name, span in inputs.items()}
        frame = Frame("", "", document.vars, layers, dict(values))
        if len(values) == 1:
            frame.last = next(iter(values.values())).ports[""]
        self.body(layers, frame, Inherited(), 0)
        expand_outputs(self, document.section("outputs"), frame, inputs)

    def body(self, layers: Map, frame: Frame, inherited: Inherited, nesting: int) -> None:
        for name, tree in layers.entries.items():
            span = layers.key_span(name)
            try:
                value = self.entry(name, tree, span, frame, inherited, nesting)
            except NetworkTooLargeError:
                raise
            except NetspecError as error:
                self.report(error, tree.span, frame.route(name, error.problems[0].span if error.problems else None))
                value = Referent(name, {}, span, broken=True)
            if value is not None:
                frame.define(name, value)
                if value.broken:
                    self.out.broken[f"{frame.prefix}{name}"] = span

    def entry(
        self, name: str, tree: Tree, span: Span, frame: Frame, inherited: Inherited, nesting: int
    ) -> Referent | None:
        """What one entry stands for, with all its copies; None when it is switched off or has none."""
        fields = tree if isinstance(tree, Map) else Map({"type": tree}, tree.span)
        path = f"{frame.prefix}{name}"
        if nesting > MAX_NESTING:
            raise NetspecError("NS309", f"blocks and containers are nested deeper than {MAX_NESTING}", span)
        if (when := fields.get("when")) is not None and not read_flag(resolve(when, frame.env), "when"):
            self.step(span)
            frame.off[name] = ("is switched off", fields.key_span("when"))
            return None
        repeat = fields.get("repeat")
        count = None if repeat is None else read_repeat(resolve(repeat, frame.env))
        wires = wires_of(self, fields, frame, f"`{name}`")
        use = Use(path, tree, fields, span, frame, frame.env, wires, inherited, "", nesting)
        return self.copy(use) if count is None else expand_repeat(self, use, count, self.copy)

    def copy(self, use: Use) -> Referent:
        """One copy of one entry: a block instance, a container, or a layer."""
        self.step(use.name_span)
        kind = use.kind()
        use = with_weight_keys(use)
        if kind in self.checked.blocks:
            return expand_block(self, self.checked.blocks[kind], use)
        if kind in CONTAINERS:
            return expand_container(self, kind, use)
        if kind not in kinds():
            raise NetspecError.of([unknown_kind(kind, use.fields.entries["type"].span, self.checked)])
        return expand_layer(self, kind, use)
