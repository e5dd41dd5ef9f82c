"""The source `iris`."""

from __future__ import annotations

from typing import Any

from netspec.data.sources._scikit import ScikitTable
from netspec.data.sources.base import source


@source("iris")
class Iris(ScikitTable):
    """150 flowers, 4 lengths in cm; 3 classes.  Fisher 1936 (scikit-learn)."""

    def load(self) -> Any:
        from sklearn.datasets import load_iris

        return load_iris()
