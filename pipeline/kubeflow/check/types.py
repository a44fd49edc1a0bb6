"""Types of artifacts: one title, in a form that TFX and the backend can read."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

import yaml

from pipeline.config.problems import nearest
from pipeline.kubeflow.check.problem import Path, Problem, received
from pipeline.kubeflow.check.tree import File, Json, declared

CODE = "KFP-030"
SYSTEM_VERSION = "0.0.1"
SYSTEM = (
    "system.Artifact",
    "system.ClassificationMetrics",
    "system.Dataset",
    "system.HTML",
    "system.Markdown",
    "system.Metrics",
    "system.Model",
    "system.SlicedClassificationMetrics",
)
_TITLE = re.compile(r"[a-z][a-z0-9_-]{2,20}\.[A-Z][A-Za-z0-9_-]{2,49}")
_PROPERTIES = ("integer", "int", "number", "double", "string", "boolean", "object", "array")


def problems(file: File) -> Iterator[Problem]:
    """Types without a title, with an unknown one, or with a schema that cannot be read."""
    for path, component in _holders(file):
        for side in ("inputDefinitions", "outputDefinitions"):
            for name, artifact in declared(component, side, "artifacts").items():
                yield from _type(
                    artifact.get("artifactType", {}), (*path, side, "artifacts", name, "artifactType")
                )
    for label, executor in file.executors.items():
        if "importer" in executor:
            place = ("deploymentSpec", "executors", label, "importer", "typeSchema")
            yield from _type(executor["importer"].get("typeSchema", {}), place)


def _holders(file: File) -> Iterator[tuple[Path, Json]]:
    yield ("root",), file.spec.get("root", {})
    for name, component in file.components.items():
        yield ("components", name), component


def _type(value: Json, path: Path) -> Iterator[Problem]:
    if "schemaTitle" in value:
        title = value["schemaTitle"]
        if title not in SYSTEM:
            expected = "a type of the backend; others are written as `instanceSchema`"
            yield Problem(CODE, (*path, "schemaTitle"), expected, received(title), nearest(title, SYSTEM))
        version = value.get("schemaVersion")
        if version != SYSTEM_VERSION:
            found = None if version is None else received(version)
            yield Problem(CODE, (*path, "schemaVersion"), SYSTEM_VERSION, found)
    elif "instanceSchema" in value:
        cause = _unreadable(value["instanceSchema"])
        if cause:
            expected = (
                "a YAML schema with the title of a type, such as `title: tfx.Model`, and `type: object`"
            )
            yield Problem(CODE, (*path, "instanceSchema"), expected, cause)


@functools.lru_cache(maxsize=256)
def _unreadable(text: str) -> str:
    try:
        schema: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        return f"no YAML: {received(text)}"
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return received(text)
    if not isinstance(schema.get("title"), str) or not _TITLE.fullmatch(schema["title"]):
        return f"title {received(schema.get('title'))}"
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or not set(schema) <= {"title", "type", "properties", "description"}:
        return received(text)
    for name, entry in properties.items():
        if not isinstance(entry, dict) or entry.get("type") not in _PROPERTIES:
            return f"property {received(name)}: {received(entry)}"
    return ""
