"""Random networks: inputs, layers, containers, blocks, wiring -> a document.  The same seed gives the same network."""

from __future__ import annotations

import random
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
import yaml

from tests.differential.draft import Draft, Live
from tests.differential.draw_layers import PROPOSALS, flag
from tests.differential.reference.network import Frame, Store, Value
from tests.differential.reference.run import KINDS
from tests.differential.trial import Trial, axes_of, inputs_of

CONTAINERS = ("residual", "highway", "branches", "sequence")
OFTEN = ("conv", "pool", "upsample", "slice", "attention", "norm", "embedding", "linear", "pad", "split", "reshape")
SELDOM = 0.4  # of the many activations and cells, each


class _Plain(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Without anchors, which the language has not."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def text_of(document: Mapping[str, Any]) -> str:
    """The document as YAML, sections in blocks and layers in one line where they fit."""
    return yaml.dump(deepcopy(dict(document)), Dumper=_Plain, default_flow_style=None, sort_keys=False, width=110)  # type: ignore[no-any-return]


def draw(seed: int) -> dict[str, Any]:
    """A network for the seed.  Its first layer is of the kind whose turn it is, so that none is left out."""
    rng = random.Random(seed)
    kind = _TURNS[seed % len(_TURNS)]
    for attempt in range(200):
        draft = _begin(rng, seed)
        if _turn(draft, kind) or attempt == 199:
            break
    grow(draft, rng.choice((0, 1, 2, 3, 4, 5, 7)))
    if not draft.layers:
        draft.add("same", {"type": "identity", "from": draft.lives[0].name})
    if rng.random() < 0.04:
        _spoil(draft)
    _outputs(draft)
    if rng.random() < 0.15:
        _vars(draft)
    if not draft.document["blocks"]:
        del draft.document["blocks"]
    return draft.document


_TURNS = (*sorted(PROPOSALS), *CONTAINERS, *CONTAINERS, "block", "block")


def _turn(draft: Draft, kind: str) -> bool:
    for x in draft.lives:
        for _ in range(4):
            if kind in CONTAINERS and x.rank > 1 and x.floating and _container(draft, x, kind):
                return True
            if kind == "block" and x.rank > 1 and x.floating and _use_block(draft, x):
                return True
            if kind in PROPOSALS and x.rank > 1 and _layer(draft, x, kind):
                return True
    return False


def _begin(rng: random.Random, seed: int) -> Draft:
    """Inputs, and nothing more."""
    document: dict[str, Any] = {"netspec": 1, "name": f"network_{seed}", "inputs": _inputs(rng)}
    document |= {"blocks": {}, "layers": {}}
    short, long = {}, {}
    for name in axes_of(document):
        short[name] = rng.randint(5, 8)
        long[name] = short[name] + rng.randint(4, 7)
    tensors = [inputs_of(document, Trial(batch, tuple(axes.items()))) for batch, axes in ((2, short), (3, long))]
    frames = [Frame("", {}, {n: Value({"": x}, n) for n, x in t.items()}) for t in tensors]
    lives = [Live(n, x, tensors[1][n]) for n, x in tensors[0].items()]
    if len(lives) == 1:
        for frame in frames:
            [frame.last] = frame.values.values()
    return Draft(
        rng,
        document,
        (short, long),
        (frames[0], frames[1]),
        document["layers"],
        lives,
        lives[0] if len(lives) == 1 else None,
        store=Store(),
    )


def _inputs(rng: random.Random) -> dict[str, Any]:
    def size(*choices: Any) -> Any:
        return rng.choice(choices)

    theme = rng.choice(("features", "sequence", "sequence", "line", "image", "image", "volume", "words"))
    t, s = size("T", "T", 6, 1), size("S", "T", 4)
    features = size(1, 2, 3, 4, 6)
    channels = size(1, 2, 3, 4, 6)
    if theme == "features":
        inputs: dict[str, Any] = {"x": [size(1, 4, 6, 12)]}
    elif theme == "sequence":
        inputs = {"x": [t, features]}
    elif theme == "line":
        inputs = {"x": [channels, t]}
    elif theme == "image":
        inputs = {"x": [size(1, 2, 3, 4), size("H", "H", 5, 8), size("W", "H", 6, 7)]}
    elif theme == "volume":
        inputs = {"x": [size(1, 2, 3), size("D", 4, 5), size("H", 4, 3), size(4, 5, 1)]}
    else:
        inputs = {"ids": {"shape": size([t], [t], [t, 2], [], [3]), "dtype": size("int64", "int64", "int32")}}
    if theme == "sequence" or (theme == "words" and inputs["ids"]["shape"][:1] == [t]):
        if rng.random() < 0.5:
            inputs[f"len_{t}"] = {"shape": [], "dtype": "int64"}
        if rng.random() < 0.4:
            inputs["mask"] = {"shape": [t], "dtype": "bool"}
        if rng.random() < 0.25:
            inputs["memory"] = [s, size(features, 2, 4)]
            if rng.random() < 0.5:
                inputs["hidden"] = {"shape": [s], "dtype": "bool"}
        if rng.random() < 0.15:
            inputs["state"] = [size(1, 2, 4), size(2, 3, 4, 6)]
    if "x" in inputs and rng.random() < 0.25:
        inputs["z"] = [1 if i and rng.random() < 0.3 else n for i, n in enumerate(inputs["x"])]
    return inputs


def grow(draft: Draft, count: int) -> None:
    """That many layers and containers."""
    for _ in range(count):
        for _attempt in range(12):
            x = draft.last if draft.last is not None and draft.rng.random() < 0.8 else _some_live(draft)
            if x is None:
                return
            if _step(draft, x):
                break


def _some_live(draft: Draft) -> Live | None:
    """Something to read, floating rather than not."""
    floating = [live for live in draft.lives if live.floating]
    if floating and draft.rng.random() < 0.8:
        return draft.rng.choice(floating)
    return draft.rng.choice(draft.lives) if draft.lives else None


def _step(draft: Draft, x: Live) -> bool:
    rng = draft.rng
    if draft.depth < 3 and x.floating and x.rank > 1 and rng.random() < (0.14 if draft.depth == 0 else 0.07):
        return _container(draft, x, rng.choice(CONTAINERS))
    if draft.depth < 2 and x.floating and rng.random() < 0.05:
        return _use_block(draft, x)
    return _layer(draft, x, _kind(draft, x))


def _layer(draft: Draft, x: Live, kind: str) -> bool:
    rng = draft.rng
    fields = PROPOSALS[kind](draft, x, kind)
    if fields is None:
        return False
    entry: dict[str, Any] = {"type": kind, **fields}
    if "from" not in entry and (x is not draft.last or rng.random() < 0.1):
        entry["from"] = x.name if rng.random() < 0.8 else [x.name]
    _wiring(draft, kind, entry)
    name = draft.fresh(kind[0])
    return draft.add(name, kind if set(entry) == {"type"} and flag(draft) else entry)


def _kind(draft: Draft, x: Live) -> str:
    """A kind for this rank, those of few words rather than the many activations and cells."""
    if x.rank == 1:  # one number a sample
        return draft.rng.choice(("tanh", "sigmoid", "softplus", "add", "multiply", "identity", "stack"))
    suffix = f"{x.rank - 2}d"
    names = [k for k in PROPOSALS if k[-2:] not in ("1d", "2d", "3d") or k[-2:] == suffix
             or (k == "batch_norm1d" and x.rank == 2)]  # fmt: skip
    weights = [1.0 if any(word in k for word in OFTEN) or k in ("concat", "add", "max") else SELDOM for k in names]
    return draft.rng.choices(names, weights)[0]


_INITS: tuple[Any, ...] = ("zeros", "ones", 0.5, "normal", {"type": "uniform", "low": -0.5, "high": 0.25},
                           {"type": "constant", "value": -0.25}, {"type": "truncated_normal", "std": 0.1})  # fmt: skip
_MATRICES: tuple[Any, ...] = ("he", "xavier", "he_uniform", "xavier_normal", "orthogonal")
_WEIGHTED = ("conv", "linear", "maxout", "embedding", "bilinear")


def _wiring(draft: Draft, kind: str, entry: dict[str, Any]) -> None:
    """`repeat`, `share`, `init`, `freeze`, `when`, seldom."""
    rng = draft.rng
    if rng.random() < 0.1:
        entry["repeat"] = rng.randint(1, 3)
        keys = [k for k in _TUNABLE if isinstance(entry.get(k), int) and not isinstance(entry[k], bool)]
        if keys and flag(draft):
            key = rng.choice(keys)
            entry[key] = f"$({entry[key]} + i)"
    if rng.random() < 0.03 and draft.layers:
        entry["when"] = flag(draft)
    if not kind.startswith(_WEIGHTED) and "norm" not in kind and kind != "prelu":
        return
    tables = [
        n for n, e in draft.layers.items() if isinstance(e, dict) and e["type"] == "embedding" and "init" not in e
    ]
    if kind == "linear" and tables and flag(draft):
        entry["share"] = rng.choice(tables)
        entry["out_features"] = draft.layers[entry["share"]]["num_embeddings"]
        return
    if rng.random() < 0.2:
        same = [n for n, other in draft.layers.items() if isinstance(other, dict) and other["type"] == kind
                and other.get("when") is not False]  # fmt: skip
        if same:
            other = draft.layers[source := rng.choice(same)]
            kept = {k: v for k, v in entry.items() if k in ("from",)}
            entry.clear()
            entry.update({k: deepcopy(v) for k, v in other.items() if k not in ("from", "share", "init", "freeze")})
            entry.update(kept, share=source)
            return
    if rng.random() < 0.1:
        entry["freeze"] = flag(draft)
    if rng.random() < 0.12 and kind.startswith(_WEIGHTED):
        matrix = rng.choice((*_INITS, *_MATRICES))
        entry["init"] = {"weight": matrix} if flag(draft) or matrix in _MATRICES else matrix


def _container(draft: Draft, x: Live, kind: str) -> bool:
    rng = draft.rng
    name = draft.fresh(kind[:3])
    entry: dict[str, Any] = {"type": kind}
    if x is not draft.last:
        entry["from"] = x.name
    if kind == "branches":
        paths = {}
        for _ in range(rng.randint(1, 3)):
            inner = draft.inside(x, f"{name}.")
            if rng.random() < 0.85:
                grow(inner, rng.randint(1, 2))
            paths[draft.fresh("path")] = inner.layers or None
        entry["branches"] = {n: layers if layers is not None else {} for n, layers in paths.items()}
        entry["merge"] = rng.choice(("concat", "add", "multiply", "stack", "none"))
        if entry["merge"] == "concat" and flag(draft):
            del entry["merge"]
    else:
        inner = draft.inside(x, f"{name}.")
        _body(inner, x, kind)
        if not inner.layers:
            return False
        entry["layers"] = inner.layers
        if kind != "sequence" and rng.random() < 0.8:
            entry["shortcut"] = rng.choice(("identity", "projection", "projection", "pad", "none"))
            if rng.random() < 0.25:
                entry["shortcut"] = {"layers": _side(draft, x, entry["layers"], name)}
        if kind == "highway":
            if rng.random() < 0.25:
                entry["gate"] = {"layers": _side(draft, x, entry["layers"], name)}
            elif rng.random() < 0.7:
                entry["gate"] = rng.choice(("linear", "conv", "none"))
            if flag(draft):
                entry["gate_bias"] = rng.choice((-1, 0.5, 0))
    if rng.random() < 0.15:
        entry["repeat"] = rng.randint(1, 3)
    if rng.random() < 0.05:
        entry["freeze"] = True
    if not draft.add(name, entry):
        return False
    if rng.random() < 0.15 and draft.last is not None:
        draft.add(draft.fresh(kind[:3]), {**deepcopy(entry), "share": name})
    return True


def _side(draft: Draft, x: Live, body: dict[str, Any], name: str) -> dict[str, Any]:
    """Layers for S(x) or the gate: F's own again under other names, or a few."""
    if flag(draft):
        return {f"{n}s": deepcopy(layer) for n, layer in body.items() if "from" not in layer}
    inner = draft.inside(x, f"{name}.shortcut.")
    grow(inner, 1)
    return inner.layers


def _body(inner: Draft, x: Live, kind: str) -> None:
    """Layers for a container; those of residual and highway often keep or stride the shape as a whole."""
    rng = inner.rng
    if kind == "sequence" or rng.random() < 0.35:
        grow(inner, rng.randint(1, 3))
        return
    channels = x.size(1)
    if 3 <= x.rank <= 5 and channels and flag(inner):
        stride: Any = rng.choice((1, 1, 2, 3))
        if x.rank > 3 and flag(inner):
            stride = [rng.choice((1, 2)) for _ in range(x.rank - 2)]
        kernel = rng.choice((1, 3))
        fields = {"type": f"conv{x.rank - 2}d", "out_channels": rng.choice((channels, channels, channels + 2)),
                  "kernel_size": kernel, "stride": stride, "padding": kernel // 2}  # fmt: skip
        inner.add(inner.fresh("c"), fields)
        if flag(inner):
            inner.add(inner.fresh("n"), f"batch_norm{x.rank - 2}d")
    elif x.size(x.rank - 1):
        inner.add(inner.fresh("f"), {"type": "linear", "out_features": rng.choice((x.a.shape[-1], 3))})
    if flag(inner):
        inner.add(inner.fresh("r"), rng.choice(("relu", "tanh", "gelu", "sigmoid")))


def _use_block(draft: Draft, x: Live) -> bool:
    """A block with one or two inputs, parameters, one or two outputs; used once or twice."""
    rng = draft.rng
    inputs = {"in": x}
    if rng.random() < 0.4:
        inputs = {"one": x, "two": rng.choice([y for y in draft.lives if y.floating] or [x])}
    inner = draft.block(inputs)
    grow(inner, rng.randint(1, 3))
    if not inner.layers:
        return False
    block: dict[str, Any] = {}
    entry: dict[str, Any] = {}
    _parameters(draft, inner, block, entry)
    if len(inputs) > 1:
        block["inputs"] = list(inputs)
        names = {n: y.name for n, y in inputs.items()}
        entry["from"] = names if flag(draft) else list(names.values())
    elif x is not draft.last:
        entry["from"] = x.name
    block["layers"] = inner.layers
    own = [live for live in inner.lives if live.name not in inputs and live.name.split(".")[0] in inner.layers]
    chained = len(inputs) > 1 and rng.random() < 0.6  # outputs that the next copy reads by their names
    if own and (chained or rng.random() < 0.4):
        named = list(inputs) if chained else ["left", "right"]
        block["outputs"] = {n: rng.choice(own).name for n in named[: 2 if chained else rng.randint(1, 2)]}
    name = draft.fresh("block")
    draft.document["blocks"][name] = block
    if rng.random() < (0.6 if chained else 0.25):
        entry["repeat"] = rng.randint(1, 3)
    if not draft.add(draft.fresh("b"), {"type": name, **entry}):
        del draft.document["blocks"][name]
        return False
    if rng.random() < 0.3:
        again = {"type": name, **{k: v for k, v in entry.items() if k not in ("repeat", "from")}}
        source = draft.layers and next(reversed(draft.layers))
        if flag(draft):
            again["share"] = source
        if "inputs" in block:
            again["from"] = entry["from"]
        draft.add(draft.fresh("b"), again)
    return True


_TUNABLE = (
    "out_channels",
    "out_features",
    "kernel_size",
    "num_groups",
    "p",
    "alpha",
    "stride",
    "bias",
    "dim",
    "padding",
    "dilation",
)


def _parameters(draft: Draft, inner: Draft, block: dict[str, Any], entry: dict[str, Any]) -> None:
    """Some fields of the block become parameters, with a default or without."""
    rng = draft.rng
    params: dict[str, Any] = {}
    for layer in inner.layers.values():
        if not isinstance(layer, dict):
            continue
        for key in _TUNABLE:
            value = layer.get(key)
            if isinstance(value, (int, float)) and rng.random() < 0.4:
                name = f"p{len(params)}"
                doubled = isinstance(value, int) and not isinstance(value, bool) and value % 2 == 0 and flag(draft)
                layer[key] = f"$({name} * 2)" if doubled else f"${name}"
                value = value // 2 if doubled else value
                if flag(draft):
                    params[name] = None  # required
                    entry[name] = value
                else:
                    params[name] = value
    if params:
        block["params"] = params


def _vars(draft: Draft) -> None:
    """Numbers and kinds of the top layers as variables."""
    rng, found = draft.rng, draft.document.setdefault("vars", {})
    for layer in draft.layers.values():
        for key in (*_TUNABLE, "type") if isinstance(layer, dict) else ():
            value = layer.get(key)
            if not isinstance(value, (int, float, str)) or (isinstance(value, str) and "$" in value):
                continue
            if (key != "type" or value in KINDS) and rng.random() < 0.3:
                name = f"v{len(found)}"
                if isinstance(value, int) and not isinstance(value, bool) and flag(draft):
                    found[name], layer[key] = value + 1, f"$({name} - 1)"
                else:
                    found[name], layer[key] = value, f"${name}"


def _spoil(draft: Draft) -> None:
    """A field that cannot be: netspec and torch both have to refuse it."""
    names = [n for n, e in draft.layers.items() if isinstance(e, dict) and set(e) & set(_SPOILS)]
    if not names:
        return
    entry = draft.layers[draft.rng.choice(names)]
    key = draft.rng.choice([k for k in _SPOILS if k in entry])
    entry[key] = _SPOILS[key]


_SPOILS: dict[str, Any] = {"kernel_size": 40, "groups": 7, "num_heads": 7, "num_groups": 11, "dim": 9,
                           "dims": [0, 1, 1], "num": 97, "shape": [-1, 101], "start_dim": 8}  # fmt: skip


def _outputs(draft: Draft) -> None:
    """Left out, or some of what was made; several rather than one."""
    rng = draft.rng
    made = [live for live in draft.lives if live.name.split(".")[0] in draft.layers]
    if (draft.last is not None and rng.random() < 0.5) or not made:
        return
    names = [live.name for live in rng.sample(made, min(len(made), rng.randint(1, 4)))]
    draft.document["outputs"] = {f"out{i}": name for i, name in enumerate(names)}


def kinds_in(document: Any) -> set[str]:
    """Every kind that stands in the document."""
    found: set[str] = set()
    if isinstance(document, Mapping):
        kind = document.get("type")
        found |= {kind} if isinstance(kind, str) and (kind in KINDS or kind in CONTAINERS) else set()
        for key, value in document.items():
            if key in ("layers", "branches", "blocks") or isinstance(value, Mapping):
                for inner in value.values() if isinstance(value, Mapping) else ():
                    found |= {inner} if isinstance(inner, str) and inner in KINDS else kinds_in(inner)
    return found


torch.set_num_threads(1)
