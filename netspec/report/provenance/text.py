"""Where a run or a model came from, for a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from netspec.graph.cost import total
from netspec.report.numbers import count, short
from netspec.report.styled import Line, Lines, Styled
from netspec.review.difference import Verdict
from netspec.review.provenance import Provenance, Standing
from netspec.source.text import printable

_SAME = (Verdict.SAME_TEXT, Verdict.SAME_NETWORK)
OLD = "not recorded: it was made by an older netspec, or from a text in no file"


def render(provenance: Provenance) -> Iterator[Lines]:
    yield Lines(lambda width: lines(provenance))


def lines(provenance: Provenance) -> Iterator[Line]:
    """What it is, the file and its commit, the digests, and what the file is now."""
    cost = total(provenance.graph)
    kind = "run" if provenance.info else "network"
    figures = f"{count(cost.params)} parameters, {short(cost.flops)} FLOPs"
    yield Styled(f"{provenance.name}: ", "bold"), Styled(printable(f"{kind} {provenance.graph.name}, {figures}"))
    for head, text in _facts(provenance):
        yield _headed(head, text)
    for i, (name, digest) in enumerate(asdict(provenance.recorded or provenance.computed).items()):
        yield _headed("" if i else "digests", f"{name:<10}{digest}")
    if note := digest_note(provenance):
        yield _headed("", note, "yellow")
    for standing in provenance.standings:
        yield _headed(
            standing.where, f"{standing.file}: {standing.text}" if standing.file else standing.text, _style(standing)
        )
        if standing.file and standing.verdict is not None and standing.verdict not in _SAME and not _sets(provenance):
            yield _headed("", f"netspec diff {provenance.name} {standing.file}", "dim")


def _sets(provenance: Provenance) -> list[str]:
    return provenance.origin.sets if provenance.origin else []


def digest_note(provenance: Provenance) -> str:
    """What is to be said where the spec inside does not give the digests that were recorded; else nothing."""
    recorded, computed = provenance.recorded, provenance.computed
    if recorded is None:
        return "computed now: none were recorded"
    if recorded == computed:
        return ""
    old, new = (each.function.partition(":")[0] for each in (recorded, computed))
    if old != new:
        return f"recorded by another netspec, which digests otherwise (version {old}, here {new})"
    return "the spec inside gives others: it was changed since, or this netspec reads it otherwise"


def _facts(provenance: Provenance) -> Iterator[tuple[str, str]]:
    info, origin = provenance.info, provenance.origin
    if info is not None:
        end = (
            "" if info.status == "running" else f", {info.status} after {info.epochs:,} epoch{'s'[: info.epochs != 1]}"
        )
        yield "begun", f"{info.started} with netspec {info.netspec}, torch {info.versions.torch} on {info.device}{end}"
        if info.begun_from is not None:
            yield "weights", f"begun from {info.begun_from.source}"
    if origin is None:
        yield "file", OLD
        return
    yield "file", origin.file
    if origin.commit:
        known = f"  {provenance.commit}" if provenance.commit else "  (no repository here has it)"
        yield "commit", f"{origin.commit[:12]}{known}"
    else:
        yield "commit", "none: it was in no git repository, or in one without a commit"
    if origin.changed:
        yield "changed", f"not as in that commit: {', '.join(origin.changed)}"
    for i, assignment in enumerate(origin.sets):
        yield "" if i else "set", assignment


def _style(standing: Standing) -> str:
    return "green" if standing.verdict in _SAME else "dim" if standing.verdict is None else "yellow"


def _headed(head: str, text: str, style: str = "") -> Line:
    return Styled(f"  {head:<9}", "bold"), Styled(printable(text), style)
