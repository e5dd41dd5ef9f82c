"""`python -m netspec.cli`."""

from __future__ import annotations

from netspec.cli import app

app()
