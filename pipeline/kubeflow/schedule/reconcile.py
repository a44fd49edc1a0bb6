"""Makes the cluster agree with the plan: one recurring run, never two that start runs.

The API cannot change a recurring run, so a new one takes the place of the old. The order is: make the new
one switched off, switch the old one off, switch the new one on, delete the old one. Whoever stops in between
leaves one that starts runs or, between the two switches, none and both objects; the same command goes on from
there, and `check` tells of it.
"""

from __future__ import annotations

import dataclasses
import datetime
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.kubeflow.api import recurring, runs
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.errors import ApiError
from pipeline.kubeflow.schedule import triggers
from pipeline.kubeflow.schedule.difference import differences
from pipeline.kubeflow.schedule.plan import Plan


@dataclasses.dataclass(frozen=True)
class Reconciled:
    """What was done.

    Args:
        recurring_run_id: the one that is left.
        action: `unchanged`, `created`, `replaced`, `enabled` or `paused`.
    """

    recurring_run_id: str
    action: str


def reconcile(client: Client, plan: Plan, now: datetime.datetime) -> Reconciled:
    """Makes the cluster agree with the plan; does nothing if it does.

    Args:
        client: the API.
        plan: what is declared.
        now: the present.

    Raises:
        ApiError: if a call fails; the same command goes on from there.
    """
    existing = recurring.named(client, plan.name)
    fitting = [item for item in existing if not differences(plan, item)]
    fitting.sort(key=lambda item: not recurring.is_enabled(item))
    keep = fitting[0] if fitting else None
    if (
        keep is not None
        and plan.enabled
        and not recurring.is_enabled(keep)
        and _would_back_fill(client, plan, keep, now)
    ):
        keep = None
    action = "unchanged"
    if keep is None:
        others_start = any(map(recurring.is_enabled, existing))
        request = _continued(plan, bool(existing), now).request(plan.enabled and not others_start)
        keep, action = recurring.make(client, request), "replaced" if existing else "created"
        # Anew: a call whose answer was lost may have made one more.
        existing = recurring.named(client, plan.name)
    others = [item for item in existing if item.recurring_run_id != keep.recurring_run_id]
    switched = _take_over(client, plan, keep.recurring_run_id, recurring.is_enabled(keep), others)
    for item in others:
        recurring.delete(client, item.recurring_run_id)
    if action == "unchanged" and switched:
        action = "enabled" if plan.enabled else "paused"
    elif action == "unchanged" and others:
        action = "replaced"
    return Reconciled(keep.recurring_run_id, action)


def pause(client: Client, name: str) -> list[str]:
    """Switches every recurring run of that name off.

    Returns:
        Their ids, also of those that were off.
    """
    found = recurring.named(client, name)
    for item in found:
        recurring.switch(client, item.recurring_run_id, False)
    return [item.recurring_run_id for item in found]


def remove(client: Client, name: str) -> list[str]:
    """Deletes every recurring run of that name; those that start runs first.

    Returns:
        Their ids.
    """
    found = sorted(recurring.named(client, name), key=lambda item: not recurring.is_enabled(item))
    for item in found:
        recurring.delete(client, item.recurring_run_id)
    return [item.recurring_run_id for item in found]


def _would_back_fill(client: Client, plan: Plan, paused: Any, now: datetime.datetime) -> bool:
    """Switched on again, the backend makes up for the last start that was left out, even without catch-up."""
    if plan.catch_up or paused.created_at is None:
        return False
    newest = next(runs.of_schedule(client, paused.recurring_run_id, paused.created_at), None)
    last = (newest.scheduled_at or newest.created_at) if newest else paused.created_at
    first = next(triggers.times(paused, last), None)
    return first is not None and first <= now


def _continued(plan: Plan, replaces: bool, now: datetime.datetime) -> Plan:
    """With catch-up, a new one would make up for every start since `start`, those of the old one too."""
    if not (replaces and plan.catch_up and plan.start is not None and plan.start < now):
        return plan
    start = now.replace(microsecond=0)
    if plan.interval_seconds:
        passed = int((now - plan.start).total_seconds()) // plan.interval_seconds
        start = plan.start + datetime.timedelta(seconds=passed * plan.interval_seconds)
    return dataclasses.replace(plan, start=start)


def _take_over(client: Client, plan: Plan, keep: str, on: bool, others: list[Any]) -> bool:
    """Switches all others off and `keep` as planned; whether `keep` was switched."""
    running = [item.recurring_run_id for item in others if recurring.is_enabled(item)]
    if not running and on == plan.enabled:
        return False
    with _uninterrupted():
        for item in running:
            recurring.switch(client, item, False)
        if on == plan.enabled:
            return False
        try:
            recurring.switch(client, keep, plan.enabled)
        except ApiError:
            _back(client, keep, running)
            raise
    return True


def _back(client: Client, keep: str, running: list[str]) -> None:
    """The old one goes on if the new one certainly does not."""
    if running and not recurring.is_enabled(recurring.get(client, keep)):
        recurring.switch(client, running[0], True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Holds an interrupt back to the end: between the two switches no schedule starts runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before: dict[int, Callable[..., Any] | int | None] = {
        number: signal.signal(number, lambda number, _: held.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in held:
            signal.raise_signal(number)
