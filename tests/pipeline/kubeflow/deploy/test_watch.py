"""A run is looked at to its end, through a server that is away for a while."""

from __future__ import annotations

import kfp_server_api as kfp
import pytest

from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.errors import ApiError
from pipeline.kubeflow.deploy import tasks
from pipeline.kubeflow.deploy.watch import watch
from tests.pipeline.kubeflow.api.server import Fault, Server
from tests.pipeline.kubeflow.deploy.running import detail, script


class Told:
    def __init__(self) -> None:
        self.steps: list[tuple[str, str]] = []
        self.states: list[tuple[str, list[str]]] = []
        self.notes: list[str] = []

    def step(self, task: tasks.Task) -> None:
        self.steps.append((task.name, task.state))

    def state(self, state: str, running: list[str]) -> None:
        self.states.append((state, running))

    def note(self, text: str) -> None:
        self.notes.append(text)


def started(server: Server) -> str:
    run = server.state.add_run(kfp.V2beta1Run(display_name="a"))
    begun, done = detail("ingest", "RUNNING"), detail("ingest", "SUCCEEDED")
    server.state.advance = script(
        ("PENDING", []),
        ("RUNNING", [begun]),
        ("RUNNING", [begun]),
        ("RUNNING", [done, detail("train", "RUNNING")]),
        ("SUCCEEDED", [done, detail("train", "SUCCEEDED")]),
    )
    return run.run_id


def test_each_change_is_told_once(server: Server, client: Client) -> None:
    told = Told()
    ended = watch(client, started(server), told, sleep=lambda _: None)
    assert ended.state == "SUCCEEDED"
    assert told.steps == [
        ("ingest", "RUNNING"),
        ("ingest", "SUCCEEDED"),
        ("train", "RUNNING"),
        ("train", "SUCCEEDED"),
    ]
    assert told.states[1] == ("RUNNING", ["ingest"])
    assert told.states[-1] == ("SUCCEEDED", [])


def test_a_server_that_is_away_for_a_while_does_not_end_it(server: Server, client: Client) -> None:
    run_id, told = started(server), Told()
    server.faults = [Fault("GET .*/runs/", 503, times=9)]
    assert watch(client, run_id, told, sleep=lambda _: None).state == "SUCCEEDED"
    # Two looks failed, with four tries each; the third came through on its second.
    assert told.notes == ["no answer (KFP-306), trying again"] * 2


def test_a_server_that_stays_away_ends_it(server: Server, client: Client) -> None:
    run_id = started(server)
    server.faults = [Fault("GET .*/runs/", 503, times=999)]
    with pytest.raises(ApiError, match="KFP-306"):
        watch(client, run_id, Told(), patience_seconds=0.1, sleep=lambda _: None)


def test_a_run_that_is_not_there_ends_it_at_once(server: Server, client: Client) -> None:
    with pytest.raises(ApiError, match=r"KFP-303.*run_id 7 not found"):
        watch(client, "7", Told(), sleep=lambda _: None)
    assert server.made("/runs/") == 1
