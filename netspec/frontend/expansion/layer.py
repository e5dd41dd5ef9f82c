"""A single layer: its record, what it reads, and the call that comes of it."""

from __future__ import annotations

from dataclasses import replace

from netspec.frontend.calls import Call
from netspec.frontend.containers import WIRING
from netspec.frontend.expansion.state import Expander
from netspec.frontend.expansion.use import Use
from netspec.frontend.expansion.wires import miscounted, named_ports, read_by
from netspec.frontend.expression import resolve
from netspec.frontend.names import Referent, Wire
from netspec.frontend.read_layer import make_layer
from netspec.layers import kinds
from netspec.layers.base import Layer
from netspec.layers.init import read_init
from netspec.source.errors import NetspecError, Problem, Problems
from netspec.source.tree import Map, Scalar


def expand_layer(expander: Expander, kind: str, use: Use) -> Referent:
    """Put one call to the expansion.  Raises NS406 for a wrong number of inputs, and what `make_layer` reports."""
    cls = kinds()[kind]
    layer = expander.checked.layers.get(use.tree) or _evaluated(expander, cls, use)
    fewest, most = cls.arity
    wires = () if most == 0 and use.wires is None else read_by(use)
    if not fewest <= len(wires) <= (most or len(wires)):
        count = str(fewest) if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}"
        raise miscounted(use, kind, count, cls.ports if most and most > 1 else (), len(wires))
    tree = use.fields.get("init")
    own_init = read_init(resolve(tree, use.env)) if tree is not None else {}
    sources = use.fields.get("from")
    ports = named_ports(sources, cls.ports, cls.optional) if isinstance(sources, Map) else ()
    expander.out.items.append(Call(use.site(), layer, wires, own_init, use.inherited, tree, ports))
    return Referent(use.path, {"": Wire.to(use.path, use.path, use.name_span)}, use.name_span, leaf=layer)


def _evaluated(expander: Expander, cls: type[Layer], use: Use) -> Layer:
    """The layer with the values of its expressions; equal ones are made once."""
    values = {k: resolve(v, use.env) for k, v in use.fields.entries.items() if k == "type" or k not in WIRING}
    fields = Map(values, use.fields.span, use.fields.key_spans)
    key = (cls.kind, repr(fields.plain()))
    if key not in expander.layers_made:
        problems = Problems()
        layer = make_layer(cls, fields, f"{cls.kind} `{use.name}`", problems, use.span, expander.checked.cells)
        if layer is None:
            raise NetspecError.of(_made_whole(p, fields) for p in problems)
        expander.layers_made[key] = layer
    return expander.layers_made[key]


def _made_whole(problem: Problem, fields: Map) -> Problem:
    """A fraction where a whole number is asked for, from an expression: say how to get one."""
    values = {tree.span: tree.value for tree in fields.entries.values() if isinstance(tree, Scalar)}
    if problem.hint or not isinstance(problem.span and values.get(problem.span), float):
        return problem
    hint = "`//` divides without a remainder; `int`, `round`, `floor` and `ceil` make a number whole"
    return replace(problem, hint=hint)
