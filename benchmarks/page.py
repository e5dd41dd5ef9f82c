"""The page of resnet152 in Chromium: its size, and from opening the file until its network is painted."""

from __future__ import annotations

import tempfile
from pathlib import Path

import netspec
from benchmarks.command import main
from benchmarks.measure import Figure, Spread, architecture, figure
from netspec.report.diff.html import render
from netspec.report.page.assemble import page
from netspec.report.page.data import network_data
from netspec.review.compared import Compared
from netspec.review.diff import compare
from tests.page.browser import Browser, started

EMPTY = "<!doctype html><title>empty</title><p>text</p><script>document.documentElement.dataset.ready = 'true'</script>"
# Milliseconds until something was painted and the network drawn; 0 where nothing was painted yet.
PAINTED = """(() => { const at = (name) => performance.getEntriesByName(name)[0]?.startTime ?? 0;
const paint = at('first-contentful-paint'); return paint && Math.max(paint, at('drawn')); })()"""


def first_paint(browser: Browser, file: Path) -> float:
    """Milliseconds from the beginning of the navigation, by the browser's own clock, in a tab of its own."""
    with browser.tab() as tab:
        tab.size(1400, 900)
        tab.open(file)
        while not (painted := float(tab.js(PAINTED))):
            tab.js("new Promise(requestAnimationFrame)")
        return painted


def measure(quick: bool) -> list[Figure]:
    rounds = 5 if quick else 40
    graphs = [netspec.load(architecture(name)) for name in ("resnet152", "resnet101")]
    change = "".join(render([Compared("resnet152", "a", "b", compare(graphs[1], graphs[0]))], False))
    pages = {"netspec": page(network_data(graphs[0])), "diff": change, "empty": EMPTY, "again": EMPTY}
    times: dict[str, list[float]] = {name: [] for name in pages}
    with tempfile.TemporaryDirectory() as folder, started() as browser:
        files = {name: Path(folder, f"{name}.html") for name in pages}
        for name, file in files.items():
            file.write_text(pages[name], encoding="utf-8")
        names = list(files)
        for turn in range(rounds + 1):  # the first warms
            for name in (*names[turn % len(names) :], *names[: turn % len(names)]):
                times[name].append(first_paint(browser, files[name]) / 1e3)
    times = {name: found[1:] for name, found in times.items()}
    alone = {name: Spread.of([t * 1e3 for t in found]) for name, found in times.items()}
    size = Spread.of([len(pages["netspec"].encode()) / 1e3])
    return [
        Figure("the page of resnet152: its size", "", "kB", size, bound=300),
        Figure("the page of resnet152: first paint in Chromium", "", "ms", alone["netspec"], bound=1000),
        figure("the same", "a page with one word", times, bound=None, theirs="empty", control="again"),
        Figure("the page of resnet101 -> resnet152: first paint", "", "ms", alone["diff"], bound=1000),
    ]


if __name__ == "__main__":
    main("page", measure)
