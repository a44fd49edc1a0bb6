"""The schedule on the cluster as it is shown."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

from pipeline.kubeflow.api import recurring, runs
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.schedule import macros, triggers
from pipeline.kubeflow.schedule.difference import shown
from trainer.errors import TandemError

_LAST_RUNS = 3


def describe(client: Client, item: Any, now: datetime.datetime, next_starts: int) -> dict[str, Any]:
    """A recurring run, its next starts and its last runs, as JSON.

    Args:
        client: the API.
        item: the recurring run.
        now: the present.
        next_starts: how many starts to show; none is expected while it is paused.
    """
    schedule, runtime = triggers.schedule_of(item), item.runtime_config
    interval = getattr(schedule, "interval_second", None)
    reference = item.pipeline_version_reference
    span = ((runtime and runtime.parameters) or {}).get("span")
    enabled, end = recurring.is_enabled(item), triggers.end_of(item)
    upcoming = list(itertools.islice(triggers.times(item, now), next_starts)) if enabled else []
    started = itertools.islice(
        runs.of_schedule(client, item.recurring_run_id, item.created_at or now), _LAST_RUNS
    )
    return {
        "name": item.display_name,
        "recurring_run_id": item.recurring_run_id,
        "enabled": enabled,
        "ended": end is not None and end <= now,
        "cron": getattr(schedule, "cron", None),
        "interval_seconds": int(interval) if interval else None,
        "start": _text(triggers.set_time(schedule.start_time) if schedule else None),
        "end": _text(end),
        "max_concurrency": int(item.max_concurrency or 1),
        "catch_up": not item.no_catchup,
        "version": (reference.pipeline_version_id if reference else None) or "newest",
        "span": span or "newest",
        "pipeline_root": (runtime and runtime.pipeline_root) or None,
        "service_account": item.service_account or None,
        "next": [{"time": shown(moment), "span": _span(span, moment)} for moment in upcoming],
        "runs": [
            {"run_id": run.run_id, "state": run.state, "created": _text(run.created_at)} for run in started
        ],
        "link": client.link(f"recurringrun/details/{item.recurring_run_id}"),
    }


def _text(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else shown(moment)


def _span(span: Any, moment: datetime.datetime) -> str:
    try:
        return macros.rendered(span or None, moment)
    except TandemError:
        # Made by someone else; the backend may know more.
        return str(span)
