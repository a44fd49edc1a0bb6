"""References: every name that is used exists, and everything that exists is used."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.config.problems import nearest
from pipeline.kubeflow.check.problem import Problem, received
from pipeline.kubeflow.check.tree import File

CODE = "KFP-026"
SCHEMA_VERSION = "2.1.0"


def problems(file: File) -> Iterator[Problem]:
    """Components and executors that are missing, unused or part of themselves; a wrong schema version."""
    version = file.spec.get("schemaVersion", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        expected = f"{SCHEMA_VERSION}, the only version that the backend takes"
        yield Problem(CODE, ("schemaVersion",), expected, received(version))
    yield from _components(file)
    yield from _executors(file)
    yield from _recursion(file)


def _components(file: File) -> Iterator[Problem]:
    used: set[str] = set()
    for _, task in file.tasks():
        used.add(task.component)
        if task.component and task.component not in file.components:
            place = (*task.path, "componentRef", "name")
            near = nearest(task.component, file.components)
            yield Problem(CODE, place, "a component of this file", received(task.component), near)
    for name in file.components:
        if name not in used:
            yield Problem(CODE, ("components", name), "a component that a task runs", "no task refers to it")
    if "executorLabel" in file.spec.get("root", {}):
        yield Problem(CODE, ("root", "executorLabel"), "a DAG as the root")


def _executors(file: File) -> Iterator[Problem]:
    used: set[str] = set()
    for name, component in file.components.items():
        label = component.get("executorLabel")
        if label is None:
            continue
        used.add(label)
        if label not in file.executors:
            place = ("components", name, "executorLabel")
            yield Problem(
                CODE, place, "an executor of this file", received(label), nearest(label, file.executors)
            )
    for label in file.executors:
        if label not in used:
            place = ("deploymentSpec", "executors", label)
            yield Problem(CODE, place, "an executor that a component names", "no component refers to it")


def _recursion(file: File) -> Iterator[Problem]:
    inside = {dag.name: {task.component for task in dag.tasks.values()} for dag in file.dags}
    for dag in file.dags:
        reached: set[str] = set()
        waiting = set(inside[dag.name])
        while waiting:
            name = waiting.pop()
            reached.add(name)
            waiting |= inside.get(name, set()) - reached
        if dag.name in reached:
            yield Problem(CODE, dag.path, "a DAG that does not hold itself", received(dag.name))
