"""Pydantic's errors as problems: the path a user wrote, the allowed range, the nearest key."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

import pydantic

from pipeline.config import fields
from pipeline.config.model import CROSS_FIELD
from pipeline.config.problems import Path, Problem, nearest, path_text, shown


def explain(error: pydantic.ValidationError, values: Any) -> list[Problem]:
    """One problem for each wrong place of `values`, in the order of the model."""
    problems: dict[Path, Problem] = {}
    for item in error.errors(include_url=False):
        if item["type"] == CROSS_FIELD:
            continue
        if item["loc"][-1:] == ("[key]",):
            path, _, _ = _locate(item["loc"][:-1], values)
            problems.setdefault(path, _wrong_key(path, values))
            continue
        path, holder, received = _locate(item["loc"], values)
        if item["type"].startswith("union_tag_"):
            path, holder = (*path, "kind"), received
            received = holder.get("kind") if isinstance(holder, Mapping) else None
        problem = _problem(item["type"], path, holder, received, values)
        problems.setdefault(path, problem)
    return list(problems.values())


def _locate(location: tuple[Any, ...], values: Any) -> tuple[Path, Any, Any]:
    """The written path (without pydantic's names of union members), its holder and the value."""
    path: list[str | int] = []
    holder, value = None, values
    for position, step in enumerate(location):
        inside = (isinstance(value, Mapping) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        )
        last = position == len(location) - 1
        known = fields.at((*path, step), values) is not None
        if inside or (last and known and isinstance(value, Mapping)):
            path.append(step)
            holder, value = value, (value[step] if inside else None)
    return tuple(path), holder, value


def _problem(kind: str, path: Path, holder: Any, received: Any, values: Any) -> Problem:
    name = str(path[-1]) if path else ""
    present = isinstance(holder, list) or (isinstance(holder, Mapping) and name in holder)
    if kind == "extra_forbidden":
        return _unknown_key(path, received, values)
    shape = fields.at(path, values)
    allowed = fields.describe(shape) if shape is not None else "another value"
    if not present and path:
        return Problem(path, f"required: {allowed}.")
    choices = fields.tags(shape) if shape is not None else {}
    options = getattr(shape.annotation, "__args__", ()) if shape is not None and not choices else ()
    words = [option for option in options if isinstance(option, str)]
    hint = nearest(received, words) if isinstance(received, str) else None
    return Problem(path, f"expected {allowed}.", received=shown(received), nearest=hint)


def _wrong_key(path: Path, values: Any) -> Problem:
    """A key of a mapping of names that is none of its names."""
    shape = fields.at(path[:-1], values)
    found = [typing.get_args(option)[0] for option in fields.options(shape.annotation)] if shape else []
    allowed = fields.describe(fields.shape_of(found[0])) if found else "another name"
    return Problem(path, f"expected another name: {allowed}.", received=shown(path[-1]))


def _unknown_key(path: Path, received: Any, values: Any) -> Problem:
    name, above = str(path[-1]), path[:-1]
    shape = fields.at(above, values)
    model = None
    if shape is not None:
        model = shape.model or fields.tags(shape).get(_kind_at(above, values))
    known = [] if model is None else list(model.model_fields)
    message = "unknown key; known here: " + ", ".join(known) + "."
    found = nearest(name, known)
    found = _elsewhere(name, path) if found is None else path_text((*above, found))
    return Problem(path, message, received=shown(received), nearest=found)


def _kind_at(path: Path, values: Any) -> str:
    for step in path:
        values = values[step]
    return str(values.get("kind")) if isinstance(values, Mapping) else ""


def _elsewhere(name: str, path: Path) -> str | None:
    """The full path of a key of that name in another section."""
    found = [
        field.path
        for _, _, section in fields.walk()
        for field in section
        if field.path.rpartition(".")[2] == name and "<" not in field.path
    ]
    return found[0] if len(found) == 1 and found[0] != path_text(path) else None
