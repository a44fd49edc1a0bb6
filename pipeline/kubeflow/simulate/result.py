"""What a simulation tells: while it runs, and at its end."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any, Literal

State = Literal["ran", "cached", "failed", "skipped"]
# Status of the run's own summary by exit status.
_EXIT_STATUS = {"pushed": 0, "not_blessed": 3}


@dataclasses.dataclass(frozen=True)
class Output:
    """An output artifact.

    Args:
        uri: where it is for the pipeline.
        path: where that is on this machine; empty if nothing was written there.
        title: title of its type.
        metadata: as the next task gets it.
    """

    uri: str
    path: str
    title: str
    metadata: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class TaskResult:
    """How a task ended.

    Args:
        name: of the task.
        state: `ran`, `cached`, `failed` or `skipped`.
        seconds: from its start to its end, all attempts.
        attempts: how often its container was run.
        outputs: artifacts by name.
        parameters: output parameters by name.
        error: why it failed or was skipped; empty if neither.
        log: its log file; empty if it has none.
    """

    name: str
    state: State
    seconds: float = 0.0
    attempts: int = 0
    outputs: dict[str, Output] = dataclasses.field(default_factory=dict)
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    error: str = ""
    log: str = ""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a simulation ended.

    Args:
        run_id: UUID of the run.
        pipeline: name of the pipeline.
        root: directory of the simulation.
        run_root: URI below which the run wrote.
        seconds: of the whole.
        tasks: results in the order in which tasks ended.
        summary: the run's own `report/summary.json`; `None` if it wrote none.
        interrupted: whether an interrupt ended it.
    """

    run_id: str
    pipeline: str
    root: Path
    run_root: str
    seconds: float
    tasks: tuple[TaskResult, ...]
    summary: dict[str, Any] | None
    interrupted: bool = False

    @property
    def failed(self) -> list[TaskResult]:
        """Tasks that failed."""
        return [task for task in self.tasks if task.state == "failed"]

    @property
    def exit_status(self) -> int:
        """`0` pushed or nothing was to be pushed, `3` not blessed, `1` failed, `130` interrupted."""
        if self.interrupted:
            return 130
        if self.failed:
            return 1
        return 0 if self.summary is None else _EXIT_STATUS.get(str(self.summary.get("status")), 1)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        given = dataclasses.asdict(self)
        return {**given, "root": str(self.root), "exit_status": self.exit_status}


class Watcher:
    """Told what happens; does nothing by itself. Called from several threads, one at a time."""

    def run_started(self, run_id: str, count: int) -> None:
        """A run of `count` tasks begins."""

    def task_started(self, name: str) -> None:
        """A task begins."""

    def task_finished(self, task: TaskResult) -> None:
        """A task has ended, or will not run."""

    def warning(self, name: str, text: str) -> None:
        """Something that the backend only warns of."""

    def output(self, name: str, text: str) -> None:
        """A line that a task wrote."""


class Serial(Watcher):
    """Passes on to another watcher, one call at a time.

    Args:
        inner: the other one.
    """

    def __init__(self, inner: Watcher) -> None:
        self._inner = inner
        self._lock = threading.Lock()

    def run_started(self, run_id: str, count: int) -> None:
        """A run of `count` tasks begins."""
        with self._lock:
            self._inner.run_started(run_id, count)

    def task_started(self, name: str) -> None:
        """A task begins."""
        with self._lock:
            self._inner.task_started(name)

    def task_finished(self, task: TaskResult) -> None:
        """A task has ended, or will not run."""
        with self._lock:
            self._inner.task_finished(task)

    def warning(self, name: str, text: str) -> None:
        """Something that the backend only warns of."""
        with self._lock:
            self._inner.warning(name, text)

    def output(self, name: str, text: str) -> None:
        """A line that a task wrote."""
        with self._lock:
            self._inner.output(name, text)
