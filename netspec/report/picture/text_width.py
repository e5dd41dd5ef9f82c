"""How wide a text is in Helvetica, so that a picture needs no font to be drawn.

Widths in thousandths of the size, as Adobe's metrics of Helvetica give them; Arial has the same.
"""

from __future__ import annotations

import unicodedata

FONT = "Helvetica, Arial, sans-serif"
_WIDTHS = {
    **dict.fromkeys("ijl", 222),
    **dict.fromkeys(" !,./:;I[]\\ft", 278),
    **dict.fromkeys("()-`r", 333),
    **dict.fromkeys("Jckvsxyz", 500),
    **dict.fromkeys("FTZ", 611),
    **dict.fromkeys("ABEKPSVXY&", 667),
    **dict.fromkeys("CDHNRUw", 722),
    **dict.fromkeys("GOQ", 778),
    **dict.fromkeys("mM", 833),
    **dict.fromkeys("+<=>~×−", 584),
    **dict.fromkeys("…→", 1000),
    **{"'": 191, "|": 260, "·": 278, "{": 334, "}": 334, '"': 355, "*": 389, "^": 469, "%": 889, "W": 944, "@": 1015},
}
_OTHER = 556  # digits and most letters
_BOLD = 1.08  # Helvetica-Bold is so much wider at most, over a word


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """The width of one line."""
    thousandths = sum(_WIDTHS.get(c) or _wide(c) for c in text)
    return thousandths / 1000 * size * (_BOLD if bold else 1.0)


def _wide(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 1000 if unicodedata.east_asian_width(char) in "WF" else _OTHER if char.isascii() else 650


def shortened(text: str, size: float, width: float, *, bold: bool = False) -> str:
    """The text, or as much of its beginning as fits before an ellipsis."""
    if text_width(text, size, bold=bold) <= width:
        return text
    while text and text_width(text + "…", size, bold=bold) > width:
        text = text[:-1]
    return text.rstrip() + "…"
