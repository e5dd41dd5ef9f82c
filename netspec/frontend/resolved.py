"""A document as one text: YAML that reads back equal, and its hash."""

from __future__ import annotations

import hashlib
from typing import Any

import yaml

from netspec.source.tree import parse_scalar


class Dumper(yaml.SafeDumper):
    """Writes text that YAML 1.2 would read as something else in quotes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    other = not value or not isinstance(parse_scalar(value), str)
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="'" if other else None)


Dumper.add_representer(str, _text)


def dump(value: Any) -> str:
    """Plain values as YAML that `parse` reads back equal."""
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


def text_hash(text: str) -> str:
    """What a run, a checkpoint and an exported model remember of the spec they came from."""
    return hashlib.sha256(text.encode()).hexdigest()
