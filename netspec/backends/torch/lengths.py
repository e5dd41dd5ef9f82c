"""The lengths that a network allows, as the first lines of its module's code.

Stated where everything else is: they survive copies, pickles, TorchScript, `torch.compile` and `torch.export` (which
takes them for bounds of its own), as hooks of a GraphModule do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import fx
from torch._jit_internal import is_scripting
from torch.fx.node import has_side_effect
from torch.overrides import handle_torch_function

from netspec.graph.model import Graph
from netspec.shapes.dim import Dim, Quotient, Size, symbol
from netspec.shapes.lengths import places
from netspec.shapes.tensor import BATCH
from netspec.source.errors import NetspecError


@has_side_effect  # so that passes of torch that drop what nobody reads leave it
def check_length(size: int, what: str, least: int | None, most: int | None, layers: str) -> None:
    """Refuse a size outside least … most; `layers` are those that need it.  Raises NS503."""
    if is_scripting():  # TorchScript compiles this branch alone
        fits = (least is None or size >= least) and (most is None or size <= most)
        assert fits, f"NS503 {what} is at least {least}, at most {most}, received {size}"
    elif isinstance(size, fx.Proxy):  # it is recorded: here, and when torch traces the code again (unpickling)
        handle_torch_function(check_length, (size,), size, what, least, most, layers)
    else:
        short = least is not None and size < least
        if short or (most is not None and size > most):
            wanted = f"at least {least}" if short else f"at most {most}"
            hint = f"needed by {layers}" if layers else ""
            raise NetspecError("NS503", f"{what} is {wanted}, received {size}", hint=hint)


@has_side_effect
def check_equal(size: int, other: int, what: str, places: str) -> None:
    """Refuse two lengths under one name.  Raises NS503."""
    if is_scripting():
        assert size == other, f"NS503 {what} has one length, received {other} and {size}: it is {places}"
    elif isinstance(size, fx.Proxy):
        handle_torch_function(check_equal, (size,), size, other, what, places)
    elif size != other:
        raise NetspecError("NS503", f"{what} has one length, received {other} and {size}", hint=f"it is {places}")


def check_lengths(graph: Graph, inputs: Mapping[str, Any]) -> None:
    """Record the checks of a network's named axes; `inputs` are proxies."""
    known: dict[str, tuple[Any, str]] = {}
    for name, key, axis in places((key, type_.shape) for key, type_ in graph.inputs.items()):
        length, place = inputs[key].size(axis), f"axis {axis} of `{key}`"
        if name in known:
            first, before = known[name]
            check_equal(length, first, f"`{name}`", f"{before} and {place}")
            continue
        known[name] = length, place
        needing = dict.fromkeys(f"`{c.by}`" for c in graph.lengths.conditions if c.size.names() == {name})
        check_length(
            length, f"`{name}`, {place},", graph.lengths.least(name), graph.lengths.most(name), " and ".join(needing)
        )
    if any("B" in c.size.names() for c in graph.lengths.conditions):
        known["B"] = next(iter(inputs.values())).size(0), "the batch"
    for condition in graph.lengths.conditions:
        size, least, most = condition.bound()
        if (str(size) not in known or size == BATCH) and size.names() <= known.keys():
            value = size_value(size, lambda s: known.get(str(s), (None,))[0])
            check_length(value, f"`{size}`", least, most, f"`{condition.by}`")


def size_value(size: Size, find: Callable[[Dim], Any]) -> Any:
    """A size as an expression over what `find` knows, None where it does not.  Raises LookupError with the name."""
    if isinstance(size, int):
        return size
    if (length := find(size)) is not None:
        return length
    total: Any = None
    for monomial, factor in size.terms:
        term: Any = factor
        for atom in monomial:
            if isinstance(atom, Quotient):
                value = size_value(atom.numerator, find) // atom.denominator
            elif (value := find(symbol(atom))) is None:
                raise LookupError(atom)
            term = value if isinstance(term, int) and term == 1 else term * value
        total = term if total is None else total + term
    return total
