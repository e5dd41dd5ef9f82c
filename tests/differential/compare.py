"""One network, netspec's against the reference's: shapes, weights, values, gradients, costs, ONNX.

Tolerances: float64 agrees to 1e-9 of the largest value.  In float32 both may round differently: the reference computes
in both precisions, and what it loses itself, 40 times over, is allowed beside 3e-5 of the largest value.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import numpy as np
import onnxruntime
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import netspec
from netspec.backends import parity
from netspec.graph.cost import reaches, total
from netspec.graph.model import Graph
from netspec.shapes.dim import at
from tests.differential.begin import check_begin
from tests.differential.draw import text_of
from tests.differential.reference.network import Network, Run, Store, UndefinedError
from tests.differential.trial import Trial, axes_of, inputs_of

EXACT, ROUNDED, LOST = 1e-9, 3e-5, 40.0
HUGE = 1e30  # beyond it float32 is not compared: a square is infinite
REFUSALS = (RuntimeError, ValueError, IndexError, KeyError, AssertionError, TypeError)  # what torch raises


class DiffersError(Exception):
    """Netspec and the reference do not agree: `what` names the comparison, for the shrinker."""

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(f"{what}: {detail}")
        self.what = what


@dataclass
class Report:
    """What was compared."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: str = ""


def compare(document: Mapping[str, Any], text: str, seed: int, share: float = 0.4) -> Report:
    """Of `share` of the networks gradients and receptive fields are compared, too, and of fewer what `export` compares.

    Raises DiffersError.  `refused` is netspec's code where it refuses what the reference can run.
    """
    try:
        return _compare(document, text, seed, share)
    except UndefinedError:
        return Report(Counter({"undefined by the documentation": 1}))


def _compare(document: Mapping[str, Any], text: str, seed: int, share: float) -> Report:
    report = Report()
    network, store = Network(document), Store(seed)
    try:
        graph = netspec.load(text)
        module = netspec.to_torch(graph)
    except netspec.NetspecError as error:
        if trials_of(document, network, store, random.Random(seed), report):
            problem = error.problems[0]
            report.refused = f"{problem.code} {problem.message.split(' ')[0]}"
            report.counts[f"refused {report.refused}"] = 1
        else:
            report.counts["refused by both"] = 1
        return report
    trials = trials_of(document, network, store, random.Random(seed), report, graph)
    if not trials:
        _neither_runs(document, module)
        report.counts["refused by both, at the call"] = 1
        return report
    trials = _allowed(document, graph, module, trials)
    if not trials:
        report.counts["refused at these lengths"] = 1
        return report
    state = module.state_dict()
    names = {*store.tensors, *store.aliases}
    if set(state) != names:
        raise DiffersError("names", f"only netspec's {sorted(set(state) - names)}, only {sorted(names - set(state))}")
    values = {name: store.tensors[store.aliases.get(name, name)] for name in names}
    for name, value in values.items():
        if tuple(state[name].shape) != tuple(value.shape):
            raise DiffersError("weight shapes", f"{name} is {tuple(state[name].shape)}, not {tuple(value.shape)}")
    params = total(graph).params
    if params != store.count() or params != sum(p.numel() for p in module.parameters()):
        raise DiffersError("parameters", f"{params}, not {store.count()}")
    for name, trainable in store.trainable.items():
        if module.get_parameter(name).requires_grad != trainable:
            raise DiffersError("freeze", f"{name} is {'not ' * trainable}trained")
        check_begin(name, store.begins.get(name), module.get_parameter(name), DiffersError)
    report.counts["networks"] = 1
    module.load_state_dict({n: v.to(state[n].dtype) for n, v in values.items()})
    case = Case(document, graph, module, network, store, values, report)
    rng = random.Random(seed + 1)
    references = _inference(case, trials, rng, share)
    module.double()
    for trial in trials:
        got = _detached(case.call(inputs_of(document, trial), f"float64 at {trial.text()}"))
        _close("float64", got, references[trial], None, trial, report)
    _flops(case, trials[0])
    _training(case, max(trials, key=lambda t: t.batch))
    module.eval()
    if rng.random() < share:
        _gradients(case, trials[-1])
    if rng.random() < share:
        _reach(case, trials[-1])
    return report


def _allowed(document: Mapping[str, Any], graph: Graph, module: torch.nn.Module, trials: list[Trial]) -> list[Trial]:
    """The trials at lengths that netspec allows.  It refuses the others, and the same network with the numbers."""
    allowed = []
    for trial in trials:
        if graph.lengths.allows({"B": trial.batch, **dict(trial.axes)}):
            allowed.append(trial)
            continue
        try:
            module(**inputs_of(document, trial))
            raise DiffersError("lengths", f"{trial.text()} runs, though it takes {graph.lengths.text()}")
        except netspec.NetspecError:
            pass
        if not graph.lengths.allows(dict(trial.axes)):
            try:
                netspec.load(text_of(_numbered(document, dict(trial.axes))))
                raise DiffersError("lengths", f"{trial.text()} is refused by name and allowed by number")
            except netspec.NetspecError:
                pass
    return allowed


def _numbered(tree: Any, axes: Mapping[str, int]) -> Any:
    """The same document with numbers in place of axes."""
    if isinstance(tree, Mapping):
        return {key: _numbered(value, axes) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_numbered(value, axes) for value in tree]
    return axes.get(tree, tree) if isinstance(tree, str) else tree


@dataclass
class Case:
    """A network that both accept, with the weights of the reference in netspec's module."""

    document: Mapping[str, Any]
    graph: Graph
    module: torch.nn.Module
    network: Network
    store: Store
    values: Mapping[str, Tensor]
    report: Report

    def call(self, inputs: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
        """Netspec's module."""
        try:
            result = self.module(**inputs)
        except (*REFUSALS, netspec.NetspecError) as error:
            raise DiffersError("raises", f"{where}: {type(error).__name__}: {str(error)[:300]}") from None
        return result if isinstance(result, dict) else dict(zip(self.graph.outputs, [result], strict=True))


def _inference(case: Case, trials: list[Trial], rng: random.Random, share: float) -> dict[Trial, dict[str, Tensor]]:
    """Shapes, float32 and ONNX at every trial; what the reference gives in float64."""
    model = netspec.to_onnx(case.graph, case.module).SerializeToString()
    if rng.random() < share**3:
        _export(case, model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that share no base but Exception
        raise DiffersError("onnx", f"onnxruntime refuses the model: {error}") from None
    case.module.eval()
    references = {}
    for trial in trials:
        inputs = inputs_of(case.document, trial)
        references[trial] = expected = run(case.network, case.store, inputs, trial, torch.float64)
        single = run(case.network, case.store, inputs, trial, torch.float32)
        _shapes(case.graph, expected, trial)
        given = {n: x.float() if x.is_floating_point() else x for n, x in inputs.items()}
        with torch.no_grad():
            got = case.call(given, f"float32 at {trial.text()}")
        _close("float32", got, expected, single, trial, case.report)
        try:
            received = session.run(list(expected), {n: x.numpy() for n, x in given.items()})
        except Exception as error:  # as above
            raise DiffersError("onnx", f"onnxruntime fails at {trial.text()}: {error}") from None
        found = {n: torch.from_numpy(np.asarray(y)) for n, y in zip(expected, received, strict=True)}
        _close("onnx", found, expected, single, trial, case.report)
    return references


def _export(case: Case, model: bytes) -> None:
    """Export's own comparison does not refuse what agrees here."""
    try:
        parity.compare(case.graph, case.module, model)
    except netspec.NetspecError as error:
        raise DiffersError("export", str(error)) from None
    case.report.counts["comparisons export"] += 1


def run(network: Network, store: Store, inputs: Mapping[str, Tensor], trial: Trial, dtype: torch.dtype,
        training: bool = False) -> dict[str, Tensor]:  # fmt: skip
    given = {n: x.to(dtype) if x.is_floating_point() else x for n, x in inputs.items()}
    with torch.no_grad():
        return network.forward(Run(store, dtype, training, dict(trial.axes)), given)


def trials_of(document: Mapping[str, Any], network: Network, store: Store, rng: random.Random, report: Report,
              graph: Graph | None = None) -> list[Trial]:  # fmt: skip
    """The shortest axes at which the reference runs, others, and a batch of 1, 2 and 5 among them.

    Empty where it runs at none.  Lengths that the graph says it does not allow are counted and left out.
    """
    names = axes_of(document)
    found: list[Trial] = []

    def runs(trial: Trial) -> bool:
        kept = store.kept()
        try:
            outputs = run(network, store, inputs_of(document, trial), trial, torch.float64)
        except REFUSALS:
            store.restore(kept)
            return False
        if not all(y.numel() for y in outputs.values()):
            return False
        if graph is not None and not graph.lengths.allows({"B": trial.batch, **dict(trial.axes)}):
            report.counts["lengths refused"] += 1
            return False
        return True

    batches = [1, 2, 5]
    rng.shuffle(batches)
    if not names:
        return [t for t in (Trial(batch, (), rng.randrange(1000)) for batch in batches) if runs(t)]
    for size in (19, 11, 7):  # long axes first: what depends on the formula of a shape is decided there
        if runs(Trial(2, tuple((n, size + 2 * i) for i, n in enumerate(names)))):
            break
    shortest = next((s for s in (1, 2, 3, 4, 5, 6, 8, 11, 16) if runs(Trial(2, tuple((n, s) for n in names)))), None)
    if shortest is None:
        return []
    for attempt in range(9):
        more = 0 if attempt < 3 and not found else 7
        sizes = tuple((n, shortest + rng.randint(0, more)) for n in names)
        trial = Trial(batches[attempt % 3], sizes, rng.randrange(1000))
        if all(sizes != other.axes for other in found) and runs(trial):
            found.append(trial)
        if len(found) == 3:
            break
    return found


def _detached(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in values.items()}


def _neither_runs(document: Mapping[str, Any], module: torch.nn.Module) -> None:
    """The reference runs at no size: then netspec's module may not run either."""
    names = axes_of(document)
    trial = Trial(2, tuple((n, 6) for n in names))
    try:
        with torch.no_grad():
            module.eval()(
                **{n: x.float() if x.is_floating_point() else x for n, x in inputs_of(document, trial).items()}
            )
    except (*REFUSALS, netspec.NetspecError):
        return
    raise DiffersError("accepts", f"netspec runs what torch refuses, at {trial.text()}")


def _shapes(graph: Graph, expected: Mapping[str, Tensor], trial: Trial) -> None:
    types = graph.output_types()
    if list(types) != list(expected):
        raise DiffersError("outputs", f"{list(types)}, not {list(expected)}")
    for name, y in expected.items():
        shape = tuple(at(size, {"B": trial.batch, **dict(trial.axes)}) for size in types[name].shape)
        if shape != tuple(y.shape):
            raise DiffersError("shapes", f"`{name}` is inferred as {types[name]}, which is {shape} at {trial.text()}, "
                          f"not {tuple(y.shape)}")  # fmt: skip


def _close(what: str, got: Mapping[str, Tensor], expected: Mapping[str, Tensor], single: Mapping[str, Tensor] | None,
           trial: Trial, report: Report) -> None:  # fmt: skip
    """Raises DiffersError; counts the values compared."""
    for name, y in expected.items():
        x = got[name]
        if tuple(x.shape) != tuple(y.shape):
            raise DiffersError(
                f"{what} shapes", f"`{name}` is {tuple(x.shape)} at {trial.text()}, not {tuple(y.shape)}"
            )
        if y.is_floating_point() != x.is_floating_point():
            raise DiffersError(f"{what} types", f"`{name}` is {x.dtype}, not {y.dtype}")
        a, b = x.double(), y.double()
        if not y.numel() or (single is not None and bool((b.abs() > HUGE).any())):
            continue
        scale = max(1e-3, float(b[b.isfinite()].abs().max())) if bool(b.isfinite().any()) else 1.0
        allowed = EXACT * scale
        if single is not None:
            lost = (single[name].double() - b).abs()
            allowed = ROUNDED * scale + LOST * float(lost.nan_to_num(0, 0, 0).max())
        gap = torch.where((a == b) | (a.isnan() & b.isnan()), torch.zeros_like(a), (a - b).abs())
        worst = float(gap.nan_to_num(float("inf"), float("inf")).max())
        report.counts["values compared"] += y.numel()
        if worst > allowed:
            raise DiffersError(what, f"`{name}` at {trial.text()} differs by {worst:.3g}, allowed {allowed:.3g} "
                          f"(largest value {scale:.3g})")  # fmt: skip
    report.counts[f"comparisons {what}"] += 1


def _training(case: Case, trial: Trial) -> None:
    """Outputs and running statistics of one step in training mode, float64."""
    inputs = inputs_of(case.document, trial)
    reference = Run(case.store, torch.float64, True, dict(trial.axes))
    torch.manual_seed(trial.seed)
    try:
        with torch.no_grad():
            expected = case.network.forward(reference, inputs)
    except REFUSALS:  # one value a channel while training
        case.report.counts["training refused by torch"] += 1
        return
    if reference.random or (reference.drops and len(case.document["layers"]) > 1):
        case.report.counts["training not comparable (dropout inside)"] += 1
        return
    torch.manual_seed(trial.seed)
    case.module.train()
    with torch.no_grad():
        got = case.call(inputs, f"training at {trial.text()}")
    _close("training", got, expected, None, trial, case.report)
    state = case.module.state_dict()
    read = set().union(*({ref.node} | nx.ancestors(case.graph.nx, ref.node) for ref in case.graph.outputs.values()))
    for name, owner in {**{n: n for n in case.store.buffers}, **case.store.aliases}.items():
        users = {name, owner, *(n for n, o in case.store.aliases.items() if o == owner)}
        if owner in reference.buffers and all(n.rpartition(".")[0] in read for n in users):  # else it does not run
            _close(
                "running statistics", {name: state[name]}, {name: reference.buffers[owner]}, None, trial, case.report
            )
    case.module.load_state_dict({n: v.to(state[n].dtype) for n, v in case.values.items()})


def _gradients(case: Case, trial: Trial) -> None:
    """Of all inputs and weights, float64."""
    inputs = inputs_of(case.document, trial)
    ours = {n: x.clone().requires_grad_() if x.is_floating_point() else x for n, x in inputs.items()}
    theirs = {n: x.clone().requires_grad_() if x.is_floating_point() else x for n, x in inputs.items()}
    reference = Run(case.store, torch.float64, False, dict(trial.axes), with_grad=True)
    outputs = case.network.forward(reference, theirs)
    got = case.call(ours, f"gradients at {trial.text()}")
    names = [n for n, y in outputs.items() if y.is_floating_point()]
    if not names:
        return
    torch.manual_seed(trial.seed)
    directions = {n: torch.randn(outputs[n].shape, dtype=torch.float64) for n in names}
    if not all(bool(outputs[n].isfinite().all()) for n in names):
        return
    weights = [n for n in reference.leaves if case.store.trainable.get(n)]
    leaves_a = [x for x in ours.values() if x.is_floating_point()] + [case.module.get_parameter(n) for n in weights]
    leaves_b = [x for x in theirs.values() if x.is_floating_point()] + [reference.leaves[n] for n in weights]
    labels = [n for n, x in ours.items() if x.is_floating_point()] + weights
    if not labels or not any(outputs[n].requires_grad for n in names):
        return

    def grads(outputs_: Mapping[str, Tensor], leaves: list[Tensor]) -> list[Tensor]:
        loss = sum(((outputs_[n] * directions[n]).sum() for n in names), torch.zeros((), dtype=torch.float64))
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True)]

    a, b = grads(got, leaves_a), grads(outputs, leaves_b)
    _close("gradients", dict(zip(labels, a, strict=True)), dict(zip(labels, b, strict=True)), None, trial, case.report)


UNCOUNTED = {"bilinear"}  # torch's counter does not know it
SUMMING = {"sum", "mean", *(f"{what}avg_pool{n}d" for what in ("", "adaptive_", "global_") for n in (1, 2, 3))}


def _uncounted(graph: Graph) -> bool:
    """Products that are half of a multiply-add: torch's counter knows them as matrix products only."""
    kinds = {node.kind for node in graph.layers()}
    outer = any(
        node.kind == "multiply" and all(x.shape != node.type.shape for x in graph.input_types(node))
        for node in graph.layers()
    )
    return bool(kinds & UNCOUNTED) or outer or ("multiply" in kinds and bool(kinds & SUMMING))


def _flops(case: Case, trial: Trial) -> None:
    """Multiply-adds of one sample by torch's counter, which counts each as two."""
    if _uncounted(case.graph):
        return
    one = Trial(1, trial.axes, trial.seed)
    counter = FlopCounterMode(display=False)
    try:
        with counter:
            run(case.network, case.store, inputs_of(case.document, one), one, torch.float32)
    except REFUSALS:  # a batch of one has no variance
        return
    counted, ours = counter.get_total_flops(), at(total(case.graph).flops, {"B": 1, **dict(one.axes)})
    case.report.counts["comparisons FLOPs"] += 1
    if counted != 2 * ours:
        raise DiffersError("FLOPs", f"{ours} at {one.text()}, torch counts {counted / 2:g}")


_BORDERED = re.compile(r"(padding_mode|mode): (reflect|replicate|circular)")  # a border reads from elsewhere
_AXES_MOVE = {"permute", "reshape", "flatten", "stack"}  # behind them an axis is no longer the input's of that number


def _reach(case: Case, trial: Trial) -> None:
    """No gradient from outside the receptive field, at the first, middle and last position of each axis."""
    inputs = inputs_of(case.document, trial)
    floating = [n for n, x in inputs.items() if x.is_floating_point()]
    if (
        len(inputs) != 1
        or len(floating) != 1
        or _BORDERED.search(text_of(case.document))
        or not _AXES_MOVE.isdisjoint(n.kind for n in case.graph.layers())
    ):
        return
    [name] = floating
    x = inputs[name].clone().requires_grad_()
    outputs = case.network.forward(Run(case.store, torch.float64, False, dict(trial.axes)), {name: x})
    found = {node.name: reach for node, reach in reaches(case.graph)}
    for output, ref in case.graph.outputs.items():
        y, reach = outputs[output], found[ref.node]
        if not y.requires_grad or len(reach) != y.ndim - 1 or ref.port:
            continue
        for axis, along in enumerate(reach, start=1):
            if along is None or y.ndim != x.ndim:
                continue
            size = y.shape[axis]
            for i in sorted({0, size // 2, size - 1}):
                [grad] = torch.autograd.grad(y.select(axis, i).sum(), x, retain_graph=True)
                seen = grad.abs().sum([k for k in range(grad.ndim) if k != axis]).nonzero().flatten().tolist()
                case.report.counts["comparisons receptive field"] += 1
                low, high = along.jump * i + along.low, along.jump * i + along.high
                if seen and not (low <= seen[0] and seen[-1] <= high):
                    raise DiffersError("receptive field", f"`{output}` position {i} of axis {axis} sees {seen[0]} to "
                                  f"{seen[-1]} of the input, said to see {low} to {high}")  # fmt: skip
