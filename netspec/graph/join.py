"""What a container's end is made of, once the shapes of its paths are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NoReturn

from netspec.frontend.calls import Call, Join
from netspec.frontend.names import Wire
from netspec.graph.model import Graph
from netspec.graph.shortcut_strides import Body, ShortcutMap, follow, shortcut_map, stride
from netspec.graph.wires import type_on
from netspec.layers import kinds
from netspec.layers.base import Layer
from netspec.layers.init import Constant, Init
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError, Related
from netspec.source.tree import Map


@dataclass(frozen=True)
class ContainerPart:
    """One layer that a container adds."""

    name: str
    layer: Layer
    wires: tuple[Wire | None, ...]
    init: Mapping[str, Init] = field(default_factory=dict)


def _make(kind: str, **fields: Any) -> Layer:
    layer: Layer = kinds()[kind](**fields)
    return layer


def calls_of(graph: Graph, join: Join) -> list[Call]:
    """The layers at a container's end as calls; none when one of its paths is already reported.  Raises NS308, NS401,
    NS402."""
    bodies = [type_on(graph, wire) for wire in join.bodies]
    x = type_on(graph, join.input)
    extras = {name: type_on(graph, wire) for name, wire in join.extras.items()}
    types = [type_ for type_ in bodies if type_ is not None]
    extra_types = {name: type_ for name, type_ in extras.items() if type_ is not None}
    if x is None or len(types) < len(bodies) or len(extra_types) < len(extras):
        return []
    site, start, end = join.site, join.input, join.bodies[0]
    assert start and end  # their types are known
    parts = parts_of(join, x, types, extra_types, partial(follow, graph, start, end, f"{site.name}."))
    return [_call(part, join) for part in parts]


def _call(part: ContainerPart, join: Join) -> Call:
    """A part with the place, `share`, `init` and `freeze` of its container."""
    site, inherited = join.site, join.inherited
    if inherited.share:
        inherited = replace(inherited, share=f"{inherited.share}{part.name[len(site.name) :]}")
    scope = part.name.rpartition(".")[0] if part.name != site.name else site.scope
    return Call(replace(site, name=part.name, scope=scope), part.layer, part.wires, part.init, inherited)


def parts_of(
    join: Join, x: TensorType, bodies: list[TensorType], extras: Mapping[str, TensorType], body_of: Callable[[], Body]
) -> list[ContainerPart]:
    """The layers at a container's end; the last one carries the container's own name.

    `x` is what comes in, `bodies` what the paths give, `extras` what `{layers: …}` options give, `body_of` reads
    the layers of the path.
    """
    if join.kind == "branches":
        return [_merge_branches(join)]
    [body], [f] = join.bodies, bodies
    assert body is not None and join.input is not None  # calls_of came here with known types only
    body = replace(body, label="F(x)")
    name, options = join.site.name, join.options
    shortcut = options["shortcut"]
    if (shortcut == "none" and join.kind == "residual") or (join.kind == "highway" and options["gate"] == "none"):
        return [ContainerPart(name, _make("identity"), (body,))]
    if isinstance(shortcut, Map):
        parts: list[ContainerPart] = []
        skip = join.extras["shortcut"]
        if extras["shortcut"].shape != f.shape:
            _refuse(join, "add" if join.kind == "residual" else "mix", extras["shortcut"], f, "S(x)", skip)
    else:
        parts, skip = _shortcut(join, str(shortcut), x, f, body_of)
    skip = replace(skip, label="S(x)") if skip else None
    if join.kind == "residual":
        if not parts and not isinstance(shortcut, Map) and x.shape != f.shape:
            _refuse(join, "add", x, f)
        return [*parts, ContainerPart(name, _make("add"), (body, skip))]
    gate_parts, gate = _gate(join, x, f, body_of)
    if isinstance(options["gate"], Map) and extras["gate"].shape != f.shape:
        _refuse(join, "gate", extras["gate"], f, "gate(x)", join.extras["gate"])
    if shortcut == "none":  # y = F(x)·τ(x)
        return [*gate_parts, ContainerPart(name, _make("multiply"), (body, gate))]
    if not parts and not isinstance(shortcut, Map) and x.shape != f.shape:
        _refuse(join, "mix", x, f)
    return [*parts, *gate_parts, ContainerPart(name, _make("lerp"), (skip, body, gate))]


def _refuse(
    join: Join,
    verb: str,
    x: TensorType,
    f: TensorType,
    label: str = "S(x) = x",
    other: Wire | None = None,
    why: str = "",
) -> NoReturn:
    """F(x) does not fit S(x) (or the gate), whose shape is `x`: NS401 with both producers."""
    body, other = join.bodies[0], other or join.input
    assert body is not None and other is not None  # calls_of came here with known types only
    related = (Related("F(x)", str(f), body.span, body.through), Related(label, str(x), other.span, other.through))
    message = f"cannot gate {f} with {x}" if verb == "gate" else f"cannot {verb} {f} and {x}"
    mode = join.options["shortcut"]
    if why:
        key = "gate" if verb == "gate" else "shortcut"
        hint = f"{why}: say what is meant with `{key}: {{layers: …}}`"
    elif label != "S(x) = x":
        hint = f"let {label} end with the shape of F(x)"
    elif mode == "identity":
        hint = f"bring both to one shape, for instance with `shortcut: projection` in this {join.kind}"
    else:
        hint = (
            f"`shortcut: {mode}` changes {_CHANGES[mode]}: end F(x) with such a shape, or use `shortcut: {{layers: …}}`"
        )
    raise NetspecError("NS401", message, related=related, hint=hint)


_CHANGES = {"projection": "strides and channels only", "pad": "strides and adds channels only"}


def _merge_branches(join: Join) -> ContainerPart:
    merge = join.options["merge"]
    fields = {"dim": 1} if merge in ("concat", "stack") else {}
    if len(join.bodies) == 1 and merge in ("add", "multiply", "concat"):
        return ContainerPart(join.site.name, _make("identity"), join.bodies)
    return ContainerPart(join.site.name, _make(merge, **fields), join.bodies)


def _shortcut(
    join: Join, mode: str, x: TensorType, f: TensorType, body: Callable[[], Body]
) -> tuple[list[ContainerPart], Wire | None]:
    if mode in ("identity", "none") or x.shape == f.shape:
        return [], join.input
    verb = "add" if join.kind == "residual" else "mix"
    if x.rank != f.rank or not 2 <= x.rank <= 5:
        _refuse(join, verb, x, f)
    shortcut = shortcut_map(x, f, body)
    if isinstance(shortcut, str):
        _refuse(join, verb, x, f, why=shortcut)
    name, features = f"{join.site.name}.shortcut", f.shape[shortcut.features]
    if not isinstance(features, int):
        _refuse(join, verb, x, f)
    if mode == "pad":
        return _padded(join, name, x, f, shortcut)
    if not shortcut.strides:
        linear = ContainerPart(f"{name}.linear", _make("linear", out_features=features), (join.input,))
        return [linear], Wire.to(linear.name, "S(x)", None)
    dims = x.rank - 2
    conv = ContainerPart(
        f"{name}.conv",
        _make(f"conv{dims}d", out_channels=features, kernel_size=1, stride=shortcut.strides, bias=False),
        (join.input,),
    )
    norm = ContainerPart(f"{name}.norm", _make(f"batch_norm{dims}d"), (Wire.to(conv.name, "shortcut.conv", None),))
    return [conv, norm], Wire.to(norm.name, "S(x)", None)


def _padded(
    join: Join, name: str, x: TensorType, f: TensorType, shortcut: ShortcutMap
) -> tuple[list[ContainerPart], Wire | None]:
    """Option A of He et al. 2015: every s-th position, and zeros for the channels that are new."""
    parts: list[ContainerPart] = []
    wire = join.input
    for axis, step in enumerate(shortcut.strides, start=2):
        if step > 1:
            part = ContainerPart(f"{name}.slice{axis}", _make("slice", dim=axis, step=step), (wire,))
            parts.append(part)
            wire = Wire.to(part.name, "S(x)", None)
    new, old = f.shape[shortcut.features], x.shape[shortcut.features]
    if not isinstance(new, int) or not isinstance(old, int) or new < old:
        _refuse(join, "add" if join.kind == "residual" else "mix", x, f)
    elif new > old:
        pad = (0, 0) * (x.rank - 1 - shortcut.features) + (0, new - old)  # from the last axis on, as torch counts
        part = ContainerPart(f"{name}.pad", _make("pad", padding=pad), (wire,))
        parts.append(part)
        wire = Wire.to(part.name, "S(x)", None)
    return parts, wire


def _gate(join: Join, x: TensorType, f: TensorType, body: Callable[[], Body]) -> tuple[list[ContainerPart], Wire]:
    name = f"{join.site.name}.gate"
    gate = join.options["gate"]
    init = {"bias": Constant(join.options["gate_bias"])}
    if isinstance(gate, Map):
        parts, wire = [], join.extras["gate"]
    elif gate == "linear":
        if x.rank == f.rank > 2 and 1 in (mixed := body().mixed()) and x.rank - 1 not in mixed:
            raise NetspecError(
                "NS402",
                f"a `linear` gate maps the last axis of {x}; F(x) maps channels, axis 1",
                hint="use `gate: conv`, or `gate: {layers: …}`",
            )
        if x.rank < 2 or not isinstance(f.shape[-1], int):
            raise NetspecError(
                "NS402",
                f"a `linear` gate expects a last axis of known size, received {f}",
                hint="use `gate: {layers: …}`",
            )
        if x.shape[:-1] != f.shape[:-1]:
            _refuse(join, "gate", x.with_shape(*x.shape[:-1], f.shape[-1]), f, "gate(x)", join.input)
        parts = [ContainerPart(f"{name}.linear", _make("linear", out_features=f.shape[-1]), (join.input,), init)]
    else:
        if not 3 <= x.rank <= 5:
            raise NetspecError(
                "NS402",
                f"a `conv` gate expects an input of 1 to 3 spatial axes, received {x}",
                hint="use `gate: linear`",
            )
        if not isinstance(f.shape[1], int):
            raise NetspecError(
                "NS402", f"a `conv` gate expects channels of known number, received {f}", hint="use `gate: {layers: …}`"
            )
        if x.rank != f.rank:
            _refuse(join, "gate", x, f, "gate(x)", join.input)
        strides = [stride(axis, x, f, body()) for axis in range(2, x.rank)]
        if why := next((s for s in strides if isinstance(s, str)), ""):
            _refuse(join, "gate", x, f, "x", join.input, why)
        conv = _make(f"conv{x.rank - 2}d", out_channels=f.shape[1], kernel_size=3, padding=1, stride=tuple(strides))
        parts = [ContainerPart(f"{name}.conv", conv, (join.input,), init)]
    if parts:
        wire = Wire.to(parts[0].name, "gate(x)", None)
    sigmoid = ContainerPart(f"{name}.sigmoid", _make("sigmoid"), (wire,))
    return [*parts, sigmoid], Wire.to(sigmoid.name, "τ(x)", None)
