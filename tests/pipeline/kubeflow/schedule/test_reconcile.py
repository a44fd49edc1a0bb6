"""One schedule that starts runs, whatever happens on the way."""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
from typing import Any

import pytest

from pipeline.kubeflow.api import recurring
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.schedule.reconcile import pause, reconcile, remove
from tests.pipeline.kubeflow.api.server import Fault, Server
from tests.pipeline.kubeflow.api.state import tick
from tests.pipeline.kubeflow.schedule.planning import NOW, planned, uploaded


@pytest.fixture(autouse=True)
def at_noon(server: Server) -> None:
    """The pipeline is uploaded and it is noon."""
    uploaded(server)
    server.state.now = lambda: NOW


def go(client: Client, now: datetime.datetime = NOW, **schedule: Any) -> str:
    return reconcile(client, planned(client, **schedule), now).action


def crons(server: Server) -> list[tuple[str, str]]:
    return [(item.trigger.cron_schedule.cron, item.status) for item in server.state.recurring_runs]


def test_it_is_made_then_left_then_replaced_then_switched(server: Server, client: Client) -> None:
    assert go(client) == "created"
    assert crons(server) == [("0 0 3 * * *", "ENABLED")]
    writes = server.made("POST|DELETE")
    assert go(client) == "unchanged"
    assert server.made("POST|DELETE") == writes
    assert go(client, cron="'0 4 * * *'") == "replaced"
    assert crons(server) == [("0 0 4 * * *", "ENABLED")]
    assert go(client, cron="'0 4 * * *'", enabled=False) == "paused"
    assert crons(server) == [("0 0 4 * * *", "DISABLED")]
    assert go(client, cron="'0 4 * * *'") == "enabled"
    assert crons(server) == [("0 0 4 * * *", "ENABLED")]


def test_never_two_at_once_and_the_old_one_to_the_last(server: Server, client: Client) -> None:
    go(client)
    seen = []
    answer = server.answer

    def watched(method: str, path: str, *rest: Any) -> Any:
        answered = answer(method, path, *rest)
        seen.append((method, path.rpartition("/")[2].partition(":")[2], len(server.state.enabled())))
        return answered

    server.answer = watched
    go(client, cron="'0 4 * * *'")
    writes = [call for call in seen if call[0] != "GET"]
    assert writes == [("POST", "", 1), ("POST", "disable", 0), ("POST", "enable", 1), ("DELETE", "", 1)]


class Killed(BaseException):
    """The process ends at this call."""


@pytest.mark.parametrize("effect", [False, True])
@pytest.mark.parametrize("stop_at", range(4))
def test_a_crash_at_any_call_is_healed_by_the_same_command(
    server: Server, client: Client, monkeypatch: pytest.MonkeyPatch, stop_at: int, effect: bool
) -> None:
    go(client)
    request = client.transport.request
    made = 0

    def dying(method: str, path: str, **more: Any) -> Any:
        nonlocal made
        if method == "GET":
            return request(method, path, **more)
        made += 1
        if made - 1 == stop_at:
            if effect:
                request(method, path, **more)
            raise Killed
        return request(method, path, **more)

    with monkeypatch.context() as patch, contextlib.suppress(Killed):
        patch.setattr(client.transport, "request", dying)
        go(client, cron="'0 4 * * *'")
    active = len(server.state.enabled())
    between = (stop_at, effect) in ((1, True), (2, False))
    assert active == (0 if between else 1)
    go(client, cron="'0 4 * * *'")
    assert crons(server) == [("0 0 4 * * *", "ENABLED")]


@pytest.mark.parametrize("call", ["POST .*/recurringruns$", ":disable", ":enable", "DELETE"])
@pytest.mark.parametrize(
    "fault", [{"drop": "after"}, {"drop": "before"}, {"status": 503}, {"slow_seconds": 1.0}]
)
def test_a_lost_answer_changes_nothing(server: Server, client: Client, call: str, fault: dict) -> None:
    go(client)
    server.faults = [Fault(call, **fault)]
    assert go(client, cron="'0 4 * * *'") == "replaced"
    assert crons(server) == [("0 0 4 * * *", "ENABLED")]


def test_where_the_new_one_cannot_be_switched_on_the_old_one_goes_on(server: Server, client: Client) -> None:
    go(client)
    server.faults = [Fault(":enable", 403, body="RBAC: access denied", times=1)]
    with pytest.raises(Exception, match="KFP-302"):
        go(client, cron="'0 4 * * *'")
    assert crons(server) == [("0 0 3 * * *", "ENABLED"), ("0 0 4 * * *", "DISABLED")]
    go(client, cron="'0 4 * * *'")
    assert crons(server) == [("0 0 4 * * *", "ENABLED")]


def test_an_interrupt_waits_until_one_is_switched_on(server: Server, client: Client) -> None:
    go(client)
    answer = server.answer

    def interrupting(method: str, path: str, *rest: Any) -> Any:
        answered = answer(method, path, *rest)
        if path.endswith(":disable"):
            os.kill(os.getpid(), signal.SIGINT)
        return answered

    server.answer = interrupting
    with pytest.raises(KeyboardInterrupt):
        go(client, cron="'0 4 * * *'")
    assert [status for _, status in crons(server)].count("ENABLED") == 1
    assert ("0 0 4 * * *", "ENABLED") in crons(server)


def test_copies_of_one_name_become_one(server: Server, client: Client) -> None:
    body = client.raw_api.sanitize_for_serialization(planned(client).request(True))
    for _ in range(3):
        server.state.create_recurring_run(body)
    assert go(client) == "replaced"
    assert crons(server) == [("0 0 3 * * *", "ENABLED")]


def test_others_are_left_alone(server: Server, client: Client) -> None:
    body = client.raw_api.sanitize_for_serialization(planned(client).request(True))
    server.state.create_recurring_run({**body, "display_name": "tandem-flights-2"})
    go(client)
    assert remove(client, "tandem-flights") != []
    assert [item.display_name for item in server.state.recurring_runs] == ["tandem-flights-2"]


def test_a_pause_that_left_starts_out_is_not_made_up_for(server: Server, client: Client) -> None:
    go(client)
    (first,) = server.state.recurring_runs
    pause(client, "tandem-flights")
    tomorrow = NOW + datetime.timedelta(days=1)
    server.state.now = lambda: tomorrow
    # Switched on again, the backend would start a run for three in the night at once.
    assert go(client, tomorrow) == "replaced"
    (second,) = server.state.recurring_runs
    assert second.recurring_run_id != first.recurring_run_id
    assert second.created_at == tomorrow


def test_a_pause_between_two_starts_is_ended_by_a_switch(server: Server, client: Client) -> None:
    go(client)
    (first,) = server.state.recurring_runs
    night = datetime.datetime(2026, 2, 1, 3, 0, tzinfo=datetime.UTC)
    tick(server.state, first, night)
    pause(client, "tandem-flights")
    assert go(client, night + datetime.timedelta(hours=9)) == "enabled"


def test_with_catch_up_the_backend_makes_up_for_the_pause_and_not_for_more(
    server: Server, client: Client
) -> None:
    schedule = {"catch_up": True, "start": "'2026-01-01T00:00:00Z'"}
    go(client, **schedule)
    pause(client, "tandem-flights")
    later = NOW + datetime.timedelta(days=3)
    assert go(client, later, **schedule) == "enabled"
    # One that takes its place would start a run for every night of January again.
    assert go(client, later, cron="'0 4 * * *'", **schedule) == "replaced"
    (item,) = server.state.recurring_runs
    assert item.trigger.cron_schedule.start_time == later
    server.state.now = lambda: later
    item.created_at = later
    assert go(client, later, cron="'0 4 * * *'", **schedule) == "unchanged"


def test_a_schedule_that_is_declared_off_is_made_off(server: Server, client: Client) -> None:
    assert go(client, enabled=False) == "created"
    assert server.state.enabled() == []
    assert not recurring.is_enabled(server.state.recurring_runs[0])
