"""GPU kernels: their meaning by Triton's interpreter against the plain path, their form by compiling them for a GPU
that need not be there, and all of it on a GPU where there is one."""

from __future__ import annotations

import inspect
import linecache
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from generated import triton_caller
from torch import Tensor

from netspec.cells.functions import FUNCTIONS
from netspec.cells.ir.compiled import Compiled, compiled_of
from netspec.cells.ir.dag import Value, reachable
from netspec.cells.ir.linear_recurrence import linear_recurrence
from netspec.cells.ir.loop import Loop
from netspec.cells.ir.read import read_cell
from netspec.cells.ir.step import CellStep
from netspec.cells.ir.use import use
from netspec.cells.kernels import choose
from netspec.cells.kernels.gpu import recorded, triton_launch, triton_module
from netspec.cells.kernels.gpu import run as gpu
from netspec.cells.kernels.gpu.triton_launch import kernels_of, tile_of
from netspec.cells.kernels.gpu.triton_module import load
from netspec.cells.kernels.gpu.triton_source import PRELUDE, TritonKernel, shared_parameters, step_kernel
from netspec.cells.kernels.interpret import compute
from netspec.cells.language.library import library_cell, library_names
from netspec.cells.run.fused import fused
from netspec.cells.run.plain import plain
from netspec.source.errors import Problems
from netspec.source.text import Source
from netspec.source.tree import parse

pytest.importorskip("triton")

# T time, B batch, I input
INPUT, HIDDEN = 3, 5

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Kernels are made for a GPU."""
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setenv("TRITON_CACHE_DIR", str(cache / "compiled"))


@pytest.fixture
def interpreter(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Loop]]:
    """Kernels run on the CPU; gives the loops that ran so."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    ran: list[Loop] = []
    run = gpu.run_loop

    def noted(loop: Loop, *args: object) -> None:
        ran.append(loop)
        run(loop, *args)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(gpu, "run_loop", noted)
    yield ran


def step_for(name: str) -> CellStep:
    return use(library_cell(name), HIDDEN, INPUT, {})


def step_from(name: str, text: str) -> CellStep:
    problems = Problems()
    tree = parse(Source("<cell>", text))
    cell = read_cell(name, tree, tree.span, problems)
    assert cell is not None and not problems
    return use(cell, HIDDEN, INPUT, {})


class Case:
    """A step with values for all that it takes."""

    def __init__(
        self,
        step: CellStep,
        steps: int,
        rows: int,
        ragged: bool,
        dtype: torch.dtype = torch.float64,
        device: str = "cpu",
    ) -> None:
        g = torch.Generator().manual_seed(steps * 100 + rows)

        def values(*shape: int, scale: float = 0.4) -> Tensor:
            return (torch.randn(*shape, generator=g) * scale).to(device, dtype).requires_grad_()

        self.step = step
        self.weights = {name: values(*shape) for name, shape in step.weights.items()}  # type: ignore[misc, arg-type]
        self.x_TBI = values(steps, rows, INPUT, scale=1.0)
        self.initial = tuple(values(rows, int(str(size))) for size in step.states.values())
        self.lengths = torch.randint(0, steps + 1, (rows,), generator=g).to(device) if ragged else None

    @property
    def leaves(self) -> list[Tensor]:
        return [self.x_TBI, *self.weights.values(), *self.initial]

    def forward(self, how: str) -> list[Tensor]:
        if how == "plain":
            y, final = plain(self.step, self.x_TBI, self.weights, self.initial, self.lengths, False)
        else:
            y, final = fused(self.step, self.x_TBI, self.weights, self.initial, self.lengths)
        return [y, *final]

    def results(self, how: str) -> list[Tensor]:
        """Outputs, final states, and the gradients of everything for some sum of them."""
        out = self.forward(how)
        g = torch.Generator().manual_seed(7)
        loss = sum((x.double() * torch.randn(x.shape, generator=g).to(x)).sum() for x in out)
        assert isinstance(loss, Tensor)
        return [*out, *torch.autograd.grad(loss, self.leaves, materialize_grads=True, allow_unused=True)]


def agree(ours: list[Tensor], wanted: list[Tensor], tolerance: float) -> None:
    for a, b in zip(ours, wanted, strict=True):
        assert a.shape == b.shape
        error = ((a.double() - b.double()).abs().max() / (1 + b.double().abs().max())).item() if b.numel() else 0.0
        assert error < tolerance


# By the interpreter: every cell, forward and gradients.


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("name", library_names())
def test_every_cell_agrees_with_the_plain_path(name: str, ragged: bool, interpreter: list[Loop]) -> None:
    case = Case(step_for(name), 3, 5, ragged)
    agree(case.results("fused"), case.results("plain"), 1e-12)
    assert [loop.backward for loop in interpreter] == [False, True]


@pytest.mark.parametrize("rows", [1, 33])
@pytest.mark.parametrize("name", ["lstm_peephole", "gru", "sru", "mingru"])
def test_any_number_of_rows(name: str, rows: int, interpreter: list[Loop]) -> None:
    case = Case(step_for(name), 2, rows, ragged=rows > 1, dtype=torch.float32)
    agree(case.results("fused"), case.results("plain"), 2e-6)
    assert len(interpreter) == 2


def test_without_gradients(interpreter: list[Loop]) -> None:
    for name in ("lstm_peephole", "sru"):
        case = Case(step_for(name), 4, 3, ragged=True)
        with torch.no_grad():
            agree(case.forward("fused"), case.forward("plain"), 1e-12)
    assert len(interpreter) == 2


def test_more_columns_than_one_program_has(interpreter: list[Loop], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_launch, "COLUMNS", 2)
    monkeypatch.setattr(triton_launch, "ELEMENTS", 4)
    for name in ("lstm_peephole", "sru"):
        case = Case(step_for(name), 2, 3, ragged=False)
        agree(case.results("fused"), case.results("plain"), 1e-12)
    assert len(interpreter) == 4


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("name", ["mingru", "qrnn", "sru"])
def test_scan(name: str, ragged: bool, interpreter: list[Loop], monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 4 times, the last of 11 not full; of an SRU only the reverse pass is linear."""
    monkeypatch.setattr(triton_launch, "SCAN", {"TILE_T": 4, "TILE_C": 4})
    monkeypatch.setattr(gpu, "prefers_scan", lambda sequence, kernel: True)
    case = Case(step_for(name), 11, 2, ragged)
    agree(case.results("fused"), case.results("plain"), 1e-12)
    scans = [[scan is not None for scan in kernels_of(loop).scans] for loop in interpreter]
    assert scans == [[name != "sru"], [True]]


@pytest.fixture
def recorder(interpreter: list[Loop], monkeypatch: pytest.MonkeyPatch) -> Iterator[OrderedDict[object, object]]:
    """All that a GPU does with recordings of 2 steps, but that playing one launches again; gives the recordings."""
    recordings: OrderedDict[object, object] = OrderedDict()
    own = {"K": 2, "MAX_RECORDINGS": 3, "_RECORDINGS": recordings, "record": lambda run: run, "stream": lambda: 0,
           "can_record": lambda sequence: True, "synchronize": lambda: None}  # fmt: skip
    for name, value in own.items():
        monkeypatch.setattr(recorded, name, value)
    yield recordings


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("name", ["lstm_peephole", "gru", "fgr"])
def test_recorded_stretches(name: str, ragged: bool, recorder: OrderedDict[object, object]) -> None:
    """Stretches of 2 steps, the last of 3 not full; then the same recordings played for another length."""
    for steps in (3, 1):
        case = Case(step_for(name), steps, 5, ragged)
        agree(case.results("fused"), case.results("plain"), 1e-12)
    assert len(recorder) == 2


def test_recorded_half_precision(recorder: OrderedDict[object, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit what single launches give: a stretch hands on its states as they are."""
    case = Case(step_for("gru"), 5, 3, ragged=True, dtype=torch.bfloat16)
    replayed = case.results("fused")
    assert len(recorder) == 2
    monkeypatch.setattr(recorded, "can_record", lambda sequence: False)
    assert all(torch.equal(a, b) for a, b in zip(replayed, case.results("fused"), strict=True))


def test_few_recordings_are_kept(recorder: OrderedDict[object, object]) -> None:
    """One for each loop, number of rows and types, the last few of them."""
    with torch.no_grad():
        for rows, dtype in ((1, torch.float32), (2, torch.float32), (2, torch.float64), (1, torch.float32)):
            Case(step_for("rnn"), 2, rows, ragged=False, dtype=dtype).forward("fused")
        assert len(recorder) == 3
        [first, *_] = recorder
        Case(step_for("rnn"), 2, 3, ragged=False, dtype=torch.float32).forward("fused")
    assert len(recorder) == 3 and first not in recorder


def test_where_there_is_no_recording(recorder: OrderedDict[object, object], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(run: object) -> None:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    monkeypatch.setattr(recorded, "record", fail)
    case = Case(step_for("rnn"), 3, 2, ragged=False)
    with torch.no_grad():
        with pytest.warns(UserWarning, match="launched one by one: CUDA error"):
            found = case.forward("fused")
        agree(found, case.forward("plain"), 1e-12)
        agree(case.forward("fused"), found, 1e-12)  # and is not asked for again


@pytest.mark.parametrize("scan", [False, True])
def test_states_of_every_kind(scan: bool, interpreter: list[Loop], monkeypatch: pytest.MonkeyPatch) -> None:
    """One that nothing reads, one that only hands on another's, one of another size, one that has no gradient."""
    text = """
state: {c: hidden, unread: hidden, old: hidden, other: input, still: hidden}
output: y
weights: {W: [hidden, input], V: [hidden, input]}
equations:
  - f = hard_tanh(W @ x[t])
  - c[t] = f * c[t-1] + 0.5 * old[t-1] - max(V @ x[t], 0)
  - unread[t] = relu(c[t]) / 2
  - old[t] = c[t-1]
  - other[t] = 0.5 * other[t-1] + x[t]
  - still[t] = 0.5 * still[t-1]
  - y = c[t] + unread[t] + min(V @ other[t], f)
"""
    monkeypatch.setattr(triton_launch, "SCAN", {"TILE_T": 2, "TILE_C": 4})
    monkeypatch.setattr(gpu, "prefers_scan", lambda sequence, kernel: scan)
    for ragged in (False, True):
        case = Case(step_from("mixed", text), 5, 3, ragged)
        agree(case.results("fused"), case.results("plain"), 1e-12)
    assert len(interpreter) == 4


def test_rows_with_gaps(interpreter: list[Loop]) -> None:
    """A batch-first input and the gradient of a sum: strides of any kind, even 0."""
    case = Case(step_for("sru"), 3, 4, ragged=False)
    turned = case.x_TBI.detach().transpose(0, 1).contiguous().transpose(0, 1).requires_grad_()
    found = fused(case.step, turned, case.weights, case.initial, None)[0].sum()
    wanted = plain(case.step, case.x_TBI, case.weights, case.initial, None, False)[0].sum()
    agree([*torch.autograd.grad(found, turned)], [*torch.autograd.grad(wanted, case.x_TBI)], 1e-12)


def test_padding_is_never_read(interpreter: list[Loop]) -> None:
    for name in ("lstm_peephole", "sru"):
        case = Case(step_for(name), 4, 3, ragged=True)
        assert case.lengths is not None
        wanted = case.results("fused")
        with torch.no_grad():
            padded = torch.arange(4)[:, None] >= case.lengths
            case.x_TBI[padded] = torch.nan
        found = case.results("fused")
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_two_runs_give_the_same_bits(interpreter: list[Loop]) -> None:
    case = Case(step_for("sru"), 3, 9, ragged=True, dtype=torch.float32)
    first, second = case.results("fused"), case.results("fused")
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


# Types.


@pytest.mark.parametrize("name", ["lstm_peephole", "gru", "mingru"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_by_the_kernels(name: str, dtype: torch.dtype, interpreter: list[Loop]) -> None:
    """As near to float32 as torch's operations on half precision tensors are, a quarter farther at most."""
    case = Case(step_for(name), 6, 3, ragged=False, dtype=dtype)
    wide = Case(step_for(name), 6, 3, ragged=False, dtype=torch.float32)
    with torch.no_grad():
        for a, b in zip(wide.leaves, case.leaves, strict=True):
            a.copy_(b)
    wanted = wide.results("plain")
    ours, theirs = (_distance(case.results(how), wanted) for how in ("fused", "plain"))
    assert len(interpreter) == 2
    assert ours < 1.25 * theirs


@pytest.mark.parametrize("name", ["lstm_peephole", "gru", "sru", "mingru", "qrnn"])
@pytest.mark.parametrize("ragged", [False, True])
def test_autocast(name: str, ragged: bool) -> None:
    """Products in bfloat16, what is carried in float32, outputs and gradients as the plain path types them."""
    case = Case(step_for(name), 12, 4, ragged, dtype=torch.float32)
    wanted = case.results("plain")
    with torch.autocast("cpu", torch.bfloat16):
        plainly = case.forward("plain")
        found = case.forward("fused")
    assert [x.dtype for x in found] == [x.dtype for x in plainly] == [torch.float32] * len(found)
    loss = sum(x.square().sum() for x in found)
    assert isinstance(loss, Tensor)
    gradients = torch.autograd.grad(loss, case.leaves, materialize_grads=True, allow_unused=True)
    assert [g.dtype for g in gradients] == [torch.float32] * len(gradients)
    exact = sum(x.square().sum() for x in case.forward("plain"))
    assert isinstance(exact, Tensor)
    true = torch.autograd.grad(exact, case.leaves, materialize_grads=True, allow_unused=True)
    assert 0 < _distance(found, wanted[: len(found)]) < 0.02  # bfloat16 rounds to 0.4 %: it was taken, and not worse
    assert _distance([*gradients], [*true]) < 0.04


def _distance(ours: list[Tensor], wanted: list[Tensor]) -> float:
    """The largest relative distance."""
    pairs = [(a.double(), b.double()) for a, b in zip(ours, wanted, strict=True) if b.abs().max() > 0]
    return max(((a - b).norm() / b.norm()).item() for a, b in pairs)


def test_tanh_keeps_its_digits_near_zero(interpreter: list[Loop]) -> None:
    x = torch.linspace(-0.25, 0.25, 1024)
    y = torch.empty_like(x)
    load(PRELUDE + triton_caller("tanh")).of_tanh[(1,)](x, x, x, y, N=1024)
    torch.testing.assert_close(y, torch.tanh(x), rtol=1e-6, atol=0)


# The text and where it lies.


def test_modules_of_triton_text_go_when_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_module, "_LOADED", OrderedDict())
    monkeypatch.setattr(triton_module, "MAX_LOADED", 2)
    first, *others = [load(f"number = {-k}") for k in range(5)]
    assert load("number = -4") is others[-1] and first.number == 0
    there = [module for module in (first, *others) if module.__name__ in sys.modules]
    assert there == others[-2:]
    assert first.__file__ not in linecache.cache and load("number = 0") is not first


def test_no_name_of_a_file_reaches_the_text() -> None:
    text = """
state: {zzstate: hidden}
output: zzstate
weights: {zzweight: [hidden, hidden + input], zzvector: [hidden]}
equations:
  - zzvalue = tanh(zzweight @ [zzstate[t-1], x[t]] + zzvector * zzstate[t-1])
  - zzstate[t] = zzvalue
"""
    compiled = compiled_of(step_from("zzcell", text))
    assert compiled is not None
    for loop in (compiled.inference.loop, compiled.training.forward.loop, compiled.training.loop):
        for stage in loop.stages:
            for body in stage.bodies:
                assert "zz" not in step_kernel(loop, body, "step")[1]


def test_a_text_is_a_module_without_a_file(interpreter: list[Loop]) -> None:
    """Triton finds the source of its functions, also after what is kept of files was looked at again."""
    import linecache

    module = load(PRELUDE + "\n\nNUMBER = 1\n")
    assert module.NUMBER == 1 and load(PRELUDE + "\n\nNUMBER = 1\n") is module
    linecache.checkcache()
    assert "tl.exp" in inspect.getsource(module.sigmoid.fn)


# As a GPU gets them.


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["lstm_peephole", "sru", "mingru"])
def test_they_compile_for_a_gpu(name: str, dtype: str, compiler: None) -> None:
    """To machine code of an H100, which needs none; what a walk loads runs ahead of what it computes."""
    one = _compiled_of(name, 128)
    for loop in (one.training.forward.loop, one.training.loop):
        kernels = kernels_of(loop)
        every = [*kernels.walks, *(k for k in kernels.scans if k), *(k for stage in kernels.steps for k in stage)]
        assert every
        for kernel in every:
            made = _compile(getattr(kernels.module, kernel.name), kernel, dtype)
            assert len(made.asm["cubin"]) > 1000
            assert ("cp.async" in made.asm["ptx"]) == (kernel.form == "walk")


def test_nothing_is_compiled_for_one_batch_or_length(compiler: None) -> None:
    for name in ("lstm_peephole", "mingru"):
        kernels = kernels_of(_compiled_of(name, 128).training.loop)
        for kernel in (*kernels.walks, *(k for k in kernels.scans if k), *(k for s in kernels.steps for k in s)):
            numbers = {"steps", "time", "rows"} | {f"{a}{k}" for a in "otr" for k in range(len(kernel.slots))}
            params = [p for p in getattr(kernels.module, kernel.name).params if p.name in numbers]
            assert params and all(p.do_not_specialize for p in params)


def _compiled_of(name: str, hidden: int) -> Compiled:
    compiled = compiled_of(use(library_cell(name), hidden, 64, {}))
    assert compiled is not None
    return compiled


def test_every_function_compiles_for_a_gpu(compiler: None) -> None:
    module = load("".join([PRELUDE, *map(triton_caller, FUNCTIONS)]))
    for name in FUNCTIONS:
        types = {**dict.fromkeys("pqsr", "*fp32"), "N": "constexpr"}
        assert len(_machine_code(getattr(module, f"of_{name}"), types, {"N": 1024}, 4).asm["cubin"]) > 1000


def _compile(function, kernel: TritonKernel, dtype: str):  # type: ignore[no-untyped-def]  # Triton's own objects
    import triton.language as tl

    tile, warps = tile_of(kernel, 4 if dtype == "fp32" else 2)
    constants = {"RAGGED": True, "ACC": tl.float32, "ALIGNED": True, **tile}
    known = {"lengths": "*i64", "partial": "*fp32"} | dict.fromkeys(constants, "constexpr")
    known |= {f"p{k}": f"*{dtype}" for k in range(len(kernel.slots))}
    assert set(shared_parameters(kernel.form)) <= set(function.arg_names)
    return _machine_code(function, {p: known.get(p, "i32") for p in function.arg_names}, constants, warps)


def _machine_code(function, types: dict[str, str], constants: dict[str, object], warps: int):  # type: ignore[no-untyped-def]
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    even = {(i,): [["tt.divisibility", 16]] for i, type_ in enumerate(types.values()) if type_.startswith("*")}
    return triton.compile(ASTSource(function, types, constants, even), target=GPUTarget("cuda", 90, 32),
                          options={"num_warps": warps, "enable_fp_fusion": True})  # fmt: skip


# Linear recurrences.


@pytest.mark.parametrize("name", library_names())
def test_linear_recurrence(name: str) -> None:
    """c' = a · c + b, with numbers in place of everything that the step reads."""
    compiled = compiled_of(step_for(name))
    assert compiled is not None
    program = compiled.program
    found = linear_recurrence(program)
    assert (found is not None) == (name in ("mingru", "qrnn"))
    if found is None:
        return
    assert tuple(found) == program.states
    g = torch.Generator().manual_seed(0)
    for state, (a, b) in found.items():
        values: dict[Value, Tensor | float] = {}
        for node in reachable([a, b, program.next[state]]):
            leaf = node.op in ("previous", "weight", "input", "product")
            values[node] = torch.randn((), generator=g) if leaf else compute(node, [values[n] for n in node.args])
        [before] = [n for n in values if n.op == "previous" and n.attr == state]
        assert before not in reachable([a, b])
        torch.testing.assert_close(values[program.next[state]], values[a] * values[before] + values[b])


# Which way is taken.


def test_tensors_that_suit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert not gpu.suits([torch.zeros(1)])
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert gpu.suits([torch.zeros(1), torch.zeros(1, dtype=torch.bfloat16)])
    assert not gpu.suits([torch.zeros(1, dtype=torch.int64)])
    assert not gpu.suits([torch.zeros(1, device="meta")])
    assert choose.gpu is gpu


# On a GPU.


@on_gpu
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("name", library_names())
def test_every_cell_on_a_gpu(name: str, ragged: bool, compiler: None) -> None:
    for steps in (3, 40, 40):  # launched one by one, recorded, played again
        case = Case(step_for(name), steps, 5, ragged, torch.float32, "cuda")
        double = Case(step_for(name), steps, 5, ragged, torch.float64, "cuda")
        agree(case.results("fused"), double.results("plain"), 1e-4)


@on_gpu
@pytest.mark.parametrize("name", ["mingru", "qrnn", "sru"])
def test_a_scan_on_a_gpu(name: str, compiler: None) -> None:
    case = Case(step_for(name), 1000, 2, ragged=True, dtype=torch.float32, device="cuda")
    double = Case(step_for(name), 1000, 2, ragged=True, dtype=torch.float64, device="cuda")
    agree(case.results("fused"), double.results("plain"), 1e-4)


@on_gpu
@pytest.mark.parametrize("name", ["lstm_peephole", "gru", "sru"])
def test_half_precision_on_a_gpu(name: str, compiler: None) -> None:
    case = Case(step_for(name), 40, 5, ragged=False, dtype=torch.bfloat16, device="cuda")
    wide = Case(step_for(name), 40, 5, ragged=False, dtype=torch.float64, device="cuda")
    with torch.no_grad():
        for a, b in zip(wide.leaves, case.leaves, strict=True):
            a.copy_(b)
    wanted = wide.results("plain")
    assert _distance(case.results("fused"), wanted) < 1.25 * _distance(case.results("plain"), wanted)
