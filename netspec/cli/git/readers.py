"""The networks that read a file which git shows, by `include` or `extends`, and have not changed themselves.

git shows them nowhere: not a byte of theirs is another one.
"""

from __future__ import annotations

from collections.abc import Iterator

from netspec.report.checkpoint_text import loaded_elsewhere
from netspec.report.diff import TOTALS, changed_totals, growth_text
from netspec.report.styled import Line, Styled
from netspec.review.diff import compare
from netspec.review.sides.snapshot import Snapshot
from netspec.source.errors import NetspecError

MOST = 20  # that are shown


def readers(before: str, after: str, old: Snapshot, new: Snapshot) -> list[str]:
    """Of a file with these paths before and after."""
    return [
        path
        for path in new.files()
        if path != after
        and path in old.paths
        and (after in new.reads(path) or before in old.reads(path))
        and old.data(path) == new.data(path)
    ]


def lines(paths: list[str], old: Snapshot, new: Snapshot) -> Iterator[Line]:
    """A line for each: its verdict, how much it grows, and what an old checkpoint would do wrong."""
    for path in paths[:MOST]:
        try:
            difference = compare(old.side(path), new.side(path))
        except NetspecError as error:
            yield (
                Styled(f"  {path} reads it: ", "bold"),
                Styled(f"cannot be read: {error.problems[0].message}", "alarm"),
            )
            continue
        if difference.before.spec is None and difference.after.spec is None:
            continue  # blocks for others
        totals = (f", {TOTALS[change.what]} {growth_text(change)}" for change in changed_totals(difference))
        yield (Styled(f"  {path} reads it: ", "bold"), Styled("".join([difference.headline, *totals])))
        if loud := loaded_elsewhere(difference.weights):
            yield (Styled(f"    ! {loud}", "alarm"),)
    if len(paths) > MOST:
        yield (Styled(f"  … and {len(paths) - MOST:,} more networks"),)
