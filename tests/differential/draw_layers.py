"""Fields of every layer kind, at random: for each kind a function of the draft and what it reads -> the entry.

None where the kind cannot read it.  An entry without `from` reads the layer above.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.differential.draft import Draft, Live
from tests.differential.reference.cells import CELLS

Entry = dict[str, Any]
Proposal = Callable[[Draft, Live, str], "Entry | None"]
PROPOSALS: dict[str, Proposal] = {}


def proposes(*kinds: str) -> Callable[[Proposal], Proposal]:
    def enter(function: Proposal) -> Proposal:
        for kind in kinds:
            PROPOSALS[kind] = function
        return function

    return enter


def some(d: Draft, **fields: Any) -> Entry:
    """Each field with a chance of one half; a function is called when its field is taken."""
    return {name: value() if callable(value) else value for name, value in fields.items() if d.rng.random() < 0.5}


def number(d: Draft, low: float, high: float) -> float:
    return round(d.rng.uniform(low, high), 3)


def sizes(d: Draft, axes: int, low: int, high: int, listed: bool = True) -> Any:
    """One number, or one for each axis."""
    if axes == 1 or not listed or d.rng.random() < 0.5:
        return d.rng.randint(low, high)
    return [d.rng.randint(low, high) for _ in range(axes)]


def flag(d: Draft) -> bool:
    return d.rng.random() < 0.5


def axis(d: Draft, rank: int, low: int = 1) -> int:
    """An axis behind the batch, counted from either end."""
    found = d.rng.randrange(low, rank)
    return found if flag(d) else found - rank


def partner(d: Draft, x: Live) -> Live:
    """Another value of the same shape where there is one."""
    found = [live for live in d.lives if live.like(x) and live.name != x.name]
    return d.rng.choice(found) if found else x


def stretched(d: Draft, x: Live) -> Live:
    """A value that x can be added to: of its shape, or with axes of size 1."""
    found = [y for y in d.lives if y.rank == x.rank and y.a.dtype == x.a.dtype and y.name != x.name
             and all(s in (1, t) for s, t in zip(y.a.shape[1:], x.a.shape[1:], strict=True))
             and all(s in (1, t) for s, t in zip(y.b.shape[1:], x.b.shape[1:], strict=True))]  # fmt: skip
    return d.rng.choice(found) if found else x


def rank_of(kind: str) -> int:
    return int(kind[-2]) + 2


_PLAIN = (
    "relu",
    "relu6",
    "selu",
    "silu",
    "mish",
    "sigmoid",
    "tanh",
    "log_sigmoid",
    "softsign",
    "hard_sigmoid",
    "hard_swish",
)


@proposes(*_PLAIN, "identity")
def plain(d: Draft, x: Live, kind: str) -> Entry | None:
    return {} if x.floating or kind == "identity" else None


@proposes("elu", "celu", "gelu", "softplus", "hard_tanh", "leaky_relu", "prelu")
def activation(d: Draft, x: Live, kind: str) -> Entry | None:
    if not x.floating:
        return None
    if kind == "elu":
        return some(d, alpha=lambda: number(d, -0.5, 2))
    if kind == "celu":
        return some(d, alpha=lambda: number(d, 0.1, 2))
    if kind == "gelu":
        return some(d, approximate=d.rng.choice(("none", "tanh")))
    if kind == "softplus":
        return some(d, beta=lambda: number(d, 0.2, 3), threshold=lambda: number(d, 0, 30))
    if kind == "leaky_relu":
        return some(d, negative_slope=lambda: number(d, -0.2, 1))
    if kind == "prelu":
        return some(d, per_channel=lambda: flag(d))
    low = number(d, -2, 0)
    return some(d, min_val=low, max_val=lambda: number(d, 0.1, 2))


@proposes("softmax", "log_softmax", "glu")
def along(d: Draft, x: Live, kind: str) -> Entry | None:
    return some(d, dim=lambda: axis(d, x.rank)) if x.floating else None


@proposes("dropout", "alpha_dropout", "dropout1d", "dropout2d", "dropout3d")
def dropout(d: Draft, x: Live, kind: str) -> Entry | None:
    if not x.floating or (kind[-1] == "d" and x.rank != rank_of(kind)):
        return None
    return some(d, p=lambda: d.rng.choice((0, 0.0, 0.2, 0.5, 0.9, 1)))


@proposes("add", "multiply", "subtract")
def arithmetic(d: Draft, x: Live, kind: str) -> Entry | None:
    if x.a.dtype.itemsize == 1 or (not x.floating and flag(d)):
        return None
    names = [x.name, stretched(d, x).name]
    if kind != "subtract" and d.rng.random() < 0.3:
        names.append(partner(d, x).name)
    d.rng.shuffle(names)
    return {"from": names}


@proposes("lerp")
def lerp(d: Draft, x: Live, kind: str) -> Entry | None:
    if not x.floating:
        return None
    names = [x.name, stretched(d, x).name, stretched(d, x).name]
    d.rng.shuffle(names)
    if flag(d):
        pairs = list(zip(("start", "end", "weight"), names, strict=True))
        d.rng.shuffle(pairs)
        return {"from": dict(pairs)}
    return {"from": names}


@proposes("concat", "stack")
def join(d: Draft, x: Live, kind: str) -> Entry | None:
    names = [x.name] + [partner(d, x).name for _ in range(d.rng.randint(1, 2))]
    dim = axis(d, x.rank + (kind == "stack"))
    if kind == "concat" and flag(d):  # of another size along this axis
        k = dim % x.rank
        found = [y for y in d.lives if y.rank == x.rank and y.a.dtype == x.a.dtype
                 and all(y.a.shape[i] == x.a.shape[i] and y.b.shape[i] == x.b.shape[i]
                         for i in range(x.rank) if i != k)]  # fmt: skip
        names[1:] = [d.rng.choice(found).name] if found else names[1:]
    d.rng.shuffle(names)
    return {"from": names, **({"dim": dim} if dim != 1 or flag(d) else {})}


@proposes("split")
def split(d: Draft, x: Live, kind: str) -> Entry | None:
    dim = axis(d, x.rank)
    size = x.size(dim)
    if size is None:
        return {"dim": dim, "num": d.rng.randint(1, 3)}
    if size > 1 and flag(d):
        cut = d.rng.randint(1, size - 1)
        return {"dim": dim, "sizes": [cut, size - cut]}
    return {"dim": dim, "num": d.rng.choice([n for n in range(1, size + 1) if size % n == 0][:3])}


@proposes("flatten")
def flatten(d: Draft, x: Live, kind: str) -> Entry | None:
    if x.rank == 2:
        return {}
    first = d.rng.randrange(1, x.rank)
    last = d.rng.randrange(first, x.rank)
    return some(d, start_dim=first if flag(d) else first - x.rank, end_dim=last if flag(d) else last - x.rank)


@proposes("permute")
def permute(d: Draft, x: Live, kind: str) -> Entry | None:
    dims = list(range(1, x.rank))
    d.rng.shuffle(dims)
    return {"dims": [0, *(i if flag(d) else i - x.rank for i in dims)]}


@proposes("reshape")
def reshape(d: Draft, x: Live, kind: str) -> Entry | None:
    """Axes split, joined, reordered by name; one of them -1."""
    parts: list[Any] = []
    for i, size in enumerate(x.shape, start=1):
        if size is None:
            named = [n for n in d.axes[0] if d.axes[0][n] == x.a.shape[i] and d.axes[1][n] == x.b.shape[i]]
            parts.append(named[0] if named else -1)
        else:
            factor = d.rng.choice([n for n in range(1, size + 1) if size % n == 0])
            parts += [size] if flag(d) else [factor, size // factor]
    if len(parts) > 1 and flag(d) and isinstance(parts[-1], int) and isinstance(parts[-2], int):
        last = parts.pop()
        parts[-1] *= last
    if flag(d) and -1 not in parts:
        parts[d.rng.randrange(len(parts))] = -1
    if parts.count(-1) > 1 or len(parts) > 4:
        return None
    return {"shape": parts}


@proposes("slice")
def slice_(d: Draft, x: Live, kind: str) -> Entry | None:
    dim = axis(d, x.rank)
    size = x.least(dim)
    return {"dim": dim, **some(d, start=lambda: d.rng.randint(-size, size - 1), stop=lambda: d.rng.randint(-size, size),
                               step=lambda: d.rng.randint(1, 3))}  # fmt: skip


@proposes("pad")
def pad(d: Draft, x: Live, kind: str) -> Entry | None:
    mode = d.rng.choice(("constant", "constant", "reflect", "replicate", "circular"))
    pairs = d.rng.randint(1, x.rank - 1) if mode == "constant" else x.rank - 2
    if not x.floating or not pairs:
        return None
    fields: Entry = {"padding": [d.rng.randint(0, 3) for _ in range(2 * pairs)]}
    if mode != "constant" or flag(d):
        fields["mode"] = mode
    if mode == "constant" and flag(d):
        fields["value"] = number(d, -1, 1)
    return fields


@proposes("max", "mean", "sum")
def reduce(d: Draft, x: Live, kind: str) -> Entry | None:
    if not x.floating or (x.rank == 2 and d.rng.random() < 0.7):
        return None
    dim: Any = axis(d, x.rank)
    if x.rank > 2 and d.rng.random() < 0.3:
        dim = [i if flag(d) else i - x.rank for i in d.rng.sample(range(1, x.rank), d.rng.randint(1, 2))]
    return {"dim": dim, **some(d, keepdim=lambda: flag(d))}


@proposes("upsample")
def upsample(d: Draft, x: Live, kind: str) -> Entry | None:
    if not x.floating or not 3 <= x.rank <= 5:
        return None
    axes = x.rank - 2
    mode = d.rng.choice(("nearest", {1: "linear", 2: d.rng.choice(("bilinear", "bicubic")), 3: "trilinear"}[axes]))
    fields: Entry = {} if mode == "nearest" and flag(d) else {"mode": mode}
    if mode != "nearest" and flag(d):
        fields["align_corners"] = flag(d)
    if flag(d):
        return {"size": sizes(d, axes, 1, 9), **fields}
    scales = (2, 3, 1, 1.5, 0.5, 1.25, 2.5, 0.75, 1 / 3, 0.6, 1.7, 0.3)
    one = d.rng.random() < 0.6
    scale = d.rng.choice(scales) if one else [d.rng.choice(scales) for _ in range(axes)]
    return {"scale_factor": scale, **fields}


@proposes("positional_encoding")
def positional_encoding(d: Draft, x: Live, kind: str) -> Entry | None:
    if not x.floating or x.rank != 3:
        return None
    if flag(d):
        return {"mode": "learned", "max_length": max(x.a.shape[1], x.b.shape[1]) + d.rng.choice((0, 0, 3))}
    return some(d, mode="sinusoidal")


@proposes("conv1d", "conv2d", "conv3d")
def conv(d: Draft, x: Live, kind: str) -> Entry | None:
    channels = x.size(1) if x.rank == rank_of(kind) else None
    if not x.floating or channels is None:
        return None
    axes = x.rank - 2
    groups = d.rng.choice([n for n in (1, 1, 2, 3, channels) if channels % n == 0])
    kernel = sizes(d, axes, 1, 4 if axes < 3 else 3)
    mode = d.rng.choice(("zeros", "zeros", "reflect", "replicate", "circular"))
    paddings: list[Any] = ["same", "valid", sizes(d, axes, 0, 3), sizes(d, axes, 0, 2)]
    if axes == 1:
        paddings.append("causal")
    fields = {"out_channels": groups * d.rng.randint(1, 3), "kernel_size": kernel}
    fields |= some(
        d,
        padding=lambda: d.rng.choice(paddings),
        dilation=lambda: sizes(d, axes, 1, 3),
        groups=groups,
        bias=lambda: flag(d),
        padding_mode=mode,
    )
    if fields.get("padding") != "same" and flag(d):
        fields["stride"] = sizes(d, axes, 1, 3)
    return fields


@proposes("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def conv_transpose(d: Draft, x: Live, kind: str) -> Entry | None:
    channels = x.size(1) if x.rank == rank_of(kind) else None
    if not x.floating or channels is None:
        return None
    axes = x.rank - 2
    groups = d.rng.choice([n for n in (1, 1, 2, 3, channels) if channels % n == 0])
    fields = {"out_channels": groups * d.rng.randint(1, 3), "kernel_size": sizes(d, axes, 1, 4)}
    return fields | some(
        d,
        stride=lambda: sizes(d, axes, 1, 3),
        padding=lambda: sizes(d, axes, 0, 2),
        groups=groups,
        output_padding=lambda: sizes(d, axes, 0, 2),
        bias=lambda: flag(d),
        dilation=lambda: sizes(d, axes, 1, 3),
    )


@proposes(*(f"{how}_pool{n}d" for how in ("max", "avg") for n in (1, 2, 3)))
def pool(d: Draft, x: Live, kind: str) -> Entry | None:
    if not x.floating or x.rank != rank_of(kind):
        return None
    axes = x.rank - 2
    fields = {"kernel_size": sizes(d, axes, 1, 4)}
    fields |= some(
        d, stride=lambda: sizes(d, axes, 1, 4), padding=lambda: sizes(d, axes, 0, 2), ceil_mode=lambda: flag(d)
    )
    return fields | (
        some(d, dilation=lambda: sizes(d, axes, 1, 3)) if "max" in kind else some(d, count_include_pad=lambda: flag(d))
    )


@proposes(*(f"adaptive_{how}_pool{n}d" for how in ("max", "avg") for n in (1, 2, 3)))
def adaptive(d: Draft, x: Live, kind: str) -> Entry | None:
    if not x.floating or x.rank != rank_of(kind):
        return None
    if x.rank == 5:
        return {"output_size": sizes(d, 3, 1, 3)}
    return {"output_size": sizes(d, x.rank - 2, 1, 6)}


@proposes(*(f"global_{how}_pool{n}d" for how in ("max", "avg") for n in (1, 2, 3)))
def global_pool(d: Draft, x: Live, kind: str) -> Entry | None:
    return {} if x.floating and x.rank == rank_of(kind) else None


@proposes(*(f"{how}_norm{n}d" for how in ("batch", "instance") for n in (1, 2, 3)))
def running_norm(d: Draft, x: Live, kind: str) -> Entry | None:
    ranks = (2, 3) if kind == "batch_norm1d" else (rank_of(kind),)
    if not x.floating or x.rank not in ranks or x.size(1) is None:
        return None
    return some(
        d,
        eps=lambda: d.rng.choice((1e-3, 0.1)),
        momentum=lambda: d.rng.choice((None, 0.3, 0, 1)),
        affine=lambda: flag(d),
        track_running_stats=lambda: flag(d),
    )


@proposes("group_norm")
def group_norm(d: Draft, x: Live, kind: str) -> Entry | None:
    channels = x.size(1)
    if not x.floating or channels is None:
        return None
    groups = d.rng.choice([n for n in range(1, channels + 1) if channels % n == 0])
    return {"num_groups": groups, **some(d, eps=1e-3, affine=lambda: flag(d))}


@proposes("layer_norm", "rms_norm")
def layer_norm(d: Draft, x: Live, kind: str) -> Entry | None:
    if not x.floating:
        return None
    fields = some(
        d,
        num_axes=lambda: d.rng.randint(1, x.rank - 1),
        elementwise_affine=lambda: flag(d),
        eps=lambda: d.rng.choice((1e-3, 0.1)),
    )
    return fields | (some(d, bias=lambda: flag(d)) if kind == "layer_norm" else some(d, eps=None))


@proposes("linear", "maxout")
def linear(d: Draft, x: Live, kind: str) -> Entry | None:
    if not x.floating or x.size(x.rank - 1) is None:
        return None
    fields = {"out_features": d.rng.randint(1, 6), **some(d, bias=lambda: flag(d))}
    return fields | (some(d, pieces=lambda: d.rng.randint(1, 3)) if kind == "maxout" else {})


@proposes("bilinear")
def bilinear(d: Draft, x: Live, kind: str) -> Entry | None:
    found = [y for y in d.lives if y.floating and y.rank == x.rank and y.a.shape[:-1] == x.a.shape[:-1]
             and y.b.shape[:-1] == x.b.shape[:-1] and y.size(y.rank - 1)]  # fmt: skip
    if not x.floating or not found or x.size(x.rank - 1) is None:
        return None
    return {"out_features": d.rng.randint(1, 4), "from": [x.name, d.rng.choice(found).name],
            **some(d, bias=lambda: flag(d))}  # fmt: skip


@proposes("embedding")
def embedding(d: Draft, x: Live, kind: str) -> Entry | None:
    if x.floating or x.a.dtype.is_floating_point or x.a.dtype.itemsize == 1 or "len_" in x.name:
        return None
    rows = d.rng.randint(4, 7)
    return {"num_embeddings": rows, "embedding_dim": d.rng.randint(1, 5),
            **some(d, padding_idx=lambda: d.rng.randint(-rows, rows - 1))}  # fmt: skip


@proposes("multi_head_attention")
def attention(d: Draft, x: Live, kind: str) -> Entry | None:
    if not x.floating or x.rank != 3 or x.size(2) is None:
        return None
    features = x.a.shape[2]
    fields: Entry = {"num_heads": d.rng.choice([n for n in range(1, features + 1) if features % n == 0])}
    fields |= some(d, causal=lambda: flag(d), bias=lambda: flag(d), dropout=lambda: d.rng.choice((0, 0.0, 0.3)))
    dense = [x]
    memory = [y for y in d.lives if y.floating and y.rank == 3 and y.size(2)]
    if memory and flag(d):
        key = d.rng.choice(memory)
        values = [y for y in memory if y.a.shape[1] == key.a.shape[1] and y.b.shape[1] == key.b.shape[1]]
        dense += [key] if flag(d) else [key, d.rng.choice(values)]
    masks = [y for y in d.lives if y.a.dtype.itemsize == 1 and y.a.shape == dense[-1].a.shape[:2]
             and y.b.shape == dense[-1].b.shape[:2]]  # fmt: skip
    mask = [d.rng.choice(masks)] if masks and d.rng.random() < 0.8 else []
    names = [y.name for y in (*dense, *mask)]
    if flag(d) or mask:
        ports = [*("query", "key", "value")[: len(dense)], *["mask"] * len(mask)]
        pairs = list(zip(ports, names, strict=True))
        d.rng.shuffle(pairs)
        return fields | {"from": dict(pairs)}
    return fields | {"from": names}


@proposes("recurrent", *CELLS)
def recurrent(d: Draft, x: Live, kind: str) -> Entry | None:
    features = x.size(2) if x.floating and x.rank == 3 else None
    if features is None or max(x.a.shape[1], x.b.shape[1]) > 16:
        return None
    fields: Entry = {"cell": d.rng.choice(list(CELLS))} if kind == "recurrent" else {}
    hidden = fields["hidden"] = d.rng.choice((2, 3, features if features < 4 else 3))
    if d.rng.random() < 0.4:
        fields["num_layers"] = d.rng.randint(1, 2)
    fields |= some(d, bidirectional=lambda: flag(d), returns=lambda: d.rng.choice(("sequence", "last", "state")))
    if d.rng.random() < 0.2:
        fields["recompute"] = flag(d)
    if fields.get("num_layers", 1) > 1 and d.rng.random() < 0.3:
        fields["dropout"] = d.rng.choice((0.2, 0.0))
    if "sru" in (kind, fields.get("cell")) and flag(d):
        fields["params"] = some(d, highway_bias=lambda: number(d, -1, 1), rescale=lambda: d.rng.choice((0, 1)))
    sources: dict[str, str] = {}
    steps = (x.a.shape[1], x.b.shape[1])
    lengths = [n for n in d.document["inputs"] if n.startswith("len_") and _steps(d, n) == steps]
    visible = {live.name for live in d.lives}
    lengths = [n for n in lengths if n in visible]
    if lengths and d.rng.random() < 0.8:
        sources["lengths"] = d.rng.choice(lengths)
    if flag(d):
        rows = fields.get("num_layers", 1) * (2 if fields.get("bidirectional") else 1)
        states = [y for y in d.lives if y.floating and y.rank == 3 and y.size(1) == rows and (y.size(2) or 0) >= hidden]
        if states and flag(d):
            sources["initial_state"] = d.rng.choice(states).name
        else:
            fields["initial_state"] = d.rng.choice(("learned", "zero"))
    if sources:
        pairs = [("input", x.name), *sources.items()]
        d.rng.shuffle(pairs)
        fields["from"] = dict(pairs)
    return fields


def _steps(d: Draft, name: str) -> tuple[int, int]:
    of = name.split("_")[1]
    return (d.axes[0][of], d.axes[1][of]) if of in d.axes[0] else (int(of), int(of))
