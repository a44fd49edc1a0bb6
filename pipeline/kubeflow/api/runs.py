"""Runs: started once, looked at, listed."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from pipeline.kubeflow.api.client import Client, only, where


def start(client: Client, run: Any) -> Any:
    """Starts a run; its `display_name` must be its own, since a lost answer is looked up by it.

    Raises:
        ApiError: if the server refuses it.
    """

    def begun() -> Any | None:
        listed = client.pages(
            client.runs.run_service_list_runs,
            "runs",
            **only(namespace=client.namespace, filter=where("display_name", run.display_name)),
        )
        return next((item for item in listed if item.display_name == run.display_name), None)

    return client.create(lambda: client.call(client.runs.run_service_create_run, run), begun)


def get(client: Client, run_id: str) -> Any:
    """A run and its tasks."""
    return client.call(client.runs.run_service_get_run, run_id)


def of_schedule(client: Client, recurring_run_id: str, since: datetime.datetime) -> Iterator[Any]:
    """The runs that a schedule has started since a moment, the newest first."""
    listed = client.pages(
        client.runs.run_service_list_runs,
        "runs",
        **only(
            namespace=client.namespace,
            sort_by="created_at desc",
            filter=where("recurring_run_id", recurring_run_id),
        ),
    )
    for run in listed:
        if run.created_at is not None and run.created_at < since:
            return
        if run.recurring_run_id == recurring_run_id:
            yield run
