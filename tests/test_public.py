"""What `import netspec` offers means the same whatever was imported before."""

from __future__ import annotations

import importlib
import pkgutil

import netspec


def test_no_room_has_the_name_of_a_public_function() -> None:
    """A submodule would take the name's place as soon as it is imported."""
    assert not {module.name for module in pkgutil.iter_modules(netspec.__path__)} & set(netspec.__all__)


def test_functions_are_functions_after_their_modules_are_imported() -> None:
    for name in ("training.train", "backends.torch.module", "backends.onnx.model", "review.diff"):
        importlib.import_module(f"netspec.{name}")
    for name in ("load", "train", "to_torch", "to_onnx", "diff"):
        assert type(getattr(netspec, name)) is type(netspec.load)
