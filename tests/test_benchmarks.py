"""The commands that measure begin: what they import of netspec is there."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import benchmarks

OF_AN_EXTRA = {"onnxscript"}  # of the extra `bench`


@pytest.mark.parametrize("name", sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__)))
def test_it_can_be_imported(name: str) -> None:
    try:
        importlib.import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:
        if error.name not in OF_AN_EXTRA:
            raise
        pytest.skip(f"{error.name} is not installed")
