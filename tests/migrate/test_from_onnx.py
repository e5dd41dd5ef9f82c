"""Weights of exported models: a network that has them computes what the exported one did."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

import netspec
from netspec.backends.export import export_onnx
from netspec.migrate.from_files import migrate_files
from netspec.source.errors import NetspecError
from tests.migrate.pairs import computed, lived
from tests.migrate.test_function_kept import RECURRENT, conv, numbers, transformer, words

SHIFTLESS = conv(norm="{type: batch_norm2d, affine: false}")


def exported(text: str, path: Path, streaming: bool = False) -> dict[str, torch.Tensor]:
    graph = netspec.load(text)
    weights = lived(graph)
    module = netspec.to_torch(graph)
    module.load_state_dict(weights)
    export_onnx(graph, module.eval(), path, {}, streaming)
    return weights


@pytest.mark.parametrize(
    ("before", "after", "x"),
    [
        (conv(), conv(), numbers(4, 3, 12, 12)),
        (conv(), conv(a=6, c=9), numbers(4, 3, 12, 12)),
        (SHIFTLESS, SHIFTLESS, numbers(4, 3, 12, 12)),
        (transformer(), transformer(repeat=3), words()),
        *[
            (RECURRENT.format(cell=cell, hidden=3, begin=begin), RECURRENT.format(cell=cell, hidden=6, begin=begin),
             numbers(4, 6, 4))
            for cell in ("lstm", "gru", "rnn", "sru", "lstm_peephole_full")
            for begin in ("zero", "learned")
            if (cell, begin) != ("sru", "learned")
        ],
    ],
)  # fmt: skip
def test_a_network_with_the_weights_of_a_model(before: str, after: str, x: torch.Tensor, tmp_path: Path) -> None:
    weights = exported(before, tmp_path / "net.onnx")
    _, migration = migrate_files(tmp_path / "net.onnx", netspec.load(after))
    old, new = (
        computed(netspec.load(before), weights, {"x": x}),
        computed(netspec.load(after), migration.tensors, {"x": x}),
    )
    assert float((old - new).abs().max() / old.abs().max()) < 1e-5
    assert migration.keeps_function


def test_a_streaming_model(tmp_path: Path) -> None:
    text = RECURRENT.format(cell="lstm", hidden=3, begin="zero").replace("bidirectional: true", "bidirectional: false")
    weights = exported(text, tmp_path / "net.onnx", streaming=True)
    tensors = migrate_files(tmp_path / "net.onnx", netspec.load(text))[1].tensors
    assert all(torch.equal(tensors[name], weights[name]) for name in weights)


def test_a_model_whose_numbers_were_changed_where_they_say_nothing_is_refused(tmp_path: Path) -> None:
    exported(RECURRENT.format(cell="sru", hidden=3, begin="zero"), tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    for tensor in model.graph.initializer:
        if tensor.name.startswith("l/") and tensor.dims == []:
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) + 1, tensor.name))
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(NetspecError, match="its weights cannot be had from the model"):
        migrate_files(tmp_path / "net.onnx", netspec.load(RECURRENT.format(cell="sru", hidden=3, begin="zero")))


def test_a_model_without_a_spec_is_refused(tmp_path: Path) -> None:
    exported(conv(), tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    kept = [entry for entry in model.metadata_props if entry.key != "netspec.spec"]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(NetspecError, match="carries no netspec spec"):
        migrate_files(tmp_path / "net.onnx", netspec.load(conv()))
