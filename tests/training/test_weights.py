"""Files of weights, as the library of their format reads them."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from netspec.source.errors import NetspecError
from netspec.training.weights import write_tensors


def test_what_is_written_is_what_safetensors_reads(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    plain = torch.randn(3, 5, generator=generator)
    tensors = {
        "z.float32": plain,
        "turned": plain.T,
        "a.float64": plain.double(),
        "float16": plain.half(),
        "bfloat16": plain.bfloat16(),
        "int64": torch.tensor(7),
        "int32": torch.arange(3, dtype=torch.int32),
        "uint8": torch.arange(5, dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "empty": torch.zeros(0, 4),
        "Größe": torch.ones(1),
        "again": plain,
    }
    path = tmp_path / "a.safetensors"
    write_tensors(path, tensors, {"epoch": "3", "b": 'a "quote" ⏎'})
    found = load_file(path)
    assert set(found) == set(tensors) - {"again"}
    for name, tensor in found.items():
        assert tensor.dtype == tensors[name].dtype and torch.equal(tensor, tensors[name]), name
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"format": "pt", "epoch": "3", "b": 'a "quote" ⏎', "again": "z.float32"}
    again = dict(reversed(tensors.items()))
    for first, then in ((tensors, again), ({"a": plain, "b": plain[0]}, {"b": plain[0], "a": plain})):
        write_tensors(path, {k: v for k, v in first.items() if k != "again"}, {"b": "1", "a": "2"})
        kept = path.read_bytes()
        write_tensors(path, {k: v for k, v in then.items() if k != "again"}, {"a": "2", "b": "1"})
        assert path.read_bytes() == kept  # equal weights are equal files


def test_no_tensors_and_a_link(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a", {}, {"k": "v"})
    assert load_file(tmp_path / "a") == {}
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(NetspecError, match=r"cannot write .*b: it is a link"):
        write_tensors(tmp_path / "b", {"x": torch.ones(2)}, {})
    assert load_file(tmp_path / "a") == {}
