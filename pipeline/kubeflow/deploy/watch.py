"""Looks at a run until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from pipeline.kubeflow.api import runs
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.errors import ApiError
from pipeline.kubeflow.deploy import tasks

POLL_SECONDS = 5.0
_PATIENCE_SECONDS = 900.0
_FLEETING = ("unreachable", "busy", "server", "timeout")


class Display(Protocol):
    """Who is told how the run goes on."""

    def step(self, task: tasks.Task) -> None:
        """The state of a step has changed."""

    def state(self, state: str, running: list[str]) -> None:
        """The run was looked at."""

    def note(self, text: str) -> None:
        """Something else is worth a line."""


def watch(
    client: Client,
    run_id: str,
    display: Display,
    poll_seconds: float = POLL_SECONDS,
    patience_seconds: float = _PATIENCE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Any:
    """Waits for the end of a run.

    A server that is away for a while, such as during an upgrade, does not end the watching.

    Args:
        client: the API.
        run_id: of the run.
        display: told about each change.
        poll_seconds: time between two looks. Defaults to `5.0`.
        patience_seconds: how long the server may be away. Defaults to `900.0`.
        sleep: waits.

    Returns:
        The run, ended.

    Raises:
        ApiError: if the run cannot be looked at.
    """
    shown: dict[str, str] = {}
    away_since: float | None = None
    while True:
        try:
            run = runs.get(client, run_id)
        except ApiError as error:
            moment = time.monotonic()
            away_since = moment if away_since is None else away_since
            if error.kind not in _FLEETING or moment - away_since > patience_seconds:
                raise
            display.note(f"no answer ({error.code}), trying again")
            sleep(poll_seconds)
            continue
        away_since = None
        steps = tasks.steps(run)
        for task in steps:
            if shown.get(task.name) != task.state:
                shown[task.name] = task.state
                display.step(task)
        state = run.state or "PENDING"
        display.state(state, [task.name for task in steps if task.state == "RUNNING"])
        if state in tasks.ENDED:
            return run
        sleep(poll_seconds)
