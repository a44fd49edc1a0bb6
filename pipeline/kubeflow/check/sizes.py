"""Sizes: Argo and etcd take workflows of about 1 MB, and Linux takes no argument of 128 KiB or more.

The driver gets specifications, and the launcher gets specifications and the whole invocation, as single
arguments; the entrypoint gets the invocation in place of `{{$}}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pipeline.kubeflow.check.platform import PLACE
from pipeline.kubeflow.check.problem import Path, Problem
from pipeline.kubeflow.check.tree import File, Json, Task, declared

CODE = "KFP-038"
MOST_FILE_BYTES = 1_000_000
MOST_WORKFLOW_BYTES = 1_048_576
MOST_ARGUMENT_BYTES = 131_072
# What the driver adds for an artifact: name, address, type and metadata; and for everything else.
_ARTIFACT_BYTES = 2_048
_INVOCATION_BYTES = 2_048
_TEMPLATE_BYTES = 2_048
_EXECUTOR_INPUT = "{{$}}"


def problems(file: File, file_bytes: int) -> Iterator[Problem]:
    """Files, workflows and arguments that are too large to be stored or started.

    Args:
        file: both documents.
        file_bytes: size of the text.
    """
    if file_bytes >= MOST_FILE_BYTES:
        yield _large((), "a file", file_bytes, MOST_FILE_BYTES)
    workflow = workflow_bytes(file)
    if workflow >= MOST_WORKFLOW_BYTES:
        yield _large((), "a workflow made of it", workflow, MOST_WORKFLOW_BYTES)
    containers = {label: (path, container) for label, path, container in file.containers()}
    for name, component in file.components.items():
        yield from _argument(component, ("components", name), "this component")
    for label, (path, container) in containers.items():
        yield from _argument(container, path, "this container")
        settings = file.settings.get(label)
        if settings is not None and _bytes(settings) >= MOST_ARGUMENT_BYTES:
            yield _large((*PLACE, label), "these settings", _bytes(settings), MOST_ARGUMENT_BYTES, 2)
    for _, task in file.tasks():
        yield from _argument(task.spec, task.path, "this task")
        component = file.components.get(task.component, {})
        if component.get("executorLabel") in containers:
            yield from _invocation(task, component, containers[component["executorLabel"]][1])


def workflow_bytes(file: File) -> int:
    """About how large the Argo workflow is: specifications are in it as JSON in JSON."""
    parts: list[Any] = [*file.components.values(), *file.executors.values(), *file.settings.values()]
    parts += [task.spec for _, task in file.tasks()]
    return sum(len(json.dumps(json.dumps(part))) + _TEMPLATE_BYTES for part in parts)


def invocation_bytes(task: Task, component: Json) -> int:
    """About how large the `ExecutorInput` of a task is, as JSON."""
    parameters = declared(component, "inputDefinitions", "parameters")
    total = _INVOCATION_BYTES
    for name, definition in parameters.items():
        source = task.given("parameters").get(name, {})
        value = source.get("runtimeValue", {}).get("constant", definition.get("defaultValue", ""))
        total += _bytes(name) + _bytes(value) + 2
    artifacts = [
        *declared(component, "inputDefinitions", "artifacts"),
        *declared(component, "outputDefinitions", "artifacts"),
    ]
    return total + len(artifacts) * _ARTIFACT_BYTES


def _invocation(task: Task, component: Json, container: Json) -> Iterator[Problem]:
    total = invocation_bytes(task, component)
    words = [*container.get("command", []), *container.get("args", [])]
    longest = max([total, *(_filled(word, total) for word in words)])
    if longest >= MOST_ARGUMENT_BYTES:
        yield _large((*task.path, "inputs"), "an argument with these inputs", longest, MOST_ARGUMENT_BYTES)


def _filled(word: str, invocation: int) -> int:
    return len(word.encode()) + word.count(_EXECUTOR_INPUT) * (invocation - len(_EXECUTOR_INPUT))


def _argument(value: Any, path: Path, what: str) -> Iterator[Problem]:
    if _bytes(value) >= MOST_ARGUMENT_BYTES:
        yield _large(path, f"{what} as one argument of the driver", _bytes(value), MOST_ARGUMENT_BYTES)


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _large(path: Path, what: str, found: int, most: int, document: int = 1) -> Problem:
    return Problem(CODE, path, f"{what} below {most:,} bytes", f"about {found:,} bytes", None, document)
