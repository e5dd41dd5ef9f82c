"""Pages, made and opened in a tab."""

from __future__ import annotations

from pathlib import Path

from netspec.report.page.assemble import page
from netspec.report.page.data import network_data
from netspec.spec import load
from tests.page.browser import Tab


class Plotted:
    """Opens the page of a network in the test's tab."""

    def __init__(self, tab: Tab, folder: Path) -> None:
        self.tab, self.folder = tab, folder

    def __call__(self, network: str, fragment: str = "") -> Tab:
        """A path, or the text of a file."""
        file = self.folder / "page.html"
        file.write_text(page(network_data(load(network))), encoding="utf-8")
        self.tab.open(file, fragment)
        return self.tab
