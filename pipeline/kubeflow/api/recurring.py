"""Recurring runs: listed, made, switched, deleted."""

from __future__ import annotations

from typing import Any

from pipeline.kubeflow.api import errors
from pipeline.kubeflow.api.client import Client, only, where


def named(client: Client, name: str) -> list[Any]:
    """All of that name in the namespace of the user, the oldest first; the backend allows several."""
    listed = client.pages(
        client.recurring_runs.recurring_run_service_list_recurring_runs,
        "recurring_runs",
        **only(namespace=client.namespace, sort_by="created_at asc", filter=where("display_name", name)),
    )
    return [item for item in listed if item.display_name == name]


def make(client: Client, wanted: Any) -> Any:
    """Makes one.

    After a lost answer the newest of the name that was not there before is taken for it.

    Raises:
        ApiError: if the server refuses it.
    """
    before = {item.recurring_run_id for item in named(client, wanted.display_name)}
    service = client.recurring_runs

    def made() -> Any | None:
        found = [item for item in named(client, wanted.display_name) if item.recurring_run_id not in before]
        return found[-1] if found else None

    return client.create(
        lambda: client.call(service.recurring_run_service_create_recurring_run, wanted), made
    )


def get(client: Client, recurring_run_id: str) -> Any:
    """One by its id."""
    return client.call(client.recurring_runs.recurring_run_service_get_recurring_run, recurring_run_id)


def switch(client: Client, recurring_run_id: str, enabled: bool) -> None:
    """Lets it start runs or not; switching it once more changes nothing."""
    service = client.recurring_runs
    method = (
        service.recurring_run_service_enable_recurring_run
        if enabled
        else service.recurring_run_service_disable_recurring_run
    )
    client.call(method, recurring_run_id)


def delete(client: Client, recurring_run_id: str) -> None:
    """Deletes it; what is no longer there counts as deleted. Runs that it has started stay."""
    try:
        client.call(client.recurring_runs.recurring_run_service_delete_recurring_run, recurring_run_id)
    except errors.ApiError as error:
        if error.kind != "absent":
            raise


def is_enabled(recurring_run: Any) -> bool:
    """Whether it starts runs."""
    return recurring_run.status == "ENABLED" or (not recurring_run.status and recurring_run.mode == "ENABLE")
