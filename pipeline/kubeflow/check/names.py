"""Names: of the pipeline, tasks, components, executors, inputs and outputs.

Tasks and DAGs become tasks and templates of an Argo workflow; task `x` also makes a task `x-driver` there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pipeline.kubeflow.check.problem import Path, Problem, received
from pipeline.kubeflow.check.tree import File, declared

CODE = "KFP-025"

_PIPELINE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
_ARGO = re.compile(r"[A-Za-z0-9][-A-Za-z0-9]*")
_LABEL = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]*")
_FIELD = re.compile(r"[A-Za-z0-9_][-A-Za-z0-9_.]*")
LONGEST_PIPELINE = 128
LONGEST_TASK = 56
_LONGEST_LABEL = 128
_DRIVER = "-driver"
_TAKEN = ("root", "entrypoint")
_TAKEN_PREFIXES = ("system-", "exit-hook-", "retry-", "metadata-")
_TAKEN_OUTPUT = "executor-logs"


def problems(file: File) -> Iterator[Problem]:
    """Names that Kubernetes, Argo or the backend would refuse, or that collide with names of its own."""
    name = file.spec.get("pipelineInfo", {}).get("name", "")
    if not _PIPELINE.fullmatch(name) or len(name) > LONGEST_PIPELINE:
        expected = f"lower case letters, digits, `-` and `.`, at most {LONGEST_PIPELINE} characters"
        yield Problem(CODE, ("pipelineInfo", "name"), expected, received(name))
    for label in file.executors:
        place: Path = ("deploymentSpec", "executors", label)
        yield from _matches(_LABEL, label, place, "letters, digits, `-`, `_` and `.`", _LONGEST_LABEL)
    for component in file.components:
        place = ("components", component)
        yield from _matches(_ARGO, component, place, "letters, digits and `-`", LONGEST_TASK)
        if component in _TAKEN or component.startswith(_TAKEN_PREFIXES):
            yield Problem(CODE, place, "a name that the backend does not use itself", received(component))
    for dag in file.dags:
        for task in dag.tasks.values():
            yield from _matches(_ARGO, task.name, task.path, "letters, digits and `-`", LONGEST_TASK)
            shown = task.spec.get("taskInfo", {}).get("name", "")
            if shown and shown != task.name:
                expected = f"`{task.name}`, the key of the task, by which producers are looked up"
                yield Problem(CODE, (*task.path, "taskInfo", "name"), expected, received(shown))
            if task.name.endswith(_DRIVER) and task.name.removesuffix(_DRIVER) in dag.tasks:
                other = task.name.removesuffix(_DRIVER)
                yield Problem(
                    CODE, task.path, f"a name that is not that of the driver of `{other}`", task.name
                )
    yield from _fields(file)


def _fields(file: File) -> Iterator[Problem]:
    holders: list[tuple[Path, dict[str, Any]]] = [(("root",), file.spec.get("root", {}))]
    holders += [(("components", name), component) for name, component in file.components.items()]
    for path, component in holders:
        for side in ("inputDefinitions", "outputDefinitions"):
            for kind in ("parameters", "artifacts"):
                for name in declared(component, side, kind):
                    place = (*path, side, kind, name)
                    yield from _matches(
                        _FIELD, name, place, "letters, digits, `_`, `-` and `.`", _LONGEST_LABEL
                    )
                    if side == "outputDefinitions" and name == _TAKEN_OUTPUT:
                        yield Problem(
                            CODE, place, "another name: the driver adds an output of this one", name
                        )


def _matches(
    pattern: re.Pattern[str], name: str, path: Path, letters: str, longest: int
) -> Iterator[Problem]:
    if not pattern.fullmatch(name) or len(name) > longest:
        yield Problem(CODE, path, f"a name of {letters}, at most {longest} characters", received(name))
