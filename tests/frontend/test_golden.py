"""A file in, the exact message out: line, column and every word of it.

A case is `golden/NAME.yaml`, or a folder with `main.yaml` and the files that it names; `NAME.txt` beside it is
what a user reads.  Lines `# --set path=value` at the top of a file are given as options.
`pytest tests/frontend --overwrite` writes the texts anew: read the difference.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import netspec

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(
    p.relative_to(GOLDEN).as_posix().removesuffix(".yaml").removesuffix("/main")
    for p in [*GOLDEN.glob("*.yaml"), *GOLDEN.glob("*/main.yaml")]
)


def rendered(case: str) -> str:
    """What `netspec validate` prints for a case, the file named as from its own folder."""
    path = Path(f"{case}.yaml") if Path(f"{case}.yaml").exists() else Path(case) / "main.yaml"
    sets = [
        line.removeprefix("# --set ")
        for line in path.read_text(encoding="utf-8").split("\n")
        if line.startswith("# --set ")
    ]
    try:
        netspec.load(path, sets=sets)
    except netspec.NetspecError as error:
        return f"{error}\n"
    return "no error\n"


@pytest.mark.parametrize("case", CASES)
def test_message(case: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.chdir(GOLDEN)
    expected = GOLDEN / f"{case}.txt"
    received = rendered(case)
    if request.config.getoption("--overwrite"):
        expected.write_text(received, encoding="utf-8")
    assert received == expected.read_text(encoding="utf-8")
    assert received != "no error\n"


def test_there_are_many_and_none_is_left_over() -> None:
    assert len(CASES) >= 90
    assert {p.stem for p in GOLDEN.glob("*.txt")} == set(CASES)
