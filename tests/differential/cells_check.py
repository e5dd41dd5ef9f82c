"""One recurrent layer on every way that runs it, against the reference: values, states, and the gradient of everything.

plain        torch operations step by step, float64, differentiable any number of times
compiled     the generated loops as torch runs them (interpret.py), float64
float32      what a user gets: machine code, or torch's own layer where the cell is one; training, eval, and in pieces
onnxruntime  the exported model, at the same and at other batches and lengths
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from textwrap import indent
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

import netspec
from netspec.cells.ir.compiled import compiled_of
from netspec.cells.run import plain_only
from netspec.cells.run.carry import carrying
from netspec.cells.run.paths import path_of
from tests.differential.cells_reference import Array, Dual, Layer

DOUBLE = 1e-9  # of the largest value
SIXTH = 1e-7  # torch's own gradient of hardsigmoid has 1/6 in float32
SINGLE = 3e-5
NEAR = {DOUBLE: 1e-9, SIXTH: 1e-9, SINGLE: 1e-4}  # a slope that jumps nearer than this may be another on the other side
BEYOND = 1e6
MOVED = 1e-6  # how far the values given are moved to see what float32 can say of a result


@dataclass(frozen=True)
class Case:
    """A layer, and what it is run on."""

    text: str  # of the cell
    hidden: int = 3
    features: int = 2
    num_layers: int = 1
    bidirectional: bool = False
    returns: str = "sequence"
    initial: str = "zero"  # or learned, or given
    ragged: bool = False
    recompute: bool = False
    steps: int = 4
    batch: int = 2
    seed: int = 0

    @property
    def layer(self) -> Layer:
        return Layer(self.text, self.hidden, self.features, self.num_layers, self.bidirectional)

    @property
    def network(self) -> str:
        """The file."""
        layer = self.layer
        rows = self.num_layers * layer.directions
        inputs = f"x: [T, {self.features}]" + ", n: {shape: [], dtype: int64}" * self.ragged
        inputs += f", s: [{rows}, {layer.width()}]" * (self.initial == "given")
        wiring = "input: x" + ", lengths: n" * self.ragged + ", initial_state: s" * (self.initial == "given")
        fields = f"hidden: {self.hidden}, " * bool(re.search(r"\bhidden\b", self.text))
        fields += f"num_layers: {self.num_layers}, bidirectional: {str(self.bidirectional).lower()}, "
        fields += f"returns: {self.returns}, initial_state: {'learned' if self.initial == 'learned' else 'zero'}"
        fields += ", recompute: true" * self.recompute
        return (
            f"netspec: 1\ninputs: {{{inputs}}}\ncells:\n  it:\n{indent(self.text, '    ')}layers:\n  rnn: "
            f"{{type: recurrent, cell: it, {fields}, from: {{{wiring}}}}}\n"
            "outputs: {y: rnn, state: rnn.state}\n"
        )

    def lengths(self) -> list[int] | None:
        """0 to all steps."""
        if not self.ragged:
            return None
        return np.random.default_rng(self.seed + 1).integers(0, self.steps + 1, self.batch).tolist()  # type: ignore[no-any-return]

    def given(self) -> dict[str, Array]:
        """x, the weights, and the initial states, as float32 holds them."""
        random, layer = np.random.default_rng(self.seed), self.layer
        shapes: dict[str, tuple[int, ...]] = {"x": (self.batch, self.steps, self.features)}
        if self.initial == "given":
            shapes["state"] = (self.batch, self.num_layers * layer.directions, layer.width())
        if self.initial == "learned":
            shapes |= {f"{name}_0": shape for name, shape in layer.state_shapes().items()}
        found = {name: random.normal(size=shape) for name, shape in shapes.items()}
        found |= {name: 0.6 * random.normal(size=shape) for name, shape in sorted(layer.shapes().items())}
        return {name: np.asarray(v, np.float32).astype(float) for name, v in found.items()}


@dataclass(frozen=True)
class Fault:
    """What went wrong on which way: a class of its own for each, so that shrinking stays at one."""

    way: str
    what: str
    more: str = ""

    def __str__(self) -> str:
        return f"{self.way}: {self.what}{' — ' * bool(self.more)}{self.more}"


@dataclass
class Report:
    """What was compared."""

    counts: Counter[str] = field(default_factory=Counter)


def check(case: Case, report: Report | None = None, machine: bool = True) -> Fault | None:
    """The first fault, or none.  `machine`: also what has to be compiled for it."""
    try:
        return _Check(case, report or Report()).run(machine)
    except _FoundError as found:
        return found.fault


class _FoundError(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class _Check:
    def __init__(self, case: Case, report: Report) -> None:
        self.case, self.report, self.way = case, report, "loading"

    @contextmanager
    def on(self, way: str) -> Iterator[None]:
        self.way = way
        try:
            yield
        except _FoundError:
            raise
        except Exception as error:  # whatever it is: it is a fault, and the search goes on
            raise _FoundError(Fault(way, type(error).__name__, str(error)[:200])) from error

    def run(self, machine: bool) -> Fault | None:
        case = self.case
        with self.on("reference"):
            given = case.given()
            found = _bounded(case, given)
            if found is None:
                self.report.counts["runs left out, values leave all bounds"] += 1
                return None
            ports, self.nearest = found
            self.expected = {"y": ports[case.returns], "state": ports["state"]}
        random = np.random.default_rng(case.seed + 2)
        self.factors = {port: random.normal(size=v.value.shape) for port, v in self.expected.items()}
        self.slopes = self.by_name(given)
        with self.on("loading"):
            graph = netspec.load(case.network)
            module: torch.nn.Module = netspec.to_torch(graph)
            steps = module.rnn.stack.steps  # type: ignore[union-attr]
        with self.on("weights"):
            own = {n.removeprefix("rnn."): tuple(p.shape) for n, p in module.named_parameters()}
            wanted = {n: v.shape for n, v in given.items() if n not in ("x", "state")}
            if own != wanted:
                raise _FoundError(Fault("weights", "other names or shapes", f"{own}, not {wanted}"))
            with torch.no_grad():
                for name, value in given.items():
                    if name in own:
                        module.rnn.get_parameter(name).copy_(torch.from_numpy(value))  # type: ignore[union-attr]
        exact = SIXTH if "hard_sigmoid" in case.text else DOUBLE
        module.double()
        with self.on("plain"), plain_only():
            self.train(module, given, torch.float64, exact)
        compiled = all(compiled_of(step) is not None for step in steps)
        self.report.counts["layers compiled" if compiled else "layers plain or torch's own"] += 1
        if compiled:
            with self.on("compiled"), patch("netspec.cells.run.direction.path_of", lambda *_: "compiled"):
                self.train(module, given, torch.float64, exact)
                self.evaluate(module, given, torch.float64, exact)
        module.float()
        if machine or any(path_of(step, "cpu", "float32") != "compiled" for step in steps):
            with self.on("float32"):
                self.train(module, given, torch.float32, SINGLE)
                self.evaluate(module, given, torch.float32, SINGLE)
            with self.on("carried"):
                self.carried(module, given)
        with self.on("onnxruntime"):
            self.onnx(graph, module.eval(), given)
        return None

    # ways

    def train(self, module: torch.nn.Module, given: Mapping[str, Array], dtype: torch.dtype, tolerance: float) -> None:
        module.train()
        module.zero_grad()
        inputs = self.inputs(given, dtype)
        for value in inputs.values():
            value.requires_grad_(value.is_floating_point())
        found = module(**inputs)
        self.same(found, tolerance)
        total = sum((found[port] * torch.from_numpy(f).to(dtype)).sum() for port, f in self.factors.items())
        if total.requires_grad:  # not where all that a cell without weights gives is constant
            total.backward()
        if self.nearest < NEAR[tolerance]:
            self.report.counts["gradients left out, near a kink"] += 1
            return
        leaves = {"x": inputs["x"], "state": inputs.get("s"),
                  **{n.removeprefix("rnn."): p for n, p in module.named_parameters()}}  # fmt: skip
        for name, wanted in self.slopes.items():
            leaf = leaves[name]
            assert leaf is not None
            grad = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
            self.close(f"gradient of {'a weight' if name not in ('x', 'state') else name}", grad, wanted, tolerance,
                       lambda moved, name=name: self.by_name(moved)[name])  # fmt: skip

    def evaluate(
        self, module: torch.nn.Module, given: Mapping[str, Array], dtype: torch.dtype, tolerance: float
    ) -> None:
        module.eval()
        with torch.no_grad():
            self.same(module(**self.inputs(given, dtype)), tolerance)

    def carried(self, module: torch.nn.Module, given: Mapping[str, Array]) -> None:
        """In two pieces."""
        case = self.case
        if case.bidirectional or case.ragged or case.steps < 2 or case.returns != "sequence":
            return
        inputs = self.inputs(given, torch.float32)
        with torch.no_grad(), carrying(module):
            cut = case.steps // 2
            first = module(**{**inputs, "x": inputs["x"][:, :cut]})
            second = module(**{**inputs, "x": inputs["x"][:, cut:]})
        self.same({"y": torch.cat([first["y"], second["y"]], 1), "state": second["state"]}, SINGLE)

    def onnx(self, graph: Any, module: torch.nn.Module, given: Mapping[str, Array]) -> None:
        import onnxruntime

        model = netspec.to_onnx(graph, module)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.session(session, self.case, given, self.expected)
        for batch, steps in ((1, 1), (3, self.case.steps + 5)):
            case = replace(self.case, batch=batch, steps=steps)
            other = {**given, **{n: v for n, v in case.given().items() if n in ("x", "state")}}
            found = _bounded(case, other, slopes=False)
            if found is None:
                self.report.counts["runs left out, values leave all bounds"] += 1
                continue
            self.session(session, case, other, {"y": found[0][case.returns], "state": found[0]["state"]})

    def session(self, session: Any, case: Case, given: Mapping[str, Array], expected: Mapping[str, Dual]) -> None:
        inputs = {n: v.numpy() for n, v in _inputs(case, given, torch.float32).items()}
        names = [o.name for o in session.get_outputs()]
        found = dict(zip(names, session.run(None, inputs), strict=True))
        self.same({n: torch.from_numpy(v) for n, v in found.items()}, SINGLE, case, given, expected)

    # comparison

    def inputs(self, given: Mapping[str, Array], dtype: torch.dtype) -> dict[str, torch.Tensor]:
        return _inputs(self.case, given, dtype)

    def by_name(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """The gradient of Σ factor · output in everything that is given."""
        ports, _ = self.case.layer.run(given, self.case.lengths())
        total = np.zeros(sum(v.size for v in given.values()))
        for port, factor in self.factors.items():
            slope = ports[self.case.returns if port == "y" else port].slope
            if slope is not None:
                total += (slope * factor).reshape(len(slope), -1).sum(1)
        found, at = {}, 0
        for name, value in given.items():
            found[name] = total[at : at + value.size].reshape(value.shape)
            at += value.size
        return found

    def same(
        self,
        found: Mapping[str, torch.Tensor],
        tolerance: float,
        case: Case | None = None,
        given: Mapping[str, Array] | None = None,
        expected: Mapping[str, Dual] | None = None,
    ) -> None:
        case, expected = case or self.case, expected or self.expected

        def moved_port(port: str) -> Callable[[Mapping[str, Array]], Array]:
            def run(moved: Mapping[str, Array]) -> Array:
                ports, _ = case.layer.run(moved, case.lengths(), slopes=False)
                return ports[case.returns if port == "y" else port].value

            return run

        for port, wanted in expected.items():
            what = "output" if port == "y" else "state"
            self.close(what, found[port], wanted.value, tolerance, moved_port(port), given)

    def close(
        self,
        what: str,
        found: torch.Tensor,
        wanted: Array,
        tolerance: float,
        again: Callable[[Mapping[str, Array]], Array],
        given: Mapping[str, Array] | None = None,
    ) -> None:
        """Within a tolerance of the largest value; of float32, and of how far the result moves when what it is computed
        from is moved by little."""
        self.report.counts[f"compared, {self.way}"] += 1
        mine = found.detach().double().numpy()
        if mine.shape != wanted.shape:
            raise _FoundError(Fault(self.way, f"{what} has another shape", f"{mine.shape}, not {wanted.shape}"))
        if not mine.size:
            return
        error = np.abs(mine - wanted).max()
        allowed = tolerance * max(1.0, np.abs(wanted).max())
        if error > allowed and tolerance == SINGLE:
            for seed in range(3):
                random = np.random.default_rng(seed)
                moved = {n: v * (1 + MOVED * random.choice([-1.0, 1.0], v.shape))
                         for n, v in (given or self.case.given()).items()}  # fmt: skip
                allowed = max(allowed, np.abs(again(moved) - wanted).max())
        if not error <= allowed:
            raise _FoundError(Fault(self.way, f"another {what}", f"off by {error:.2e}, allowed {allowed:.2e}"))


def _bounded(case: Case, given: Mapping[str, Array], slopes: bool = True) -> tuple[dict[str, Dual], float] | None:
    """What the reference gives; None where it is beyond what float32 could be held against."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = case.layer.run(given, case.lengths(), slopes)
    values = [v for dual in found[0].values() for v in (dual.value, dual.slope) if v is not None and v.size]
    return found if all(np.abs(v).max() < BEYOND for v in values) else None


def _inputs(case: Case, given: Mapping[str, Array], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """What the module takes; the padding holds NaN."""
    found = {"x": torch.from_numpy(given["x"]).to(dtype)}
    lengths = case.lengths()
    if lengths is not None:
        found["n"] = torch.tensor(lengths)
        for row, length in enumerate(lengths):
            found["x"][row, length:] = torch.nan
    if "state" in given:
        found["s"] = torch.from_numpy(given["state"]).to(dtype)
    return found
