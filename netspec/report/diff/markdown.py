"""Differences as a comment on a pull request: a row for each network, what changed in it folded below.

A comment has `LIMIT` characters at most.  It is cut by whole networks and entries, and says how many are left out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from textwrap import wrap

from netspec.report.checkpoint_text import loaded_elsewhere, weights_text
from netspec.report.diff import (
    cause_lines,
    entry_text,
    growth_text,
    section_lines,
    whole_text,
)
from netspec.report.diff.text import MAX_NAMES, alike, group_lines
from netspec.report.markdown import code, fence, html_code, one_line, row
from netspec.report.numbers import count, short
from netspec.report.styled import plain
from netspec.review.compared import Compared
from netspec.review.difference import Change, Difference, Verdict
from netspec.shapes.dim import Dim, Size

MARKER = "<!-- netspec diff -->"  # by which a later run finds the comment
LIMIT = 60_000  # characters; GitHub takes 65,536
MOST_ROWS = 30_000  # characters of them
LONGEST = 300  # characters of a line
LONGEST_NAME = 100
LEAST = 400  # characters that say something of a network
WIDTH = 88  # of the totals and their bars
_CONTINUED = " " * 4  # begins a line that goes on with the one above it
_SET_IN = " " * 6  # begins what is left of a long line
_HEAD = ("network", "verdict", "parameters", "FLOPs", "weights of a checkpoint")
_PLURALS = {"new network": "new networks", "network deleted": "networks deleted"}
_ALIGNED = ("---", "---", "---:", "---:", "---")


def render(networks: Sequence[Compared], every: bool) -> Iterator[str]:
    yield comment(networks, every)


def comment(networks: Sequence[Compared], every: bool = False, limit: int = LIMIT) -> str:
    """The whole comment, without a line break at its end."""
    if not networks:
        return f"{MARKER}\nThis change affects no network."
    table = _table(networks, min(MOST_ROWS, limit // 2))
    details = [detail for group in alike(networks, every) if (detail := _Details(group, every)).entries]
    rooms = _shares([detail.length + 2 for detail in details], limit - len(table) - 100)
    folded = [detail.within(room - 2) for detail, room in zip(details, rooms, strict=True)]
    parts = [part for part in folded if part]
    if left_out := sum(detail.networks for detail, part in zip(details, folded, strict=True) if not part):
        parts.append(f"*What changed in {_number(left_out, 'more network')} is left out here.*")
    return "\n\n".join([table, *parts])


def _table(networks: Sequence[Compared], room: int) -> str:
    """The marker, a heading, and as many rows as have room."""
    out = [MARKER, _heading(networks), "", row(_HEAD), row(_ALIGNED)]
    room -= _length(out)
    for position, network in enumerate(networks):
        line = row(_cells(network))
        room -= len(line) + 1
        if room < 0:
            return "\n".join([*out, "", f"*… and {_number(len(networks) - position, 'more network')}.*"])
        out.append(line)
    return "\n".join(out)


def _heading(networks: Sequence[Compared]) -> str:
    """`**netspec diff** · 3 networks: 2 architecture changed · 1 new network`."""
    verdicts = Counter("broken" if n.difference is None else n.difference.headline for n in networks)
    listed = " · ".join(
        f"{count:,} {_PLURALS.get(verdict, verdict) if count > 1 else verdict}" if len(networks) > 1 else verdict
        for verdict, count in verdicts.items()
    )
    return f"**netspec diff** · {_number(len(networks), 'network')}: {listed}"


def _cells(network: Compared) -> list[str]:
    name = code(_shortened(network.path, LONGEST_NAME))
    crossed = "".join(f"<br>❌ {code(_shortened(text, LONGEST))}" for text in network.crossed)
    difference = network.difference
    if difference is None:
        return [name, f"❌ **cannot be read**{crossed}", "", "", ""]
    totals = {change.what: change for change in difference.totals}
    headline = difference.headline if difference.verdict is not Verdict.ARCHITECTURE else f"**{difference.headline}**"
    return [
        name,
        headline + crossed,
        _growth(difference, totals["params"]),
        _growth(difference, totals["flops"]),
        _weights(difference),
    ]


def _growth(difference: Difference, change: Change) -> str:
    """`11.2 M → 21.3 M (+90.3%)`; one number where it is the same, or where there is one side."""
    if difference.before.spec is None and difference.after.spec is None:
        return ""
    if difference.before.spec is None or difference.after.spec is None:
        return _short(change.after if difference.before.spec is None else change.before)
    if change.before == change.after:
        return _short(change.after)
    growth, form = growth_text(change), _short
    if _short(change.before) == _short(change.after):
        form = count  # as the text has it
    return f"{form(change.before)} → {form(change.after)}" + (f" ({growth})" if growth else "")


def _short(value: Size) -> str:
    """A number that no line break parts from its unit."""
    return code(str(value)) if isinstance(value, Dim) else short(value).replace(" ", "\N{NO-BREAK SPACE}")


def _weights(difference: Difference) -> str:
    """What a checkpoint of the network before is worth now; nothing where there is none."""
    if difference.before.spec is None or difference.after.spec is None:
        return ""
    text = weights_text(difference, code)
    if loud := loaded_elsewhere(difference.weights):
        return f"⚠️ **{loud}**<br>{text}"
    return text


class _Details:
    """What changed in networks alike, folded: a line that names them, and the entries in a fence."""

    def __init__(self, group: Sequence[Compared], every: bool) -> None:
        self.networks = len(group)
        self.head = f"<details><summary>{_summary(group)}</summary>\n"
        self.language = "" if group[0].difference is None else "diff"
        self.entries = _entries(group, every)
        self.length = len(self._text(len(self.entries)))

    def within(self, room: int) -> str:
        """As many entries as have room; nothing where none has."""
        if self.length <= room:
            return self._text(len(self.entries))
        marks = fence([line for entry in self.entries for line in entry])[0]
        ends = list(accumulate(_length(entry) for entry in self.entries))
        shown = bisect_right(ends, room - len(self._text(0)) - 2 * len(marks))
        return self._text(shown) if shown else ""

    def _text(self, shown: int) -> str:
        lines = [line for entry in self.entries[:shown] for line in entry]
        left_out = len(self.entries) - shown
        note = [f"\n*… and {left_out:,} of {len(self.entries):,} entries more.*"] if left_out else []
        return "\n".join([self.head, *fence(lines, self.language), *note, "\n</details>"])


def _summary(group: Sequence[Compared]) -> str:
    """The networks, and in a few words why they are others."""
    name = ", ".join(html_code(_shortened(network.path, LONGEST_NAME)) for network in group[:MAX_NAMES])
    name += f" and {len(group) - MAX_NAMES:,} more" if len(group) > MAX_NAMES else ""
    difference = group[0].difference
    if difference is None:
        return f"{name}: what is wrong"
    causes = [*cause_lines(difference), *(f"{section}: {text}" for section, text in section_lines(difference))]
    texts = causes or [entry_text(entry) for entry in difference.entries]
    if (difference.before.spec is None) != (difference.after.spec is None):
        return f"{name}: {difference.headline}, {whole_text(difference)}"
    if not texts:
        return f"{name}: {difference.headline}"
    more = f" and {len(texts) - 1:,} more" if len(texts) > 1 else ""
    return f"{name}: {html_code(_cut_between_words(texts[0], LONGEST_NAME))}{more}"


def _entries(group: Sequence[Compared], every: bool) -> list[list[str]]:
    """The lines of the text format, those of one entry together; what is longer than a line goes on below, set in."""
    if group[0].difference is None:
        return [[_shortened(line) for line in problem.render().split("\n")] for problem in group[0].problems]
    entries: list[list[str]] = []
    shown = group_lines(group, every, WIDTH, hint=False)
    for line in islice(shown, 1, None):  # the row of the table says what the first line does
        text = _shortened(plain(line))
        wrapped = wrap(text, WIDTH, subsequent_indent=_SET_IN, break_long_words=False, break_on_hyphens=False)
        if entries and text.startswith(_CONTINUED):
            entries[-1] += wrapped
        else:
            entries.append(wrapped or [text])
    return entries


def _length(lines: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _shares(sizes: Sequence[int], room: int) -> list[int]:
    """A share of the room for each: all that a small one needs, the same for the large ones.

    Where that would be next to nothing, the first ones have it.
    """
    shares = [0] * len(sizes)
    takers = range(min(len(sizes), max(1, room // LEAST)))
    for position, taker in enumerate(sorted(takers, key=lambda i: sizes[i])):
        shares[taker] = min(sizes[taker], room // (len(takers) - position))
        room -= shares[taker]
    return shares


def _shortened(text: str, longest: int = LONGEST) -> str:
    text = one_line(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _cut_between_words(text: str, longest: int) -> str:
    text = one_line(text)
    if len(text) <= longest:
        return text
    words = text[: longest - 1].rpartition(" ")[0] or text[: longest - 1]
    return f"{words} …"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
