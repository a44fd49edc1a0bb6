"""In what a recurring run on the cluster differs from the plan."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from pipeline.kubeflow.api.recurring import is_enabled
from pipeline.kubeflow.schedule.plan import Plan
from pipeline.kubeflow.schedule.triggers import schedule_of, set_time


@dataclasses.dataclass(frozen=True)
class Difference:
    """One field.

    Args:
        field: what differs.
        declared: in the config, as text.
        found: on the cluster, as text.
    """

    field: str
    declared: str
    found: str


def differences(plan: Plan, found: Any) -> list[Difference]:
    """What differs but for whether it is enabled; empty if nothing does.

    What the config leaves to the backend is not compared: pipeline root and service account.
    """
    schedule = schedule_of(found)
    reference, runtime = found.pipeline_version_reference, found.runtime_config
    interval = getattr(schedule, "interval_second", None)
    start = set_time(schedule.start_time) if schedule else None
    pairs: list[tuple[str, Any, Any]] = [
        ("cron", plan.cron.text if plan.cron else None, getattr(schedule, "cron", None)),
        ("interval_seconds", plan.interval_seconds, int(interval) if interval else None),
        ("start", plan.start, plan.start if _same_start(plan, start, found.created_at) else start),
        ("end", plan.end, set_time(schedule.end_time) if schedule else None),
        ("max_concurrency", plan.max_concurrency, int(found.max_concurrency or 1)),
        ("catch_up", plan.catch_up, not found.no_catchup),
        ("pipeline", plan.pipeline_id, reference.pipeline_id if reference else found.pipeline_version_id),
        ("version", None, reference.pipeline_version_id if reference else None),
        ("parameters", plan.parameters, dict((runtime and runtime.parameters) or {})),
        ("experiment", plan.experiment_id, found.experiment_id),
    ]
    if plan.pipeline_root is not None:
        pairs.append(("pipeline_root", plan.pipeline_root, (runtime and runtime.pipeline_root) or None))
    if plan.service_account is not None:
        pairs.append(("service_account", plan.service_account, found.service_account))
    return [Difference(field, shown(a), shown(b)) for field, a, b in pairs if (a or None) != (b or None)]


def enabled_difference(plan: Plan, found: Any) -> list[Difference]:
    """Whether it is paused where the config says that it runs, or the other way round."""
    actual = is_enabled(found)
    if actual == plan.enabled:
        return []
    return [Difference("enabled", shown(plan.enabled), shown(actual))]


def shown(value: Any) -> str:
    """A value as a user reads it."""
    if value is None or value == "" or value == {}:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in sorted(value.items()))
    return str(value)


def _same_start(plan: Plan, start: datetime.datetime | None, created: datetime.datetime | None) -> bool:
    """A start that lay in the past when the recurring run was made decides about its phase only."""
    if plan.start is None or start is None or created is None:
        return plan.start == start
    if plan.start > created or start > created:
        return plan.start == start
    return not plan.interval_seconds or (plan.start - start).total_seconds() % plan.interval_seconds == 0
