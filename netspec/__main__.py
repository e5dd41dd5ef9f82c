"""`python -m netspec`."""

from __future__ import annotations

from netspec.cli import app

app()
