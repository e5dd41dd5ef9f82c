"""What a reference stands for: a name that is visible where it is written, and the way from there inside."""

from __future__ import annotations

from dataclasses import replace

from netspec.frontend.names import BrokenError, Frame, Referent
from netspec.frontend.unknown_name import unknown_name
from netspec.source.errors import NetspecError, did_you_mean
from netspec.source.text import Span


def lookup(text: str, span: Span, frame: Frame, *, sharing: bool = False) -> Referent:
    """What a reference stands for (`sharing`: whose weights).  Raises NS308, and NS310 for a cycle."""
    first, *rest = text.split(".")
    home: Frame | None = frame
    while home is not None and first not in home.names:
        home = home.parent
    if home is None:
        raise unknown_name(first, span, frame, sharing)
    value = home.names[first]
    path = first
    for i, part in enumerate(rest):
        if value.broken:
            raise BrokenError()
        last = i == len(rest) - 1
        if value.inner and part in value.inner:
            value = value.inner[part]
        elif part in value.ports and last:
            value = Referent(value.path, {"": value.ports[part]}, value.span)
        elif last and "" in value.ports and value.may_give(part):
            value = Referent(value.path, {"": replace(value.ports[""], port=part)}, value.span)
        elif value.opaque:
            hint = f"give block {value.opaque} an output: `outputs: {{{part}: {'.'.join(rest[i:])}}}`"
            raise NetspecError(
                "NS308", f"`{text}` leads into block {value.opaque}, whose layers are its own", span, hint=hint
            )
        else:
            inside = [*(value.inner or {}), *(p for p in value.ports if p)]
            hint = did_you_mean(part, inside, f"it holds {', '.join(inside)}" if inside else "it is a single layer")
            raise NetspecError("NS308", f"`{path}` holds no `{part}`", span, hint=hint)
        path = f"{path}.{part}"
    if value.broken:
        raise BrokenError()
    return value
