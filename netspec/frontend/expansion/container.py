"""A container: its options, its bodies in the names around it, and the join at its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from netspec.frontend.calls import Join
from netspec.frontend.containers import WIRING, body_key, read_container
from netspec.frontend.expansion.state import Expander
from netspec.frontend.expansion.use import Use
from netspec.frontend.expansion.wires import miscounted, read_by
from netspec.frontend.expression import resolve
from netspec.frontend.names import Frame, Referent, Wire
from netspec.source.errors import NetspecError, Problems, raise_all
from netspec.source.tree import Map


def expand_container(expander: Expander, kind: str, use: Use) -> Referent:
    """Expand the bodies of a container; what depends on shapes is left to the join."""
    owner = f"{kind} `{use.name}`"
    options = _options(kind, use, owner)
    body = use.fields.get(body_key(kind))
    if not isinstance(body, Map):  # only reached through `type: $kind`
        raise NetspecError("NS204", f"{owner} needs `{body_key(kind)}`, a mapping", use.span)
    wires = read_by(use)
    if len(wires) != 1:
        raise miscounted(use, kind, "1", (), len(wires))
    [source] = wires
    expander.out.scopes[use.path] = kind
    if kind == "branches":
        return _branches(expander, use, body, options, source)
    frame = _frame(use, "", body, source)
    expander.body(body, frame, use.inherited, use.nesting + 1)
    if kind == "sequence":
        ports = outputs_of_body(frame, use, "")
        return Referent(use.path, ports, use.name_span, inner=frame.names, leaf=frame.leaf, broken=not ports)
    extras: dict[str, Wire | None] = {}
    for option in ("gate",) if options.get("gate") == "none" else ("shortcut", "gate"):  # no gate: F(x) alone
        if isinstance(inner := options.get(option), Map):
            expander.out.scopes[f"{use.path}.{option}"] = "sequence"
            side = _frame(use, f".{option}", inner, source)
            expander.body(inner, side, use.inherited.inside(option), use.nesting + 1)
            extras[option] = _end(expander, side, f"`{option}` of {owner}")
    end = _end(expander, frame, owner)
    return _joined(expander, use, Join(use.site(), kind, options, source, (end,), extras, use.inherited), frame.names)


def _options(kind: str, use: Use, owner: str) -> dict[str, Any]:
    """The container's own keys, expressions in them evaluated; those that hold layers stay as they are."""
    problems = Problems()
    values = {
        k: v if k in ("layers", "branches") or isinstance(v, Map) else resolve(v, use.env)
        for k, v in use.fields.entries.items()
        if k not in WIRING
    }
    tree = Map(values, use.fields.span, use.fields.key_spans)
    options = read_container(kind, tree, owner, problems, final=True)
    raise_all(problems)
    return options


def _branches(expander: Expander, use: Use, body: Map, options: dict[str, Any], source: Wire | None) -> Referent:
    """Parallel paths; without a `merge` each is a port."""
    ends: list[Wire | None] = []
    paths: dict[str, Referent] = {}
    for name, layers in body.entries.items():
        end = source
        path = f"{use.path}.{name}"
        names: dict[str, Referent] = {}
        if isinstance(layers, Map) and layers.entries:
            expander.out.scopes[path] = "sequence"
            frame = _frame(use, f".{name}", layers, source)
            expander.body(layers, frame, use.inherited.inside(name), use.nesting + 1)
            end, names = _end(expander, frame, f"path `{name}` of branches `{use.name}`"), frame.names
        ends.append(end)
        span = body.key_span(name)
        ports = {"": end.seen(path, span, "")} if end else {}
        paths[name] = Referent(path, ports, span, inner=names, broken=end is None)
    if options["merge"] == "none":
        ports = {name: value.ports[""] for name, value in paths.items() if value.ports}
        return Referent(use.path, ports, use.name_span, inner=paths, broken=None in ends)
    return _joined(expander, use, Join(use.site(), "branches", options, source, tuple(ends), {}, use.inherited), paths)


def _joined(expander: Expander, use: Use, join: Join, inner: dict[str, Referent]) -> Referent:
    """The layer that brings a container's ends together carries its name, and stands inside of it."""
    expander.out.items.append(replace(join, site=replace(join.site, scope=use.path)))
    return Referent(use.path, {"": Wire.to(use.path, use.path, use.name_span)}, use.name_span, inner=inner)


def _frame(use: Use, part: str, layers: Map, source: Wire | None) -> Frame:
    """The names that one body of a container sees: its own, and all around it."""
    path, outer = f"{use.path}{part}", use.frame
    copy = f"in {use.path}, {use.copy}" if use.copy else outer.copy
    frame = Frame(f"{path}.", path, use.env, layers, {}, parent=outer, blocks=outer.blocks, copy=copy)
    frame.last, frame.last_broken = source, source is None
    return frame


def _end(expander: Expander, frame: Frame, owner: str) -> Wire | None:
    """The one tensor that a body ends with; None when the reason is reported, several tensors (NS308) too."""
    if frame.last is None and not frame.last_broken:
        last = frame.names[frame.last_name]
        ports = ", ".join(f"`{frame.last_name}.{port}`" for port in last.ports)
        error = NetspecError(
            "NS308",
            f"{owner} ends with `{frame.last_name}`, which gives several tensors",
            last.span,
            hint=f"end it with a layer that reads what is meant of {ports}",
        )
        expander.report(error, last.span, frame.route(frame.last_name, last.span))
    return frame.last


def outputs_of_body(frame: Frame, use: Use, through: str) -> dict[str, Wire]:
    """What a body without named outputs gives: its last layer's; with all switched off what comes in.

    Nothing when that is reported.  Raises NS204 for a block of several inputs that is left without layers.
    """
    last = frame.names.get(frame.last_name)
    if last is None and frame.last is None and not frame.last_broken:
        message = f"no layer is left in `{use.name}`: all are switched off"
        raise NetspecError("NS204", message, use.span, hint="switch it off with them, or give its block `outputs`")
    ports = last.ports if last else {"": frame.last} if frame.last else {}
    return {port: wire.seen(use.path, use.name_span, through) for port, wire in ports.items()}
