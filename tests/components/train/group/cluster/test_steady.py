"""A cluster that does not do what it is asked: borne by a group that trains, told before that."""

from __future__ import annotations

import pytest

from tests.components.train.group.cluster.conftest import START_SECONDS, comes, until
from tests.components.train.group.cluster.storage import status
from trainer.errors import TandemError

AWAY = status(500, "InternalError", 'failed calling webhook "mjobset.kb.io": connection refused')
FORBIDDEN = status(403, "Forbidden", 'jobs is forbidden: User "x" cannot create resource "jobs"')


@pytest.fixture
def running(cluster, launch, members):
    cluster.installed = False
    launcher = launch()
    for member in members:
        comes(launcher, member, "running")
    return launcher


@pytest.mark.parametrize("answer", [AWAY, "disconnect", FORBIDDEN], ids=["webhook", "away", "forbidden"])
def test_a_restart_that_cannot_be_made_now_is_made_later(cluster, running, members, answer):
    (pod,) = cluster.controllers.pods(0)
    cluster.controllers.end(pod, 2)
    comes(running, members[0], "failed")
    cluster.faults = [("create jobs", answer)] * 11
    running.start(members[0])
    state = until(lambda: "GROUP-0" in (s := running.state(members[0])).reason and s)
    assert state.kind == "waiting"
    assert running.state(members[1]).kind == "running"
    cluster.faults = [] if answer == FORBIDDEN else cluster.faults
    comes(running, members[0], "running")


def test_a_stop_that_cannot_be_made_now_is_made_before_the_next_start(cluster, running, members):
    (before,) = cluster.controllers.pods(0)
    cluster.faults = [("delete jobs", "disconnect")] * 7
    running.stop(members[0])
    assert cluster.controllers.pods(0) == [before]
    running.start(members[0])
    until(lambda: running.state(members[0]).kind == "running" and cluster.controllers.pods(0) != [before])
    assert len(cluster.controllers.pods(0)) == 1


def test_a_stop_in_one_jobset_that_cannot_be_made_now_is_made_later(cluster, launch, members):
    cluster.storage.gate = True
    launcher = launch()
    for member in members:
        comes(launcher, member, "running")
    (before,) = cluster.controllers.pods(0)
    cluster.faults = [("patch jobs", "disconnect")] * 7
    launcher.stop(members[0])
    assert cluster.controllers.pods(0) == [before]
    assert comes(launcher, members[0], "failed").reason == "it was stopped"
    assert cluster.controllers.pods(0) == []
    launcher.start(members[0])
    comes(launcher, members[0], "running")


def test_a_job_that_is_made_anew_while_the_server_is_away_is_kept_from_running(cluster, launch, members):
    cluster.storage.gate = True
    launcher = launch(restarts=0)
    for member in members:
        comes(launcher, member, "running")
    cluster.faults = [("patch jobs", "disconnect")] * 7
    cluster.controllers.end(cluster.controllers.pods(0)[0], 1)
    assert comes(launcher, members[0], "failed").status == 1
    until(lambda: launcher.state(members[0]).kind == "failed" and not cluster.controllers.pods(0))
    assert cluster.faults == []


def test_a_stop_of_one_that_nobody_looks_at_any_more_is_made_too(cluster, running, members):
    cluster.faults = [("delete jobs", "disconnect")] * 7
    running.stop(members[0])
    assert len(cluster.controllers.pods(0)) == 1
    until(lambda: running.state(members[1]).kind == "running" and not cluster.controllers.pods(0))


def test_what_the_cluster_never_does_fails_that_replica_alone(cluster, running, members, clock):
    (pod,) = cluster.controllers.pods(0)
    cluster.controllers.end(pod, 2)
    comes(running, members[0], "failed")
    cluster.rights.discard(("create", "batch", "jobs"))
    running.start(members[0])
    assert until(lambda: "GROUP-022" in (s := running.state(members[0])).reason and s).kind == "waiting"
    clock.ahead = START_SECONDS
    state = comes(running, members[0], "failed")
    assert state.final
    assert state.reason.startswith("GROUP-034")
    assert "GROUP-022" in state.reason
    assert running.state(members[1]).kind == "running"


def test_before_anything_runs_a_refusal_is_raised(cluster, launch, members):
    cluster.installed = False
    launcher = launch(begin=False)
    cluster.faults = [("create jobs", FORBIDDEN)]
    with pytest.raises(TandemError, match="GROUP-022"):
        launcher.start(members[0])
