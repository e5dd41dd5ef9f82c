"""Differences in a workflow of GitHub: a notice at each line that caused one, and the comment as the job's summary.

Where an old checkpoint loads into the wrong places it is a warning.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from netspec.report.checkpoint_text import loaded_elsewhere
from netspec.report.diff.markdown import comment
from netspec.report.problems.github import annotation, problem_fields, problem_text
from netspec.review.compared import Compared
from netspec.review.explain.cause_lines import line
from netspec.review.sides.side import path_of
from netspec.source.files import open_to_append

MOST_NOTICES = 10  # that GitHub shows of a step

Place = tuple[str, int]


def render(networks: Sequence[Compared], every: bool) -> Iterator[str]:
    for network in networks:
        for problem in network.problems:
            fields = problem_fields(problem)
            yield annotation(
                "error", {**fields, "file": path_of(fields.get("file", network.path))}, problem_text(problem)
            )
        for text in network.crossed:
            yield annotation("error", {"file": network.path, "title": "netspec diff --fail-on"}, text)
    yield from _notices(networks)
    _append("GITHUB_STEP_SUMMARY", comment(networks, every))
    _append("GITHUB_OUTPUT", f"networks={len(networks)}")


def _notices(networks: Sequence[Compared]) -> Iterator[str]:
    """One for each line of a text, with every network that it changes."""
    places: dict[Place, list[str]] = {}
    headlines: dict[Place, list[str]] = {}
    loud_places: set[Place] = set()
    for network in networks:
        if not network.difference:
            continue
        causes = _causes(network) or {(network.path, 1): []}
        for place, texts in causes.items():
            known = places.setdefault(place, [])
            known += [text for text in texts if text not in known]
            headlines.setdefault(place, []).append(f"{network.path}: {network.difference.headline}")
            if loud := loaded_elsewhere(network.difference.weights):
                headlines[place].append(f"{network.path}: {loud}")
                loud_places.add(place)
    for position, (place, texts) in enumerate(places.items()):
        if position == MOST_NOTICES:
            return
        more = len(places) - MOST_NOTICES if position == MOST_NOTICES - 1 else 0
        message = [*texts, *headlines[place], *([f"and {more:,} more places"] if more > 0 else [])]
        file, number = place
        level = "warning" if place in loud_places else "notice"
        yield annotation(level, {"file": file, "line": str(number), "title": "netspec diff"}, "\n".join(message))


def _causes(network: Compared) -> dict[Place, list[str]]:
    """The places in the newer texts, and what changed there."""
    difference = network.difference
    assert difference is not None  # it has a headline
    found: dict[Place, list[str]] = {}
    for cause in difference.causes:
        file = (
            posixpath.normpath(posixpath.join(posixpath.dirname(network.path), cause.file))
            if cause.file
            else network.path
        )
        number = cause.span.line if cause.span and cause.after is not None else 1
        found.setdefault((file, number), []).append(line(replace(cause, span=None)))
    return found


def _append(variable: str, text: str) -> None:
    """Add text to the file that a workflow names, where there is one."""
    if path := os.environ.get(variable):
        with open_to_append(Path(path)) as file:
            file.write(f"{text}\n")
