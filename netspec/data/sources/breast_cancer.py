"""The source `breast_cancer`."""

from __future__ import annotations

from typing import Any

from netspec.data.sources._scikit import ScikitTable
from netspec.data.sources.base import source


@source("breast_cancer")
class BreastCancer(ScikitTable):
    """569 tumours, 30 measurements; 2 classes.  Wolberg, Street & Mangasarian 1993 (scikit-learn)."""

    def load(self) -> Any:
        from sklearn.datasets import load_breast_cancer

        return load_breast_cancer()
