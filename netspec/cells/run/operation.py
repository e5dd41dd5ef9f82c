"""The loop of a compiled cell as one operation for torch, with the matrix products around it and its gradient.

`torch.ops.netspec.recurrence` is what `torch.compile` and `torch.export` see; eager calls take a shorter way to the
same code.  The loops run as CPU or GPU kernels where there are some for the tensors at hand (kernels/), and as torch
operations elsewhere.

An operation gives, behind each other: exports (T, B, n), final states (B, n), and when training what the gradient needs
that is not among the exports.

# T time, B batch
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from netspec.cells.ir.compiled import compiled
from netspec.cells.run.gradient import Needs, backward
from netspec.cells.run.recurrence import forward, outputs
from netspec.source.errors import NetspecError

_PLAIN = (Tensor, torch.nn.Parameter)


def recurrence(
    operands: list[Tensor], weights: list[Tensor], initial: list[Tensor], lengths: Tensor | None, program: str
) -> list[Tensor]:
    """Exports and final states of a program; see recurrence.py for the arguments."""
    operands = [x.contiguous() for x in operands]  # batch first: turned once, for both passes
    tensors = [*operands, *weights, *initial]
    training = torch.is_grad_enabled() and any(x.requires_grad for x in tensors)
    seen = torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None  # by a compiler, or `jit.trace`
    if seen or any(type(x) not in _PLAIN for x in tensors):
        return torch.ops.netspec.recurrence(operands, weights, initial, lengths, program, training)  # type: ignore[no-any-return]  # torch's own
    if not training:
        return forward(operands, weights, initial, lengths, program, False)
    counts = (len(operands), len(weights), len(initial))
    return list(_Eager.apply(program, lengths, counts, *tensors))  # type: ignore[no-untyped-call]  # torch's own


# As torch's compiler sees it


@torch.library.custom_op("netspec::recurrence", mutates_args=())
def _recurrence(
    operands: list[Tensor],
    weights: list[Tensor],
    initial: list[Tensor],
    lengths: Tensor | None,
    program: str,
    training: bool,
) -> list[Tensor]:
    return forward(operands, weights, initial, lengths, program, training)


@_recurrence.register_fake
def _(
    operands: list[Tensor],
    weights: list[Tensor],
    initial: list[Tensor],
    lengths: Tensor | None,
    program: str,
    training: bool,
) -> list[Tensor]:
    return outputs(operands, initial, program, training, lengths is not None)


@torch.library.custom_op("netspec::recurrence_backward", mutates_args=())
def _recurrence_backward(
    gradients: list[Tensor],
    kept: list[Tensor],
    operands: list[Tensor],
    weights: list[Tensor],
    initial: list[Tensor],
    lengths: Tensor | None,
    program: str,
    needs: list[bool],
) -> list[Tensor]:
    results = backward(gradients, kept, operands, weights, initial, lengths, program, needs)
    return [g.clone() if g._base is not None else g for g in results]  # results of an operation share no memory


@_recurrence_backward.register_fake
def _(
    gradients: list[Tensor],
    kept: list[Tensor],
    operands: list[Tensor],
    weights: list[Tensor],
    initial: list[Tensor],
    lengths: Tensor | None,
    program: str,
    needs: list[bool],
) -> list[Tensor]:
    inputs = [x if needed else x.new_empty(0) for x, needed in zip(operands, needs, strict=True)]
    return [torch.empty_like(x, memory_format=torch.contiguous_format) for x in (*inputs, *weights, *initial)]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    operands, weights, initial, lengths, program, training = inputs
    ctx.training = training
    if training:
        _keep(ctx, operands, weights, initial, lengths, program, output)


def _backward(ctx: Any, gradients: list[Tensor | None]) -> tuple[Any, ...]:
    if not ctx.training:
        raise NetspecError("NS503", "the recurrence was run without keeping what its gradient needs")
    results = _gradients(ctx, gradients, ctx.saved_tensors, torch.ops.netspec.recurrence_backward)
    a, b, _ = ctx.counts
    return results[:a], results[a : a + b], results[a + b :], None, None, None


def _no_second(ctx: Any, *gradients: Any) -> Any:
    raise NetspecError(
        "NS503",
        "the compiled path of a recurrent cell has no second derivative",
        hint="run it with `with netspec.cells.run.plain_only():`",
    )


_recurrence.register_autograd(_backward, setup_context=_setup)
_recurrence_backward.register_autograd(_no_second, setup_context=lambda ctx, inputs, output: None)


# Eager: the same without the search for operations in nested lists, which takes longer than a small network


class _Eager(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, program: str, lengths: Tensor | None, counts: tuple[int, int, int], *tensors: Tensor) -> Any:
        a, b, _ = counts
        operands, weights, initial = list(tensors[:a]), list(tensors[a : a + b]), list(tensors[a + b :])
        output = forward(operands, weights, initial, lengths, program, True)
        _keep(ctx, operands, weights, initial, lengths, program, output)
        ctx.mark_non_differentiable(*output[len(ctx.shapes) :])
        ctx.set_materialize_grads(False)
        return tuple(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        if any(g is not None and _batched(g) for g in gradients):  # `is_grads_batched`, `jacobian(vectorize=True)`
            raise NetspecError(
                "NS503",
                "the compiled path of a recurrent cell takes one gradient at a time, received a batch of them",
                hint="run it with `with netspec.cells.run.plain_only():`, or differentiate it within torch.func",
            )
        # What was kept is handed over, so that autograd sees what a second derivative would depend on.
        results = _Second.apply(ctx, len(gradients), *gradients, *ctx.saved_tensors)  # type: ignore[no-untyped-call]  # torch's own
        return (None, None, None, *results)


def _batched(g: Tensor) -> bool:
    return torch._C._functorch.is_batchedtensor(g) or torch._C._functorch.is_legacy_batchedtensor(g)


class _Second(torch.autograd.Function):
    """The gradient, as something that is not differentiated again."""

    @staticmethod
    def forward(ctx: Any, first: Any, count: int, *tensors: Any) -> Any:
        return tuple(_gradients(first, tensors[:count], tensors[count:], backward))

    backward = staticmethod(_no_second)


def _keep(
    ctx: Any,
    operands: list[Tensor],
    weights: list[Tensor],
    initial: list[Tensor],
    lengths: Tensor | None,
    program: str,
    output: list[Tensor],
) -> None:
    names = compiled(program).buffers(True, lengths is not None)
    count = len(names.exports) + len(initial)
    by_name = dict(zip(names.kept, output[count:], strict=True))
    if lengths is None:
        by_name |= dict(zip(names.exports, output, strict=False))
    saved = [by_name[name] for name in compiled(program).kept_in_order]
    ctx.program, ctx.counts, ctx.ragged = program, (len(operands), len(weights), len(initial)), lengths is not None
    ctx.shapes = [(y.shape, y.dtype, y.device) for y in output[:count]]
    ctx.needs = [x.requires_grad for x in operands]
    ctx.save_for_backward(*operands, *weights, *initial, *([] if lengths is None else [lengths]), *saved)


def _gradients(ctx: Any, gradients: Sequence[Any], saved: Sequence[Tensor], run: Any) -> list[Tensor | None]:
    """Of operands, weights and initial states."""
    filled = [
        torch.zeros((), dtype=dtype, device=device).expand(shape) if g is None else g
        for g, (shape, dtype, device) in zip(gradients, ctx.shapes, strict=False)
    ]
    a, b, c = ctx.counts
    operands, weights, initial, rest = (list(saved[i:j]) for i, j in pairwise((0, a, a + b, a + b + c, len(saved))))
    lengths = rest.pop(0) if ctx.ragged else None
    needs: Needs = ctx.needs
    results = run(filled, rest, operands, weights, initial, lengths, ctx.program, needs)
    return [g if i >= a or needs[i] else None for i, g in enumerate(results)]
