"""The source `wine`."""

from __future__ import annotations

from typing import Any

from netspec.data.sources._scikit import ScikitTable
from netspec.data.sources.base import source


@source("wine")
class Wine(ScikitTable):
    """178 wines, 13 measurements; 3 classes.  Forina et al. 1988 (scikit-learn)."""

    def load(self) -> Any:
        from sklearn.datasets import load_wine

        return load_wine()
