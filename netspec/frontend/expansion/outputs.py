"""The outputs of the network: those that are named, or what the last layer gives."""

from __future__ import annotations

from collections.abc import Collection

from netspec.frontend.expansion.state import Expander
from netspec.frontend.expansion.wires import reference
from netspec.frontend.expression import resolve
from netspec.frontend.identifiers import check_name
from netspec.frontend.names import Frame
from netspec.source.errors import NetspecError
from netspec.source.text import Span
from netspec.source.tree import Map


def expand_outputs(expander: Expander, section: Map | None, frame: Frame, inputs: Collection[str]) -> None:
    """Put the wires of all outputs to the expansion; what is wrong with one is reported."""
    if section is None:
        _last_layer(expander, frame, inputs)
    else:
        _named(expander, section, frame, inputs)


def _last_layer(expander: Expander, frame: Frame, inputs: Collection[str]) -> None:
    outputs = expander.out.outputs
    value = frame.names[frame.last_name] if frame.last_name else None
    if value is None:
        expander.report(NetspecError("NS204", "no layer is left: all are switched off", frame.declared.span))
    elif "" in value.ports:
        outputs[frame.last_name] = value.ports[""]
    else:
        outputs.update(value.ports)
        for name in (port for port in value.ports if port in inputs):
            hint = f"name the outputs: `outputs: {{…: {frame.last_name}.{name}}}`"
            expander.report(_taken(name, value.span, hint))


def _named(expander: Expander, section: Map, frame: Frame, inputs: Collection[str]) -> None:
    outputs = expander.out.outputs
    if not section.entries:
        hint = "name a layer, or leave the section out: then the last layer is the output"
        expander.report(NetspecError("NS204", "`outputs` is empty", section.span, hint=hint))
    for name, target in section.entries.items():
        span = section.key_span(name)
        check_name(name, span, "an output", expander.out.problems, module=False)
        if name in inputs:
            expander.report(_taken(name, span, "choose another name"))
        try:
            outputs[name] = reference(resolve(target, frame.env), frame, f"output `{name}`")
        except NetspecError as error:
            expander.report(error, span)
            outputs[name] = None


def _taken(name: str, span: Span, hint: str) -> NetspecError:
    return NetspecError("NS206", f"an output cannot be named `{name}`: an input has the name", span, hint=hint)
