"""The order of the tasks in a DAG: what they wait for exists, and nothing waits for itself."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.config.problems import nearest
from pipeline.kubeflow.check.problem import Problem, received
from pipeline.kubeflow.check.tree import Dag, File

CODE = "KFP-027"


def problems(file: File) -> Iterator[Problem]:
    """Unknown, doubled and circular dependencies, producers that a task does not wait for, empty DAGs."""
    for dag in file.dags:
        if dag.tasks and all(task.is_exit for task in dag.tasks.values()):
            yield Problem(CODE, (*dag.path, "dag", "tasks"), "a task that is no exit handler")
        yield from _dependencies(dag)
        yield from _cycles(dag)


def _dependencies(dag: Dag) -> Iterator[Problem]:
    for task in dag.tasks.values():
        for position, name in enumerate(task.depends):
            place = (*task.path, "dependentTasks", position)
            if name not in dag.tasks:
                yield Problem(
                    CODE, place, f"a task of `{dag.name}`", received(name), nearest(name, dag.tasks)
                )
            elif name in task.depends[:position]:
                yield Problem(CODE, place, "every task once", received(name))
        for name, places in task.producers().items():
            if name in dag.tasks and name not in task.depends:
                expected = f"`{name}` among `dependentTasks` of `{task.name}`, which reads its output"
                yield Problem(CODE, places[0], expected, received(task.depends))


def _cycles(dag: Dag) -> Iterator[Problem]:
    before = {
        name: [other for other in {*task.depends, *task.producers()} if other in dag.tasks]
        for name, task in dag.tasks.items()
    }
    done: set[str] = set()
    for start in sorted(before):
        path: list[str] = []
        cycle = _visit(start, before, done, path)
        if cycle:
            place = (*dag.tasks[cycle[0]].path, "dependentTasks")
            yield Problem(CODE, place, "tasks that do not wait for themselves", " <- ".join(cycle))
            return


def _visit(start: str, before: dict[str, list[str]], done: set[str], path: list[str]) -> list[str]:
    """A cycle that is reached from `start`, if any."""
    stack = [(start, iter(sorted(before[start])))]
    path.append(start)
    while stack:
        name, rest = stack[-1]
        following = next((other for other in rest if other not in done), None)
        if following is None:
            done.add(name)
            path.pop()
            stack.pop()
        elif following in path:
            return [*path[path.index(following) :], following]
        else:
            path.append(following)
            stack.append((following, iter(sorted(before[following]))))
    return []
