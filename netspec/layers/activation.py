"""Activations, element by element: a formula, torch's module and ONNX's operator each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from netspec.layers.base import Example, Layer, OnnxBuilder, bad_input, kind
from netspec.layers.onnx_ops import onnx_number
from netspec.shapes.tensor import TensorType
from netspec.source.records import Above


@dataclass(frozen=True)
class ActivationLayer(Layer):
    """What the activations share: fields are the torch module's arguments and the ONNX operator's attributes."""

    torch_name: ClassVar[str]
    onnx_name: ClassVar[str] = ""  # torch's, where left out
    onnx_fields: ClassVar[dict[str, str]] = {}  # field -> attribute
    examples: ClassVar[tuple[Example, ...]] = (Example(), Example("", ("[T, 3]",)))

    def arguments(self) -> dict[str, Any]:
        """The fields by name."""
        return dict(vars(self))

    def torch_module(self, *inputs: TensorType) -> Any:
        from torch import nn

        return getattr(nn, self.torch_name)(**self.arguments())

    def to_onnx(self, build: OnnxBuilder) -> str:
        attributes = {self.onnx_fields[name]: value for name, value in self.arguments().items()}
        return build.op(self.onnx_name or self.torch_name, build.inputs, **attributes)


@kind("relu")
class Relu(ActivationLayer):
    """y = max(0, x).  (B, …) -> the same.  Nair & Hinton 2010."""

    torch_name: ClassVar[str] = "ReLU"
    onnx_name: ClassVar[str] = "Relu"


@kind("relu6")
class Relu6(ActivationLayer):
    """y = min(max(0, x), 6).  (B, …) -> the same.  Krizhevsky 2010, Howard et al. 2017, arXiv:1704.04861."""

    torch_name: ClassVar[str] = "ReLU6"

    def to_onnx(self, build: OnnxBuilder) -> str:
        return build.op("Clip", [*build.inputs, onnx_number(build, 0.0), onnx_number(build, 6.0)])


@kind("sigmoid")
class Sigmoid(ActivationLayer):
    """y = 1 / (1 + e^−x).  (B, …) -> the same."""

    torch_name: ClassVar[str] = "Sigmoid"


@kind("tanh")
class Tanh(ActivationLayer):
    """y = (eˣ − e^−x) / (eˣ + e^−x).  (B, …) -> the same.  LeCun et al. 1998."""

    torch_name: ClassVar[str] = "Tanh"


@kind("hard_tanh")
class HardTanh(ActivationLayer):
    """y = min(max(min_val, x), max_val).  (B, …) -> the same.  Raises NS403 when max_val is not above min_val.

    Collobert 2004.
    """

    min_val: float = -1.0
    max_val: float = 1.0

    torch_name: ClassVar[str] = "Hardtanh"
    examples: ClassVar[tuple[Example, ...]] = (Example(), Example("min_val: -2, max_val: 0.5", ("[T, 3]",)))

    def infer(self, *inputs: TensorType) -> TensorType:
        if self.max_val <= self.min_val:
            raise bad_input(
                "NS403", f"hard_tanh expects max_val above min_val, received {self.max_val} and {self.min_val}"
            )
        return inputs[0]

    def to_onnx(self, build: OnnxBuilder) -> str:
        return build.op("Clip", [*build.inputs, onnx_number(build, self.min_val), onnx_number(build, self.max_val)])


@kind("softplus")
class Softplus(ActivationLayer):
    """y = ln(1 + e^(beta·x)) / beta, and y = x where beta·x > threshold.  (B, …) -> the same.  Dugas et al. 2001."""

    beta: Above = 1.0
    threshold: float = 20.0

    torch_name: ClassVar[str] = "Softplus"
    examples: ClassVar[tuple[Example, ...]] = (Example(), Example("beta: 2, threshold: 1", ("[T, 3]",)))

    def to_onnx(self, build: OnnxBuilder) -> str:
        [x] = build.inputs
        if self.beta == 1:
            scaled, y = x, build.op("Softplus", [x])
        else:
            beta = onnx_number(build, self.beta)
            scaled = build.op("Mul", [x, beta])
            y = build.op("Div", [build.op("Softplus", [scaled]), beta])
        if self.threshold >= 20:  # there the two branches are the same number in float32
            return y
        return build.op("Where", [build.op("Greater", [scaled, onnx_number(build, self.threshold)]), x, y])


@kind("leaky_relu")
class LeakyRelu(ActivationLayer):
    """y = max(0, x) + negative_slope·min(0, x).  (B, …) -> the same.  Maas et al. 2013."""

    negative_slope: float = 0.01

    torch_name: ClassVar[str] = "LeakyReLU"
    onnx_name: ClassVar[str] = "LeakyRelu"
    onnx_fields: ClassVar[dict[str, str]] = {"negative_slope": "alpha"}
    examples: ClassVar[tuple[Example, ...]] = (Example(), Example("negative_slope: 0.2", ("[T, 3]",)))


@kind("elu")
class Elu(ActivationLayer):
    """y = x for x > 0, else alpha·(eˣ − 1).  (B, …) -> the same.  Clevert et al. 2015, arXiv:1511.07289."""

    alpha: float = 1.0

    torch_name: ClassVar[str] = "ELU"
    onnx_name: ClassVar[str] = "Elu"
    onnx_fields: ClassVar[dict[str, str]] = {"alpha": "alpha"}
    examples: ClassVar[tuple[Example, ...]] = (Example(), Example("alpha: 0.5", ("[T, 3]",)))


@kind("celu")
class Celu(ActivationLayer):
    """y = max(0, x) + min(0, alpha·(e^(x/alpha) − 1)).  (B, …) -> the same.  Barron 2017, arXiv:1704.07483."""

    alpha: Above = 1.0

    torch_name: ClassVar[str] = "CELU"
    examples: ClassVar[tuple[Example, ...]] = (Example(), Example("alpha: 0.5", ("[T, 3]",)))

    def to_onnx(self, build: OnnxBuilder) -> str:
        # ONNX's own Celu knows float32 alone; this is alpha·elu(x/alpha).
        [x] = build.inputs
        alpha = onnx_number(build, self.alpha)
        return build.op("Mul", [build.op("Elu", [build.op("Div", [x, alpha])]), alpha])


@kind("selu")
class Selu(ActivationLayer):
    """y = λ·x for x > 0, else λ·α·(eˣ − 1), λ = 1.0507, α = 1.6733: mean 0 and variance 1 are kept.

    (B, …) -> the same.  Klambauer et al. 2017, arXiv:1706.02515.
    """

    torch_name: ClassVar[str] = "SELU"
    onnx_name: ClassVar[str] = "Selu"


@kind("gelu")
class Gelu(ActivationLayer):
    """y = x·Φ(x), Φ the normal distribution's function; `approximate: tanh` is ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).

    (B, …) -> the same.  Hendrycks & Gimpel 2016, arXiv:1606.08415.
    """

    approximate: Literal["none", "tanh"] = "none"

    torch_name: ClassVar[str] = "GELU"
    onnx_name: ClassVar[str] = "Gelu"
    onnx_fields: ClassVar[dict[str, str]] = {"approximate": "approximate"}
    examples: ClassVar[tuple[Example, ...]] = (Example(), Example("approximate: tanh", ("[T, 3]",)))


@kind("silu")
class Silu(ActivationLayer):
    """y = x / (1 + e^−x), also called swish.  (B, …) -> the same.  Elfwing et al. 2017, arXiv:1702.03118."""

    torch_name: ClassVar[str] = "SiLU"

    def to_onnx(self, build: OnnxBuilder) -> str:
        [x] = build.inputs
        return build.op("Mul", [x, build.op("Sigmoid", [x])])


@kind("mish")
class Mish(ActivationLayer):
    """y = x·tanh(ln(1 + eˣ)).  (B, …) -> the same.  Misra 2019, arXiv:1908.08681."""

    torch_name: ClassVar[str] = "Mish"


@kind("hard_sigmoid")
class HardSigmoid(ActivationLayer):
    """y = min(max(0, x/6 + ½), 1).  (B, …) -> the same.  Howard et al. 2019, arXiv:1905.02244."""

    torch_name: ClassVar[str] = "Hardsigmoid"

    def to_onnx(self, build: OnnxBuilder) -> str:
        return build.op("HardSigmoid", build.inputs, alpha=1 / 6, beta=0.5)


@kind("hard_swish")
class HardSwish(ActivationLayer):
    """y = x·min(max(0, x/6 + ½), 1).  (B, …) -> the same.  Howard et al. 2019, arXiv:1905.02244."""

    torch_name: ClassVar[str] = "Hardswish"
    onnx_name: ClassVar[str] = "HardSwish"


@kind("softsign")
class Softsign(ActivationLayer):
    """y = x / (1 + |x|).  (B, …) -> the same.  Bergstra et al. 2009."""

    torch_name: ClassVar[str] = "Softsign"


@kind("log_sigmoid")
class LogSigmoid(ActivationLayer):
    """y = −ln(1 + e^−x).  (B, …) -> the same."""

    torch_name: ClassVar[str] = "LogSigmoid"

    def to_onnx(self, build: OnnxBuilder) -> str:
        return build.op("Neg", [build.op("Softplus", [build.op("Neg", build.inputs)])])
