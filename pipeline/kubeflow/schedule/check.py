"""What went wrong since the last look: missed starts, failed runs, refused models."""

from __future__ import annotations

import datetime
import itertools
import json
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.kubeflow.api import recurring, runs
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.deploy import tasks
from pipeline.kubeflow.deploy.verdict import refusal
from pipeline.kubeflow.schedule import place, triggers
from pipeline.kubeflow.schedule.difference import shown
from pipeline.kubeflow.schedule.moments import moment
from pipeline.kubeflow.schedule.plan import declared
from pipeline.kubeflow.webhook import Event
from trainer.errors import TandemError
from trainer.storage import write_json

_TOLERANCE = datetime.timedelta(seconds=60)
# A run that began before the last look may have failed after it.
_LONGEST_RUN = datetime.timedelta(days=7)
_MOST_STARTS = 100_000


class Memory:
    """Up to when starts were looked at, in a file below the root.

    Args:
        root: root of the runs, such as the state volume.
        name: of the pipeline.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._path = root / "kubeflow" / "schedule" / f"{name}.json"

    def checked(self) -> datetime.datetime | None:
        """The moment, or `None` if nothing was looked at or the file is damaged."""
        try:
            return moment("checked", str(json.loads(self._path.read_bytes())["checked"]))
        except (OSError, ValueError, LookupError, TypeError, TandemError):
            return None

    def keep(self, checked: datetime.datetime) -> None:
        """Writes the moment."""
        write_json(self._path, {"checked": shown(checked)})


def look(
    client: Client, config: Config, root: Path, since: datetime.datetime | None, now: datetime.datetime
) -> tuple[list[Event], datetime.datetime]:
    """Finds what went wrong; sends and remembers nothing.

    Args:
        client: the API.
        config: the config.
        root: root of the runs; summaries below it tell of refusals.
        since: up to when starts were looked at; since the schedule was made if `None`.
        now: the present.

    Returns:
        Events, the oldest first; and up to when starts were looked at.

    Raises:
        TandemError: `KFP-400` if the config has no schedule; what the API answers.
    """
    schedule = declared(config)
    found = recurring.named(client, place.name_of(config))
    active = [item for item in found if recurring.is_enabled(item)]
    if schedule.enabled and not active and len(found) != 1:
        # One that is paused was paused by someone; none, or several that are all off, by nobody.
        told = f"{len(found)} schedules on the cluster, none starts runs; run `tandem schedule create`"
        # Told again each day until it is mended.
        event = Event("missed", config.name, f"no-schedule-{now:%Y-%m-%d}", told, "KFP-406")
        return [event], since or now
    events = _ended(client, config, active, now)
    until = now - datetime.timedelta(seconds=schedule.grace_seconds) if active else now
    for item in found:
        created = item.created_at or now
        begin = max(since or created, created)
        started = list(runs.of_schedule(client, item.recurring_run_id, begin - _LONGEST_RUN))
        if item in active:
            events += _missed(client, config, item, started, begin, until, schedule.grace_seconds)
        events += [bad for run in reversed(started) if (bad := _ended_badly(client, config, run, root))]
    return events, max(until, since or until)


def _ended(client: Client, config: Config, active: list[Any], now: datetime.datetime) -> list[Event]:
    """Whether all that are to start runs start none any more."""
    ends = [triggers.end_of(item) for item in active]
    known = [end for end in ends if end is not None and end <= now]
    if not known or len(known) < len(ends):
        return []
    last = shown(max(known))
    told = (
        f"The schedule ended at {last}, no run starts any more; set a later kubeflow.schedule.end and run "
        "`tandem schedule create`, or run `tandem schedule delete`"
    )
    link = client.link(f"recurringrun/details/{active[0].recurring_run_id}")
    return [Event("missed", config.name, f"ended-{last}", told, "KFP-406", link)]


def _missed(
    client: Client, config: Config, item: Any, started: list[Any], begin: Any, until: Any, grace_seconds: int
) -> list[Event]:
    grace = datetime.timedelta(seconds=grace_seconds)
    expected = itertools.islice(triggers.times(item, begin), _MOST_STARTS)
    late = [
        moment
        for moment in itertools.takewhile(lambda moment: moment <= until, expected)
        if not any(_is_of(run, moment, grace) for run in started)
    ]
    link = client.link(f"recurringrun/details/{item.recurring_run_id}")
    return [
        Event(
            "missed",
            config.name,
            shown(moment),
            f"No run began within {grace_seconds} s of {shown(moment)}",
            "KFP-407",
            link,
        )
        for moment in late
    ]


def _is_of(run: Any, moment: datetime.datetime, grace: datetime.timedelta) -> bool:
    """Some backends give the time of creation in place of the one a run was scheduled for."""
    created: datetime.datetime | None = run.created_at
    scheduled = triggers.set_time(run.scheduled_at)
    if created is None or not -_TOLERANCE <= created - moment <= max(grace, _TOLERANCE):
        return False
    if scheduled is None or abs(scheduled - created) <= datetime.timedelta(seconds=5):
        return True
    return abs(scheduled - moment) <= _TOLERANCE


def _ended_badly(client: Client, config: Config, run: Any, root: Path) -> Event | None:
    link = client.link(f"runs/details/{run.run_id}")
    if run.state == "FAILED":
        failed = tasks.failures(run)
        said = failed[0].message if failed else tasks.message_of(run)
        step = f"Step {failed[0].step} failed" if failed else "The run failed"
        return Event("failure", config.name, run.run_id, f"{step}: {said}" if said else step, "KFP-408", link)
    summary = _summary(root, run.run_id)
    if run.state == "SUCCEEDED" and summary.get("status") == "not_blessed":
        reason = refusal(summary)
        return Event("refusal", config.name, run.run_id, reason[0].upper() + reason[1:], "KFP-409", link)
    return None


def _summary(root: Path, run_id: str) -> dict[str, Any]:
    for path in (root / "runs").glob(f"*-{run_id}/summary.json"):
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(content, dict):
            return content
    return {}
