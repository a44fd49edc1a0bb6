"""The fields of the config model: their types, ranges and defaults in words."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.config.model import Config
from pipeline.config.problems import Path

_KINDS = {str: "text", int: "integer", float: "number", bool: "`true` or `false`", type(None): "null"}


@dataclasses.dataclass(frozen=True)
class Shape:
    """What may stand at one place of the config: an annotation and its constraints."""

    annotation: Any
    metadata: tuple[Any, ...] = ()

    @property
    def model(self) -> type[BaseModel] | None:
        """The section class, if a section stands here, or one section or nothing."""
        found = [option for option in options(self.annotation) if option is not type(None)]
        is_model = len(found) == 1 and isinstance(found[0], type) and issubclass(found[0], BaseModel)
        return found[0] if is_model else None


def shape_of(annotation: Any, metadata: typing.Iterable[Any] = ()) -> Shape:
    """Unpacks `Annotated` and the constraints that pydantic keeps in a `FieldInfo`."""
    found = list(metadata)
    while typing.get_origin(annotation) is typing.Annotated:
        annotation, *more = typing.get_args(annotation)
        for item in more:
            found += item.metadata if isinstance(item, FieldInfo) else [item]
    return Shape(annotation, tuple(found))


def field_shape(field: FieldInfo) -> Shape:
    """The shape of a model's field."""
    return shape_of(field.annotation, field.metadata)


def tags(shape: Shape) -> dict[str, type[BaseModel]]:
    """Sections by their `kind`, when the place takes one of several."""
    given = typing.get_args(shape.annotation) if _is_union(shape.annotation) else ()
    models = [option for option in given if isinstance(option, type) and issubclass(option, BaseModel)]
    models = [model for model in models if "kind" in model.model_fields]
    return {str(model.model_fields["kind"].default): model for model in models}


def at(path: Path, values: Any) -> Shape | None:
    """The shape at `path`; `values` tells which kind of feature is meant. `None` if no such place exists."""
    shape = Shape(Config)
    for step in path:
        choices = tags(shape)
        if choices and step == "kind":
            return Shape(Literal[tuple(choices)])
        if choices:
            kind = values.get("kind") if isinstance(values, Mapping) else None
            chosen = choices.get(kind) if isinstance(kind, str) else None
            if chosen is None:
                return None
            shape = Shape(chosen)
        below = _below(shape, step)
        if below is None:
            return None
        shape = below
        values = _child(values, step)
    return shape


def _below(shape: Shape, step: Any) -> Shape | None:
    if shape.model is not None:
        field = shape.model.model_fields.get(str(step))
        return None if field is None else field_shape(field)
    for option in options(shape.annotation):
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if origin is list and isinstance(step, int):
            return shape_of(arguments[0])
        if origin is dict:
            return shape_of(arguments[1])
    return None


def _child(values: Any, step: Any) -> Any:
    if isinstance(values, Mapping):
        return values.get(step)
    if isinstance(values, list) and isinstance(step, int) and step < len(values):
        return values[step]
    return None


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def options(annotation: Any) -> tuple[Any, ...]:
    """Members of a union; the annotation itself if it is none."""
    return typing.get_args(annotation) if _is_union(annotation) else (annotation,)


def describe(shape: Shape) -> str:
    """Allowed values in words, such as `integer >= 1` or `` `hash`, `time` or `files` ``."""
    choices = tags(shape)
    if choices:
        return "a mapping with `kind`: " + either(f"`{tag}`" for tag in choices)
    words = []
    for option in options(shape.annotation):
        inner = shape_of(option)
        words.append(_describe_one(inner.annotation, (*shape.metadata, *inner.metadata)))
    return " or ".join(words)


def _describe_one(annotation: Any, metadata: tuple[Any, ...]) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _KINDS:
        return _KINDS[annotation] + ("" if annotation is type(None) else _limits(metadata))
    if origin is Literal:
        return either(f"`{value}`" for value in arguments)
    if origin is list:
        return f"list{_limits(metadata, 'items')} of {plural(describe(shape_of(arguments[0])))}"
    if origin is dict:
        return f"mapping{_limits(metadata, 'keys')} of names to {plural(describe(shape_of(arguments[1])))}"
    return "a mapping"


def plural(words: str) -> str:
    """`words` about several things."""
    for one in ("integer", "number", "list", "mapping"):
        if words.startswith(one):
            return one + "s" + words[len(one) :]
    return words


def either(words: typing.Iterable[str]) -> str:
    """`a, b or c`."""
    known = list(words)
    return known[0] if len(known) == 1 else ", ".join(known[:-1]) + " or " + known[-1]


def _limits(metadata: tuple[Any, ...], things: str = "characters") -> str:
    lower, upper, sizes, pattern = "", "", {}, ""
    for item in metadata:
        if isinstance(item, annotated_types.Ge):
            lower = f">= {_number(item.ge)}"
        elif isinstance(item, annotated_types.Gt):
            lower = f"> {_number(item.gt)}"
        elif isinstance(item, annotated_types.Le):
            upper = f"<= {_number(item.le)}"
        elif isinstance(item, annotated_types.Lt):
            upper = f"< {_number(item.lt)}"
        elif isinstance(item, annotated_types.MinLen):
            sizes["least"] = item.min_length
        elif isinstance(item, annotated_types.MaxLen):
            sizes["most"] = item.max_length
        elif getattr(item, "pattern", None):
            pattern = f" matching `{item.pattern}`"
    text = " and ".join(part for part in (lower, upper) if part)
    return (f" {text}" if text else "") + _size(sizes, things) + pattern


def _number(value: Any) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _size(sizes: dict[str, int], things: str) -> str:
    least, most = sizes.get("least"), sizes.get("most")
    if least is None and most is None:
        return ""
    if least == most:
        return f" of {least} {things if least != 1 else things[:-1]}"
    if most is None:
        return f" of at least {least} {things if least != 1 else things[:-1]}"
    return f" of {least or 0} to {most} {things}"


@dataclasses.dataclass(frozen=True)
class Field:
    """One line of the reference."""

    path: str
    allowed: str
    default: str
    description: str


def default_text(field: FieldInfo) -> str:
    """The default as JSON in backticks, or `required`; a section has its own table."""
    if field.is_required():
        return "required"
    value = field.default
    return "" if isinstance(value, BaseModel) else f"`{json.dumps(value, ensure_ascii=False)}`"


def walk(
    model: type[BaseModel] = Config, prefix: str = ""
) -> Iterator[tuple[str, type[BaseModel], list[Field]]]:
    """Every section, depth first: its path (`""` for the file), its class and its fields."""
    fields, below = [], []
    for name, info in model.model_fields.items():
        shape = field_shape(info)
        path = f"{prefix}{name}"
        fields.append(Field(path, describe(shape), default_text(info), info.description or ""))
        below += list(_sections(shape, path))
    yield prefix.rstrip("."), model, fields
    for path, section in below:
        yield from walk(section, f"{path}.")


def _sections(shape: Shape, path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    if shape.model is not None:
        yield path, shape.model
        return
    for model in tags(shape).values():
        yield path, model
    for option in options(shape.annotation):
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if origin is list:
            yield from _sections(shape_of(arguments[0]), f"{path}.<n>")
        elif origin is dict:
            yield from _sections(shape_of(arguments[1]), f"{path}.<name>")
