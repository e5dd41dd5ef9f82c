"""Numbers as people read them."""

from __future__ import annotations

from netspec.shapes.dim import Dim, Size
from netspec.source.text import bytes_text


def count(value: Size | None) -> str:
    """`25,557,032`; a symbolic size as it is."""
    return "–" if value is None else str(value) if isinstance(value, Dim) else f"{value:,}"


def short(value: Size) -> str:
    """`25.6 M`, `4.09 G`: three digits and a decimal multiple."""
    if isinstance(value, Dim):
        return str(value)
    number, unit = float(value), ""
    for bigger in (" k", " M", " G", " T"):
        if abs(number) < 999.5:
            break
        number, unit = number / 1000, bigger
    return f"{number:.3g}{unit}" if abs(number) < 999.5 else f"{number:,.0f}{unit}"


def byte_size(value: Size) -> str:
    """Bytes as a table has them: `11.2 MiB`, `576 B`."""
    return f"{value} B" if isinstance(value, Dim) or value < 1024 else bytes_text(value, ".1f")


def figure(value: float) -> str:
    """A loss or a metric, four significant digits: `0.9778`, `2871`, `1.3e-05`."""
    return f"{value:,.0f}" if 1e9 > abs(value) >= 1e3 else f"{value:.4g}"


def duration(seconds: float) -> str:
    """`0.8 s`, `12 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_ = divmod(minutes, 60)
    return f"{hours} h {minutes_:02d} min" if hours else f"{minutes} min {rest:02d} s"
