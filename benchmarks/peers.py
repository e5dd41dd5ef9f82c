"""The same networks by hand, as one writes them in PyTorch, and the plainest loop.

`verified` holds each against netspec's: the parameter count, the same weights put in, the same outputs and gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netspec


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and the shortcut.  He et al. 2015, arXiv:1512.03385."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = shortcut(in_channels, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.shortcut is not None:
            x = self.shortcut(x)
        return self.relu(y + x)


class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1; the stride is the 3×3's ("v1.5")."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU()
        self.shortcut = shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        if self.shortcut is not None:
            x = self.shortcut(x)
        return self.relu(y + x)


def shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module | None:
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))


class ResNet(nn.Module):
    """(B, 3, 224, 224) -> (B, 1000)."""

    def __init__(self, block: type[BasicBlock] | type[Bottleneck], repeats: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        in_channels, stages = 64, []
        for i, repeat in enumerate(repeats):
            channels, blocks = 64 * 2**i, []
            for j in range(repeat):
                blocks.append(block(in_channels, channels, 2 if i and j == 0 else 1))
                in_channels = channels * block.expansion
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(in_channels, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def resnet18() -> ResNet:
    return ResNet(BasicBlock, (2, 2, 2, 2))


def resnet152() -> ResNet:
    return ResNet(Bottleneck, (3, 8, 36, 3))


class ConvBlock(nn.Module):
    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.norm(self.conv(x)))


class DigitsCnn(nn.Module):
    """architectures/digits_cnn.yaml: (B, 1, 8, 8) -> (B, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvBlock(1, 32)
        self.conv2 = ConvBlock(32, 32)
        self.pool1 = nn.MaxPool2d(2)
        self.conv3 = ConvBlock(32, 64)
        self.conv4 = ConvBlock(64, 64)
        self.pool2 = nn.MaxPool2d(2)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(256, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(self.conv2(self.conv1(x)))
        x = self.pool2(self.conv4(self.conv3(x)))
        return self.fc(self.drop(torch.flatten(x, 1)))


class DigitsMlp(nn.Module):
    """architectures/digits_mlp.yaml: (B, 1, 8, 8) -> (B, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(64, 128)
        self.act1 = nn.ReLU()
        self.fc2 = nn.Linear(128, 128)
        self.act2 = nn.ReLU()
        self.fc3 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(x, 1)
        return self.fc3(self.act2(self.fc2(self.act1(self.fc1(x)))))


def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Tensor:
    """One step of the plainest loop."""
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, orders: Sequence[Tensor], batch_size: int
) -> None:
    """The plainest loop, one order of the samples an epoch."""
    model.train()
    for order in orders:
        for index in order.split(batch_size):
            step(model, optimizer, x[index], y[index])


def same_weights(source: nn.Module, target: nn.Module) -> None:
    """Put the source's weights into the target, layer by layer in order."""
    for mine, theirs in zip(_leaves(source), _leaves(target), strict=True):
        theirs.load_state_dict(mine.state_dict())


def _leaves(module: nn.Module) -> list[nn.Module]:
    """The layers that hold weights, in order."""
    return [m for m in module.modules() if not list(m.children()) and list(m.parameters())]


def verified(graph: netspec.Graph, hand: nn.Module, count: int) -> tuple[nn.Module, nn.Module]:
    """netspec's module and the one by hand, with the same weights, shown to be the same network."""
    ours: Any = netspec.to_torch(graph)
    for module in (ours, hand):
        found = sum(p.numel() for p in module.parameters())
        assert found == count, f"{found:,} parameters, expected {count:,}"
    same_weights(ours, hand)
    [shape] = [type_.shape[1:] for type_ in graph.inputs.values()]
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        a, b = ours.eval()(x), hand.eval()(x)
    assert torch.equal(a, b), f"the outputs differ by {(a - b).abs().max():.1e}"
    return ours.train(), hand.train()
