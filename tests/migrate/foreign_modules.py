"""Plain torch modules, written by hand under names of their own: what a file of foreign weights is saved from."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    """torchvision's names."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample: nn.Sequential | None = None
        if stride > 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        stages = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(Block(a, b, stride), Block(b, b, 1)) for a, b, stride in stages
        )
        self.fc = nn.Linear(512, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        result: Tensor = self.fc(x.mean((2, 3)))
        return result


class Unit(nn.Module):
    """A convolution and its norm, as Hugging Face's models have them."""

    def __init__(self, channels: int, out: int, size: int, stride: int) -> None:
        super().__init__()
        self.normalization = nn.BatchNorm2d(out)
        self.convolution = nn.Conv2d(channels, out, size, stride, size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.normalization(self.convolution(x))
        return y


class Residual(nn.Module):
    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.shortcut = Unit(channels, out, 1, stride) if stride > 1 or channels != out else nn.Identity()
        self.layer = nn.ModuleList([Unit(channels, out, 3, stride), Unit(out, out, 3, 1)])

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.layer[1](F.relu(self.layer[0](x))) + self.shortcut(x))


class OtherResNet18(nn.Module):
    """Other names, the parts in another order: the head first, the stem last."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(512, 1000))
        widths = [64, 64, 128, 256, 512]
        self.stages = nn.ModuleList(
            nn.ModuleDict({"layers": nn.Sequential(Residual(a, b, 1 if a == b else 2), Residual(b, b, 1))})
            for a, b in pairwise(widths)
        )
        self.embedder = Unit(3, 64, 7, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.embedder(x)), 3, 2, 1)
        for stage in self.stages:
            x = stage["layers"](x)  # type: ignore[index,operator]  # a ModuleDict
        result: Tensor = self.classifier(x.mean((2, 3)))
        return result


class Perceptron(nn.Module):
    """Two hidden layers of one shape, numbered; the head is declared first."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(16, 4)
        self.hidden = nn.ModuleList([nn.Linear(16, 16), nn.Linear(16, 16)])
        self.begin = nn.Linear(6, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.begin(x))
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        result: Tensor = self.out(x)
        return result


class Tagger(nn.Module):
    def __init__(self, kind: type[nn.RNNBase], layers: int = 2, bidirectional: bool = True) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 6)
        self.rnn = kind(6, 5, layers, batch_first=True, bidirectional=bidirectional)
        self.tags = nn.Linear(10 if bidirectional else 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.tags(self.rnn(self.table(x))[0])
        return result


class Encoder(nn.Module):
    """torch's own layers."""

    def __init__(self, norm_first: bool) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, 3, norm=nn.LayerNorm(8), enable_nested_tensor=False)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.encoder(self.words(x)))
        return result


class Transposed(nn.Module):
    """GPT-2's linear layer: its weight is (in, out)."""

    def __init__(self, size: int, out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size, out) * 0.3)
        self.bias = nn.Parameter(torch.randn(out) * 0.1)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


class Projections(nn.Module):
    """Attention with a projection each for query, key and value, as most models but torch's own have it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.o_proj, self.v_proj, self.k_proj, self.q_proj = (nn.Linear(width, width) for _ in range(4))
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            p(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj)
        )
        y: Tensor = self.o_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return y


class PreNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn = Projections(8, 2)
        self.mlp = nn.ModuleDict({"up": Transposed(8, 16), "down": Transposed(16, 8)})
        self.ln_1, self.ln_2 = nn.LayerNorm(8), nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        y: Tensor = x + self.mlp["down"](F.gelu(self.mlp["up"](self.ln_2(x))))
        return y


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.h = nn.Sequential(PreNorm(), PreNorm())
        self.ln_f = nn.LayerNorm(8)
        self.wte = nn.Embedding(20, 8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.ln_f(self.h(self.wte(x))) @ self.wte.weight.T
        return y


class Gpt(nn.Module):
    """GPT-2: one projection for query, key and value, weights (in, out), a buffer for the mask."""

    def __init__(self) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(20, 8), nn.Embedding(30, 8)
        attention = nn.ModuleDict({"c_attn": Transposed(8, 24), "c_proj": Transposed(8, 8)})
        attention.register_buffer("bias", torch.ones(30, 30).tril().bool())
        mlp = nn.ModuleDict({"c_fc": Transposed(8, 16), "c_proj": Transposed(16, 8)})
        self.h = nn.ModuleList(
            [nn.ModuleDict({"ln_1": nn.LayerNorm(8), "ln_2": nn.LayerNorm(8), "attn": attention, "mlp": mlp})]
        )
        self.ln_f = nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        [block] = self.h
        y = self.wte(x) + self.wpe(torch.arange(x.shape[1]))
        q, k, v = (
            t.unflatten(-1, (2, -1)).transpose(1, 2) for t in block["attn"]["c_attn"](block["ln_1"](y)).split(8, -1)
        )  # type: ignore[index]  # a ModuleDict
        z = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        y = y + block["attn"]["c_proj"](z)  # type: ignore[index]  # likewise
        y = y + block["mlp"]["c_proj"](F.gelu(block["mlp"]["c_fc"](block["ln_2"](y))))  # type: ignore[index]  # likewise
        result: Tensor = self.ln_f(y) @ self.wte.weight.T
        return result
