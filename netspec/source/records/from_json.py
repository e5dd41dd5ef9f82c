"""Records from JSON that netspec wrote and anybody may have changed since: what `reader.py` does, without places.

A dataclass declares a file as it declares a section of YAML.  A writer gives every field, so that every field must be
there, except those that older versions did not write (`ADDED`); a record may say more of its values in `faults`.
Beyond this reader the code sees whole records alone.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from math import isfinite
from typing import Annotated, Any, Literal, Protocol, TypeVar, Union, cast, get_args, get_origin, runtime_checkable

from netspec.source.errors import NetspecError, Problem, Problems, raise_all
from netspec.source.records.constraints import MAX_SIZE, Limit
from netspec.source.records.fields import fields_of
from netspec.source.records.prose import expected
from netspec.source.text import show

R = TypeVar("R")


@runtime_checkable
class SelfChecked(Protocol):
    """A record with more to say than its types: `field`, and what is expected of it, for each fault."""

    def faults(self) -> Iterable[tuple[str, str]]: ...


def parse_json(text: str | bytes, code: str, name: str) -> Any:
    """Any JSON value.  Raises `code` for what is none: broken, not UTF-8, or nested without end."""
    try:
        value = json.loads(text.decode("utf-8") if isinstance(text, bytes) else text)
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        return value
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise NetspecError(code, f"cannot be read: {error}", name=name) from None


def read_record(value: Any, cls: type[R], code: str, name: str, hint: str = "") -> R:
    """A plain value as a record.  Raises `code` at every field that is not as declared; `name` is the file's."""
    faults: list[str] = []
    record = _read(value, cls, "", faults)
    problems = Problems()
    for fault in faults:
        problems.append(Problem(code, fault, name=name, hint=hint))
    raise_all(problems)
    return cast(R, record)


def plain_json(value: Any, indent: int | None = None) -> str:
    """JSON as the standard has it: NaN and the infinities, which it has no words for, are null."""
    return json.dumps(_finite(value), ensure_ascii=False, indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(v) for key, v in value.items()}
    return [_finite(v) for v in value] if isinstance(value, (list, tuple)) else value


def _read(value: Any, annotation: Any, where: str, faults: list[str]) -> Any:
    """The value in the annotation's own type; what does not fit goes to `faults`."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        wrong: list[str] = []
        number = _read(value, args[0], where, wrong)
        limits = [extra for extra in args[1:] if isinstance(extra, Limit)] if isinstance(number, (int, float)) else []
        if wrong or not all(limit.allows(number) for limit in limits):
            return _misfit(value, annotation, where, faults)
        return number
    if is_dataclass(annotation):
        return _record(value, annotation, where, faults)
    if origin in (Union, types.UnionType):
        return _one_of(value, annotation, where, faults)
    if origin in (tuple, list):
        return _list(value, annotation, where, faults)
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            return _misfit(value, annotation, where, faults)
        return {key: _read(v, args[1], _key(where, key), faults) for key, v in value.items()}
    if annotation is Any or _plain(value, annotation):
        return float(value) if annotation is float else value
    return _misfit(value, annotation, where, faults)


def _plain(value: Any, annotation: Any) -> bool:
    if get_origin(annotation) is Literal:
        return any(value == a and type(value) is type(a) for a in get_args(annotation))
    if annotation in (None, type(None)):
        return value is None
    if annotation is int:
        return type(value) is int and abs(value) < MAX_SIZE
    if annotation is float:
        return type(value) in (int, float) and abs(value) < MAX_SIZE**16 and isfinite(value)
    return type(value) is annotation


def _record(value: Any, cls: Any, where: str, faults: list[str]) -> Any:
    if not isinstance(value, dict):
        return _misfit(value, dict[str, Any], where, faults)
    fields = fields_of(cls)
    before = len(faults)
    faults += [f"has a field `{_key(where, key)}` that this netspec does not know" for key in value.keys() - fields]
    faults += [f"has no `{_key(where, name)}`" for name, f in fields.items() if name not in value and not f.added]
    values = {n: _read(value[n], f.annotation, _key(where, n), faults) for n, f in fields.items() if n in value}
    if len(faults) > before:
        return None
    made = cls(**values)
    if isinstance(made, SelfChecked):
        for name, expected in made.faults():
            faults.append(f"`{_key(where, name)}` is {_shown(value[name])}, expected {expected}")
    return made


def _list(value: Any, annotation: Any, where: str, faults: list[str]) -> Any:
    origin, args = get_origin(annotation), get_args(annotation)
    many = origin is list or args[-1] is Ellipsis
    if not isinstance(value, list) or not (many or len(value) == len(args)):
        return _misfit(value, annotation, where, faults)
    return cast(Any, origin)(_read(v, args[0 if many else i], f"{where}[{i}]", faults) for i, v in enumerate(value))


def _one_of(value: Any, annotation: Any, where: str, faults: list[str]) -> Any:
    """The first alternative that fits; where a record or list nearly does, what is wrong inside of it."""
    nearest: list[str] = []
    for option in get_args(annotation):
        wrong: list[str] = []
        fitting = _read(value, option, where, wrong)
        if not wrong:
            return fitting
        if isinstance(value, dict if is_dataclass(option) else list):
            nearest = wrong
    if nearest:
        faults += nearest
        return None
    return _misfit(value, annotation, where, faults)


def _misfit(value: Any, annotation: Any, where: str, faults: list[str]) -> None:
    subject = f"`{where}`" if where else "all of it"
    faults.append(f"{subject} is {_shown(value)}, expected {expected(annotation)}")


def _shown(value: Any) -> str:
    """Nothing nested: a file may be made of a thousand lists in each other."""
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, (list, dict)) for v in value)):
        return f"a {'list' if isinstance(value, list) else 'mapping'} of {len(value)}"
    return show(value)


def _key(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
