"""One Chromium for all tests of a process, and a tab for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.page.browser import NEEDED, Browser, Tab, chromium, started
from tests.page.opened import Plotted


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if chromium() is None and not NEEDED:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with started() as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """What a test does in it may ask for nothing and log no error."""
    with browser.tab() as tab:
        tab.size(1200, 800)
        yield tab
        assert not tab.errors
        assert [url for url in tab.requests if not url.startswith("file:")] == []
        assert len({url.partition("#")[0] for url in tab.requests}) == 1  # the page itself


@pytest.fixture
def plotted(tab: Tab, tmp_path: Path) -> Plotted:
    return Plotted(tab, tmp_path)
