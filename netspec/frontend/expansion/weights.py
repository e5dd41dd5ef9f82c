"""What an entry's `share`, `init` and `freeze` say about its weights and those of all layers inside."""

from __future__ import annotations

from dataclasses import replace

from netspec.frontend.calls import Inherited
from netspec.frontend.expansion.use import Use
from netspec.frontend.expression import resolve
from netspec.frontend.lookup import lookup
from netspec.frontend.wiring import read_flag, read_share
from netspec.layers.init import read_init
from netspec.source.errors import NetspecError


def with_weight_keys(use: Use) -> Use:
    """The use with what its own keys add to what it inherits."""
    fields, outer = use.fields, use.inherited
    inherited = outer
    if not outer.share and not any(key in fields for key in ("freeze", "init", "share")):
        return use
    if (tree := fields.get("freeze")) is not None:
        inherited = replace(inherited, freeze=read_flag(resolve(tree, use.env), "freeze"))
    if (tree := fields.get("init")) is not None:
        inherited = replace(inherited, init={**outer.init, **read_init(resolve(tree, use.env))})
    if "share" in fields:
        inherited = _shared(use, inherited)
    elif outer.share:
        inherited = replace(inherited, share=f"{outer.share}.{use.local}")
    return replace(use, inherited=inherited)


def _shared(use: Use, inherited: Inherited) -> Inherited:
    """The path whose weights `share` names; a repeat shares with a repeat copy by copy.  Raises NS308 and NS311."""
    target = read_share(resolve(use.fields.entries["share"], use.env))
    value = lookup(target.value, target.span, use.frame, sharing=True)
    index = use.local.partition(".")[2]
    if value.inner and "0" in value.inner and index not in value.inner:
        copies = len(value.inner)
        this = f", and this is copy {int(index) + 1}" if index else ""
        hint = f"name one of them, for example `share: {target.value}.{copies - 1}`"
        raise NetspecError("NS311", f"`share`: `{target.value}` has {copies} copies{this}", target.span, hint=hint)
    path = value.inner[index].path if value.inner and index in value.inner else value.path
    return replace(inherited, share=path, share_span=target.span)
