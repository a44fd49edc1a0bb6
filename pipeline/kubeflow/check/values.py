"""Constants and defaults have the declared type, and every parameter of the pipeline has a default."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.kubeflow.check.problem import Path, Problem, received
from pipeline.kubeflow.check.tree import File, declared

CODE = "KFP-029"
# Numbers travel as doubles.
_LARGEST = 2**53

WORDS = {
    "STRING": "a text",
    "NUMBER_INTEGER": "a whole number of at most 53 bits",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "LIST": "a list",
    "STRUCT": "a mapping",
}


def fits(kind: str, value: Any) -> bool:
    """Whether the backend takes `value` for a parameter of this type.

    Args:
        kind: name of the `ParameterType`.
        value: plain value.

    Example:
        >>> fits("NUMBER_INTEGER", 6.0), fits("NUMBER_INTEGER", 6.5), fits("STRING", 6), fits("BOOLEAN", True)
        (True, False, False, True)
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "NUMBER_INTEGER":
        return number and float(value).is_integer() and abs(value) <= _LARGEST
    if kind == "NUMBER_DOUBLE":
        return number
    types = {"STRING": str, "BOOLEAN": bool, "LIST": list, "STRUCT": dict}
    return kind in types and isinstance(value, types[kind])


def problems(file: File) -> Iterator[Problem]:
    """Constants of another type, defaults of another type or none at the root, artifacts as inputs of it."""
    root = file.spec.get("root", {})
    for name, parameter in declared(root, "inputDefinitions", "parameters").items():
        place: Path = ("root", "inputDefinitions", "parameters", name)
        if "defaultValue" not in parameter:
            expected = "a default: a run that does not give the parameter is refused"
            yield Problem(CODE, (*place, "defaultValue"), expected)
        yield from _default(parameter, place)
    for name in declared(root, "inputDefinitions", "artifacts"):
        place = ("root", "inputDefinitions", "artifacts", name)
        yield Problem(CODE, place, "parameters only: a run is given no artifacts")
    for component, spec in file.components.items():
        for name, parameter in declared(spec, "inputDefinitions", "parameters").items():
            yield from _default(parameter, ("components", component, "inputDefinitions", "parameters", name))
    for _, task in file.tasks():
        wanted = declared(file.components.get(task.component, {}), "inputDefinitions", "parameters")
        for name, source in task.given("parameters").items():
            constant = source.get("runtimeValue", {}).get("constant")
            kind = wanted.get(name, {}).get("parameterType")
            if constant is not None and kind is not None and not fits(kind, constant):
                place = (*task.path, "inputs", "parameters", name, "runtimeValue", "constant")
                expected = f"{WORDS.get(kind, 'no constant')}: the parameter is of type {kind}"
                yield Problem(CODE, place, expected, received(constant))


def _default(parameter: dict[str, Any], path: Path) -> Iterator[Problem]:
    kind = parameter.get("parameterType")
    if "defaultValue" in parameter and kind is not None and not fits(kind, parameter["defaultValue"]):
        expected = f"{WORDS.get(kind, 'no default')}: the parameter is of type {kind}"
        yield Problem(CODE, (*path, "defaultValue"), expected, received(parameter["defaultValue"]))
