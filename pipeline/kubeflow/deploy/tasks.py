"""What a run says of its tasks, read as Tandem's steps; backends differ in what they say."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

from pipeline.config.kubeflow import Step

STEPS: tuple[str, ...] = get_args(Step)
ENDED = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")
_HELPER = "-driver"


@dataclasses.dataclass(frozen=True)
class Task:
    """A step of a run.

    Args:
        name: the step.
        state: as the API names it: `PENDING`, `RUNNING`, `SUCCEEDED`, `SKIPPED`, `FAILED`, `CANCELED`.
        seconds: how long it took, if it has ended.
    """

    name: str
    state: str
    seconds: float | None


@dataclasses.dataclass(frozen=True)
class Failure:
    """A step that failed.

    Args:
        step: the step, or the backend's name of what failed.
        message: what the backend says; `""` if nothing.
        pod: name of its pod; `""` if that is not known.
    """

    step: str
    message: str
    pod: str


def _details(run: Any) -> list[Any]:
    return list((run.run_details and run.run_details.task_details) or [])


def steps(run: Any) -> list[Task]:
    """The steps that the run has come to, in the order of the pipeline."""
    found = {}
    for task in _details(run):
        if task.display_name in STEPS:
            ended = task.start_time and task.end_time and task.state in ENDED
            seconds = (task.end_time - task.start_time).total_seconds() if ended else None
            # A task that is retried is listed again.
            found[task.display_name] = Task(task.display_name, task.state or "PENDING", seconds)
    return sorted(found.values(), key=lambda task: STEPS.index(task.name))


def failures(run: Any) -> list[Failure]:
    """What failed: steps if one is known to, else whatever the backend names, the driver of a step as it."""
    details = _details(run)
    by_id = {task.task_id: task for task in details if task.task_id}
    found: dict[str, Failure] = {}
    for task in details:
        if task.state != "FAILED":
            continue
        name = (task.display_name or "").removesuffix(_HELPER)
        known = found.get(name)
        failure = Failure(name, _message(task, by_id), _pod(task, by_id))
        if known is not None:
            failure = Failure(name, known.message or failure.message, known.pod or failure.pod)
        found[name] = failure
    named = [found[step] for step in STEPS if step in found]
    others = [failure for name, failure in found.items() if name not in STEPS]
    return named or sorted(others, key=lambda failure: not failure.message)


def message_of(run: Any) -> str:
    """What the backend says of the run as a whole."""
    return _short(run.error.message if run.error else "")


def _message(task: Any, by_id: dict[str, Any]) -> str:
    own = task.error.message if task.error else ""
    below = (by_id.get(child.task_id) for child in task.child_tasks or [])
    return _short(own) or next((text for child in below if child and (text := _message(child, {}))), "")


def _pod(task: Any, by_id: dict[str, Any]) -> str:
    """The pod that ran the step: the executor's, which comes last; a driver only starts it."""
    pods = [task.pod_name] if task.pod_name else []
    for child in task.child_tasks or []:
        below = by_id.get(child.task_id)
        pods += [pod for pod in (child.pod_name, below.pod_name if below else None) if pod]
    return pods[-1] if pods else ""


def _short(text: str | None) -> str:
    line = " ".join((text or "").split())
    return line if len(line) <= 500 else line[:500] + "..."
