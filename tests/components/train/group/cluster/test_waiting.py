"""A replica that waits: for how long, and what is told when that was in vain."""

from __future__ import annotations

import dataclasses
import time

import pytest

from tests.components.train.group.cluster.conftest import FAST, START_SECONDS, comes, until


@pytest.mark.parametrize(
    ("hold", "code", "words"),
    [
        ("node", "GROUP-026", "3 no TPU"),
        ("image", "GROUP-025", "ImagePullBackOff"),
        ("container", "GROUP-032", "CreateContainerConfigError"),
        ("quota", "GROUP-033", "exceeded quota: small"),
        ("volume", "GROUP-032", "made ready"),
    ],
)
def test_what_holds_pods_up_is_told_at_once_and_fails_in_the_end(
    cluster, launch, members, clock, hold, code, words
):
    cluster.controllers.hold = hold
    launcher = launch()
    state = until(lambda: words in (s := launcher.state(members[0])).reason and s)
    assert state.kind == "waiting"
    clock.ahead = START_SECONDS
    state = comes(launcher, members[0], "failed")
    assert state.final
    assert state.reason.startswith(code)
    assert words in state.reason
    assert state.status is None


def test_a_node_that_comes_in_time_is_no_failure(cluster, launch, members):
    cluster.controllers.hold = "node"
    launcher = launch()
    until(lambda: "no TPU" in launcher.state(members[0]).reason)
    cluster.controllers.release()
    assert comes(launcher, members[0], "running").reason == ""


def test_a_queue_may_take_any_time(cluster, launch, members, clock):
    cluster.installed = False
    launcher = launch(begin=False, queue="tandem")
    launcher.start(members[0])
    with cluster.storage.changed:
        (job,) = cluster.storage.objects["jobs"].values()
        assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "tandem"
        for pod in cluster.controllers.pods():
            cluster.storage.drop("pods", pod)
        cluster.storage.put("jobs", {**job, "spec": {**job["spec"], "suspend": True}})
    until(lambda: "queue" in launcher.state(members[0]).reason)
    clock.ahead = 2 * START_SECONDS
    assert launcher.state(members[0]).kind == "waiting"


def test_without_the_right_to_see_events_it_only_waits(cluster, launch, members, clock):
    cluster.rights.discard(("list", "", "events"))
    cluster.controllers.hold = "quota"
    launcher = launch()
    until(lambda: launcher.state(members[0]) and cluster.asked("list events"))
    assert launcher.state(members[0]).kind == "waiting"
    clock.ahead = START_SECONDS
    assert comes(launcher, members[0], "failed").reason.startswith("GROUP-034")


def test_the_next_attempt_waits_for_pods_of_the_one_before(cluster, launch, members):
    cluster.installed = False
    launcher = launch(timing=dataclasses.replace(FAST, gone_seconds=60.0))
    comes(launcher, members[0], "running")
    (before,) = cluster.controllers.pods(0)
    cluster.controllers.linger = True
    launcher.stop(members[0])
    launcher.start(members[0])
    assert "still going" in launcher.state(members[0]).reason
    assert len(cluster.storage.objects["jobs"]) == 2
    cluster.controllers.gone(before)
    comes(launcher, members[0], "running")


def test_an_attempt_that_was_stopped_before_it_began_never_begins(cluster, launch, members):
    cluster.installed = False
    launcher = launch()
    comes(launcher, members[0], "running")
    (before,) = cluster.controllers.pods(0)
    cluster.controllers.linger = True
    for act in (launcher.stop, launcher.start, launcher.stop):
        act(members[0])
    cluster.controllers.gone(before)
    time.sleep(0.8)
    assert launcher.state(members[0]).kind == "failed"
    assert not [name for name in cluster.storage.objects["jobs"] if "-r0-" in name]


def test_a_node_that_never_answers_holds_nobody_up_for_ever(cluster, launch, members):
    cluster.installed = False
    launcher = launch()
    comes(launcher, members[0], "running")
    cluster.controllers.linger = True
    launcher.stop(members[0])
    launcher.start(members[0])
    comes(launcher, members[0], "running")
    assert len([pod for pod in cluster.storage.objects["pods"] if "-r0-" in pod]) == 2


def test_in_one_jobset_a_lost_node_is_waited_for_and_costs_nothing(cluster, launch, members):
    cluster.storage.gate = True
    launcher = launch(restarts=0)
    comes(launcher, members[0], "running")
    cluster.controllers.linger = True
    (lost,) = cluster.controllers.pods(0)
    with cluster.storage.changed:
        cluster.controllers._go(cluster.storage.objects["pods"][lost])
    state = comes(launcher, members[0], "waiting")
    assert f"{lost} has not gone" in state.reason
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        assert launcher.state(members[0]).kind == "waiting"
    cluster.controllers.gone(lost)
    assert comes(launcher, members[0], "running").restarts == 0


def test_pods_of_the_attempt_before_are_no_reason_to_give_one_up(cluster, launch, members, clock):
    cluster.installed = False
    launcher = launch(timing=dataclasses.replace(FAST, gone_seconds=3.0))
    comes(launcher, members[0], "running")
    cluster.controllers.linger = True
    launcher.stop(members[0])
    launcher.start(members[0])
    assert "still going" in launcher.state(members[0]).reason
    clock.ahead = START_SECONDS
    assert "still going" in launcher.state(members[0]).reason
    until(lambda: launcher.state(members[0]).kind != "waiting")
    assert launcher.state(members[0]).kind == "running"


def test_a_lost_node_whose_pod_never_goes_costs_one_attempt(cluster, launch, members):
    launcher = launch()
    comes(launcher, members[0], "running")
    cluster.controllers.linger = True
    (lost,) = cluster.controllers.pods(0)
    with cluster.storage.changed:
        cluster.controllers._go(cluster.storage.objects["pods"][lost])
    state = comes(launcher, members[0], "failed")
    assert not state.final
    assert f"{lost} has not gone" in state.reason
    launcher.start(members[0])
    comes(launcher, members[0], "running")
    assert cluster.controllers.pods(0) != [lost]
