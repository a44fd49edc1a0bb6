"""Importers: an address that the backend can read, one output, and no condition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pipeline.config.problems import nearest
from pipeline.kubeflow.check.problem import Path, Problem, received
from pipeline.kubeflow.check.tree import File, Json, declared

CODE = "KFP-034"
STORAGE = re.compile(r"(?:gs|s3|minio)://[^/\s{}]+(?:/[^\s{}]*)?")
_EXPECTED = "an address in gs://, s3:// or minio://: the backend reads no other"


def problems(file: File) -> Iterator[Problem]:
    """Addresses elsewhere, also of the pipeline root; wrong outputs; conditions, which do not compile."""
    root = file.spec.get("defaultPipelineRoot")
    if root is not None and not STORAGE.fullmatch(root):
        yield Problem(CODE, ("defaultPipelineRoot",), _EXPECTED, received(root))
    for label, executor in file.executors.items():
        if "importer" not in executor:
            continue
        path: Path = ("deploymentSpec", "executors", label, "importer")
        importer, users = executor["importer"], file.users(label)
        uri = importer.get("artifactUri", {})
        if "constant" in uri:
            yield from _address(uri["constant"], (*path, "artifactUri", "constant"))
        for name, component in users.items():
            yield from _output(importer, component, ("components", name, "outputDefinitions"))
            if "runtimeParameter" in uri:
                yield from _parameter(file, name, component, uri["runtimeParameter"], path)
        for _, task in file.tasks():
            if task.component in users and task.condition:
                place = (*task.path, "triggerPolicy", "condition")
                expected = "no condition on an importer: the run would not compile"
                yield Problem(CODE, place, expected, received(task.condition))


def _address(value: Any, path: Path) -> Iterator[Problem]:
    if not isinstance(value, str) or not STORAGE.fullmatch(value):
        yield Problem(CODE, path, _EXPECTED, received(value))


def _output(importer: Json, component: Json, path: Path) -> Iterator[Problem]:
    outputs = declared(component, "outputDefinitions", "artifacts")
    if len(outputs) != 1:
        yield Problem(CODE, (*path, "artifacts"), "one artifact, which is imported", received(list(outputs)))
    for name, output in outputs.items():
        if output.get("artifactType") != importer.get("typeSchema"):
            place = (*path, "artifacts", name, "artifactType")
            yield Problem(
                CODE, place, "the type that the importer gives", received(output.get("artifactType"))
            )
    for name in declared(component, "outputDefinitions", "parameters"):
        yield Problem(CODE, (*path, "parameters", name), "no parameters from an importer")


def _parameter(file: File, name: str, component: Json, parameter: str, path: Path) -> Iterator[Problem]:
    known = declared(component, "inputDefinitions", "parameters")
    if parameter not in known:
        place = (*path, "artifactUri", "runtimeParameter")
        expected = f"an input parameter of component `{name}`"
        yield Problem(CODE, place, expected, received(parameter), nearest(parameter, known))
    for _, task in file.tasks():
        constant = task.given("parameters").get(parameter, {}).get("runtimeValue", {}).get("constant")
        if task.component == name and constant is not None:
            place = (*task.path, "inputs", "parameters", parameter, "runtimeValue", "constant")
            yield from _address(constant, place)
