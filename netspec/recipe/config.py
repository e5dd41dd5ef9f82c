"""The `train` section: loss, optimiser, schedule, when to stop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

from netspec.graph.model import Node
from netspec.layers.recurrent import CellLayer
from netspec.shapes.dim import Dim
from netspec.shapes.tensor import TensorType
from netspec.source.errors import Problem, Problems, Related, did_you_mean, raise_all
from netspec.source.records import (
    Above,
    Count,
    Field,
    Limit,
    NotNegative,
    OneOf,
    Positive,
    Share,
    read_fields,
    read_value,
)
from netspec.source.tree import Map

Decay = Annotated[float, Limit(minimum=0, exclusiveMaximum=1)]
Factor = Annotated[float, Limit(exclusiveMinimum=0, maximum=1)]

# Losses.  ε = output − target; the margin is M = output · y with y = ±1.  Each is the mean over the batch.


@dataclass(frozen=True)
class Squared:
    """L(ε) = ε²."""

    weight: Above = 1.0


@dataclass(frozen=True)
class Absolute:
    """L(ε) = |ε|."""

    weight: Above = 1.0


@dataclass(frozen=True)
class EpsilonInsensitive:
    """L(ε) = max(0, |ε| − epsilon): errors below `epsilon` cost nothing.  Vapnik 1995."""

    epsilon: NotNegative = 0.1
    weight: Above = 1.0


@dataclass(frozen=True)
class Logistic:
    """L(M) = ln(1 + exp(−M)), two classes as −1 and +1."""

    weight: Above = 1.0


@dataclass(frozen=True)
class Hinge:
    """L(M) = max(0, 1 − M), two classes as −1 and +1."""

    weight: Above = 1.0


@dataclass(frozen=True)
class CrossEntropy:
    """L = −ln softmax(output)[class]; with `label_smoothing` s the target is (1 − s)·one-hot + s/classes."""

    label_smoothing: Share = 0.0
    weight: Above = 1.0


Loss: TypeAlias = Squared | Absolute | EpsilonInsensitive | Logistic | Hinge | CrossEntropy
LOSSES: tuple[tuple[str, type], ...] = (
    ("squared", Squared),
    ("absolute", Absolute),
    ("epsilon_insensitive", EpsilonInsensitive),
    ("logistic", Logistic),
    ("hinge", Hinge),
    ("cross_entropy", CrossEntropy),
)
LOSS_NAMES = {cls: name for name, cls in LOSSES}
# As torch, Keras and scikit-learn have them.
LOSSES_ELSEWHERE = (
    *((name, "logistic") for name in ("binary_cross_entropy", "binary_crossentropy", "bce", "bce_loss", "log_loss",
      "bce_with_logits", "bcewithlogitsloss", "binary_cross_entropy_with_logits", "sigmoid_cross_entropy")),
    *((name, "cross_entropy") for name in ("categorical_crossentropy", "sparse_categorical_crossentropy", "nll",
      "nll_loss", "softmax", "softmax_cross_entropy", "crossentropyloss")),
    *((name, "squared") for name in ("mse", "mse_loss", "mseloss", "mean_squared_error", "squared_error", "l2")),
    *((name, "absolute") for name in ("mae", "mae_loss", "mean_absolute_error", "absolute_error", "l1", "l1_loss")),
)  # fmt: skip
ELSEWHERE = {"early_stopping": "patience", "early_stop": "patience", "learning_rate": "lr", "criterion": "loss",
             "objective": "loss", "grad_clip": "clip", "gradient_clip": "clip", "max_norm": "clip",
             "scheduler": "schedule",
             "lr_schedule": "schedule", "lr_scheduler": "schedule", "max_epochs": "epochs", "num_epochs": "epochs",
             "tbptt": "bptt", "random_state": "seed"}  # fmt: skip
AnyLoss = Annotated[Loss, OneOf("loss", dict(LOSSES), lambda word: dict(LOSSES_ELSEWHERE).get(word.lower(), ""))]

# Optimisers.  w weights, g the batch's gradient, η = lr.


@dataclass(frozen=True)
class Sgd:
    """w := w − η·b, b := momentum·b + (1 − dampening)·g after b := g at the first step: torch.optim.SGD."""

    lr: Above = 0.01
    momentum: Decay = 0.0
    dampening: Share = 0.0
    nesterov: bool = False
    weight_decay: NotNegative = 0.0


@dataclass(frozen=True)
class Momentum:
    """v := γv + (1 − γ)g(w); w := w − ηv, from v = 0.  Polyak 1964."""

    lr: Above = 0.01
    gamma: Decay = 0.9


@dataclass(frozen=True)
class Nag:
    """v := γv + (1 − γ)g(w − ηγv); w := w − ηv, from v = 0: the gradient where momentum leads.  Nesterov 1983."""

    lr: Above = 0.01
    gamma: Decay = 0.9


@dataclass(frozen=True)
class Adagrad:
    """s := s + g²; w := w − ηg/(√s + eps): torch.optim.Adagrad.  Duchi et al. 2011."""

    lr: Above = 0.01
    eps: Above = 1e-10
    weight_decay: NotNegative = 0.0


@dataclass(frozen=True)
class RmsProp:
    """s := alpha·s + (1 − alpha)g²; w := w − ηg/(√s + eps): torch.optim.RMSprop.  Hinton 2012."""

    lr: Above = 0.01
    alpha: Decay = 0.99
    eps: Above = 1e-8
    momentum: Decay = 0.0
    centered: bool = False
    weight_decay: NotNegative = 0.0


@dataclass(frozen=True)
class Adam:
    """m, s: running means of g and g², corrected for their start; w := w − ηm/(√s + eps): torch.optim.Adam.

    Kingma & Ba 2015, arXiv:1412.6980.
    """

    lr: Above = 1e-3
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: Above = 1e-8
    weight_decay: NotNegative = 0.0


@dataclass(frozen=True)
class AdamW:
    """Adam with the decay applied to w itself: torch.optim.AdamW.  Loshchilov & Hutter 2019, arXiv:1711.05101."""

    lr: Above = 1e-3
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: Above = 1e-8
    weight_decay: NotNegative = 0.01


OptimizerConfig: TypeAlias = Sgd | Momentum | Nag | Adagrad | RmsProp | Adam | AdamW
OPTIMIZERS: tuple[tuple[str, type], ...] = (
    ("sgd", Sgd),
    ("momentum", Momentum),
    ("nag", Nag),
    ("adagrad", Adagrad),
    ("rmsprop", RmsProp),
    ("adam", Adam),
    ("adamw", AdamW),
)

# Schedules.  The rate rises linearly to `lr` over `warmup_epochs`; t epochs after that it is lr times the factor below.


@dataclass(frozen=True)
class Constant:
    """1."""

    warmup_epochs: NotNegative = 0.0


@dataclass(frozen=True)
class Step:
    """factor^⌊t / every⌋."""

    every: Positive
    factor: Factor = 0.1
    warmup_epochs: NotNegative = 0.0


@dataclass(frozen=True)
class Exponential:
    """factor^t."""

    factor: Factor
    warmup_epochs: NotNegative = 0.0


@dataclass(frozen=True)
class Linear:
    """1 falling to `final` in a straight line over the epochs that are left."""

    final: Share = 0.0
    warmup_epochs: NotNegative = 0.0


@dataclass(frozen=True)
class Cosine:
    """final + (1 − final)·(1 + cos(π·t/T))/2 over the T epochs that are left.  Loshchilov & Hutter 2017."""

    final: Share = 0.0
    warmup_epochs: NotNegative = 0.0


ScheduleConfig: TypeAlias = Constant | Step | Exponential | Linear | Cosine
SCHEDULES: tuple[tuple[str, type], ...] = (
    ("constant", Constant),
    ("step", Step),
    ("exponential", Exponential),
    ("linear", Linear),
    ("cosine", Cosine),
)


@dataclass(frozen=True)
class Settle:
    """Stop once the running loss Q := (1 − rate)·Q + rate·L has settled.

    Q starts as the first batch's loss; it has settled when its values at the end of the last `epochs` epochs lie within
    `tolerance`·|Q| of each other.  Robbins & Monro 1951.
    """

    tolerance: Above = 1e-3
    rate: Factor = 0.01
    epochs: Positive = 3


@dataclass(frozen=True)
class Stop:
    """When to stop before `epochs`; the first rule that holds ends the training.

    `patience`: this many epochs in which the validation loss (without a validation part: the training loss) has not
    come below its best by more than `min_delta`.  `settle`: the running loss has settled.
    """

    patience: Positive | None = None
    min_delta: NotNegative = 0.0
    settle: Settle | None = None


Metric: TypeAlias = Literal["accuracy", "error", "f1", "sequence_accuracy", "bits_per_character",
                            "mse", "rmse", "mae", "r2", "max_error"]  # fmt: skip
SIGN_METRICS = ("accuracy", "error", "f1", "sequence_accuracy")
METRICS_OF = {
    "classes": (*SIGN_METRICS, "bits_per_character"),
    "signs": SIGN_METRICS,
    "numbers": ("mse", "rmse", "mae", "r2", "max_error"),
}


def metric_fits(metric: str, kind: str) -> bool:
    """Whether an output with targets of this kind can be measured so."""
    return metric in METRICS_OF[kind]


@dataclass(frozen=True)
class TrainConfig:
    """How to learn.

    `loss`: one, or output -> loss; their sum, each times its `weight`, is what is minimised.  `clip`: scale the
    gradient down to this norm where it is longer.  `bptt`: back-propagate through this many steps of a sequence at a
    time; the state of recurrent layers goes on from one piece to the next, its gradient does not (Williams & Peng
    1990).  A text is then read from its beginning to its end in `batch_size` places at once.  `metrics`: default
    accuracy for classes, r2 for numbers.  `precision`: bf16 and fp16 compute mixed, on CUDA alone.  `seed`: of the
    weights, the batches' order, and dropout.
    """

    loss: AnyLoss | dict[str, AnyLoss]
    epochs: Positive = 10
    batch_size: Positive = 64
    optimizer: Annotated[OptimizerConfig, OneOf("optimizer", dict(OPTIMIZERS))] = field(default_factory=Adam)
    schedule: Annotated[ScheduleConfig, OneOf("schedule", dict(SCHEDULES))] = field(default_factory=Constant)
    metrics: tuple[Metric, ...] | None = None
    clip: Above | None = None
    bptt: Positive | None = None
    stop: Stop | None = None
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    seed: Count = 0

    @property
    def losses(self) -> dict[str, Loss]:
        """Output -> loss."""
        assert isinstance(self.loss, dict)  # as read_train leaves it
        return self.loss

    @property
    def rate(self) -> float:
        """λ of the running loss."""
        return (self.stop.settle if self.stop and self.stop.settle else Settle()).rate


TARGET_KINDS = {
    Squared: "numbers",
    Absolute: "numbers",
    EpsilonInsensitive: "numbers",
    Logistic: "signs",
    Hinge: "signs",
    CrossEntropy: "classes",
}


def target_kinds(config: TrainConfig) -> dict[str, str]:
    """Output -> what its loss compares it with: classes, signs or numbers."""
    return {name: TARGET_KINDS[type(loss)] for name, loss in config.losses.items()}


def read_train(tree: Map, outputs: Mapping[str, TensorType], layers: Iterable[Node] = ()) -> TrainConfig:
    """The `train` section for a network with these outputs and layers.

    Raises NS201 to NS204 for its form, NS611 for a loss or metric that no output fits, NS612 for what does not go
    together.
    """
    problems = Problems()
    values = read_fields(tree, TrainConfig, "train", problems, skip=("loss",), elsewhere=ELSEWHERE)
    losses = _read_losses(tree, outputs, problems)
    if "loss" not in tree:
        problems[:] = [p for p in problems if "needs `loss`" not in p.message]
        kinds = ", ".join(name for name, _ in LOSSES)
        problems.append(Problem("NS204", f"train needs `loss`, one of {kinds}", tree.span, "add `loss: …`"))
    for name, loss in losses.items():
        problems += _loss_problems(tree, name, loss, outputs[name])
    _metric_problems(tree, values.get("metrics"), losses, problems)
    if values.get("bptt") is not None:
        _bptt_problems(tree, losses, outputs, problems)
        _direction_problems(tree, layers, problems)
    _rule_problems(tree, values, problems)
    raise_all(problems)
    return TrainConfig(**{**values, "loss": losses})


def _read_losses(tree: Map, outputs: Mapping[str, TensorType], problems: Problems) -> dict[str, Loss]:
    """Output -> loss, from one loss for the only output, or from a mapping by output."""
    given = tree.get("loss")
    if given is None:
        return {}
    one = Field("loss", AnyLoss, MISSING, True)
    if not isinstance(given, Map) or "type" in given or not given.entries:
        loss = read_value(given, one, "`loss` of train", problems)
        if len(outputs) != 1:
            text = f"the network has several outputs, {', '.join(outputs)}: which one is this loss of?"
            hint = f"write `loss: {{{next(iter(outputs), 'output')}: …}}`"
            problems.append(Problem("NS611", text, given.span, hint))
            return {}
        return {name: loss for name in outputs if loss is not None}
    losses = {}
    for name, entry in given.entries.items():
        if name not in outputs:
            known = [*outputs, *(["type"] if len(outputs) == 1 else [])]
            hint = did_you_mean(name, known, f"the outputs are {', '.join(outputs)}")
            problems.append(Problem("NS611", f"`loss` names `{name}`, which is no output", given.key_span(name), hint))
            continue
        loss = read_value(entry, one, f"loss of `{name}`", problems)
        if loss is not None:
            losses[name] = loss
    return losses


def _loss_problems(tree: Map, name: str, loss: Loss, type_: TensorType) -> list[Problem]:
    span = tree.span_at("loss", name)
    text = LOSS_NAMES[type(loss)]
    if not type_.floating:
        return [Problem("NS611", f"output `{name}` is of {type_.dtype}, {text} expects floating numbers", span)]
    if isinstance(loss, CrossEntropy):
        if type_.rank < 2:
            hint = "end with `linear` of as many `out_features` as there are classes"
            return [Problem("NS611", f"cross_entropy expects (B, classes), output `{name}` is {type_}", span, hint)]
        if type_.rank == 2 and type_.shape[1] == 1:
            hint = "use `logistic`, or give it one value a class"
            return [Problem("NS611", f"cross_entropy of one value is always 0: output `{name}` is {type_}", span, hint)]
        if type_.rank == 2 and isinstance(type_.shape[1], Dim):
            hint = "end with `linear` of as many `out_features` as there are classes"
            return [
                Problem(
                    "NS611", f"cross_entropy of an unknown number of classes: output `{name}` is {type_}", span, hint
                )
            ]
    return []


def _metric_problems(
    tree: Map, metrics: tuple[str, ...] | None, losses: Mapping[str, Loss], problems: list[Problem]
) -> None:
    kinds = {TARGET_KINDS[type(loss)] for loss in losses.values()}
    if not kinds:
        return
    for i, metric in enumerate(metrics or ()):
        if any(metric_fits(metric, kind) for kind in kinds):
            continue
        what = "numbers" if metric_fits(metric, "numbers") else "classes"
        fitting = [m for kind in sorted(kinds) for m in METRICS_OF[kind]]
        text = f"metric {metric} measures {what}, and no output has a loss of {what}"
        if what == "classes" and "signs" in kinds:
            text = f"metric {metric} needs the loss cross_entropy"
        hint = f"there are {', '.join(dict.fromkeys(fitting))}"
        problems.append(Problem("NS611", text, tree.span_at("metrics", i), hint))


def _bptt_problems(
    tree: Map, losses: Mapping[str, Loss], outputs: Mapping[str, TensorType], problems: list[Problem]
) -> None:
    """A piece of a sequence can be learned from only when each step has an output."""
    for name in losses:
        type_ = outputs[name]
        if type_.rank < 3 and not (type_.rank == 2 and isinstance(type_.shape[1], Dim)):
            text = f"`bptt` needs an output for each step: output `{name}` is {type_}"
            hint = "give the recurrent layer `returns: sequence`, or leave `bptt` out"
            problems.append(Problem("NS612", text, tree.span_at("bptt"), hint))


def _direction_problems(tree: Map, layers: Iterable[Node], problems: list[Problem]) -> None:
    """The state at the end of a piece is no beginning for a layer that reads from the end."""
    for node in layers:
        if isinstance(node.layer, CellLayer) and node.layer.bidirectional:
            text = f"`bptt` reads a sequence piece by piece: `{node.name}` is bidirectional and needs its end first"
            hint = f"leave `bidirectional` out of `{node.name}`, or `bptt` out of `train`"
            problems.append(Problem("NS612", text, tree.span_at("bptt"), hint,
                                    (Related("layer", f"`{node.name}`", node.span, node.route),)))  # fmt: skip


def _rule_problems(tree: Map, values: Mapping[str, Any], problems: list[Problem]) -> None:
    """What the records cannot say: rules over several keys (NS612)."""
    optimizer, schedule, stop = values.get("optimizer"), values.get("schedule"), values.get("stop")
    if isinstance(optimizer, Sgd) and optimizer.nesterov and (optimizer.momentum == 0 or optimizer.dampening != 0):
        problems.append(Problem("NS612", "`nesterov` of sgd needs `momentum` above 0 and no `dampening`",
                                tree.span_at("optimizer", "nesterov"), "or use `type: nag`"))  # fmt: skip
    warmup = getattr(schedule, "warmup_epochs", 0.0)
    epochs = values.get("epochs", 10)
    if isinstance(epochs, int) and warmup >= epochs:
        text = f"`warmup_epochs` {warmup:g} leaves nothing of {epochs} epochs"
        span = tree.span_at("schedule", "warmup_epochs")
        problems.append(Problem("NS612", text, span, "make it smaller than `epochs`"))
    if isinstance(stop, Stop):
        if stop.patience is None and stop.settle is None:
            problems.append(
                Problem("NS612", "`stop` has no rule", tree.span_at("stop"), "add `patience: 5` or `settle: {}`")
            )
        if stop.settle and stop.settle.epochs < 2:
            problems.append(Problem("NS612", "`settle` compares the running loss of at least 2 epochs",
                                    tree.span_at("stop", "settle", "epochs"), "such as 3"))  # fmt: skip
