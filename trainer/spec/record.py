"""Frozen records of plain data that round-trip through JSON and refuse what they do not know."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal, Self, TypeAlias

from trainer.errors import TandemError

Json: TypeAlias = dict[str, Any]


def wrong(where: str, expected: str, value: Any) -> TandemError:
    """`TRAIN-001`: a value that no specification takes."""
    return TandemError(
        "TRAIN-001",
        f"{where} must be {expected}. Received: {value!r}",
        "Make the specification with the same version of this package that reads it.",
        exit_status=2,
    )


def _decode(kind: Any, value: Any, where: str) -> Any:
    """Turns plain JSON into the annotated type `kind`; integers pass as floats, nothing else is converted."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        records = [option for option in arguments if dataclasses.is_dataclass(option)]
        if isinstance(value, dict) and len(records) > 1:
            # The record that knows most of the keys, so that an error names the one that is wrong.
            keys = [len(set(value) & {field.name for field in dataclasses.fields(r)}) for r in records]
            return _decode(records[keys.index(max(keys))], value, where)
        for option in arguments:
            try:
                return _decode(option, value, where)
            except TandemError:
                continue
        raise wrong(where, " or ".join(getattr(a, "__name__", str(a)) for a in arguments), value)
    if origin is Literal:
        if value not in arguments:
            raise wrong(where, f"one of {list(arguments)}", value)
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise wrong(where, "a list", value)
        return tuple(_decode(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise wrong(where, "a mapping", value)
        return {key: _decode(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_record(typing.cast(type, kind), value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise wrong(where, f"of type {kind.__name__}", value)
    return value


def _decode_record(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise wrong(where, "a mapping", value)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise wrong(where, f"a mapping with keys among {sorted(fields)}", unknown)
    required = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    absent = sorted(required - set(value))
    if absent:
        raise wrong(where, f"a mapping with the keys {absent}", sorted(value))
    hints = typing.get_type_hints(kind)
    return kind(**{name: _decode(hints[name], item, f"{where}.{name}") for name, item in value.items()})


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(item) for item in value]
    return value


class Record:
    """Base of the specifications: JSON round trip."""

    def to_json(self) -> Json:
        """Plain dictionaries, lists, text, numbers, booleans and None."""
        return typing.cast(Json, _encode(self))

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """The inverse of `to_json`.

        Raises:
            TandemError: `TRAIN-001` if a key is unknown or absent, or a value has the wrong type.
        """
        return typing.cast(Self, _decode_record(cls, value, cls.__name__))
