"""Expansion: blocks, repeats and containers become a flat list of calls with full names, in the order of the data.

What depends on shapes (a projection shortcut, a gate) is left as a `Join`, which the graph turns into layers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from netspec.frontend.blocks import Block, check_arguments
from netspec.frontend.calls import Call, Expansion, Inherited, Join, Place
from netspec.frontend.chain import chained
from netspec.frontend.check import Checked, make_layer, read_container, unknown_kind
from netspec.frontend.containers import CONTAINERS, WIRING, body_key
from netspec.frontend.expression import VALUE, is_value, resolve
from netspec.frontend.identifiers import check_name
from netspec.frontend.names import Frame, Value, Wire, lookup
from netspec.frontend.wiring import MAX_LAYERS, check_from, read_flag, read_repeat, read_share
from netspec.layers import kinds
from netspec.layers.base import Layer
from netspec.layers.init import read_init
from netspec.source.errors import MAX_PROBLEMS, NetspecError, Problem, Problems, did_you_mean, note, raise_all
from netspec.source.text import Span, show
from netspec.source.tree import Items, Map, Scalar, Tree

MAX_NESTING = 40


class TooLargeError(NetspecError):
    """The network is too large: nothing further is looked at."""


def expand(checked: Checked, inputs: Mapping[str, Span]) -> Expansion:
    """Expand the layers of a checked document; what is wrong is collected in `problems`."""
    expander = _Expander(checked)
    try:
        expander.run(inputs)
    except TooLargeError as error:
        expander.report(error)
    if not expander.out.problems:
        expander.out.problems += expander.out.loose_ends()
    return expander.out


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
        self.steps = 0  # entries looked at, whether or not a layer came of them
        self.reported: dict[tuple[str, Span | None], int] = {}
        self.enough = 0  # reports of what was reported often enough

    def report(self, error: NetspecError, span: Span | None = None, route: str = "") -> None:
        """Note problems; one inside a block or repeat once, with the number of instances."""
        for problem in error.located(span, route).problems:
            self.enough += note(self.out.problems, self.reported, problem) >= MAX_PROBLEMS

    def run(self, inputs: Mapping[str, Span]) -> None:
        document = self.checked.document
        layers = document.section("layers")
        assert layers is not None  # document.py refused a file without
        values = {name: Value(name, {"": Wire.to(name, name, span)}, span) for name, span in inputs.items()}
        frame = Frame("", "", document.vars, layers, dict(values))
        if len(values) == 1:
            frame.last = next(iter(values.values())).ports[""]
        self.layers(layers, frame, Inherited(), 0)
        self.outputs(document.section("outputs"), frame, inputs)

    def outputs(self, tree: Map | None, frame: Frame, inputs: Mapping[str, Span]) -> None:
        if tree is None:
            value = frame.names[frame.last_name] if frame.last_name else None
            if value is None:
                self.report(NetspecError("NS204", "no layer is left: all are switched off", frame.declared.span))
            elif "" in value.ports:
                self.out.outputs[frame.last_name] = value.ports[""]
            else:
                self.out.outputs.update(value.ports)
                for name in (port for port in value.ports if port in inputs):
                    hint = f"name the outputs: `outputs: {{…: {frame.last_name}.{name}}}`"
                    self.report(_taken(name, value.span, hint))
            return
        if not tree.entries:
            self.report(
                NetspecError(
                    "NS204",
                    "`outputs` is empty",
                    tree.span,
                    hint="name a layer, or leave the section out: then the last layer is the output",
                )
            )
        for name, target in tree.entries.items():
            place = tree.key_span(name)
            check_name(name, place, "an output", self.out.problems, module=False)
            if name in inputs:
                self.report(_taken(name, place, "choose another name"))
            try:
                self.out.outputs[name] = self.reference(resolve(target, frame.env), frame, f"output `{name}`")
            except NetspecError as error:
                self.report(error, place)
                self.out.outputs[name] = None

    def reference(self, tree: Tree, frame: Frame, owner: str) -> Wire:
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

    def layers(self, tree: Map, frame: Frame, inherited: Inherited, nesting: int) -> None:
        for name, layer in tree.entries.items():
            place = tree.key_span(name)
            fields = layer if isinstance(layer, Map) else Map({"type": layer}, layer.span)
            try:
                value = self.entry(name, layer, fields, place, frame, inherited, nesting)
            except TooLargeError:
                raise
            except NetspecError as error:
                self.report(error, layer.span, frame.route(name, error.problems[0].span if error.problems else None))
                value = Value(name, {}, place, broken=True)
            if value is not None:
                frame.define(name, value)
                if value.broken:
                    self.out.broken[f"{frame.prefix}{name}"] = place

    def entry(
        self, name: str, tree: Tree, fields: Map, place: Span, frame: Frame, inherited: Inherited, nesting: int
    ) -> Value | None:
        path = f"{frame.prefix}{name}"
        if nesting > MAX_NESTING:
            raise NetspecError("NS309", f"blocks and containers are nested deeper than {MAX_NESTING}", place)
        if (tree_when := fields.get("when")) is not None and not read_flag(resolve(tree_when, frame.env), "when"):
            self.step(place)
            frame.off[name] = ("is switched off", fields.key_span("when"))
            return None
        repeat = fields.get("repeat")
        count = None if repeat is None else read_repeat(resolve(repeat, frame.env))
        wires = self.wires(fields, frame, f"`{name}`")
        if count is None:
            use = _Use(path, tree, fields, place, frame, frame.env, wires, inherited, "", nesting)
            return self.one(use)
        copies: dict[str, Value] = {}
        last: Value | None = None
        broken, enough = False, self.enough
        for i in range(count):
            env = {**frame.env, "i": i}
            copy = f"copy {i + 1} of {count}"
            use = _Use(f"{path}.{i}", tree, fields, place, frame, env, wires, inherited, copy, nesting)
            try:
                if broken:  # looked at for what else is wrong, and how often
                    use = replace(use, wires=(None,) * len(wires or (None,)))
                elif last:
                    use = replace(use, wires=self.chained(last, use))
                last = copies[str(i)] = self.one(use)
            except TooLargeError:
                raise
            except NetspecError as error:
                self.report(error, tree.span, frame.route(f"{name}.{i}", place) or f"in {path}.{i}, {copy}")
                last = Value(path, {}, place, broken=True)
            broken |= last.broken
            if self.enough > enough:
                break
        if broken:
            return Value(path, {}, place, broken=True)
        if not last:
            frame.off[name] = ("has no copies", fields.key_span("repeat"))
            return None
        return Value(path, last.ports, place, inner=copies, leaf=last.leaf)

    def chained(self, before: Value, use: _Use) -> tuple[Wire | None, ...]:
        """What a copy reads, the copy before it being known."""
        kind = self.kind(use)
        place = use.fields.key_span("repeat")
        wires = use.wires if use.wires is not None else self.above(use)
        return chained(before, self.inputs(kind), wires, kind, self.name(use), place)

    def kind(self, use: _Use) -> str:
        """The kind that `type` names, whether or not there is one.  Raises NS203."""
        tag = resolve(use.fields.entries["type"], use.env)
        if not isinstance(tag, Scalar) or not isinstance(tag.value, str):
            raise NetspecError("NS203", f"`type` expects a kind, received {show(tag.plain())}", tag.span)
        return tag.value

    def inputs(self, kind: str) -> tuple[str, ...]:
        """The names of what a kind takes."""
        if kind in self.checked.blocks:
            return self.checked.blocks[kind].inputs
        return kinds()[kind].ports if kind in kinds() else ("in",)

    def step(self, place: Span) -> None:
        self.steps += 1
        if self.steps > MAX_LAYERS:
            raise TooLargeError(
                "NS309",
                f"the network has more than {MAX_LAYERS:,} layers",
                place,
                hint="look at `repeat` and at blocks that use blocks",
            )

    def wires(self, fields: Map, frame: Frame, owner: str) -> tuple[Wire | None, ...] | None:
        """What `from` names, in the order of the kind's inputs; None when it is left out."""
        tree = fields.get("from")
        if tree is None:
            return None
        tree = resolve(tree, frame.env)
        targets = tree.items if isinstance(tree, Items) else [tree]
        if isinstance(tree, Map):
            targets = self.by_port(tree, fields, frame, owner)
        if not targets:
            found_empty = Problems()
            check_from(tree, found_empty)
            raise_all(found_empty)
        found: list[Wire | None] = []
        for i, target in enumerate(targets):
            if i and target is targets[i - 1]:  # left out: whatever the one before it reads
                found.append(found[-1])
                continue
            try:
                found.append(self.reference(target, frame, f"`from` of {owner}"))
            except NetspecError as error:
                self.report(error, tree.span, frame.route(owner.strip("`"), target.span))
                found.append(None)
        return tuple(found)

    def by_port(self, tree: Map, fields: Map, frame: Frame, owner: str) -> list[Tree]:
        kind = str(resolve(fields.entries["type"], frame.env).plain())
        ports = self.inputs(kind)
        for name in tree.entries:
            if name not in ports:
                raise NetspecError(
                    "NS202",
                    f"{kind} {owner} has no input `{name}`",
                    tree.key_span(name),
                    hint=did_you_mean(name, ports, f"it has {', '.join(f'`{p}`' for p in ports)}"),
                )
        needed = ports if kind in self.checked.blocks else ports[:1]
        if missing := [port for port in needed if port not in tree]:
            names, more = (form.join(missing) for form in ("`, `", ": …, "))
            raise NetspecError("NS204", f"`from` of {owner} needs `{names}`", tree.span, hint=f"add `{more}: …`")
        optional = kinds()[kind].optional if kind in kinds() and kind not in self.checked.blocks else frozenset()
        targets: list[Tree] = []
        for port in _named(tree, ports, optional):
            targets.append(tree.entries.get(port) or targets[-1])  # one left out is the same as the one before it
        return targets

    def one(self, use: _Use) -> Value:
        """One copy of one entry: a block instance, a container, or a layer."""
        self.step(use.place)
        kind = self.kind(use)
        use = self.inherit(use)
        if kind in self.checked.blocks:
            return self.block(self.checked.blocks[kind], use)
        if kind in CONTAINERS:
            return self.container(kind, use)
        if kind not in kinds():
            raise NetspecError.of([unknown_kind(kind, use.fields.entries["type"].span, self.checked)])
        return self.layer(kind, use)

    def inherit(self, use: _Use) -> _Use:
        """Wiring keys about weights go down to every layer inside."""
        fields, inherited = use.fields, use.inherited
        if not inherited.share and not any(key in fields for key in ("freeze", "init", "share")):
            return use
        share, share_span = inherited.share, inherited.share_span
        freeze, init = inherited.freeze, dict(inherited.init)
        if (tree := fields.get("freeze")) is not None:
            freeze = read_flag(resolve(tree, use.env), "freeze")
        if (tree := fields.get("init")) is not None:
            init.update(read_init(resolve(tree, use.env)))
        local = use.path[len(use.frame.prefix) :]
        if (tree := fields.get("share")) is not None:
            target = read_share(resolve(tree, use.env))
            value = lookup(target.value, target.span, use.frame, sharing=True)
            share_span = target.span
            index = local.partition(".")[2]  # a repeat shares with a repeat copy by copy
            if value.inner and "0" in value.inner and index not in value.inner:
                copies = len(value.inner)
                this = f", and this is copy {int(index) + 1}" if index else ""
                hint = f"name one of them, for example `share: {target.value}.{copies - 1}`"
                raise NetspecError(
                    "NS311", f"`share`: `{target.value}` has {copies} copies{this}", share_span, hint=hint
                )
            share = value.inner[index].path if value.inner and index in value.inner else value.path
        elif share:
            share = f"{share}.{local}"
        return _Use(
            use.path,
            use.tree,
            fields,
            use.place,
            use.frame,
            use.env,
            use.wires,
            Inherited(share, share_span, freeze, init),
            use.copy,
            use.nesting,
        )

    def layer(self, kind: str, use: _Use) -> Value:
        cls = kinds()[kind]
        layer = self.checked.static.get(id(use.tree)) or self.dynamic_layer(cls, use)
        wires = use.wires
        if wires is None:
            wires = self.above(use) if cls.arity[1] != 0 else ()
        fewest, most = cls.arity
        if not fewest <= len(wires) <= (most or len(wires)):
            count = str(fewest) if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}"
            raise self.miscounted(use, kind, count, cls.ports if most and most > 1 else (), len(wires))
        tree = use.fields.get("init")
        own = read_init(resolve(tree, use.env)) if tree is not None else {}
        sources = use.fields.get("from")
        ports = _named(sources, cls.ports, cls.optional) if isinstance(sources, Map) else ()
        self.out.items.append(Call(self.spot(use), layer, wires, own, use.inherited, tree, ports))
        return Value(use.path, {"": Wire.to(use.path, use.path, use.place)}, use.place, leaf=layer)

    def dynamic_layer(self, cls: type[Layer], use: _Use) -> Layer:
        fields = Map(
            {k: resolve(v, use.env) for k, v in use.fields.entries.items() if k == "type" or k not in WIRING},
            use.fields.span,
            use.fields.key_spans,
        )
        key = (cls.kind, repr(fields.plain()))
        if key not in self.layers_made:
            problems = Problems()
            owner = f"{cls.kind} `{self.name(use)}`"
            layer = make_layer(cls, fields, owner, problems, self.span(use), self.checked.cells)
            if layer is None:
                raise NetspecError.of(_hinted(p, fields) for p in problems)
            self.layers_made[key] = layer
        return self.layers_made[key]

    def above(self, use: _Use) -> tuple[Wire | None, ...]:
        """The default input: the layer above."""
        if use.frame.last is None and not use.frame.last_broken and use.frame.last_name:
            last = use.frame.last_name
            ports = ", ".join(f"`{last}.{port}`" for port in use.frame.names[last].ports)
            raise NetspecError(
                "NS308",
                f"`{last}`, the layer above `{self.name(use)}`, gives several tensors",
                use.place,
                hint=f"name one with `from`: {ports}",
            )
        if use.frame.last is None and not use.frame.last_broken:
            raise NetspecError(
                "NS308",
                f"`{self.name(use)}` has no layer above it to read",
                use.place,
                hint=f"name its input with `from`: {', '.join(use.frame.visible())}",
            )
        return (use.frame.last,)

    def block(self, block: Block, use: _Use) -> Value:
        if any(block.name == name for name, _ in use.frame.blocks):  # through `type: $kind`; else check.py saw it
            raise NetspecError(
                "NS310",
                f"block {block.name} uses itself",
                use.fields.entries["type"].span,
                hint="a network of this language has no recursion: use `repeat`",
            )
        document = self.checked.document
        problems = Problems()
        check_arguments(use.fields, block, f"{block.name} `{self.name(use)}`", self.span(use), problems)
        raise_all(problems)
        params: dict[str, Any] = {}
        for name, default in block.params.entries.items():
            given = use.fields.get(name)
            tree = resolve(default, {**document.vars, **params}) if given is None else resolve(given, use.env)
            value = tree.plain()
            if not is_value(value):
                raise NetspecError(
                    "NS203",
                    f"`{name}` of {block.name} `{self.name(use)}` expects {VALUE}, received {show(value)}",
                    tree.span,
                )
            params[name] = value
        wires = use.wires if use.wires is not None else self.above(use)
        if len(wires) != len(block.inputs):
            raise self.miscounted(use, f"block {block.name}", str(len(block.inputs)), block.inputs, len(wires))
        self.out.scopes[use.path] = block.name
        names = {
            n: Value(n, {"": w.named(n, w.ref)} if w else {}, block.span, broken=w is None)
            for n, w in zip(block.inputs, wires, strict=True)
        }
        frame = Frame(
            f"{use.path}.",
            use.path,
            {**document.vars, **params},
            block.layers,
            names,
            blocks=(*use.frame.blocks, (block.name, use.place)),
        )
        if len(names) == 1:
            frame.last = next(iter(names.values())).ports.get("")
            frame.last_broken = frame.last is None
        self.layers(block.layers, frame, use.inherited, use.nesting + 1)
        through = ", ".join(part for part in (f"through block {block.name}", use.copy) if part)
        if isinstance(block.outputs, Map):
            ports = {}
            broken = False
            for name, target in block.outputs.entries.items():
                try:
                    wire = self.reference(resolve(target, frame.env), frame, f"output `{name}` of block {block.name}")
                    ports[name] = wire.seen(use.path, use.place, through)
                except NetspecError as error:
                    self.report(error, target.span, frame.route("", target.span))
                    broken = True
            if len(block.outputs.entries) == 1:
                ports.update({"": wire for wire in ports.values()})  # noqa: B035  # one, or none if it is broken
            return Value(use.path, ports, use.place, opaque=block.name, broken=broken)
        ports = self.whole(frame, use, through)
        return Value(use.path, ports, use.place, opaque=block.name, leaf=frame.leaf, broken=not ports)

    def container(self, kind: str, use: _Use) -> Value:
        problems = Problems()
        tree = Map(
            {
                k: v if k in ("layers", "branches") or isinstance(v, Map) else resolve(v, use.env)
                for k, v in use.fields.entries.items()
                if k not in WIRING
            },
            use.fields.span,
            use.fields.key_spans,
        )
        options = read_container(kind, tree, f"{kind} `{self.name(use)}`", problems, final=True)
        raise_all(problems)
        body = use.fields.get(body_key(kind))
        if not isinstance(body, Map):  # only reached through `type: $kind`
            raise NetspecError(
                "NS204", f"{kind} `{self.name(use)}` needs `{body_key(kind)}`, a mapping", self.span(use)
            )
        wires = use.wires if use.wires is not None else self.above(use)
        if len(wires) != 1:
            raise self.miscounted(use, kind, "1", (), len(wires))
        [source] = wires
        self.out.scopes[use.path] = kind
        if kind == "branches":
            return self.branches(use, body, options, source)
        frame = self.inside(use, "", body, source)
        self.layers(body, frame, use.inherited, use.nesting + 1)
        if kind == "sequence":
            ports = self.whole(frame, use, "")
            return Value(use.path, ports, use.place, inner=frame.names, leaf=frame.leaf, broken=not ports)
        extras: dict[str, Wire | None] = {}
        for option in ("gate",) if options.get("gate") == "none" else ("shortcut", "gate"):  # no gate: F(x) alone
            if isinstance(inner := options.get(option), Map):
                self.out.scopes[f"{use.path}.{option}"] = "sequence"
                side = self.inside(use, f".{option}", inner, source)
                self.layers(inner, side, use.inherited.inside(option), use.nesting + 1)
                extras[option] = self.end(side, f"`{option}` of {kind} `{self.name(use)}`")
        end = self.end(frame, f"{kind} `{self.name(use)}`")
        return self.join(use, kind, options, source, (end,), extras, frame.names)

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
                self.layers(layers, frame, use.inherited.inside(name), use.nesting + 1)
                end, names = self.end(frame, f"path `{name}` of branches `{self.name(use)}`"), frame.names
            ends.append(end)
            place = body.key_span(name)
            ports = {"": end.seen(path, place, "")} if end else {}
            inner[name] = Value(path, ports, place, inner=names, broken=end is None)
        if options["merge"] == "none":
            ports = {name: value.ports[""] for name, value in inner.items() if value.ports}
            return Value(use.path, ports, use.place, inner=inner, broken=None in ends)
        return self.join(use, "branches", options, source, tuple(ends), {}, inner)

    def join(
        self,
        use: _Use,
        kind: str,
        options: dict[str, Any],
        source: Wire | None,
        bodies: tuple[Wire | None, ...],
        extras: dict[str, Wire | None],
        inner: dict[str, Value],
    ) -> Value:
        spot = self.spot(use)
        place = Place(spot.name, use.path, spot.span, spot.route)
        self.out.items.append(Join(place, kind, options, source, bodies, extras, use.inherited))
        return Value(use.path, {"": Wire.to(use.path, use.path, use.place)}, use.place, inner=inner)

    def inside(self, use: _Use, part: str, layers: Map, source: Wire | None) -> Frame:
        path, outer = f"{use.path}{part}", use.frame
        copy = f"in {use.path}, {use.copy}" if use.copy else outer.copy
        frame = Frame(f"{path}.", path, use.env, layers, {}, parent=outer, blocks=outer.blocks, copy=copy)
        frame.last, frame.last_broken = source, source is None
        return frame

    def end(self, frame: Frame, owner: str) -> Wire | None:
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
            self.report(error, last.span, frame.route(frame.last_name, last.span))
        return frame.last

    def whole(self, frame: Frame, use: _Use, through: str) -> dict[str, Wire]:
        """What a group without named outputs gives: its last layer's; with all switched off what comes in.

        Nothing when that is reported.  Raises NS204 for a block of several inputs that is left without layers.
        """
        last = frame.names.get(frame.last_name)
        if last is None and frame.last is None and not frame.last_broken:
            raise NetspecError(
                "NS204",
                f"no layer is left in `{self.name(use)}`: all are switched off",
                self.span(use),
                hint="switch it off with them, or give its block `outputs`",
            )
        ports = last.ports if last else {"": frame.last} if frame.last else {}
        return {port: wire.seen(use.path, use.place, through) for port, wire in ports.items()}

    def name(self, use: _Use) -> str:
        """What the layer's entry is called, without the number of a copy."""
        return use.path[len(use.frame.prefix) :].split(".")[0]

    def miscounted(self, use: _Use, what: str, takes: str, ports: tuple[str, ...], received: int) -> NetspecError:
        """`from` names too few tensors, or too many."""
        tree = use.fields.get("from")
        listed = f" ({', '.join(ports)})" if ports else ""
        hint = (
            "name them with `from: [a, b]`"
            if takes != "1"
            else "name one, or bring them together with `add` or `concat`"
        )
        return NetspecError(
            "NS406",
            f"{what} takes {takes} input{'s' * (takes != '1')}{listed}, received {received}",
            tree.span if tree else self.span(use),
            hint=hint,
        )

    def span(self, use: _Use) -> Span:
        """The place to show: the whole entry when it stands on one line, its name otherwise."""
        return use.tree.span if use.tree.span.line == use.tree.span.end_line else use.place

    def spot(self, use: _Use) -> Place:
        route = use.frame.route(use.path[len(use.frame.prefix) :], use.place)
        if use.copy and not use.frame.blocks:
            route = f"in {use.path}, {use.copy}"
        return Place(use.path, use.frame.scope, self.span(use), route)


def _taken(name: str, place: Span, hint: str) -> NetspecError:
    return NetspecError("NS206", f"an output cannot be named `{name}`: an input has the name", place, hint=hint)


def _named(tree: Map, ports: Sequence[str], optional: Collection[str]) -> tuple[str, ...]:
    """The inputs that `from: {name: …}` gives: those it names, and those before them that cannot be left out."""
    last = max(ports.index(name) for name in tree.entries)
    return tuple(port for port in ports[: last + 1] if port in tree.entries or port not in optional)


def _hinted(problem: Problem, fields: Map) -> Problem:
    """A fraction where a whole number is asked for, from an expression: say how to get one."""
    values = {tree.span: tree.value for tree in fields.entries.values() if isinstance(tree, Scalar)}
    if problem.hint or not isinstance(problem.span and values.get(problem.span), float):
        return problem
    return replace(
        problem, hint="`//` divides without a remainder; `int`, `round`, `floor` and `ceil` make a number whole"
    )
