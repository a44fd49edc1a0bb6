"""Values that may be wrong, completed with defaults, so that the checks across fields can run on them too."""

from __future__ import annotations

import typing
from typing import Any, Literal

from pipeline.config import fields
from pipeline.config.model import Config

_TYPES: dict[Any, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}


def fill(values: Any, shape: fields.Shape | None = None) -> Any:
    """`values` in the form that `Config.model_dump` has.

    Sections and mappings are completed; a value that cannot be right becomes its default, `None` where
    there is none. Nothing is raised: every wrong value is found by the model itself.
    """
    shape = shape or fields.Shape(Config)
    choices = fields.tags(shape)
    if choices:
        kind = values.get("kind") if isinstance(values, dict) else None
        return (
            fill(values, fields.Shape(choices[kind])) if isinstance(kind, str) and kind in choices else None
        )
    if values is None and type(None) in fields.options(shape.annotation):
        return None
    if shape.model is not None:
        given = values if isinstance(values, dict) else {}
        return {
            name: fill(given.get(name, _default(info)), fields.field_shape(info))
            for name, info in shape.model.model_fields.items()
        }
    return _plain(values, shape)


def _default(info: Any) -> Any:
    value: Any = None if info.is_required() else info.default
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _plain(value: Any, shape: fields.Shape) -> Any:
    empty: Any = None
    for given in fields.options(shape.annotation):
        option = fields.shape_of(given).annotation
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if origin is list:
            empty = []
            if isinstance(value, list):
                return [fill(_text(item, arguments[0]), fields.shape_of(arguments[0])) for item in value]
        elif origin is dict:
            empty = {}
            if isinstance(value, dict):
                return {name: fill(item, fields.shape_of(arguments[1])) for name, item in value.items()}
        elif origin is Literal:
            if isinstance(value, str) and value in arguments:
                return value
        elif isinstance(_text(value, given), str) and option is str:
            return _text(value, given)
        elif isinstance(value, _TYPES.get(option, ())) and (option is bool or not isinstance(value, bool)):
            return value
    nullable = type(None) in fields.options(shape.annotation)
    return None if nullable else empty


def _text(item: Any, annotation: Any) -> Any:
    convert = [m.func for m in getattr(annotation, "__metadata__", ()) if hasattr(m, "func")]
    return convert[0](item) if convert else item
