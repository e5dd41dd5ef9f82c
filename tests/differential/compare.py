"""One network, netspec's against the reference's: shapes, weights, values, training, ONNX, and what follows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

import networkx as nx
import numpy as np
import onnxruntime
import torch
from torch import Tensor

import netspec
from netspec.backends.parity import compare as parity
from netspec.graph.cost import total
from netspec.graph.model import Graph
from netspec.shapes.dim import at
from tests.differential.begin import check_begin
from tests.differential.case import REFUSALS, Case, DiffersError, Report, alike, close, run
from tests.differential.derived import flops, gradients, receptive_field
from tests.differential.lengths import check_refused, neither_runs, trials_of
from tests.differential.reference.network import Network, Run, Store, UndefinedError
from tests.differential.trial import Trial, inputs_of

# What netspec refuses though torch would run it, as its documentation says.  Any other refusal is a failure.
_UNKNOWN = "an axis whose size the layer has to know is symbolic"  # and NS402 of any kind that says "of known size"
_ONE_VALUE = "the variance of one value is 0"
REFUSED = {
    **dict.fromkeys(("NS403 glu", "NS403 split", "NS403 reshape"), _UNKNOWN),
    **dict.fromkeys(("NS403 group_norm", *(f"NS403 instance_norm{n}d" for n in (1, 2, 3))), _ONE_VALUE),
    "NS403 slice": "a start or stop outside",
    "NS403 max_pool1d": "a window could hold nothing but padding",
    "NS403 max_pool2d": "a window could hold nothing but padding",
    "NS403 max_pool3d": "a window could hold nothing but padding",
    "NS402 a": "a linear gate maps the last axis, and F the channels",
    "NS401 cannot": "a shortcut whose stride the sizes do not show; branches of other ranks, which torch would stretch",
    "NS311 `share`:": "a layer shares with a repeat, of which it would have to name a copy",
}


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
        if trials_of(document, network, store, random.Random(seed))[0]:
            problem = error.problems[0]
            report.refused = f"{problem.code} {problem.message.split(' ')[0]}"
            report.counts[f"refused {report.refused}"] = 1
            unknown = problem.code == "NS402" and "of known size" in problem.message
            if report.refused not in REFUSED and not unknown:
                raise DiffersError(f"refuses {report.refused}", f"what the reference runs: {problem.message}") from None
        else:
            report.counts["refused by both"] = 1
        return report
    trials, refused = trials_of(document, network, store, random.Random(seed), graph)
    for trial in refused[:1]:
        check_refused(document, graph, module, trial)
        report.counts["lengths refused"] += 1
    if not trials:
        if refused:
            report.counts["refused at every length tried"] = 1
        else:
            neither_runs(document, module, network, store)
            report.counts["refused by both, at the call"] = 1
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
        again = partial(run, network, store, inputs_of(document, trial), trial, torch.float64)
        alike("float64", got, references[trial], None, trial, report, again)
    flops(case, trials[0])
    _training(case, max(trials, key=lambda t: t.batch))
    module.eval()
    if rng.random() < share:
        gradients(case, trials[-1])
    if rng.random() < share:
        receptive_field(case, trials[-1])
    return report


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
        again = partial(run, case.network, case.store, inputs, trial, torch.float64)
        alike("float32", got, expected, single, trial, case.report, again)
        try:
            received = session.run(list(expected), {n: x.numpy() for n, x in given.items()})
        except Exception as error:  # as above
            raise DiffersError("onnx", f"onnxruntime fails at {trial.text()}: {error}") from None
        found = {n: torch.from_numpy(np.asarray(y)) for n, y in zip(expected, received, strict=True)}
        alike("onnx", found, expected, single, trial, case.report, again)
    return references


def _export(case: Case, model: bytes) -> None:
    """Export's own comparison does not refuse what agrees here."""
    try:
        parity.compare(case.graph, case.module, model)
    except netspec.NetspecError as error:
        raise DiffersError("export", str(error)) from None
    case.report.counts["comparisons export"] += 1


def _detached(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in values.items()}


def _shapes(graph: Graph, expected: Mapping[str, Tensor], trial: Trial) -> None:
    types = graph.output_types()
    if list(types) != list(expected):
        raise DiffersError("outputs", f"{list(types)}, not {list(expected)}")
    for name, y in expected.items():
        shape = tuple(at(size, {"B": trial.batch, **dict(trial.axes)}) for size in types[name].shape)
        if shape != tuple(y.shape):
            raise DiffersError(
                "shapes",
                f"`{name}` is inferred as {types[name]}, which is {shape} at {trial.text()}, not {tuple(y.shape)}",
            )


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
    again = partial(run, case.network, case.store, inputs, trial, torch.float64, training=True)
    alike("training", got, expected, None, trial, case.report, again)
    state = case.module.state_dict()
    read = set().union(*({ref.node} | nx.ancestors(case.graph.nx, ref.node) for ref in case.graph.outputs.values()))
    for name, owner in {**{n: n for n in case.store.buffers}, **case.store.aliases}.items():
        users = {name, owner, *(n for n, o in case.store.aliases.items() if o == owner)}
        if owner in reference.buffers and all(n.rpartition(".")[0] in read for n in users):  # else it does not run
            close("running statistics", {name: state[name]}, {name: reference.buffers[owner]}, None, trial, case.report)
    case.module.load_state_dict({n: v.to(state[n].dtype) for n, v in case.values.items()})
