"""Typed records: a dataclass is the form of a mapping.

One declaration serves three readers: `schema_of` gives the JSON schema that editors use, `read` reads a located tree
and reports every wrong key at its own place, and the code beyond sees only the dataclass.  `constraints.py` holds what
a field's type can say beyond Python's types, `fit.py` which values fit it.
"""

from netspec.source.records.constraints import (
    MAX_SIZE,
    Above,
    Count,
    Limit,
    NameOf,
    NotNegative,
    OneOf,
    Positive,
    Share,
)  # fmt: skip
from netspec.source.records.fields import Field, fields_of
from netspec.source.records.reader import read, read_choice, read_fields, read_value
from netspec.source.records.schema import record_schema, schema_of
from netspec.source.records.unknown_key import offered, unknown_key

__all__ = [
    "MAX_SIZE", "Above", "Count", "Field", "Limit", "NameOf", "NotNegative", "OneOf", "Positive", "Share", "fields_of",
    "offered", "read", "read_choice", "read_fields", "read_value", "record_schema", "schema_of", "unknown_key",
]  # fmt: skip
