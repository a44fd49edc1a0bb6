"""The schedule of a config, checked before anything is asked of a cluster."""

from __future__ import annotations

import datetime

import pytest

from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.schedule.moments import moment, require_future
from pipeline.kubeflow.schedule.plan import declared
from tests.pipeline.kubeflow.api.server import Server
from tests.pipeline.kubeflow.schedule.planning import config, planned, uploaded
from trainer.errors import TandemError


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ({"cron": "0 3 * *"}, "KFP-401.*4 fields"),
        ({"start": "tomorrow"}, "KFP-403.*start='tomorrow'"),
        ({"end": "2026-13-01"}, "KFP-403.*end="),
        ({"start": "2026-02-01", "end": "2026-01-01"}, "KFP-403.*not after"),
        ({"start": "2026-02-01T00:00:00Z", "end": "2026-02-01T01:00:00+01:00"}, "KFP-403.*not after"),
        ({"span": "[[Index]]"}, "KFP-404"),
    ],
)
def test_what_is_wrong_is_refused(schedule: dict[str, str], told: str) -> None:
    sound = config()
    made = sound.kubeflow.schedule.model_copy(update=schedule)
    section = sound.kubeflow.model_copy(update={"schedule": made})
    with pytest.raises(TandemError, match=told) as refused:
        declared(sound.model_copy(update={"kubeflow": section}))
    assert refused.value.exit_status == 2


def test_a_config_without_a_schedule_is_told() -> None:
    from pipeline.config import parse
    from tests.pipeline.kubeflow.fixtures import CONFIG

    with pytest.raises(TandemError, match=r"KFP-400.*--set kubeflow\.schedule\.cron"):
        declared(parse(CONFIG))


def test_a_moment_without_a_zone_is_utc_and_another_zone_is_turned() -> None:
    noon = datetime.datetime(2026, 1, 31, 12, 0, tzinfo=datetime.UTC)
    assert moment("start", "2026-01-31T12:00:00") == noon
    assert moment("start", "2026-01-31T14:00:00+02:00") == noon
    assert moment("start", "2026-01-31 12:00:00.25Z") == noon
    assert moment("start", None) is None


@pytest.mark.parametrize(
    "text", ["yesterday", "", "7", "0001-01-01T00:00:00+05:00", "9999-12-31T23:00:00-05:00"]
)
def test_what_is_no_moment_names_key_or_option(text: str) -> None:
    with pytest.raises(TandemError, match=r"KFP-403: Expected kubeflow\.schedule\.end as a moment"):
        moment("end", text)
    with pytest.raises(TandemError, match=r"KFP-403: Expected --since as a moment"):
        moment("--since", text)


def test_an_end_is_refused_once_it_has_come() -> None:
    end = datetime.datetime(2026, 1, 31, 12, 0, tzinfo=datetime.UTC)
    require_future(None, end)
    require_future("2026-01-31T12:00:00Z", end - datetime.timedelta(seconds=1))
    for now in (end, end + datetime.timedelta(days=400)):
        with pytest.raises(TandemError, match=r"KFP-403.*in the past.*tandem schedule delete"):
            require_future("2026-01-31T13:00:00+01:00", now)


def test_the_request_is_what_the_config_says(server: Server, client: Client) -> None:
    uploaded(server)
    plan = planned(
        client,
        start="'2026-02-01'",
        end="'2026-03-01T00:00:00+01:00'",
        max_concurrency=3,
        span="'[[ScheduledTime.2006-01-02]]'",
    )
    server.state.create_recurring_run(client.raw_api.sanitize_for_serialization(plan.request(False)))
    (made,) = server.state.recurring_runs
    assert made.trigger.cron_schedule.cron == "0 0 3 * * *"
    assert made.trigger.cron_schedule.start_time == datetime.datetime(2026, 2, 1, tzinfo=datetime.UTC)
    assert made.trigger.cron_schedule.end_time == datetime.datetime(2026, 2, 28, 23, tzinfo=datetime.UTC)
    assert made.runtime_config.parameters == {"span": "[[ScheduledTime.2006-01-02]]"}
    assert made.runtime_config.pipeline_root == "s3://bucket/root"
    assert (made.max_concurrency, made.no_catchup, made.mode) == ("3", True, "DISABLE")
    # The newest version, whichever it is when a run starts.
    assert made.pipeline_version_reference.pipeline_version_id is None
    assert made.pipeline_version_reference.pipeline_id == server.state.pipelines[0].pipeline_id


def test_an_interval_is_a_periodic_schedule(server: Server, client: Client) -> None:
    uploaded(server)
    plan = planned(client, cron=None, interval_seconds=86400, catch_up=True)
    trigger = plan.request(True).trigger
    assert trigger.cron_schedule is None
    assert trigger.periodic_schedule.interval_second == "86400"
    assert plan.request(True).no_catchup is False


def test_a_pipeline_that_is_not_uploaded_is_told(client: Client) -> None:
    with pytest.raises(TandemError, match=r"KFP-405.*tandem-flights.*tandem deploy CONFIG --no-run"):
        planned(client)
