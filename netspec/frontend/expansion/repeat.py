"""The copies of an entry with `repeat`, one after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from netspec.frontend.expansion.chain import chained
from netspec.frontend.expansion.size import NetworkTooLargeError
from netspec.frontend.expansion.state import Expander
from netspec.frontend.expansion.use import Use
from netspec.frontend.expansion.wires import read_by
from netspec.frontend.names import Referent, Wire
from netspec.source.errors import NetspecError


def expand_repeat(expander: Expander, use: Use, count: int, expand_copy: Callable[[Use], Referent]) -> Referent | None:
    """`count` copies of a use, named by their numbers; None for no copies.

    A copy that is wrong is reported, and the others are looked at for what else is wrong, and how often.
    """
    copies: dict[str, Referent] = {}
    last: Referent | None = None
    broken, before = False, expander.reports_over_limit
    for i in range(count):
        path, copy = f"{use.path}.{i}", f"copy {i + 1} of {count}"
        this = replace(use, path=path, env={**use.env, "i": i}, copy=copy)
        try:
            if broken:
                this = replace(this, wires=(None,) * len(use.wires or (None,)))
            elif last:
                this = replace(this, wires=_reads(expander, last, this))
            last = copies[str(i)] = expand_copy(this)
        except NetworkTooLargeError:
            raise
        except NetspecError as error:
            route = use.frame.route(this.local, use.name_span) or f"in {path}, {copy}"
            expander.report(error, use.tree.span, route)
            last = Referent(use.path, {}, use.name_span, broken=True)
        broken |= last.broken
        if expander.reports_over_limit > before:
            break
    if broken:
        return Referent(use.path, {}, use.name_span, broken=True)
    if not last:
        use.frame.off[use.local] = ("has no copies", use.fields.key_span("repeat"))
        return None
    return Referent(use.path, last.ports, use.name_span, inner=copies, leaf=last.leaf)


def _reads(expander: Expander, before: Referent, use: Use) -> tuple[Wire | None, ...]:
    """What a copy reads, the copy before it being known."""
    kind = use.kind()
    return chained(before, expander.inputs(kind), read_by(use), kind, use.name, use.fields.key_span("repeat"))
