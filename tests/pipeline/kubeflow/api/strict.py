"""Reads JSON into the models of the API's own client, strictly: what the client would drop is refused."""

from __future__ import annotations

import datetime
import re
from typing import Any

import kfp_server_api.models as models

_PRIMITIVES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "float": (int, float),
}


class BadRequestError(Exception):
    """A request that does not fit the API."""


def read(kind: str, value: Any, where: str = "body") -> Any:
    """`value` as `kind`, which is a model or a type as the client's models name it."""
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        require(isinstance(value, list), f"{where}: no list")
        return [read(match[1], item, f"{where}[{index}]") for index, item in enumerate(value)]
    if match := re.fullmatch(r"dict\(str, (.*)\)", kind):
        require(isinstance(value, dict), f"{where}: no object")
        return {key: read(match[1], item, f"{where}.{key}") for key, item in value.items()}
    if kind == "object":
        return value
    if kind == "datetime":
        require(isinstance(value, str), f"{where}: no text")
        moment = datetime.datetime.fromisoformat(value)
        require(moment.tzinfo is not None, f"{where}: {value} has no zone")
        return moment
    if kind in _PRIMITIVES:
        # A bool is an int in Python and none in JSON.
        fits = isinstance(value, _PRIMITIVES[kind]) and (kind == "bool" or not isinstance(value, bool))
        require(fits, f"{where}: {value!r} is no {kind}")
        return value
    return _model(getattr(models, kind), value, where)


def _model(model: Any, value: Any, where: str) -> Any:
    if not model.openapi_types:
        require(value in model.allowable_values, f"{where}: {value!r} is none of {model.allowable_values}")
        return value
    require(isinstance(value, dict), f"{where}: no object")
    attributes = {name: attribute for attribute, name in model.attribute_map.items()}
    unknown = set(value) - set(attributes)
    require(not unknown, f"{where}: unknown fields {sorted(unknown)}")
    given = {attributes[name]: item for name, item in value.items()}
    typed = model.openapi_types
    return model(**{name: read(typed[name], item, f"{where}.{name}") for name, item in given.items()})


def require(holds: bool, message: str) -> None:
    """Refuses the request unless `holds`."""
    if not holds:
        raise BadRequestError(message)
