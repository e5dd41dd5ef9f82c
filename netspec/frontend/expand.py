"""Expansion: blocks, repeats and containers become a flat list of calls with full names, in the order of the data.

What depends on shapes (a projection shortcut, a gate) is left as a `Join`, which the graph turns into layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netspec.frontend.check import Block, Checked, make_layer, read_container
from netspec.frontend.containers import CONTAINERS, WIRING, body_key
from netspec.frontend.expression import resolve
from netspec.frontend.init import Init, read_init
from netspec.frontend.names import Frame, Value, Wire, lookup
from netspec.layers import kinds
from netspec.layers.base import Layer
from netspec.source.errors import NetspecError, Problem, did_you_mean
from netspec.source.text import Span, show
from netspec.source.tree import Items, Map, Scalar, Tree

MAX_LAYERS = 100_000
MAX_NESTING = 40


@dataclass(frozen=True)
class Place:
    """Where a call stands: its full name, its submodule, its text, and the way to it."""

    name: str
    scope: str
    span: Span
    route: str


@dataclass(frozen=True)
class Inherited:
    """What wiring keys of the surroundings say about the weights inside."""

    share: str = ""
    freeze: bool = False
    init: Mapping[str, Init] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One layer, its shapes not yet known; a wire of None is a reference that was already reported."""

    place: Place
    layer: Layer
    wires: tuple[Wire | None, ...]
    own_init: Mapping[str, Init]
    inherited: Inherited
    share_span: Span | None = None


@dataclass(frozen=True)
class Join:
    """The end of a container: what to bring together."""

    place: Place
    kind: str
    options: Mapping[str, Any]
    input: Wire | None
    bodies: tuple[Wire | None, ...]
    extras: Mapping[str, Wire | None]  # what `{layers: …}` options computed: shortcut, gate
    inherited: Inherited


@dataclass
class Expansion:
    """The whole network as calls, and the submodules that hold them."""

    items: list[Call | Join] = field(default_factory=list)
    scopes: dict[str, str] = field(default_factory=dict)  # path -> block or container kind
    outputs: dict[str, Wire | None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def expand(checked: Checked, inputs: Mapping[str, Span]) -> Expansion:
    """Expand the layers of a checked document; what is wrong is collected in `problems`."""
    return _Expander(checked).run(inputs)


@dataclass(frozen=True)
class _Use:
    """One occurrence of a layer entry: what it is called, what feeds it, and what it takes from outside."""

    path: str
    tree: Tree
    fields: Map
    place: Span
    frame: Frame
    env: Mapping[str, Any]
    wires: tuple[Wire | None, ...] | None
    inherited: Inherited
    copy: str  # "copy 2 of 3", or nothing
    nesting: int


class _Expander:
    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self.out = Expansion()
        self.layers_made: dict[tuple[str, str], Layer] = {}

    def run(self, inputs: Mapping[str, Span]) -> Expansion:
        document = self.checked.document
        layers = document.section("layers")
        assert layers is not None  # document.py refused a file without
        values = {name: Value(name, {"": Wire.to(name, name, span)}, span) for name, span in inputs.items()}
        frame = Frame("", "", document.vars, layers, dict(values))
        if len(values) == 1:
            frame.last = next(iter(values.values())).ports[""]
        self.layers(layers, frame, Inherited(), 0)
        self.outputs(document.section("outputs"), frame)
        return self.out

    def outputs(self, tree: Map | None, frame: Frame) -> None:
        if tree is None:
            last = frame.last_name
            value = frame.names[last] if last else None
            if value is None:
                return
            if "" in value.ports:
                self.out.outputs[last] = value.ports[""]
            else:
                self.out.outputs.update(value.ports)
            return
        for name, target in tree.entries.items():
            try:
                target = resolve(target, frame.env)
                self.out.outputs[name] = self.reference(target, frame, f"output `{name}`")
            except NetspecError as error:
                self.out.problems += error.problems
                self.out.outputs[name] = None

    def reference(self, tree: Tree, frame: Frame, owner: str) -> Wire:
        if not isinstance(tree, Scalar) or not isinstance(tree.value, str):
            hint = "references are names, never numbers" if isinstance(tree.plain(), int) else ""
            raise NetspecError("NS308", f"{owner} expects the name of a layer, received {show(tree.plain())}", tree.span,
                               hint=hint)  # fmt: skip
        return lookup(tree.value, tree.span, frame).wire(tree.value, tree.span)

    def layers(self, tree: Map, frame: Frame, inherited: Inherited, nesting: int) -> None:
        for name, layer in tree.entries.items():
            place = tree.key_span(name)
            fields = layer if isinstance(layer, Map) else Map({"type": layer}, layer.span)
            before = len(self.out.problems)
            try:
                value = self.entry(name, layer, fields, place, frame, inherited, nesting)
            except NetspecError as error:
                self.out.problems += error.located(layer.span, frame.route(name)).problems
                value = Value(name, {}, place, broken=True)
            if value is not None:
                frame.define(name, value)
            elif len(self.out.problems) == before:
                frame.off[name] = place

    def entry(self, name: str, tree: Tree, fields: Map, place: Span, frame: Frame,
              inherited: Inherited, nesting: int) -> Value | None:  # fmt: skip
        path = f"{frame.prefix}{name}"
        if nesting > MAX_NESTING:
            raise NetspecError("NS309", f"blocks and containers nested deeper than {MAX_NESTING}", place,
                               hint="a block must not use itself")  # fmt: skip
        if not self.switched_on(fields, frame):
            return None
        count = self.repeats(fields, frame)
        wires = self.wires(fields, frame, f"`{name}`")
        if count is None:
            use = _Use(path, tree, fields, place, frame, frame.env, wires, inherited, "", nesting)
            return self.one(use)
        copies: dict[str, Value] = {}
        for i in range(count):
            env = {**frame.env, "i": i}
            copy = f"copy {i + 1} of {count}"
            use = _Use(f"{path}.{i}", tree, fields, place, frame, env, wires, inherited, copy, nesting)
            last = copies[str(i)] = self.one(use)
            wires = (last.ports.get(""), *(wires or ())[1:])
        if not copies:
            return None
        return Value(path, last.ports, place, inner=copies)

    def switched_on(self, fields: Map, frame: Frame) -> bool:
        tree = fields.get("when")
        if tree is None:
            return True
        value = resolve(tree, frame.env).plain()
        if not isinstance(value, bool):
            raise NetspecError("NS203", f"`when` expects true or false, received {show(value)}", tree.span)
        return value

    def repeats(self, fields: Map, frame: Frame) -> int | None:
        tree = fields.get("repeat")
        if tree is None:
            return None
        value = resolve(tree, frame.env).plain()
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise NetspecError("NS203", f"`repeat` expects a whole number of at least 0, received {show(value)}", tree.span)
        if value > MAX_LAYERS:
            raise NetspecError("NS309", f"`repeat: {value}` is more than {MAX_LAYERS:,} layers", tree.span)
        return value

    def wires(self, fields: Map, frame: Frame, owner: str) -> tuple[Wire | None, ...] | None:
        """What `from` names, in the order of the kind's inputs; None when it is left out."""
        tree = fields.get("from")
        if tree is None:
            return None
        tree = resolve(tree, frame.env)
        targets = tree.items if isinstance(tree, Items) else [tree]
        if isinstance(tree, Map):
            targets = self.by_port(tree, fields, frame, owner)
        found: list[Wire | None] = []
        for target in targets:
            try:
                found.append(self.reference(target, frame, f"`from` of {owner}"))
            except NetspecError as error:
                self.out.problems += error.located(tree.span, frame.route(owner.strip("`"))).problems
                found.append(None)
        return tuple(found)

    def by_port(self, tree: Map, fields: Map, frame: Frame, owner: str) -> list[Tree]:
        kind = resolve(fields.entries["type"], frame.env).plain()
        ports = self.checked.blocks[kind].inputs if kind in self.checked.blocks else \
            kinds()[kind].ports if kind in kinds() else ("in",)  # fmt: skip
        for name in tree.entries:
            if name not in ports:
                raise NetspecError("NS202", f"{owner}, a {kind}, has no input `{name}`", tree.key_span(name),
                                   hint=did_you_mean(name, ports, f"it has {', '.join(ports)}"))  # fmt: skip
        if ports[0] not in tree:
            raise NetspecError("NS204", f"`from` of {owner} needs `{ports[0]}`", tree.span)
        targets: list[Tree] = []
        for port in ports[: max(ports.index(n) for n in tree.entries) + 1]:
            targets.append(tree.entries.get(port) or targets[-1])  # one left out is the same as the one before it
        return targets

    def one(self, use: _Use) -> Value:
        """One copy of one entry: a block instance, a container, or a layer."""
        if len(self.out.items) >= MAX_LAYERS:
            raise NetspecError("NS309", f"the network has more than {MAX_LAYERS:,} layers", use.place,
                               hint="look at `repeat` and at blocks that use blocks")  # fmt: skip
        tag = resolve(use.fields.entries["type"], use.env)
        kind = tag.plain()
        use = self.inherit(use)
        if kind in self.checked.blocks:
            return self.block(self.checked.blocks[kind], use)
        if kind in CONTAINERS:
            return self.container(kind, use)
        if kind not in kinds():
            near = did_you_mean(str(kind), [*kinds(), *CONTAINERS, *self.checked.blocks], "`netspec layers` lists all kinds")
            raise NetspecError("NS201", f"unknown layer kind {show(kind)}", tag.span, hint=near)
        return self.layer(kind, use)

    def inherit(self, use: _Use) -> _Use:
        """Wiring keys about weights go down to every layer inside."""
        fields, inherited = use.fields, use.inherited
        share, freeze, init = inherited.share, inherited.freeze, dict(inherited.init)
        if (tree := fields.get("freeze")) is not None:
            value = resolve(tree, use.env).plain()
            if not isinstance(value, bool):
                raise NetspecError("NS203", f"`freeze` expects true or false, received {show(value)}", tree.span)
            freeze = value
        if (tree := fields.get("init")) is not None:
            init.update(read_init(resolve(tree, use.env)))
        local = use.path[len(use.frame.prefix) :]
        if (tree := fields.get("share")) is not None:
            target = resolve(tree, use.env)
            if not isinstance(target, Scalar) or not isinstance(target.value, str):
                raise NetspecError("NS308", f"`share` expects the name of a layer, received {show(target.plain())}", target.span)
            value = lookup(target.value, target.span, use.frame)
            index = local.partition(".")[2]  # a repeat shares with a repeat copy by copy
            share = value.inner[index].path if value.inner and index in value.inner else value.path
        elif share:
            share = f"{share}.{local}"
        return _Use(use.path, use.tree, fields, use.place, use.frame, use.env, use.wires,
                    Inherited(share, freeze, init), use.copy, use.nesting)  # fmt: skip

    def layer(self, kind: str, use: _Use) -> Value:
        cls = kinds()[kind]
        layer = self.checked.static.get(id(use.tree)) or self.dynamic_layer(cls, use)
        wires = use.wires
        if wires is None:
            wires = self.above(use) if cls.arity[1] != 0 else ()
        fewest, most = cls.arity
        if not fewest <= len(wires) <= (most or len(wires)):
            count = str(fewest) if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}"
            tree = use.fields.get("from")
            raise NetspecError("NS406", f"{kind} takes {count} inputs ({', '.join(cls.ports)}), received {len(wires)}",
                               tree.span if tree else self.span(use), hint="name them with `from: [a, b]`")  # fmt: skip
        tree = use.fields.get("init")
        own = read_init(resolve(tree, use.env)) if tree is not None else {}
        share = use.fields.get("share")
        self.out.items.append(Call(self.spot(use), layer, wires, own, use.inherited, share.span if share else None))
        return Value(use.path, {"": Wire.to(use.path, use.path, use.place)}, use.place, leaf=True)

    def dynamic_layer(self, cls: type[Layer], use: _Use) -> Layer:
        fields = Map({k: resolve(v, use.env) for k, v in use.fields.entries.items() if k not in WIRING},
                     use.fields.span, use.fields.key_spans)  # fmt: skip
        key = (cls.kind, repr(fields.plain()))
        if key not in self.layers_made:
            problems: list[Problem] = []
            layer = make_layer(cls, fields, f"{cls.kind} `{use.path.rpartition('.')[2]}`", problems)
            if layer is None:
                raise NetspecError.of(problems)
            self.layers_made[key] = layer
        return self.layers_made[key]

    def above(self, use: _Use) -> tuple[Wire | None, ...]:
        """The default input: the layer above."""
        if use.frame.last is None and not use.frame.last_broken:
            raise NetspecError("NS308", f"`{use.path}` has nothing above it to read", use.place,
                               hint=f"name its input with `from`: {', '.join(use.frame.visible())}")  # fmt: skip
        return (use.frame.last,)

    def block(self, block: Block, use: _Use) -> Value:
        document = self.checked.document
        params: dict[str, Any] = {}
        for name, default in block.params.entries.items():
            given = use.fields.get(name)
            tree = resolve(default, {**document.vars, **params}) if given is None else resolve(given, use.env)
            value = tree.plain()
            if value is None and given is None:
                raise NetspecError("NS204", f"block {block.name} needs `{name}`", self.span(use), hint=f"add `{name}: …`")
            if isinstance(value, dict):
                raise NetspecError("NS203", f"`{name}` of block {block.name} expects a number, text, true or false, or a "
                                   f"list of them, received {show(value)}", tree.span)  # fmt: skip
            params[name] = value
        for key in use.fields.entries:  # known before for a kind that is written out, not for `type: $kind`
            if key not in WIRING and key not in block.params:
                raise NetspecError("NS202", f"block {block.name} has no parameter `{key}`", use.fields.key_span(key),
                                   hint=did_you_mean(key, block.params.entries))  # fmt: skip
        wires = use.wires if use.wires is not None else self.above(use)
        if len(wires) != len(block.inputs):
            raise NetspecError("NS406", f"block {block.name} takes {len(block.inputs)} inputs ({', '.join(block.inputs)}), "
                               f"received {len(wires)}", self.span(use))  # fmt: skip
        self.out.scopes[use.path] = block.name
        names = {n: Value(n, {"": w.named(n)} if w else {}, block.span, broken=w is None)
                 for n, w in zip(block.inputs, wires, strict=True)}  # fmt: skip
        frame = Frame(f"{use.path}.", use.path, {**document.vars, **params}, block.layers, names,
                      blocks=(*use.frame.blocks, (block.name, use.place)))  # fmt: skip
        if len(names) == 1:
            frame.last = next(iter(names.values())).ports.get("")
            frame.last_broken = frame.last is None
        self.layers(block.layers, frame, use.inherited, use.nesting + 1)
        through = ", ".join(part for part in (f"through block {block.name}", use.copy) if part)
        if isinstance(block.outputs, Map):
            ports = {}
            for name, target in block.outputs.entries.items():
                wire = self.reference(resolve(target, frame.env), frame, f"output `{name}` of block {block.name}")
                ports["" if len(block.outputs.entries) == 1 else name] = wire.seen(use.path, use.place, through)
            return Value(use.path, ports, use.place, opaque=block.name)
        return Value(use.path, self.whole(frame, use, through), use.place, opaque=block.name, broken=frame.last is None)

    def container(self, kind: str, use: _Use) -> Value:
        problems: list[Problem] = []
        tree = Map({k: v if k in ("layers", "branches") or isinstance(v, Map) else resolve(v, use.env)
                    for k, v in use.fields.entries.items() if k not in WIRING},
                   use.fields.span, use.fields.key_spans)  # fmt: skip
        options = read_container(kind, tree, f"{kind} `{use.path.rpartition('.')[2]}`", problems, final=True)
        if problems:
            raise NetspecError.of(problems)
        body = use.fields.get(body_key(kind))
        if not isinstance(body, Map):  # only reached through `type: $kind`
            raise NetspecError("NS204", f"{kind} needs `{body_key(kind)}`, a mapping", self.span(use))
        wires = use.wires if use.wires is not None else self.above(use)
        if len(wires) != 1:
            raise NetspecError("NS406", f"{kind} takes one input, received {len(wires)}", self.span(use))
        [source] = wires
        self.out.scopes[use.path] = kind
        if kind == "branches":
            return self.branches(use, body, options, source)
        frame = self.inside(use, "", body, source)
        self.layers(body, frame, use.inherited, use.nesting + 1)
        if kind == "sequence":
            return Value(use.path, self.whole(frame, use, ""), use.place, inner=frame.names, broken=frame.last is None)
        extras: dict[str, Wire | None] = {}
        for option in ("shortcut", "gate"):
            if isinstance(inner := options.get(option), Map):
                self.out.scopes[f"{use.path}.{option}"] = "sequence"
                side = self.inside(use, f".{option}", inner, source)
                self.layers(inner, side, use.inherited, use.nesting + 1)
                extras[option] = side.last
        return self.join(use, kind, options, source, (frame.last,), extras, frame.names)

    def branches(self, use: _Use, body: Map, options: dict[str, Any], source: Wire | None) -> Value:
        ends: list[Wire | None] = []
        inner: dict[str, Value] = {}
        for name, layers in body.entries.items():
            end = source
            path = f"{use.path}.{name}"
            names: dict[str, Value] = {}
            if isinstance(layers, Map) and layers.entries:
                self.out.scopes[path] = "sequence"
                frame = self.inside(use, f".{name}", layers, source)
                self.layers(layers, frame, use.inherited, use.nesting + 1)
                end, names = frame.last, frame.names
            ends.append(end)
            place = body.key_span(name)
            ports = {"": end.seen(path, place, "")} if end else {}
            inner[name] = Value(path, ports, place, inner=names, broken=end is None)
        if options["merge"] == "none":
            ports = {name: value.ports[""] for name, value in inner.items() if value.ports}
            return Value(use.path, ports, use.place, inner=inner, broken=None in ends)
        return self.join(use, "branches", options, source, tuple(ends), {}, inner)

    def join(self, use: _Use, kind: str, options: dict[str, Any], source: Wire | None,
             bodies: tuple[Wire | None, ...], extras: dict[str, Wire | None], inner: dict[str, Value]) -> Value:  # fmt: skip
        spot = self.spot(use)
        place = Place(spot.name, use.path, spot.span, spot.route)
        self.out.items.append(Join(place, kind, options, source, bodies, extras, use.inherited))
        return Value(use.path, {"": Wire.to(use.path, use.path, use.place)}, use.place, inner=inner)

    def inside(self, use: _Use, part: str, layers: Map, source: Wire | None) -> Frame:
        frame = Frame(f"{use.path}{part}.", f"{use.path}{part}", use.env, layers, {}, parent=use.frame,
                      blocks=use.frame.blocks)  # fmt: skip
        frame.last, frame.last_broken = source, source is None
        return frame

    def whole(self, frame: Frame, use: _Use, through: str) -> dict[str, Wire]:
        """What a group without named outputs gives: its last layer's."""
        last = frame.names.get(frame.last_name)
        return {port: wire.seen(use.path, use.place, through) for port, wire in last.ports.items()} if last else {}

    def span(self, use: _Use) -> Span:
        """The place to show: the whole entry when it stands on one line, its name otherwise."""
        return use.tree.span if use.tree.span.line == use.tree.span.end_line else use.place

    def spot(self, use: _Use) -> Place:
        route = use.frame.route(use.path[len(use.frame.prefix) :])
        if not route and use.copy:
            route = f"in {use.path}, {use.copy}"
        return Place(use.path, use.frame.scope, self.span(use), route)
