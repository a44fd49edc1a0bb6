"""The moments at which a recurring run on the cluster starts runs."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator
from typing import Any

from pipeline.kubeflow.schedule import cron
from trainer.errors import TandemError

_EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)


def set_time(moment: datetime.datetime | None) -> datetime.datetime | None:
    """A moment of the API; some backends give the year 1970 where none is set."""
    return None if moment is None or moment <= _EPOCH else moment.astimezone(datetime.UTC)


def schedule_of(recurring_run: Any) -> Any | None:
    """The cron or periodic schedule, whichever is set."""
    trigger = recurring_run.trigger
    return trigger and (trigger.cron_schedule or trigger.periodic_schedule)


def end_of(recurring_run: Any) -> datetime.datetime | None:
    """The moment after which it starts no runs, if there is one."""
    schedule = schedule_of(recurring_run)
    return set_time(schedule.end_time) if schedule else None


def times(recurring_run: Any, after: datetime.datetime) -> Iterator[datetime.datetime]:
    """Every start after a moment, also while it is paused.

    An interval counts from the start, else from the creation of the recurring run; the backend counts from
    the last run, which is the same unless a run came late.

    Args:
        recurring_run: of the API.
        after: the moment.
    """
    schedule = schedule_of(recurring_run)
    if schedule is None:
        return
    start, end = set_time(schedule.start_time), set_time(schedule.end_time)
    created = set_time(recurring_run.created_at) or after
    found = (
        _of_cron(schedule.cron, max(after, start or created, created))
        if getattr(schedule, "cron", None)
        else _of_interval(int(schedule.interval_second or 0), start or created, max(after, created))
    )
    yield from itertools.takewhile(lambda moment: end is None or moment <= end, found)


def _of_cron(text: str, after: datetime.datetime) -> Iterator[datetime.datetime]:
    try:
        parsed = cron.parse(text)
    except TandemError:
        # Made by someone else; the backend takes more.
        return
    moment: datetime.datetime | None = after
    while moment is not None and (moment := parsed.next_after(moment)) is not None:
        yield moment


def _of_interval(
    seconds: int, base: datetime.datetime, after: datetime.datetime
) -> Iterator[datetime.datetime]:
    if seconds < 1:
        return
    passed = max(0, int((after - base).total_seconds()) // seconds)
    for count in itertools.count(passed + 1):
        moment = base + datetime.timedelta(seconds=seconds * count)
        if moment > after:
            yield moment
