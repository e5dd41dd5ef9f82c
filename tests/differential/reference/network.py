"""The language of docs/language.md, read by hand: names, containers, blocks, repeats, sharing -> one forward pass."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.differential.reference import cells, elementwise, form, weighted, windows
from tests.differential.reference.run import KINDS, Call, Run, Store

__all__ = ["KINDS", "Frame", "Network", "Run", "Store", "Value"]
_FILLED = (cells, elementwise, form, weighted, windows)  # imported for the kinds that they enter

WIRING = {"type", "from", "repeat", "share", "init", "freeze", "when"}


@dataclass
class Value:
    """What a name stands for: tensors by port ("" is the main one), and the names inside."""

    ports: dict[str, Tensor]
    path: str
    inner: dict[str, Value] = field(default_factory=dict)

    @property
    def tensor(self) -> Tensor:
        return self.ports[""]


@dataclass
class Frame:
    """The names that a layer can read; a container sees those around it, a block does not."""

    prefix: str
    env: Mapping[str, Any]
    values: dict[str, Value] = field(default_factory=dict)
    above: Frame | None = None
    last: Value | None = None

    def find(self, reference: str) -> Value:
        head, *rest = reference.split(".")
        frame: Frame | None = self
        while frame is not None and head not in frame.values:
            frame = frame.above
        if frame is None:
            raise KeyError(reference)
        value = frame.values[head]
        for step in rest:
            inside = value.inner.get(step)
            value = inside if inside else Value({"": value.ports[step]}, f"{value.path}.{step}")
        return value


class UndefinedError(Exception):
    """The documentation leaves open what such a network means."""


@dataclass
class Handed:
    """What a container hands to the layers inside."""

    share: str = ""
    freeze: bool = False
    init: Any = None


class Network:
    """A parsed file; `forward` runs it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document

    def forward(self, run: Run, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        frame = self.frame(inputs)
        for name, entry in self.document["layers"].items():
            self.define(run, frame, name, entry)
        outputs = self.document.get("outputs")
        if outputs:
            return {name: frame.find(reference).tensor for name, reference in outputs.items()}
        [last] = [name for name, value in frame.values.items() if value is frame.last]
        assert frame.last is not None
        outputs = _outward(frame.last)
        if any(port.isdigit() for port in outputs):
            raise ValueError("the parts of a split are outputs by name only")
        return {port or last: tensor for port, tensor in outputs.items()}

    def frame(self, inputs: Mapping[str, Tensor]) -> Frame:
        frame = Frame("", self.document.get("vars", {}))
        frame.values = {name: Value({"": x}, name) for name, x in inputs.items()}
        if len(inputs) == 1:
            [frame.last] = frame.values.values()
        return frame

    def define(self, run: Run, frame: Frame, name: str, entry: Any, handed: Handed | None = None) -> Value | None:
        """One entry of `layers`, repeats and all."""
        fields = {"type": entry} if isinstance(entry, str) else dict(entry)
        handed = handed or Handed()
        if fields.get("when") is not None and not _put(fields["when"], frame.env):
            return None
        count = _put(fields.get("repeat"), frame.env)
        path = f"{frame.prefix}{name}"
        if count is None:
            value: Value | None = self.one(run, frame, path, name, fields, frame.env, None, handed)
        else:
            copies: dict[str, Value] = {}
            before: Value | None = None
            for i in range(count):
                env = {**frame.env, "i": i}
                before = self.one(run, frame, f"{path}.{i}", f"{name}.{i}", fields, env, before, handed)
                copies[str(i)] = before
            value = Value(before.ports, path, copies) if before else None
        if value is not None:
            frame.values[name] = value
            frame.last = value
        return value

    def one(
        self,
        run: Run,
        frame: Frame,
        path: str,
        local: str,
        fields: dict[str, Any],
        env: Mapping[str, Any],
        before: Value | None,
        handed: Handed,
    ) -> Value:
        kind = _put(fields["type"], env)
        source = fields.get("from")
        names: list[str] = []
        if isinstance(source, Mapping):
            names = list(source)
            wires = [frame.find(_put(reference, env)) for reference in source.values()]
        elif source is not None:
            wires = [frame.find(_put(r, env)) for r in (source if isinstance(source, list) else [source])]
        else:
            assert frame.last is not None
            wires = [frame.last]
        inputs = [wire.tensor for wire in wires]
        blocks = self.document.get("blocks", {})
        ports = dict(zip(names, inputs, strict=True)) if names else {}
        if before is not None:  # the next copy reads the one before: its first input, or port by port
            inputs, ports = self.chained(kind, inputs, ports, before)
        handed = self.hand_down(frame, local, fields, env, handed)
        if kind in blocks:
            return self.block(run, blocks[kind], path, fields, env, inputs, ports, handed)
        if kind in CONTAINERS:
            return CONTAINERS[kind](self, run, frame, path, {**fields, "_env": env}, inputs[0], handed)
        given = {k: _put(v, env) for k, v in fields.items() if k not in WIRING}
        call = Call(run, path, kind, given, inputs, ports, handed.share)
        before_call = set(run.store.trainable)
        result = KINDS[kind](call)
        for made in set(run.store.trainable) - before_call:
            run.store.trainable[made] = not handed.freeze
            run.store.begins[made] = (kind, given, handed.init)
        return Value(dict(result) if isinstance(result, dict) else {"": result}, path)

    def chained(
        self, kind: str, inputs: list[Tensor], ports: dict[str, Tensor], before: Value
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        block = self.document.get("blocks", {}).get(kind)
        given = _outward(before)
        if "" in given:
            first = given[""]
            if ports:
                head = ("query", "input", "start") if not block else tuple(block.get("inputs", ["in"]))
                ports = {n: first if n == next(h for h in (*head, *ports) if h in ports) else t
                         for n, t in ports.items()}  # fmt: skip
            return [first, *inputs[1:]], ports
        assert block is not None, "only a block or branches has ports without a main one"
        names = block.get("inputs", ["in"])
        if not set(given) & set(names):
            raise ValueError("no port of a copy is an input of the next")
        now = dict(zip(names, inputs, strict=True)) | ports
        now |= {n: t for n, t in given.items() if n in names}
        return [now[n] for n in names], (now if ports else {})

    def hand_down(
        self, frame: Frame, local: str, fields: Mapping[str, Any], env: Mapping[str, Any], handed: Handed
    ) -> Handed:
        share = f"{handed.share}.{local}" if handed.share else ""
        if "share" in fields:
            value = frame.find(_put(fields["share"], env))
            index = local.partition(".")[2]  # a repeat shares with a repeat copy by copy
            share = value.inner[index].path if index in value.inner else value.path
        freeze = _put(fields["freeze"], env) if "freeze" in fields else handed.freeze
        return Handed(share, freeze, fields.get("init", handed.init))

    def block(
        self,
        run: Run,
        block: Mapping[str, Any],
        path: str,
        fields: Mapping[str, Any],
        env: Mapping[str, Any],
        inputs: list[Tensor],
        ports: Mapping[str, Tensor],
        handed: Handed,
    ) -> Value:
        params: dict[str, Any] = dict(self.document.get("vars", {}))
        for name, default in (block.get("params") or {}).items():
            params[name] = _put(fields[name], env) if name in fields else _put(default, params)
        names = block.get("inputs", ["in"])
        frame = Frame(f"{path}.", params)
        tensors = [ports[n] for n in names] if ports else inputs
        frame.values = {n: Value({"": t}, n) for n, t in zip(names, tensors, strict=True)}
        if len(names) == 1:
            [frame.last] = frame.values.values()
        for name, entry in block["layers"].items():
            self.define(run, frame, name, entry, handed)
        outputs = block.get("outputs")
        assert frame.last is not None
        if isinstance(outputs, Mapping):
            found = {name: frame.find(reference).tensor for name, reference in outputs.items()}
            return Value({"": next(iter(found.values()))} if len(found) == 1 else found, path)
        last = frame.find(outputs) if outputs else frame.last
        return Value(dict(last.ports), path)

    def body(
        self,
        run: Run,
        frame: Frame,
        path: str,
        layers: Mapping[str, Any] | None,
        x: Tensor,
        env: Mapping[str, Any],
        handed: Handed,
    ) -> tuple[Value, dict[str, Value]]:
        """The layers of a container, which read what stands around it; without layers, x itself."""
        inner = Frame(f"{path}.", env, above=frame, last=Value({"": x}, path))
        for name, entry in (layers or {}).items():
            self.define(run, inner, name, entry, handed)
        assert inner.last is not None
        return inner.last, inner.values


def _outward(value: Value) -> dict[str, Tensor]:
    return {"": value.ports[""]} if "" in value.ports else value.ports


def _put(value: Any, env: Mapping[str, Any]) -> Any:
    """Expressions: `$name`, `$(…)`."""
    if isinstance(value, list):
        return [_put(v, env) for v in value]
    if isinstance(value, Mapping):
        return {k: _put(v, env) for k, v in value.items()}
    if isinstance(value, str) and (found := re.fullmatch(r"\$(\w+)|\$\((.*)\)", value)):
        code = found[1] or found[2]
        names = {"min": min, "max": max, "abs": abs, "int": int, "true": True, "false": False}
        return eval(code, {"__builtins__": {}}, {**names, **env})
    return value


def sequence(
    net: Network, run: Run, frame: Frame, path: str, fields: Mapping[str, Any], x: Tensor, handed: Handed
) -> Value:
    last, inner = net.body(run, frame, path, fields["layers"], x, fields["_env"], handed)
    return Value(dict(last.ports), path, inner)


def branches(
    net: Network, run: Run, frame: Frame, path: str, fields: Mapping[str, Any], x: Tensor, handed: Handed
) -> Value:
    paths: dict[str, Value] = {}
    for name, layers in fields["branches"].items():
        last, inner = net.body(run, frame, f"{path}.{name}", layers, x, fields["_env"], _step(handed, name))
        paths[name] = Value({"": last.tensor}, f"{path}.{name}", inner)
    merge = _put(fields.get("merge", "concat"), fields["_env"])
    tensors = [value.tensor for value in paths.values()]
    if merge == "none":
        return Value({name: value.tensor for name, value in paths.items()}, path, paths)
    fields_ = {"dim": 1} if merge in ("concat", "stack") else {}
    result = KINDS[merge](Call(run, path, merge, fields_, tensors, {}))
    assert isinstance(result, Tensor)
    return Value({"": result}, path, paths)


def _step(handed: Handed, name: str) -> Handed:
    return Handed(f"{handed.share}.{name}" if handed.share else "", handed.freeze, handed.init)


def residual(
    net: Network, run: Run, frame: Frame, path: str, fields: Mapping[str, Any], x: Tensor, handed: Handed
) -> Value:
    last, inner = net.body(run, frame, path, fields["layers"], x, fields["_env"], handed)
    f = last.tensor
    skip = _shortcut(net, run, frame, path, fields, x, f, handed)
    if skip is not None and (skip.shape != f.shape or skip.dtype != f.dtype):
        raise ValueError("S(x) has another shape or type than F(x)")
    return Value({"": f if skip is None else f + skip}, path, inner)


def highway(
    net: Network, run: Run, frame: Frame, path: str, fields: Mapping[str, Any], x: Tensor, handed: Handed
) -> Value:
    last, inner = net.body(run, frame, path, fields["layers"], x, fields["_env"], handed)
    f, env = last.tensor, fields["_env"]
    gate = fields.get("gate", "linear")
    if gate == "none":
        return Value({"": f}, path, inner)
    skip = _shortcut(net, run, frame, path, fields, x, f, handed)
    name = f"{path}.gate"
    below = _step(handed, "gate")
    if isinstance(gate, Mapping):
        value, _ = net.body(run, frame, name, gate["layers"], x, env, below)
        z = value.tensor
    elif _put(gate, env) == "linear":
        z = _own(
            run, f"{name}.linear", "linear", {"out_features": f.shape[-1]}, x, below, fields.get("gate_bias", -2.0)
        )
    else:
        stride = strides_of(fields["layers"], x.ndim - 2)
        given = {"out_channels": f.shape[1], "kernel_size": 3, "padding": 1, "stride": stride}
        z = _own(run, f"{name}.conv", f"conv{x.ndim - 2}d", given, x, below, fields.get("gate_bias", -2.0))
    if any(y is not None and (y.shape != f.shape or y.dtype != f.dtype) for y in (z, skip)):
        raise ValueError("the gate or S(x) has another shape or type than F(x)")
    tau = torch.sigmoid(z)
    return Value({"": f * tau + (0 if skip is None else skip * (1 - tau))}, path, inner)


def _own(
    run: Run, path: str, kind: str, fields: dict[str, Any], x: Tensor, handed: Handed, begin: Any = None
) -> Tensor:
    """A layer that a container adds, under the name documented for it."""
    local = path.rpartition(".")[2]
    before = set(run.store.trainable)
    call = Call(run, path, kind, fields, [x], {}, f"{handed.share}.{local}" if handed.share else "")
    result = KINDS[kind](call)
    for made in set(run.store.trainable) - before:
        run.store.trainable[made] = not handed.freeze
        run.store.begins[made] = (kind, fields, handed.init if begin is None else {"bias": begin})
    assert isinstance(result, Tensor)
    return result


def _shortcut(
    net: Network, run: Run, frame: Frame, path: str, fields: Mapping[str, Any], x: Tensor, f: Tensor, handed: Handed
) -> Tensor | None:
    env = fields["_env"]
    shortcut = fields.get("shortcut", "identity")
    name, below = f"{path}.shortcut", _step(handed, "shortcut")
    if isinstance(shortcut, Mapping):
        value, _ = net.body(run, frame, name, shortcut["layers"], x, env, below)
        return value.tensor
    shortcut = _put(shortcut, env)
    if shortcut == "none":
        return None
    # By the formula of the shape, which the first run shows at sizes that do not agree by chance.
    if shortcut == "identity" or not run.store.changes.setdefault(path, x.shape != f.shape):
        return x
    axes = x.ndim - 2
    channels = axes > 0 and spatial(fields["layers"])  # else F maps the last axis
    strides = strides_of(fields["layers"], axes) if channels else []
    if shortcut == "projection" and not channels:
        return _own(run, f"{name}.linear", "linear", {"out_features": f.shape[-1]}, x, below)
    if shortcut == "projection":
        given = {"out_channels": f.shape[1], "kernel_size": 1, "stride": strides, "bias": False}
        y = _own(run, f"{name}.conv", f"conv{axes}d", given, x, below)
        return _own(run, f"{name}.norm", f"batch_norm{axes}d", {}, y, below)
    y = x
    for axis, stride in enumerate(strides, start=2):
        y = y[(slice(None),) * axis + (slice(None, None, stride),)]
    features = 1 if channels else x.ndim - 1
    new = f.shape[features] - x.shape[features]
    if new < 0:
        raise ValueError("pad takes no channel away")
    return F.pad(y, (0, 0) * (x.ndim - 1 - features) + (0, new))


_STRIDED = re.compile(r"(conv|(avg|max)_pool)[123]d")


_LAST = {"linear", "maxout", "bilinear", "multi_head_attention", "recurrent", *cells.CELLS}


def spatial(layers: Mapping[str, Any]) -> bool:
    """Whether F works on channels and positions (convolutions, pooling), not on features."""
    kinds = {_kind(entry) for entry in _flat(layers)}
    strided = any(_STRIDED.fullmatch(kind) for kind in kinds)
    if strided and not kinds.isdisjoint(_LAST):
        raise UndefinedError("F maps both the channels and the last axis")
    if not strided and kinds.isdisjoint(_LAST):
        raise UndefinedError("F maps no axis by a layer that says which")
    return strided


def strides_of(layers: Mapping[str, Any], axes: int) -> list[int]:
    """The product of the strides along F's path."""
    found = [1] * axes
    for entry in _flat(layers):
        if _STRIDED.fullmatch(_kind(entry)) and isinstance(entry, Mapping):
            stride = entry.get("stride", 1 if _kind(entry).startswith("conv") else entry["kernel_size"])
            each = stride if isinstance(stride, list) else [stride] * axes
            found = [a * b for a, b in zip(found, each, strict=True)]
    return found


def _kind(entry: Any) -> str:
    return str(entry if isinstance(entry, str) else entry["type"])


def _flat(layers: Mapping[str, Any]) -> list[Any]:
    """F's layers in a row; a container inside is taken by its body."""
    found: list[Any] = []
    for entry in layers.values():
        if isinstance(entry, Mapping) and entry["type"] in ("sequence", "residual", "highway"):
            found += _flat(entry["layers"])
        else:
            found.append(entry)
    return found


CONTAINERS = {"sequence": sequence, "branches": branches, "residual": residual, "highway": highway}
