"""Weights of plain torch modules under names of their own: the network computes what the module does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from typer.testing import CliRunner

import netspec
from netspec.cli import app
from netspec.migrate.foreign import Renamed
from netspec.migrate.old_network import OldNetwork, read_old_network
from netspec.source.errors import NetspecError
from tests.migrate.foreign_modules import Decoder, Encoder, Gpt, OtherResNet18, Perceptron, ResNet18, Tagger, Transposed

MLP = """netspec: 1
name: mlp
inputs: {x: [6]}
layers:
  fc1: {type: linear, out_features: 16}
  t1: tanh
  fc2: {type: linear, out_features: 16}
  t2: tanh
  fc3: {type: linear, out_features: 16}
  t3: tanh
  fc4: {type: linear, out_features: 4}
outputs: {y: fc4}
"""
TAGGER = """netspec: 1
name: tagger
inputs: {{x: {{shape: [T], dtype: int64}}}}
layers:
  embed: {{type: embedding, num_embeddings: 20, embedding_dim: 6}}
  run: {{type: {cell}, hidden: 5, num_layers: {layers}, bidirectional: {both}}}
  tag: {{type: linear, out_features: 3}}
outputs: {{y: tag}}
"""
POST_NORM = """netspec: 1
name: encoder
inputs: {x: {shape: [T], dtype: int64}}
blocks:
  block:
    layers:
      attention: {type: residual, layers: {a: {type: multi_head_attention, num_heads: 2}}}
      n1: layer_norm
      mlp:
        type: residual
        layers: {u: {type: linear, out_features: 16}, r: relu, d: {type: linear, out_features: 8}}
      n2: layer_norm
layers:
  e: {type: embedding, num_embeddings: 20, embedding_dim: 8}
  b: {type: block, repeat: 3}
  n: layer_norm
  o: {type: linear, out_features: 5}
outputs: {y: o}
"""
PRE_NORM = (
    POST_NORM.replace("      n1: layer_norm\n", "")
    .replace("      n2: layer_norm\n", "")
    .replace("layers: {a:", "layers: {n: layer_norm, a:")
    .replace("layers: {u:", "layers: {n: layer_norm, u:")
)
TIED = (
    PRE_NORM.replace("r: relu", "r: gelu")
    .replace("repeat: 3", "repeat: 2")
    .replace("o: {type: linear, out_features: 5}", "o: {type: linear, out_features: 20, bias: false, share: e}")
)


def saved(module: nn.Module, path: Path) -> nn.Module:
    """A module with weights as a training leaves them, and its file."""
    generator = torch.Generator().manual_seed(2)
    state = module.state_dict()
    with torch.no_grad():
        for name, tensor in state.items():
            if tensor.is_floating_point() and tensor.dim() < 2:
                noise = torch.rand(tensor.shape, generator=generator)
                tensor.copy_(noise + 0.5 if name.endswith(("var", "weight")) else noise - 0.5)
    save_file({name: tensor.clone() for name, tensor in state.items()}, path)
    return module.eval()


def difference(module: nn.Module, text: str, x: Tensor, folder: Path) -> tuple[float, OldNetwork]:
    """Of the outputs of the module and of the network with its weights, both in float64."""
    saved(module, folder / "foreign.safetensors")
    graph = netspec.load(text)
    old = read_old_network(folder / "foreign.safetensors", None, graph)
    network = netspec.to_torch(graph).eval()
    network.load_state_dict(
        {name: old.tensors.get(name, old.tensors.get(name.replace("o.", "e."))) for name in network.state_dict()}
    )
    x = x.double() if x.is_floating_point() else x
    with torch.no_grad():
        theirs, ours = module.double()(x), network.double()(x)
    assert theirs.std() > 0.01
    return float((theirs - ours).abs().max()), old


def words() -> Tensor:
    return torch.randint(0, 20, (4, 7), generator=torch.Generator().manual_seed(3))


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("module", [ResNet18, OtherResNet18])
def test_resnet18(module: type[nn.Module], tmp_path: Path) -> None:
    text = netspec.load("architectures/resnet18.yaml", sets=["inputs.image=[3, 64, 64]"]).resolved
    off, _ = difference(module(), text, numbers(2, 3, 64, 64), tmp_path)
    assert off < 1e-10


def test_a_perceptron(tmp_path: Path) -> None:
    off, old = difference(Perceptron(), MLP, numbers(5, 6), tmp_path)
    assert off < 1e-12
    assert old.renamed == (
        Renamed("fc1", "begin"), Renamed("fc2", "hidden.0"), Renamed("fc3", "hidden.1"), Renamed("fc4", "out"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "cell", "layers", "both"),
    [
        (nn.LSTM, "lstm", 2, True),
        (nn.LSTM, "lstm", 1, False),
        (nn.GRU, "gru_reset_after", 2, True),
        (nn.RNN, "rnn", 2, True),
    ],
)
def test_a_tagger(kind: type[nn.RNNBase], cell: str, layers: int, both: bool, tmp_path: Path) -> None:
    text = TAGGER.format(cell=cell, layers=layers, both=str(both).lower())
    off, old = difference(Tagger(kind, layers, both), text, words(), tmp_path)
    assert off < 1e-6  # two biases of float32 are one
    assert Renamed("run", "rnn", "its gates taken apart") in old.renamed


def test_a_gru_that_resets_before_the_product_is_not_torchs(tmp_path: Path) -> None:
    with pytest.raises(NetspecError, match=r"no tensors fit `run` \(gru: "):
        difference(Tagger(nn.GRU), TAGGER.format(cell="gru", layers=2, both="true"), words(), tmp_path)


@pytest.mark.parametrize(("text", "norm_first"), [(POST_NORM, False), (PRE_NORM, True)])
def test_torchs_transformer_encoder(text: str, norm_first: bool, tmp_path: Path) -> None:
    off, _ = difference(Encoder(norm_first), text, words(), tmp_path)
    assert off < 1e-6


def test_projections_apart_linear_weights_transposed_and_a_tied_head(tmp_path: Path) -> None:
    off, old = difference(Decoder(), TIED, words(), tmp_path)
    assert off < 1e-6
    assert Renamed("b.0.mlp.u", "h.0.mlp.up", "its weights (in, out) transposed") in old.renamed
    assert Renamed("b.1.attention.a", "h.1.attn", "its query, key and value joined") in old.renamed


def test_gpt2(tmp_path: Path) -> None:
    text = TIED.replace("num_heads: 2", "num_heads: 2, causal: true").replace("repeat: 2", "repeat: 1")
    text = text.replace(
        "  b: {type: block", "  p: {type: positional_encoding, mode: learned, max_length: 30}\n  b: {type: block"
    )
    off, old = difference(Gpt(), text, words(), tmp_path)
    assert off < 1e-6
    assert Renamed("b.0.attention.a", "h.0.attn.c_attn", "its weights (in, out) transposed") in old.renamed
    assert old.notes == ("nothing is made of what else the file holds: h.0.attn.bias",)


def test_the_names_of_the_network_within_another_module(tmp_path: Path) -> None:
    state = netspec.to_torch(netspec.load(TWO)).state_dict()
    save_file({f"module.model.{name}": tensor for name, tensor in state.items()}, tmp_path / "f.safetensors")
    old = read_old_network(tmp_path / "f.safetensors", None, netspec.load(TWO))
    assert all(torch.equal(old.tensors[name], tensor) for name, tensor in state.items())


class Hourglass(nn.Module):
    """A square layer between two that are not."""

    def __init__(self, begin: type, square: type, end: type) -> None:
        super().__init__()
        self.a, self.b, self.c = begin(6, 8), square(8, 8), end(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.c(torch.tanh(self.b(torch.tanh(self.a(x)))))
        return y


HOURGLASS = """netspec: 1
name: hourglass
inputs: {x: [6]}
layers:
  one: {type: linear, out_features: 8}
  t: tanh
  two: {type: linear, out_features: 8}
  t2: tanh
  three: {type: linear, out_features: 4}
outputs: {y: three}
"""


@pytest.mark.parametrize("kind", [nn.Linear, Transposed])
def test_a_square_weight_is_turned_as_all_others_are(kind: type, tmp_path: Path) -> None:
    off, old = difference(Hourglass(kind, kind, kind), HOURGLASS, numbers(5, 6), tmp_path)
    assert off < 1e-12
    assert {renamed.how for renamed in old.renamed} == {
        "its weights (in, out) transposed" if kind is Transposed else ""
    }


def test_a_square_weight_among_both_sorts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NetspecError, match=r"`b` may be \(out, in\) or \(in, out\): both are among the other layers"):
        difference(Hourglass(nn.Linear, nn.Linear, Transposed), HOURGLASS, numbers(5, 6), tmp_path)


class Paths(nn.Module):
    """Two convolutions of the same input, each with its norm: the norms have one shape."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.ModuleDict({"n": nn.BatchNorm2d(5), "c": nn.Conv2d(3, 5, 3, padding=1)})
        self.thin = nn.ModuleDict({"n": nn.BatchNorm2d(5), "c": nn.Conv2d(3, 5, 1)})

    def forward(self, x: Tensor) -> Tensor:
        thin = self.thin["n"](self.thin["c"](x))
        y: Tensor = (self.wide["n"](self.wide["c"](x)) - thin).mean((2, 3))
        return y


def test_a_norm_stands_beside_its_convolution(tmp_path: Path) -> None:
    text = """netspec: 1
name: paths
inputs: {x: [3, 6, 6]}
layers:
  q: {type: conv2d, out_channels: 5, kernel_size: 3, padding: 1}
  r: batch_norm2d
  s: {type: conv2d, out_channels: 5, kernel_size: 1, from: x}
  u: batch_norm2d
  d: {type: subtract, from: [r, u]}
  p: global_avg_pool2d
outputs: {y: p}
"""
    off, _ = difference(Paths(), text, numbers(4, 3, 6, 6), tmp_path)
    assert off < 1e-12


class Words(nn.Module):
    """Two layers of one shape, of which names say nothing."""

    def __init__(self, first: str, second: str, equal: bool = False) -> None:
        super().__init__()
        self.add_module(first, nn.Linear(6, 6))
        self.add_module(second, nn.Linear(6, 6))
        self.names = (first, second)
        if equal:
            self.get_submodule(second).load_state_dict(self.get_submodule(first).state_dict())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.get_submodule(self.names[1])(torch.tanh(self.get_submodule(self.names[0])(x)))
        return y


TWO = """netspec: 1
name: two
inputs: {x: [6]}
layers: {a1: {type: linear, out_features: 6}, t: tanh, b2: {type: linear, out_features: 6}}
outputs: {y: b2}
"""


@pytest.mark.parametrize("names", [("layer1", "layer2"), ("net.0", "net.2"), ("b2", "a1")])
def test_two_layers_of_one_shape(names: tuple[str, str], tmp_path: Path) -> None:
    module = Words("p", "q")
    first, second = names
    state = {f"{n}.{k}": v for n, m in ((first, module.p), (second, module.q)) for k, v in m.state_dict().items()}
    save_file(state, tmp_path / "f.safetensors")
    tensors = read_old_network(tmp_path / "f.safetensors", None, netspec.load(TWO)).tensors
    assert torch.equal(tensors["a1.weight"], state["a1.weight"] if "a1" in names else module.p.weight)


def test_two_ways_that_fit_equally_well_are_refused(tmp_path: Path) -> None:
    saved(Words("encode", "mixing"), tmp_path / "f.safetensors")
    with pytest.raises(NetspecError) as error:
        read_old_network(tmp_path / "f.safetensors", None, netspec.load(TWO))
    assert error.value.problems[0].message == (
        "`encode`, `mixing` fit `a1`, `b2` equally well, and neither order nor names say which is which"
    )


def test_two_ways_that_give_the_same_are_no_trouble(tmp_path: Path) -> None:
    module = Words("encode", "mixing", equal=True)
    save_file({name: tensor.clone() for name, tensor in module.state_dict().items()}, tmp_path / "f.safetensors")
    tensors = read_old_network(tmp_path / "f.safetensors", None, netspec.load(TWO)).tensors
    assert torch.equal(tensors["b2.weight"], module.get_submodule("mixing").weight)  # type: ignore[arg-type]  # a tensor


def test_other_weights_are_refused(tmp_path: Path) -> None:
    saved(Perceptron(), tmp_path / "f.safetensors")
    with pytest.raises(NetspecError, match=r"no tensors fit `a1` \(linear: weight 6×6, bias 6\)") as error:
        read_old_network(tmp_path / "f.safetensors", None, netspec.load(TWO))
    assert "--of" in error.value.problems[0].hint


def test_the_command_shows_what_went_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved(Perceptron(), Path("f.safetensors"))
    Path("mlp.yaml").write_text(MLP)
    Path("ours.yaml").write_text("netspec: 1\nname: ours\nextends: mlp.yaml\nlayers: {fc4: {out_features: 7}}\n")
    result = CliRunner().invoke(app, ["migrate", "f.safetensors", "ours.yaml", "--of", "mlp.yaml", "--dry-run"])
    assert result.stdout == (
        "  layer  in the file\n"
        "  fc1    begin\n"
        "  fc2    hidden.0\n"
        "  fc3    hidden.1\n"
        "  fc4    out\n"
        "\n"
        "           tensors  parameters   share\n"
        "  carried        6         656  84.6 %  fc1, fc2, fc3\n"
        "  sliced         2         119  15.4 %  as a part of the new one: fc4.weight 4×16 -> 7×16, fc4.bias 4 -> 7\n"
        "\n"
        "keeps the function: yes (no difference, 5 random inputs in float64)\n"
    )
