"""One damage to one file of a run folder, or to a model."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx

VALUES: tuple[Any, ...] = (None, True, False, -1, 0, 1, 7, 2**31, 2**63, 10**30, -(2**63), 0.5, 1e308, -1e308, math.nan,
                           math.inf, -math.inf, "", "x", "0", "float32", "\0", "\ud800", "a" * 5000, [], [0], [[]],
                           [1, 2, 3], ["a"], [None], {}, {"x": {}}, {"": 0}, [[[[[[[[]]]]]]]])  # fmt: skip
READ = {
    "resume": ("spec.yaml", "run.json", "preprocess.json", "metrics.jsonl", "checkpoint.safetensors",
               "data.safetensors"),
    "evaluate": ("spec.yaml", "run.json", "preprocess.json", "best.safetensors", "data.safetensors"),
    "predict": ("spec.yaml", "run.json", "preprocess.json", "best.safetensors"),
    "export": ("spec.yaml", "run.json", "preprocess.json", "best.safetensors"),
}  # fmt: skip


def damage(thing: Path, chance: random.Random, act: str) -> tuple[str, str]:
    """Change one file that the action reads.  The kind of damage, and where it is in words."""
    if thing.is_file():
        return _of_model(thing, chance)
    there = [name for name in READ[act] if (thing / name).exists()]
    path = thing / chance.choice(there)
    if chance.random() < 0.25:
        return _bytes(path, chance)
    if path.suffix == ".safetensors":
        return _tensors(path, chance)
    if path.suffix == ".json":
        what = _json(tree := json.loads(path.read_text()), chance)
        path.write_text(json.dumps(tree))
        return "field", f"{path.name} {what}"
    if path.suffix == ".jsonl":
        return _lines(path, chance)
    return _bytes(path, chance)


# JSON


def _places(tree: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        found += [(*way, key), *_places(value, (*way, key))]
    return found


def _json(tree: Any, chance: random.Random) -> str:
    """Change one place, in the tree itself."""
    *way, key = chance.choice(_places(tree) or [("new",)])
    at = tree
    for step in way:
        at = at[step]
    how = chance.choice(("drop", "retype", "retype", "retype", "resize", "extreme", "rename"))
    value = at[key] if isinstance(at, list) or key in at else None
    if how == "drop":
        del at[key]
    elif how == "rename" and isinstance(at, dict):
        at[chance.choice(("other", "", str(key).upper()))] = at.pop(key, None)
    elif how == "resize" and isinstance(value, (list, str)):
        at[key] = chance.choice((value * 2, value[:-1], value[:0], value * 300))
    elif how == "resize" and isinstance(value, dict):
        at[key] = chance.choice(({}, {**value, "more": 0}, dict(reversed(value.items()))))
    elif how == "extreme" and type(value) in (int, float):
        at[key] = chance.choice((-value, value + 1, value * 10**9, -(10**12), 10**18, math.nan, math.inf, 1e-300))
    else:
        how, at[key] = "retype", copy.deepcopy(chance.choice(VALUES))
    return f"{how} {'.'.join(map(str, (*way, key)))}"


def _lines(path: Path, chance: random.Random) -> tuple[str, str]:
    lines = path.read_text().splitlines()
    if not lines:
        return _bytes(path, chance)
    i = chance.randrange(len(lines))
    how = chance.choice(("drop", "twice", "swap", "field", "field", "field", "blank"))
    if how == "drop":
        del lines[i]
    elif how == "twice":
        lines.insert(i, lines[i])
    elif how == "swap":
        lines.reverse()
    elif how == "blank":
        lines[i] = chance.choice(("", "[]", "null", "{}", "5"))
    else:
        what = _json(tree := json.loads(lines[i]), chance)
        lines[i] = json.dumps(tree)
        how = f"field {what}"
    path.write_text("".join(line + "\n" for line in lines))
    return "line", f"{path.name}:{i + 1} {how}"


# tensors


def _open(path: Path) -> tuple[dict[str, Any], bytes]:
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def _close(path: Path, header: dict[str, Any], data: bytes) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1, "U64": 8}


_TENSOR_DAMAGES = (
    "drop",
    "dtype",
    "reshape",
    "resize",
    "resize",
    "extreme",
    "extreme",
    "rename",
    "add",
    "header",
    "header",
    "metadata",
    "offsets",
)
_PLANTED = ("planted", "weights.planted", "optimizer.99.step", "optimizer.x.y", "carried.x", "best.x")


def _tensors(path: Path, chance: random.Random) -> tuple[str, str]:
    header, data = _open(path)
    names = [name for name in header if name != "__metadata__"]
    how = chance.choice(_TENSOR_DAMAGES)
    if how == "metadata":
        meta = header.get("__metadata__", {})
        key = chance.choice([k for k in meta if meta[k].startswith("{")] or ["format"])
        what = key
        if meta.get(key, "").startswith("{"):
            what = _json(tree := json.loads(meta[key]), chance)
            meta[key] = json.dumps(tree)
        else:
            meta[key] = "?"
        _close(path, header, data)
        return "header field", f"{path.name} {what}"
    if how == "header":
        what = _json(header, chance)
        _close(path, header, data)
        return "safetensors header", f"{path.name} {what}"
    name = chance.choice(names)
    entry = header[name]
    start, end = entry["data_offsets"]
    if how == "offsets":
        begins, ends = (start - 1, start + 8, 0, -8, 2**62), (end, end + 4, 2**63)
        entry["data_offsets"] = [chance.choice(begins), chance.choice(ends)]
        _close(path, header, data)
        return "offsets", f"{path.name} {name}"
    arrays = {n: (header[n]["dtype"], header[n]["shape"], data[slice(*header[n]["data_offsets"])]) for n in names}
    dtype, shape, values = arrays.pop(name)
    size = _SIZES.get(dtype, 1)
    if how == "dtype":
        dtype = chance.choice([d for d, s in _SIZES.items() if s == size and d != dtype] or ["I8"])
    elif how == "reshape":
        count = math.prod(shape)
        shape = chance.choice(([count], [1, *shape], [*shape, 1], [count, 1], list(reversed(shape))))
    elif how == "resize":
        count = math.prod(shape)
        new = chance.choice((0, 1, max(count - 1, 0), count + 1, count * 50, count * 2000))
        values = (values * (new * size // max(len(values), 1) + 1))[: new * size] if values else bytes(new * size)
        shape = [new]
    elif how == "extreme":
        if dtype == "F32":
            fill = chance.choice((math.nan, math.inf, 3e38, -3e38, 0.0, -1.0, 1e-45))
            values = np.full(len(values) // 4, fill, np.float32).tobytes()
        else:
            values = bytes([chance.choice((0, 255, 127, 128))]) * len(values)
    target = {"rename": chance.choice((name + "x", name.upper(), ""))}.get(how, name)
    if how != "drop":
        arrays[target] = (dtype, shape, values)
    if how == "add":
        arrays[chance.choice(_PLANTED)] = ("F32", [2], bytes(8))
    new_header: dict[str, Any] = {"__metadata__": header.get("__metadata__", {})}
    body = b""
    for n, (d, s, v) in sorted(arrays.items(), key=lambda item: -_SIZES.get(item[1][0], 1)):
        new_header[n] = {"dtype": d, "shape": s, "data_offsets": [len(body), len(body) + len(v)]}
        body += v
    _close(path, new_header, body)
    return f"tensor {how}", f"{path.name} {name}"


# bytes


def _bytes(path: Path, chance: random.Random) -> tuple[str, str]:
    data = bytearray(path.read_bytes())
    how = chance.choice(
        ("flip", "flip", "flip", "flips", "truncate", "extend", "zeros", "empty", "gone", "folder", "head")
    )
    if how in ("flip", "flips", "head"):
        limit = min(len(data), 64) if how == "head" else len(data)
        for _ in range({"flip": 1, "flips": 20, "head": 2}[how]):
            if limit:
                data[chance.randrange(limit)] ^= 1 << chance.randrange(8)
    elif how == "truncate":
        data = data[: chance.randrange(len(data) + 1)]
    elif how == "extend":
        data += chance.randbytes(chance.choice((1, 100)))
    elif how == "zeros" and data:
        start = chance.randrange(len(data))
        data[start : start + 64] = bytes(len(data[start : start + 64]))
    elif how == "empty":
        data = bytearray()
    if how in ("gone", "folder"):
        path.unlink()
        if how == "folder":
            path.mkdir()
    else:
        path.write_bytes(data)
    return f"bytes {how}", path.name


# models


def _of_model(path: Path, chance: random.Random) -> tuple[str, str]:
    if chance.random() < 0.4:
        return _bytes(path, chance)
    model = onnx.load(path)
    graph = model.graph
    how, change = chance.choice(_CHANGES)
    change(model, graph, chance)
    path.write_bytes(model.SerializeToString())
    return f"model {how}", path.name


def _metadata(model: Any, graph: Any, chance: random.Random) -> None:
    entry = chance.choice([p for p in model.metadata_props if p.value[:1] in "[{"])
    tree = json.loads(entry.value)
    _json(tree, chance)
    text = json.dumps(tree)
    entry.value = text


def _initializer(model: Any, graph: Any, chance: random.Random) -> None:
    tensor = chance.choice(graph.initializer)
    how = chance.choice(("dims", "type", "data", "name"))
    if how == "dims":
        tensor.dims[:] = chance.choice(([], [0], [-1], [2**40], [*tensor.dims, 1], [1, *tensor.dims]))
    elif how == "type":
        tensor.data_type = chance.choice((0, 1, 2, 7, 8, 9, 10, 11, 99))
    elif how == "data":
        tensor.raw_data = chance.choice((b"", tensor.raw_data[:-1], tensor.raw_data * 3))
    else:
        tensor.name = "other"


def _ports(model: Any, graph: Any, chance: random.Random) -> None:
    port = chance.choice([*graph.input, *graph.output])
    tensor = port.type.tensor_type
    how = chance.choice(("type", "rank", "size", "name"))
    if how == "type":
        tensor.elem_type = chance.choice((0, 2, 7, 8, 9, 10, 11, 16, 99))
    elif how == "rank":
        tensor.shape.dim.add().dim_value = 3
    elif how == "size" and tensor.shape.dim:
        chance.choice(tensor.shape.dim).dim_value = chance.choice((0, -1, 1, 5, 2**40))
    else:
        port.name = "other"


def _node(model: Any, graph: Any, chance: random.Random) -> None:
    node = chance.choice(graph.node)
    how = chance.choice(("drop", "kind", "input", "attribute"))
    if how == "drop":
        graph.node.remove(node)
    elif how == "kind":
        node.op_type = chance.choice(("Relu", "Nothing", "Shape", "Loop", "Identity"))
    elif how == "input" and node.input:
        node.input[0] = chance.choice(("", "nowhere", node.output[0]))
    elif node.attribute:
        node.attribute[0].i = chance.choice((-5, 10**12))


_CHANGES: tuple[tuple[str, Callable[[Any, Any, random.Random], None]], ...] = (
    ("metadata", _metadata),
    ("metadata", _metadata),
    ("initializer", _initializer),
    ("ports", _ports),
    ("node", _node),
)
