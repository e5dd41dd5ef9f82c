"""Steps recorded as a CUDA graph: a launch costs the CPU more than the GPU needs for a step.

K steps are recorded on tensors of their own and replayed for one stretch of the sequence after the other, whatever the
length of the whole; what a stretch reads is copied in, what it makes is copied out.  A stretch that ends early ends as
sequences of unequal lengths do, so that there is one recording for all lengths.

# K steps of a stretch, B batch, n columns
"""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from netspec.cells.ir.loop import Loop
from netspec.cells.kernels.gpu.steps import LoopRun, Steps

K = 32
MAX_RECORDINGS = 16

Play = Callable[[], None]


def run_recorded(sequence: LoopRun) -> bool:
    """Run a sequence by a recording; False where there can be none, and nothing has run."""
    if sequence.steps < K // 2 or not can_record(sequence):
        return False
    some = next(iter(sequence.tensors.values()))
    with _LOCK, torch.cuda.device_of(some):  # type: ignore[no-untyped-call]  # torch's own
        key = _key(sequence)
        if key not in _RECORDINGS:
            _RECORDINGS[key] = _recording(sequence)
        _RECORDINGS.move_to_end(key)
        recording = _RECORDINGS[key]
        if recording is not None:
            recording.run(sequence)
        if len(_RECORDINGS) > MAX_RECORDINGS:
            synchronize()  # the oldest may still be running
            _RECORDINGS.popitem(last=False)
    return recording is not None


def can_record(sequence: LoopRun) -> bool:
    """Whether launches go to a GPU, and not into somebody else's recording."""
    some = next(iter(sequence.tensors.values()))
    return some.device.type == "cuda" and not torch.cuda.is_current_stream_capturing()


def synchronize() -> None:
    torch.cuda.synchronize()


def stream() -> int:
    """The stream that launches go to: work of two may overlap, so that each has recordings of its own."""
    return torch.cuda.current_stream().cuda_stream


def _key(sequence: LoopRun) -> Hashable:
    types = tuple((name, x.dtype) for name, x in (*sequence.tensors.items(), *sequence.weights.items()))
    some = next(iter(sequence.tensors.values()))
    precision = torch.backends.cuda.matmul.fp32_precision  # decides which product is recorded
    return sequence.loop, sequence.rows, some.device, types, precision, stream()


def _recording(sequence: LoopRun) -> Recording | None:
    try:
        return Recording(sequence, record)
    except RuntimeError as error:
        warnings.warn(f"no CUDA graph of a recurrent cell's steps, they are launched one by one: {error}", stacklevel=2)
        return None


def record(run: Play) -> Play:
    """Record what `run` launches."""
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's own
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # kernels are compiled and libraries make their workspaces outside of the recording
        run()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        run()
    return graph.replay


class Recording:
    """K steps of a loop on tensors of their own."""

    def __init__(self, sequence: LoopRun, record: Callable[[Play], Play]) -> None:
        loop = self.loop = sequence.loop
        kinds = {name: loop.buffers[name].kind for name in sequence.tensors}
        self.timed = [n for n, kind in kinds.items() if kind in ("sequence", "state")]
        self.fixed = [n for n, kind in kinds.items() if kind == "vector"]
        self.carries = [n for n, kind in kinds.items() if kind == "carry"]
        self.stored = {at.buffer for stage in loop.stages for body in stage.bodies for _, at in body.stores}
        self.read = _read_first(loop)
        self.states = [n for n, kind in kinds.items() if kind == "state"]
        rows = sequence.rows
        buffers = {
            n: _like(x, K, *x.shape[1:]) if n in self.timed else _like(x, *x.shape) for n, x in sequence.tensors.items()
        }
        initial = {n: _like(buffers[n], *buffers[n].shape[1:]) for n in self.states}
        weights = {n: torch.empty_like(w) for n, w in sequence.weights.items()}
        device = next(iter(buffers.values())).device
        lengths = torch.full((rows,), K, dtype=torch.int64, device=device)
        self.recorded = LoopRun(loop, buffers, initial, weights, K, rows, lengths)
        self.steps = Steps(self.recorded)
        self.play = record(self.steps.run)

    def run(self, sequence: LoopRun) -> None:
        """Play the recording for every stretch of a sequence."""
        recorded, live = self.recorded.tensors, sequence.tensors
        for name in (*self.fixed, *self.carries):
            recorded[name].copy_(live[name])
        for name, weight in sequence.weights.items():
            self.recorded.weights[name].copy_(weight)
        for partial in self.steps.partials.values():
            if partial is not None:
                partial.zero_()
        lengths = self.recorded.lengths
        assert lengths is not None  # made above
        end = lengths.new_full(lengths.shape, sequence.steps) if sequence.lengths is None else sequence.lengths
        stretches = range(0, sequence.steps, K)
        for first in reversed(stretches) if self.loop.backward else stretches:
            torch.sub(end, first, out=lengths)
            here = slice(first, min(first + K, sequence.steps))
            count = here.stop - first
            for name in self.states:
                before = sequence.initial[name] if first == 0 else live[name][first - 1]
                self.recorded.initial[name].copy_(before)
            for name in self.timed:
                if name in self.read:
                    recorded[name][:count].copy_(live[name][here])
            self.play()
            for name in self.timed:
                if name in self.stored:
                    live[name][here].copy_(recorded[name][:count])
        for name in self.carries:
            live[name].copy_(recorded[name])
        self.steps.add_up(live)


def _read_first(loop: Loop) -> set[str]:
    """Buffers of which a step reads what it did not make; a state before the step is read from where it was made."""
    names: set[str] = set()
    made: set[tuple[str, int]] = set()
    stored = {at.buffer for stage in loop.stages for body in stage.bodies for _, at in body.stores}
    for stage in loop.stages:
        sources = [at for gemm in stage.gemms for at, _ in gemm.sources]
        loads = [at for body in stage.bodies for at in body.loads.values()]
        for at in (*sources, *loads):
            state = at.before and at.buffer in stored
            if not state and (at.buffer, at.offset) not in made:
                names.add(at.buffer)
        made |= {(at.buffer, at.offset) for body in stage.bodies for _, at in body.stores}
    return names


def _like(x: Tensor, *shape: int) -> Tensor:
    return torch.zeros(shape, dtype=x.dtype, device=x.device)


_LOCK = threading.RLock()
_RECORDINGS: OrderedDict[Hashable, Recording | None] = OrderedDict()
