"""`netspec diff`: what changed between two networks.  Each file here is one format."""

from __future__ import annotations

from typing import Any

from netspec.graph.model import Node
from netspec.source.records import fields_of


def set_fields(node: Node) -> list[tuple[str, Any]]:
    """The fields of a layer that are not at their defaults."""
    declared = fields_of(type(node.layer)).items()
    values = ((name, getattr(node.layer, name), field) for name, field in declared)
    return [(name, value) for name, value, field in values if field.required or value != field.default]
