"""Which tensors an entry reads: those that `from` names, or what the layer above it gives."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from netspec.frontend.expansion.state import Expander
from netspec.frontend.expansion.use import Use
from netspec.frontend.expression import resolve
from netspec.frontend.lookup import lookup
from netspec.frontend.names import Frame, Wire
from netspec.frontend.wiring import check_from
from netspec.layers import kinds
from netspec.source.errors import NetspecError, Problems, did_you_mean, raise_all
from netspec.source.text import show
from netspec.source.tree import Items, Map, Scalar, Tree


def wires_of(expander: Expander, fields: Map, frame: Frame, owner: str) -> tuple[Wire | None, ...] | None:
    """What `from` names, in the order of the kind's inputs; None when it is left out."""
    tree = fields.get("from")
    if tree is None:
        return None
    tree = resolve(tree, frame.env)
    targets = tree.items if isinstance(tree, Items) else [tree]
    if isinstance(tree, Map):
        targets = _by_port(expander, tree, fields, frame, owner)
    if not targets:
        names_nothing = Problems()
        check_from(tree, names_nothing)
        raise_all(names_nothing)
    wires: list[Wire | None] = []
    for i, target in enumerate(targets):
        if i and target is targets[i - 1]:  # left out: whatever the one before it reads
            wires.append(wires[-1])
            continue
        try:
            wires.append(reference(target, frame, f"`from` of {owner}"))
        except NetspecError as error:
            expander.report(error, tree.span, frame.route(owner.strip("`"), target.span))
            wires.append(None)
    return tuple(wires)


def _by_port(expander: Expander, tree: Map, fields: Map, frame: Frame, owner: str) -> list[Tree]:
    """The references of `from: {name: …}` in the order of the inputs; one left out is the same as the one before it."""
    kind = str(resolve(fields.entries["type"], frame.env).plain())
    ports = expander.inputs(kind)
    blocks = expander.checked.blocks
    for name in tree.entries:
        if name not in ports:
            raise NetspecError(
                "NS202",
                f"{kind} {owner} has no input `{name}`",
                tree.key_span(name),
                hint=did_you_mean(name, ports, f"it has {', '.join(f'`{p}`' for p in ports)}"),
            )
    needed = ports if kind in blocks else ports[:1]
    if missing := [port for port in needed if port not in tree]:
        names, more = (form.join(missing) for form in ("`, `", ": …, "))
        raise NetspecError("NS204", f"`from` of {owner} needs `{names}`", tree.span, hint=f"add `{more}: …`")
    optional = kinds()[kind].optional if kind in kinds() and kind not in blocks else frozenset()
    targets: list[Tree] = []
    for port in named_ports(tree, ports, optional):
        targets.append(tree.entries.get(port) or targets[-1])
    return targets


def named_ports(tree: Map, ports: Sequence[str], optional: Collection[str]) -> tuple[str, ...]:
    """The inputs that `from: {name: …}` gives: those it names, and those before them that cannot be left out."""
    last = max(ports.index(name) for name in tree.entries)
    return tuple(port for port in ports[: last + 1] if port in tree.entries or port not in optional)


def reference(tree: Tree, frame: Frame, owner: str) -> Wire:
    """The one tensor that a reference names.  Raises NS308 and NS310."""
    if not isinstance(tree, Scalar) or not isinstance(tree.value, str):
        value = tree.plain()
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        raise NetspecError(
            "NS308",
            f"{owner} expects the name of a layer, received {show(value)}",
            tree.span,
            hint="references are names, never numbers" if number else "",
        )
    return lookup(tree.value, tree.span, frame).wire(tree.value, tree.span)


def read_by(use: Use) -> tuple[Wire | None, ...]:
    """What a use reads: what `from` names, by default the layer above.  Raises NS308 when that is no single tensor."""
    if use.wires is not None:
        return use.wires
    frame = use.frame
    if frame.last is None and not frame.last_broken:
        if frame.last_name:
            ports = ", ".join(f"`{frame.last_name}.{port}`" for port in frame.names[frame.last_name].ports)
            message = f"`{frame.last_name}`, the layer above `{use.name}`, gives several tensors"
            raise NetspecError("NS308", message, use.name_span, hint=f"name one with `from`: {ports}")
        message = f"`{use.name}` has no layer above it to read"
        hint = f"name its input with `from`: {', '.join(frame.visible())}"
        raise NetspecError("NS308", message, use.name_span, hint=hint)
    return (frame.last,)


def miscounted(use: Use, what: str, takes: str, ports: tuple[str, ...], received: int) -> NetspecError:
    """`from` names too few tensors, or too many: NS406."""
    tree = use.fields.get("from")
    listed = f" ({', '.join(ports)})" if ports else ""
    several, single = "name them with `from: [a, b]`", "name one, or bring them together with `add` or `concat`"
    return NetspecError(
        "NS406",
        f"{what} takes {takes} input{'s' * (takes != '1')}{listed}, received {received}",
        tree.span if tree else use.span,
        hint=single if takes == "1" else several,
    )
