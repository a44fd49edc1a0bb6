"""Runs that go on as a backend tells of them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from typing import Any

import kfp_server_api as kfp

from tests.pipeline.kubeflow.api.state import State

START = datetime.datetime(2026, 1, 31, 3, 0, tzinfo=datetime.UTC)
ROOT = "s3://bucket/root/tandem-flights"


def detail(name: str, state: str, **more: Any) -> Any:
    """One task; a step that has ended took a minute and a half."""
    ended = START + datetime.timedelta(seconds=90) if state != "RUNNING" else None
    return kfp.V2beta1PipelineTaskDetail(
        task_id=more.pop("task_id", f"id-{name}"),
        display_name=name,
        state=state,
        start_time=START,
        end_time=ended,
        **more,
    )


def child(pod: str, task_id: str | None = None) -> Any:
    """A pod below a task."""
    return kfp.PipelineTaskDetailChildTask(pod_name=pod, task_id=task_id)


def failed_training() -> list[Any]:
    """A training whose executor failed, as the backend tells it: on three levels, the pod on the lowest."""
    message = kfp.GoogleRpcStatus(code=13, message="main: Error (exit code 1): out of memory")
    return [
        detail("root", "FAILED"),
        detail("tfx-dag", "FAILED"),
        detail("ingest", "SUCCEEDED"),
        detail("ingest-driver", "SUCCEEDED", child_tasks=[child("flights-ingest-1")]),
        detail("train", "FAILED", child_tasks=[child("flights-train-driver-2"), child("", "id-executor")]),
        detail("executor", "FAILED", pod_name="flights-train-impl-3", error=message, task_id="id-executor"),
    ]


def script(*looks: tuple[str, Sequence[Any]]) -> Callable[[Any], None]:
    """Each look at the run finds the next state and tasks; the last stays."""
    left = list(looks)

    def advance(run: Any) -> None:
        state, tasks = left[0] if len(left) == 1 else left.pop(0)
        run.state = state
        run.run_details = kfp.V2beta1RunDetails(task_details=list(tasks))

    return advance


def leave(state: State, run_id: str, **summary: Any) -> None:
    """The report of a run, in the object storage."""
    base = f"{ROOT}/{run_id}/report"
    state.objects[f"{base}/summary.json"] = json.dumps(summary).encode()
    state.objects[f"{base}/report.html"] = b"<!doctype html>report"
