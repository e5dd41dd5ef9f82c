"""The source `diabetes`."""

from __future__ import annotations

from typing import Any

from netspec.data.sources._scikit import ScikitTable
from netspec.data.sources.base import source


@source("diabetes")
class Diabetes(ScikitTable):
    """442 patients, 10 measurements; the target is a number from 25 to 346.  Efron et al. 2004 (scikit-learn)."""

    def load(self) -> Any:
        from sklearn.datasets import load_diabetes

        return load_diabetes()
