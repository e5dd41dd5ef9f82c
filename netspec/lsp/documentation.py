"""What there is to read about a kind, a block, a cell or a key, as Markdown."""

from __future__ import annotations

import inspect
import re

from netspec.cells.language.library import library_cell, library_names
from netspec.frontend.containers import CONTAINERS
from netspec.layers import kinds
from netspec.lsp.family import Family
from netspec.lsp.keys import Key, layer_keys
from netspec.report.cells.formula import formula, parameters
from netspec.report.schema.layers import WIRING, first_sentence
from netspec.source.errors import NetspecError
from netspec.source.tree import Items, Map, Scalar

_CODE = re.compile(r"(`[^`]*`)")
_MARKS = re.compile(r"([*_<>\[\]#|~])")


def escaped(text: str) -> str:
    """Text as it stands, in Markdown; what is between backticks stays code."""
    return "".join(part if part.startswith("`") else _MARKS.sub(r"\\\1", part) for part in _CODE.split(text))


def prose(doc: str) -> str:
    """A docstring: its first paragraph, mostly an equation, in a block of its own."""
    first, _, rest = doc.partition("\n\n")
    return "\n\n".join(part for part in (f"```text\n{first}\n```", escaped(" ".join(rest.split()))) if part)


def lead(cls: type) -> str:
    """The equation of a kind and what goes in and out, without what it refuses."""
    first, _, rest = (inspect.getdoc(cls) or "").partition("\n\n")
    shapes = " ".join(rest.partition("\n\n")[0].split()).partition("Raises ")[0].strip()
    return prose(f"{first}\n\n{shapes}" if shapes else first)


def kind_doc(kind: str, family: Family) -> str:
    """A layer kind, a container, or a block of the file; "" for what is none."""
    block = family.at("blocks", kind)
    if isinstance(block, Map):
        return _block_doc(kind, block, family)
    cls = kinds().get(kind) or CONTAINERS.get(kind)
    if cls is None:
        return ""
    lines = [f"- {key_line(key)}" for key in layer_keys(kind, family).values() if key.name not in ("type", *WIRING)]
    title = f"**{escaped(kind)}**"
    return "\n\n".join(part for part in (title, prose(inspect.getdoc(cls) or ""), "\n".join(lines)) if part)


def kind_summary(kind: str, family: Family) -> str:
    """The same in a line."""
    if isinstance(family.at("blocks", kind), Map):
        return f"block: {_signature(kind, family)}"
    cls = kinds().get(kind) or CONTAINERS.get(kind)
    return first_sentence(cls) if cls else ""


def _signature(block: str, family: Family) -> str:
    keys = [k for k in layer_keys(block, family).values() if k.name not in ("type", *WIRING)]
    return ", ".join(f"{k.name}: {k.default}" if k.default else k.name for k in keys) or "no parameters"


def _block_doc(name: str, block: Map, family: Family) -> str:
    layers = block.get("layers")
    names = list(layers.entries) if isinstance(layers, Map) else []
    lines = [f"**block {escaped(name)}** · {escaped(_signature(name, family))}"]
    inputs = block.get("inputs")
    if isinstance(inputs, Items):
        lines.append(f"inputs: {escaped(', '.join(str(item.plain()) for item in inputs.items))}")
    lines.append(f"layers: {escaped(', '.join(names))}")
    return "\n\n".join(lines)


def cell_doc(name: str, family: Family) -> str:
    """A cell of the file as it is written, or of the library with how many numbers it learns; "" for neither."""
    declared = family.at("cells", name)
    if isinstance(declared, Map):
        equations = declared.get("equations")
        lines = [str(item.plain()) for item in equations.items] if isinstance(equations, Items) else []
        about = declared.get("description")
        head = [f"**cell {escaped(name)}**", escaped(str(about.value)) if isinstance(about, Scalar) else ""]
        return "\n\n".join(part for part in (*head, _equations(lines)) if part)
    if name not in library_names():
        return ""
    try:
        cell = library_cell(name)
    except NetspecError:
        return ""
    lines = [" ".join(str(e.text.value).split()) for e in cell.equations]
    facts = f"{formula(parameters(cell))} parameters · {cell.source}" if cell.source else ""
    return "\n\n".join(
        part
        for part in (f"**cell {escaped(name)}**", escaped(cell.description), _equations(lines), escaped(facts))
        if part
    )


def _equations(lines: list[str]) -> str:
    return "```text\n" + "\n".join(lines) + "\n```" if lines else ""


def key_line(key: Key) -> str:
    """`kernel_size`: a whole number; required."""
    default = "required" if key.required else f"default {key.default}" if key.default else ""
    text = "; ".join(part for part in (key.expects, default) if part)
    return f"`{key.name}`: {escaped(text)}" if text else f"`{key.name}`"


def key_doc(key: Key) -> str:
    return "\n\n".join(part for part in (key_line(key), escaped(key.doc)) if part)
