"""What counts as a difference between config and cluster."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.schedule.difference import Difference, differences, enabled_difference
from tests.pipeline.kubeflow.api.server import Server
from tests.pipeline.kubeflow.schedule.planning import planned, uploaded


def made(server: Server, client: Client, **schedule: Any) -> Any:
    """A recurring run on the server, of such a config."""
    uploaded(server)
    plan = planned(client, **schedule)
    server.state.create_recurring_run(client.raw_api.sanitize_for_serialization(plan.request(plan.enabled)))
    return server.state.recurring_runs[-1]


def test_what_was_made_of_a_config_does_not_differ(server: Server, client: Client) -> None:
    sets = {
        "start": "'2026-02-01'",
        "end": "'2027-02-01'",
        "span": "'[[ScheduledTime]]'",
        "max_concurrency": 2,
    }
    item = made(server, client, **sets)
    assert differences(planned(client, **sets), item) == []
    assert enabled_difference(planned(client, **sets), item) == []


@pytest.mark.parametrize(
    ("schedule", "difference"),
    [
        ({"cron": "'0 4 * * *'"}, Difference("cron", "0 0 4 * * *", "0 0 3 * * *")),
        ({"end": "'2027-01-01'"}, Difference("end", "2027-01-01T00:00:00Z", "none")),
        ({"start": "'2099-01-01'"}, Difference("start", "2099-01-01T00:00:00Z", "none")),
        ({"max_concurrency": 2}, Difference("max_concurrency", "2", "1")),
        ({"catch_up": True}, Difference("catch_up", "yes", "no")),
        ({"span": "'7'"}, Difference("parameters", "span=7", "none")),
    ],
)
def test_a_change_of_the_config_is_a_difference(
    server: Server, client: Client, schedule: dict[str, Any], difference: Difference
) -> None:
    item = made(server, client)
    assert differences(planned(client, **schedule), item) == [difference]


def test_an_interval_in_place_of_cron_is_two(server: Server, client: Client) -> None:
    item = made(server, client)
    found = differences(planned(client, cron=None, interval_seconds=3600), item)
    assert [one.field for one in found] == ["cron", "interval_seconds"]


def test_a_change_on_the_cluster_is_a_difference(server: Server, client: Client) -> None:
    item = made(server, client)
    item.pipeline_version_reference.pipeline_version_id = "pinned"
    item.service_account = "filled-in-by-the-backend"
    assert differences(planned(client), item) == [Difference("version", "none", "pinned")]
    server.state.switch(item.recurring_run_id, False)
    assert enabled_difference(planned(client), item) == [Difference("enabled", "yes", "no")]


def test_a_start_that_was_past_when_it_was_made_decides_about_the_phase_only(
    server: Server, client: Client
) -> None:
    day = 86400
    item = made(server, client, cron=None, interval_seconds=day, start="'2020-01-01T03:00:00Z'")
    later = datetime.datetime(2020, 1, 5, 3, 0, tzinfo=datetime.UTC)
    item.trigger.periodic_schedule.start_time = later
    plan = planned(client, cron=None, interval_seconds=day, start="'2020-01-01T03:00:00Z'")
    assert differences(plan, item) == []
    item.trigger.periodic_schedule.start_time = later + datetime.timedelta(hours=1)
    assert [one.field for one in differences(plan, item)] == ["start"]
