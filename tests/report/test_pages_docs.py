"""docs/pages.md lists the keys that a page lists under `?`."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_keys() -> None:
    code = (ROOT / "netspec/report/page/code/keys.js").read_text(encoding="utf-8").partition("HELP = [")[2]
    listed = re.findall(r'^  \["(.+)", "(.+)"\],$', code.partition("];")[0], re.MULTILINE)
    table = (ROOT / "docs/pages.md").read_text(encoding="utf-8").partition("| key | does |\n")[2].partition("\n\n")[0]
    assert [key for key, _ in listed] == re.findall(r"^\| ([^-|]+|\+, −, 0) \| ", table, re.MULTILINE)
    assert dict(listed)["Escape"] == "close, then leave the box" and "then leaves the box" in table
