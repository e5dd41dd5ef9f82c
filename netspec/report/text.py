"""Numbers as people read them."""

from __future__ import annotations

from netspec.shapes.dim import Dim, Size


def count(value: Size | None) -> str:
    """`25,557,032`; a symbolic size as it is."""
    return "–" if value is None else str(value) if isinstance(value, Dim) else f"{value:,}"


def short(value: Size) -> str:
    """`25.6 M`, `4.09 G`: three digits and a decimal multiple."""
    if isinstance(value, Dim):
        return str(value)
    for scale, unit in ((10**12, " T"), (10**9, " G"), (10**6, " M"), (10**3, " k")):
        if abs(value) >= scale:
            return f"{value / scale:.3g}{unit}" if value < 1000 * scale else f"{value / scale:,.0f}{unit}"
    return str(value)


def memory(value: Size) -> str:
    """Bytes with a binary multiple: `11.2 MiB`."""
    if isinstance(value, Dim):
        return f"{value} B"
    for scale, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= scale:
            return f"{value / scale:.1f} {unit}"
    return f"{value} B"


def signed(before: Size, after: Size) -> str:
    """`+1,024 (+3.1%)`; empty when a number cannot be given."""
    if isinstance(before, Dim) or isinstance(after, Dim):
        return ""
    change = after - before
    part = f" ({change / before:+.1%})" if before else ""
    return f"{change:+,}{part}"
