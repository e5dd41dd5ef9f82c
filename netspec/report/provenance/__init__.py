"""`netspec explain`: where a run or a model came from.  Each file here is one format."""

from __future__ import annotations
