"""An amount before and after as one bar."""

from __future__ import annotations

from netspec.report.styled import Styled

BOTH, MORE, LESS = "█", "▒", "░"
MEANINGS = {BOTH: "both", MORE: "added", LESS: "removed"}
NARROWEST = 5


def bar(before: float, after: float, width: int) -> list[Styled]:
    """`████████▒▒▒▒`: what is there on both sides, and what was added (▒) or is no more (░).

    The larger of both is as long as `width`; nothing where that is too short to be read.
    """
    longest = max(before, after)
    if width < NARROWEST or longest <= 0:
        return []
    both = round(width * min(before, after) / longest)
    fill, style = (MORE, "yellow") if after > before else (LESS, "green")
    return [Styled(BOTH * both), Styled(fill * (width - both), style)]
