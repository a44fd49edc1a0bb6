"""What went wrong since the last look."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import kfp_server_api as kfp
import pytest

from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.schedule.check import Memory, look
from pipeline.kubeflow.schedule.reconcile import pause, reconcile
from tests.pipeline.kubeflow.api.server import Server
from tests.pipeline.kubeflow.api.state import tick
from tests.pipeline.kubeflow.schedule.planning import NOW, config, planned, uploaded

HOUR = datetime.timedelta(hours=1)
NIGHTS = [datetime.datetime(2026, 2, day, 3, 0, tzinfo=datetime.UTC) for day in (1, 2, 3)]


@pytest.fixture(autouse=True)
def scheduled(server: Server, client: Client) -> Any:
    """A schedule of every night, made at noon."""
    uploaded(server)
    server.state.now = lambda: NOW
    reconcile(client, planned(client), NOW)
    return server.state.recurring_runs[0]


def found(client: Client, root: Path, since: Any, now: datetime.datetime) -> list[tuple[str, str]]:
    events, _ = look(client, config(), root, since, now)
    return [(event.kind, event.run_id) for event in events]


def test_runs_that_came_are_nothing_to_tell(
    server: Server, client: Client, scheduled, tmp_path: Path
) -> None:
    for night in NIGHTS:
        tick(server.state, scheduled, night)
    events, checked = look(client, config(), tmp_path, None, NIGHTS[2] + 2 * HOUR)
    assert events == []
    assert checked == NIGHTS[2] + HOUR


def test_a_start_that_is_not_there_after_the_grace_is_missed(
    server: Server, client: Client, scheduled, tmp_path: Path
) -> None:
    tick(server.state, scheduled, NIGHTS[0])
    assert found(client, tmp_path, None, NIGHTS[1] + HOUR - HOUR / 60) == []
    assert found(client, tmp_path, None, NIGHTS[1] + HOUR) == [("missed", "2026-02-02T03:00:00Z")]
    # What was looked at is not looked at again.
    assert found(client, tmp_path, NIGHTS[1], NIGHTS[1] + 2 * HOUR) == []


def test_a_run_that_came_too_late_does_not_count(server: Server, client: Client, scheduled, tmp_path) -> None:
    run = tick(server.state, scheduled, NIGHTS[0])
    run.created_at = NIGHTS[0] + 2 * HOUR
    assert found(client, tmp_path, None, NIGHTS[0] + 3 * HOUR) == [("missed", "2026-02-01T03:00:00Z")]


def test_a_backend_that_gives_the_creation_for_the_scheduled_time_is_understood(
    server: Server, client: Client, scheduled, tmp_path: Path
) -> None:
    run = tick(server.state, scheduled, NIGHTS[0])
    run.created_at = run.scheduled_at = NIGHTS[0] + HOUR / 2
    assert found(client, tmp_path, None, NIGHTS[0] + 2 * HOUR) == []


def test_a_run_by_hand_is_no_start(server: Server, client: Client, tmp_path: Path) -> None:
    run = server.state.add_run(kfp.V2beta1Run(display_name="by hand"))
    run.created_at = NIGHTS[0]
    assert found(client, tmp_path, None, NIGHTS[0] + 2 * HOUR) == [("missed", "2026-02-01T03:00:00Z")]


def test_a_failed_run_is_told_with_step_and_message(
    server, client: Client, scheduled, tmp_path: Path
) -> None:
    run = tick(server.state, scheduled, NIGHTS[0], "FAILED")
    error = kfp.GoogleRpcStatus(message="out of memory")
    task = kfp.V2beta1PipelineTaskDetail(display_name="train", state="FAILED", error=error, task_id="1")
    run.run_details = kfp.V2beta1RunDetails(task_details=[task])
    (event,), _ = look(client, config(), tmp_path, None, NIGHTS[0] + 2 * HOUR)
    assert (event.kind, event.code, event.message) == (
        "failure",
        "KFP-408",
        "Step train failed: out of memory",
    )
    assert event.link == f"http://ui.local/#/runs/details/{run.run_id}"


def test_a_refusal_is_told_where_the_root_has_the_summary(server, client, scheduled, tmp_path: Path) -> None:
    run = tick(server.state, scheduled, NIGHTS[0])
    assert found(client, tmp_path, None, NIGHTS[0] + 2 * HOUR) == []
    directory = tmp_path / "runs" / f"20260201-030002-{run.run_id}"
    directory.mkdir(parents=True)
    (directory / "summary.json").write_text(json.dumps({"status": "not_blessed"}))
    assert found(client, tmp_path, None, NIGHTS[0] + 2 * HOUR) == [("refusal", run.run_id)]
    (directory / "summary.json").write_text("{")
    assert found(client, tmp_path, None, NIGHTS[0] + 2 * HOUR) == []


def test_a_model_that_push_refused_is_told_with_its_reason(server, client, scheduled, tmp_path) -> None:
    run = tick(server.state, scheduled, NIGHTS[0])
    directory = tmp_path / "runs" / f"20260201-030002-{run.run_id}"
    directory.mkdir(parents=True)
    summary = {
        "status": "not_blessed",
        "gate": [{"verdict": "pass"}],
        "push": {"reason": "version 3 was denied"},
    }
    (directory / "summary.json").write_text(json.dumps(summary))
    (event,), _ = look(client, config(), tmp_path, None, NIGHTS[0] + 2 * HOUR)
    assert event.message == "Version 3 was denied"


def test_an_end_that_has_come_is_told_beside_the_starts_before_it(
    client: Client, scheduled, tmp_path: Path
) -> None:
    scheduled.trigger.cron_schedule.end_time = NIGHTS[1]
    assert found(client, tmp_path, None, NIGHTS[1] - HOUR) == [("missed", "2026-02-01T03:00:00Z")]
    told = found(client, tmp_path, None, NIGHTS[2])
    starts = [("missed", "2026-02-01T03:00:00Z"), ("missed", "2026-02-02T03:00:00Z")]
    assert told == [("missed", "ended-2026-02-02T03:00:00Z"), *starts]
    events, _ = look(client, config(), tmp_path, None, NIGHTS[2])
    assert events[0].code == "KFP-406"
    assert "tandem schedule create" in events[0].message
    # One that is paused was stopped before.
    pause(client, "tandem-flights")
    assert found(client, tmp_path, None, NIGHTS[2]) == []


def test_a_pause_misses_nothing_and_no_schedule_is_told(
    server: Server, client: Client, tmp_path: Path
) -> None:
    pause(client, "tandem-flights")
    assert found(client, tmp_path, None, NIGHTS[2]) == []
    _, checked = look(client, config(), tmp_path, None, NIGHTS[2])
    assert checked == NIGHTS[2]
    server.state.recurring_runs.clear()
    assert found(client, tmp_path, None, NIGHTS[2]) == [("missed", "no-schedule-2026-02-03")]
    events, _ = look(client, config(enabled=False), tmp_path, None, NIGHTS[2])
    assert events == []


def test_two_that_are_both_off_are_a_replacement_that_stopped_half_way(
    server: Server, client: Client, tmp_path: Path
) -> None:
    body = client.raw_api.sanitize_for_serialization(planned(client).request(False))
    server.state.create_recurring_run(body)
    pause(client, "tandem-flights")
    (event,), _ = look(client, config(), tmp_path, None, NIGHTS[0])
    assert event.code == "KFP-406"
    assert "2 schedules on the cluster, none starts runs; run `tandem schedule create`" in event.message


def test_many_pages_of_runs_are_read_as_far_as_needed(server, client, scheduled, tmp_path: Path) -> None:
    server.state.largest_page = 5
    for number in range(30):
        tick(server.state, scheduled, NIGHTS[0] + number * 24 * HOUR)
    before = server.made("GET .*/runs$")
    since = NIGHTS[0] + 28 * 24 * HOUR
    assert found(client, tmp_path, since, NIGHTS[0] + 30 * 24 * HOUR - 20 * HOUR) == []
    # Those of the last week before, and of the first page that is too old.
    assert server.made("GET .*/runs$") - before <= 3


@pytest.mark.parametrize("content", ["", "{", "[]", '{"checked": 7}', '{"checked": "soon"}'])
def test_a_damaged_memory_counts_as_none(tmp_path: Path, content: str) -> None:
    memory = Memory(tmp_path, "flights")
    memory.keep(NOW)
    assert memory.checked() == NOW
    (tmp_path / "kubeflow" / "schedule" / "flights.json").write_text(content)
    assert memory.checked() is None
