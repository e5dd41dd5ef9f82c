"""Too little memory is an error with what was needed, wherever it is taken.  Each case runs in a child process whose
address space is bounded: nothing of the size is ever taken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import netspec
from netspec import NetspecError
from netspec.backends.onnx import model as onnx_model
from netspec.source import memory as source_memory
from netspec.source.memory import available, is_shortage, memory, require_memory

ROOM = 400 << 20  # beyond what importing everything takes
CHILD = """
import resource, sys
from pathlib import Path
import numpy, onnx, onnxruntime, torch, torch._dynamo, sklearn.datasets
import matplotlib.figure, netspec.training.train, netspec.training.predict, netspec.training.evaluate
import netspec.backends.export
torch.set_num_threads(1)
torch.nn.functional.linear(torch.ones(8, 8), torch.ones(8, 8))  # what torch starts at its first product
from netspec.cli import app
if {unseen}:  # the check beforehand does not see the limit: the allocators themselves have to fail
    import netspec.source.memory
    netspec.source.memory.available = lambda: None
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + {room},) * 2)
sys.exit(app({arguments!r}, standalone_mode=False) or 0)
"""
NET = """
netspec: 1
name: big
inputs: {{x: [4]}}
layers:
{layers}
  fc: {{type: linear, out_features: 3}}
outputs: {{species: fc}}
data: {{source: iris}}
train: {{loss: cross_entropy, epochs: 1{more}}}
"""
WIDE = "  wide: {type: linear, out_features: 1000000000}"
LSTM = "  seq: {type: reshape, shape: [1, 4]}\n  wide: {type: lstm, hidden: 30000, returns: last}"
ACTIVE = "  up: {type: linear, out_features: 2000000}\n  act: tanh\n  down: {type: max, dim: 1, keepdim: true}"


def bounded(folder: Path, *arguments: str, unseen: bool = False, room: int = ROOM) -> str:
    code = CHILD.format(unseen=unseen, room=room, arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=200,
                          env={**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"})  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def spec(folder: Path, layers: str, more: str = "") -> str:
    (folder / "net.yaml").write_text(NET.format(layers=layers, more=more))
    return "net.yaml"


@pytest.mark.parametrize("unseen", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize(("layers", "needed"), [(WIDE, "14.9 GiB"), (LSTM, "3.35 GiB")], ids=["linear", "lstm"])
def test_training_a_network_that_does_not_fit(tmp_path: Path, layers: str, needed: str, unseen: bool) -> None:
    said = bounded(tmp_path, "train", spec(tmp_path, layers), "--device", "cpu", unseen=unseen)
    assert "NS625 out of memory on" in said
    assert ("more were needed at once" if unseen else " are needed, ") in said
    if unseen:
        assert needed in said


def test_a_batch_that_does_not_fit(tmp_path: Path) -> None:
    """The weights have room, what is computed with them has not."""
    said = bounded(tmp_path, "train", spec(tmp_path, ACTIVE, ", batch_size: 150, optimizer: sgd"), "--device", "cpu")
    assert "NS625 out of memory on cpu with batches of 150: " in said and "more were needed at once" in said
    assert "help: lower `batch_size`; what was saved before is still there" in said


@pytest.mark.slow
def test_export_beyond_one_file(tmp_path: Path) -> None:
    said = bounded(tmp_path, "export", spec(tmp_path, WIDE), "--onnx")
    assert "NS701 the weights take " in said and "one ONNX file holds less than 2 GiB" in said


@pytest.mark.parametrize("unseen", [pytest.param(False, marks=pytest.mark.slow), True])
def test_export_that_does_not_fit(tmp_path: Path, unseen: bool) -> None:
    """320 MB of weights: under what a file holds, above what there is for them and their copies."""
    layers = "  wide: {type: linear, out_features: 10000000}"
    said = bounded(tmp_path, "export", spec(tmp_path, layers), "--onnx", unseen=unseen)
    assert "NS625 out of memory on cpu" in said
    assert not list(tmp_path.glob("*.onnx"))


@pytest.mark.slow
def test_data_that_does_not_fit(tmp_path: Path) -> None:
    """It was said to be no .npz file."""
    np.savez_compressed(
        tmp_path / "d.npz", x=np.zeros((30_000_000, 4), np.float32), species=np.zeros(30_000_000, np.int8)
    )
    text = NET.format(layers="  act: tanh", more="").replace("source: iris", "source: {type: npz, path: d.npz}")
    (tmp_path / "net.yaml").write_text(text)
    said = bounded(tmp_path, "train", "net.yaml", "--device", "cpu")
    assert "NS625 out of memory on" in said and "no .npz file" not in said


def test_weights_and_constants_beyond_one_message() -> None:
    class Message:
        def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's own name
            raise ValueError("Message onnx.ModelProto exceeds maximum protobuf size of 2GB")

    with pytest.raises(NetspecError, match="NS701 weights and constants take 2 GiB or more"):
        onnx_model.serialized(Message())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (MemoryError("Unable to allocate 29.8 GiB for an array with shape (4000000000,)"), ": 29.8 GiB more"),
        (MemoryError(), ""),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: "
                "you tried to allocate 16000000000 bytes. Error code 12"
            ),
            ": 14.9 GiB more",
        ),
        (RuntimeError("std::bad_alloc"), ""),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."), ": 20.00 MiB more"),
        (RuntimeError("Failed to allocate memory for requested buffer of size 1048576"), ": 1 MiB more"),
        (RuntimeError("Storage size calculation overflowed with sizes=[4000000000, 4000000000]"), ""),
        (OSError(12, "Cannot allocate memory"), ""),
    ],
)
def test_every_library_s_own_words(raised: Exception, said: str) -> None:
    with pytest.raises(NetspecError) as error, memory("while testing", "cuda:0", "take less"):
        raise raised
    end = " were needed at once" if said else ""
    assert str(error.value) == f"NS625 out of memory on cuda:0 while testing{said}{end}\n  help: take less"


def test_other_errors_pass() -> None:
    for error in (ValueError("no"), NetspecError("NS402", "out of memory, says a file"), OSError(28, "No space left")):
        assert not is_shortage(error)
        with pytest.raises(type(error)), memory("while testing"):
            raise error


def test_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    free = available()
    assert free is not None and free > 0
    monkeypatch.setattr(source_memory, "available", lambda: 1 << 20)
    require_memory(1 << 20, "for a test")
    with pytest.raises(NetspecError, match="NS625 out of memory on cpu for a test: 1 MiB are needed, 1 MiB are free"):
        require_memory((1 << 20) + 1, "for a test")
    with pytest.raises(NetspecError, match=r"NS625 out of memory on cpu for the weights of the network: 1.53 MiB are"):
        netspec.to_torch(netspec.load("netspec: 1\ninputs: {x: [4]}\nlayers: {a: {type: linear, out_features: 80000}}"))
