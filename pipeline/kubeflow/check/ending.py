"""The exit handler: a task that runs when a sub-DAG is over, however it ended."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.kubeflow.check.problem import Problem, received
from pipeline.kubeflow.check.tree import COMPLETED, Dag, File, Task, declared

CODE = "KFP-031"
STATUS_TYPES = ("TASK_FINAL_STATUS", "STRING")


def problems(file: File) -> Iterator[Problem]:
    """Exit handlers that the backend would attach to nothing, or whose inputs a failed run cannot give."""
    for dag in file.dags:
        watched: dict[str, str] = {}
        for task in dag.tasks.values():
            if task.is_exit:
                yield from _handler(file, dag, task, watched)
            else:
                yield from _other(dag, task)
            yield from _status(file, task)


def _handler(file: File, dag: Dag, task: Task, watched: dict[str, str]) -> Iterator[Problem]:
    place = (*task.path, "dependentTasks")
    if len(task.depends) != 1:
        yield Problem(CODE, place, "one task: the status is that of the first only", received(task.depends))
    for name in task.depends:
        other = dag.tasks.get(name)
        if other is not None and "dag" not in file.components.get(other.component, {}):
            expected = "a sub-DAG: the handler of a container does not run when its driver fails"
            yield Problem(CODE, place, expected, received(name))
        if name in watched:
            expected = f"one handler for `{name}`: the backend keeps only the last"
            yield Problem(CODE, task.path, expected, f"also {received(watched[name])}")
        watched.setdefault(name, task.name)
    for name in task.producers():
        expected = "inputs that exist whatever failed: no outputs of other tasks"
        yield Problem(CODE, (*task.path, "inputs"), expected, received(name))
    if task.condition:
        place = (*task.path, "triggerPolicy", "condition")
        yield Problem(CODE, place, "no condition on an exit handler", received(task.condition))


def _other(dag: Dag, task: Task) -> Iterator[Problem]:
    for position, name in enumerate(task.depends):
        if name in dag.tasks and dag.tasks[name].is_exit:
            place = (*task.path, "dependentTasks", position)
            yield Problem(CODE, place, "no exit handler: nothing can wait for one", received(name))


def _status(file: File, task: Task) -> Iterator[Problem]:
    wanted = declared(file.components.get(task.component, {}), "inputDefinitions", "parameters")
    given = task.given("parameters")
    for name, source in given.items():
        if "taskFinalStatus" not in source:
            continue
        place = (*task.path, "inputs", "parameters", name, "taskFinalStatus")
        if not task.is_exit:
            policy = (*task.path, "triggerPolicy", "strategy")
            expected = f"{COMPLETED}: the task reads the status of another"
            found = task.spec.get("triggerPolicy", {}).get("strategy")
            yield Problem(CODE, policy, expected, None if found is None else received(found))
        producer = source["taskFinalStatus"].get("producerTask", "")
        if producer and task.depends[:1] != [producer]:
            expected = f"the task that `{task.name}` waits for: {received(task.depends[:1])}"
            yield Problem(CODE, (*place, "producerTask"), expected, received(producer))
        kind = wanted.get(name, {}).get("parameterType")
        if kind is not None and kind not in STATUS_TYPES:
            expected = f"a status, which only parameters of type {' or '.join(STATUS_TYPES)} take"
            yield Problem(CODE, place, expected, kind)
    for name, definition in wanted.items():
        if definition.get("parameterType") == STATUS_TYPES[0] and "taskFinalStatus" not in given.get(
            name, {}
        ):
            place = (*task.path, "inputs", "parameters", name)
            yield Problem(CODE, place, "`taskFinalStatus`: the parameter is a status")
