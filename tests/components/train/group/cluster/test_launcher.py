"""A group on a cluster, in each of its three layouts: what happens to one replica happens to no other."""

from __future__ import annotations

import dataclasses
import os
import signal

import pytest

from components.train.group.cluster.view import runs
from tests.components.train.group.cluster.conftest import FAST, START_SECONDS, comes, until

LAYOUTS = {"one_jobset": "JobSet", "jobset_each": "JobSet", "jobs": "Job"}


@pytest.fixture(params=LAYOUTS)
def layout(request, cluster):
    cluster.storage.gate = request.param == "one_jobset"
    cluster.installed = request.param != "jobs"
    return request.param


def objects(cluster, layout):
    return cluster.storage.objects["jobs" if layout == "jobs" else "jobsets"]


def test_a_group_runs_to_its_end_and_leaves_nothing(cluster, layout, launch, members):
    launcher = launch()
    for member in members:
        comes(launcher, member, "running")
    assert len(objects(cluster, layout)) == (1 if layout == "one_jobset" else 3)
    assert len(cluster.controllers.pods()) == 3
    for member in members:
        (pod,) = cluster.controllers.pods(member.index)
        assert cluster.storage.objects["pods"][pod]["spec"]["containers"][0]["args"] == [member.spec_path]
        cluster.controllers.end(pod, 0)
        assert comes(launcher, member, "finished").restarts == 0
    launcher.close()
    assert cluster.storage.objects["jobs"] == cluster.storage.objects["jobsets"] == {}


@pytest.mark.usefixtures("layout")
def test_a_crash_is_restarted_by_the_cluster_and_counted(cluster, launch, members):
    launcher = launch(restarts=2)
    comes(launcher, members[1], "running")
    others = cluster.controllers.pods(0) + cluster.controllers.pods(2)
    (pod,) = cluster.controllers.pods(1)
    cluster.controllers.end(pod, 1)
    state = until(lambda: (s := launcher.state(members[1])).kind == "running" and s.restarts and s)
    assert state.restarts == 1
    assert cluster.controllers.pods(0) + cluster.controllers.pods(2) == others


@pytest.mark.usefixtures("layout")
def test_a_replica_that_gave_up_fails_alone_and_starts_again_when_told(cluster, launch, members):
    launcher = launch(restarts=1)
    comes(launcher, members[0], "running")
    others = cluster.controllers.pods(1) + cluster.controllers.pods(2)
    for message in ("first", "TRAIN-100: no space"):
        (pod,) = until(lambda: cluster.controllers.pods(0))
        cluster.controllers.end(pod, 1, message)
    state = comes(launcher, members[0], "failed")
    assert (state.status, state.restarts, state.final) == (1, 1, False)
    assert "BackoffLimitExceeded" in state.reason
    assert "TRAIN-100: no space" in state.reason
    assert until(lambda: launcher.state(members[0]).kind == "failed" and not cluster.controllers.pods(0))
    launcher.start(members[0])
    comes(launcher, members[0], "running")
    assert len(cluster.controllers.pods(0)) == 1
    assert cluster.controllers.pods(1) + cluster.controllers.pods(2) == others
    assert launcher.state(members[0]).restarts == 1


@pytest.mark.usefixtures("layout")
def test_a_wrong_specification_is_not_tried_again(cluster, launch, members):
    launcher = launch(restarts=3)
    comes(launcher, members[2], "running")
    (pod,) = cluster.controllers.pods(2)
    cluster.controllers.end(pod, 2, "TRAIN-001: wrong")
    state = comes(launcher, members[2], "failed")
    assert (state.status, state.restarts) == (2, 0)
    assert until(lambda: launcher.state(members[2]) and not cluster.controllers.pods(2))


@pytest.mark.usefixtures("layout")
def test_a_preempted_pod_is_replaced_and_counts_as_no_restart(cluster, launch, members):
    launcher = launch(restarts=0)
    comes(launcher, members[0], "running")
    for _ in range(3):
        (pod,) = cluster.controllers.pods(0)
        cluster.controllers.preempt(pod)
    state = until(lambda: (s := launcher.state(members[0])).kind == "running" and s)
    assert state.restarts == 0


@pytest.mark.usefixtures("layout")
def test_a_stopped_replica_starts_again_and_the_others_go_on(cluster, launch, members):
    launcher = launch()
    comes(launcher, members[1], "running")
    others, (before,) = cluster.controllers.pods(0) + cluster.controllers.pods(2), cluster.controllers.pods(1)
    launcher.stop(members[1])
    until(lambda: not cluster.controllers.pods(1))
    assert launcher.state(members[1]).kind == "failed"
    launcher.start(members[1])
    comes(launcher, members[1], "running")
    assert cluster.controllers.pods(1) != [before]
    assert cluster.controllers.pods(0) + cluster.controllers.pods(2) == others


def test_a_launcher_that_is_started_anew_takes_its_group_over(cluster, layout, launch, members):
    first = launch()
    for member in members:
        comes(first, member, "running")
    running, made = cluster.controllers.pods(), set(objects(cluster, layout))
    creations = len(cluster.asked("create jobs")) + len(cluster.asked("create jobsets"))
    second = launch()
    for member in members:
        comes(second, member, "running")
    assert cluster.controllers.pods() == running
    assert set(objects(cluster, layout)) == made
    assert len(cluster.asked("create jobs")) + len(cluster.asked("create jobsets")) == creations
    second.close()
    assert cluster.storage.objects["jobs"] == cluster.storage.objects["jobsets"] == {}


def test_what_another_removed_is_told_and_started_again(cluster, layout, launch, members):
    launcher = launch()
    comes(launcher, members[0], "running")
    kind, part = {
        "one_jobset": ("jobs", "-replica-0-"),
        "jobset_each": ("jobsets", "-r0-"),
        "jobs": ("jobs", "-r0-"),
    }[layout]
    (name,) = [name for name in cluster.storage.objects[kind] if part in name]
    cluster.controllers.remove(kind, name)
    # Of a JobSet that is still there the controller makes the Job anew.
    cluster.controllers.reconcile()
    told = "its Job is gone" if layout == "one_jobset" else "removed by another"
    assert told in comes(launcher, members[0], "failed").reason
    launcher.start(members[0])
    comes(launcher, members[0], "running")


def test_an_answer_that_was_lost_makes_no_second_object(cluster, layout, launch, members):
    kind = "jobs" if layout == "jobs" else "jobsets"
    launcher = launch(begin=False)
    cluster.faults = [(f"create {kind}", "lost")]
    for member in members:
        launcher.start(member)
    for member in members:
        comes(launcher, member, "running")
    assert cluster.faults == []
    assert len(cluster.controllers.pods()) == 3


def test_crashes_before_a_stop_count_and_leave_fewer_restarts(cluster, launch, members):
    cluster.installed = False
    launcher = launch(restarts=3)
    comes(launcher, members[0], "running")
    cluster.controllers.end(cluster.controllers.pods(0)[0], 1)
    until(lambda: launcher.state(members[0]).restarts == 1)
    launcher.stop(members[0])
    launcher.start(members[0])
    assert comes(launcher, members[0], "running").restarts == 1
    (job,) = [one for name, one in cluster.storage.objects["jobs"].items() if "-r0-" in name]
    # Of three one was the crash, and one is this start.
    assert job["spec"]["backoffLimit"] == 1
    for left in (0, 0):
        launcher.stop(members[0])
        launcher.start(members[0])
        comes(launcher, members[0], "running")
        (job,) = [one for name, one in cluster.storage.objects["jobs"].items() if "-r0-" in name]
        assert job["spec"]["backoffLimit"] == left


def test_starts_after_one_was_taken_over_count_too(cluster, launch, members):
    cluster.installed = False
    comes(launch(), members[0], "running")
    launcher = launch(restarts=2)
    comes(launcher, members[0], "running")
    launcher.stop(members[0])
    launcher.start(members[0])
    comes(launcher, members[0], "running")
    (job,) = [one for name, one in cluster.storage.objects["jobs"].items() if "-r0-" in name]
    assert job["spec"]["backoffLimit"] == 1


def test_of_one_that_was_given_up_nothing_runs_although_its_job_is_made_anew(cluster, launch, members):
    cluster.storage.gate = True
    launcher = launch(restarts=0)
    for member in members:
        comes(launcher, member, "running")
    cluster.controllers.late = True
    cluster.controllers.end(cluster.controllers.pods(0)[0], 1)
    assert comes(launcher, members[0], "failed").status == 1
    (before,) = [one["metadata"]["uid"] for one in launcher._view.jobs(0)]
    launcher.stop(members[0])
    cluster.controllers.late = False
    cluster.controllers.reconcile()
    until(lambda: [one["metadata"]["uid"] for one in launcher._view.jobs(0)] not in ([before], []))
    until(lambda: launcher.state(members[1]).kind == "running" and not cluster.controllers.pods(0))
    assert len(cluster.controllers.pods()) == 2


@pytest.mark.usefixtures("layout")
def test_one_that_waited_in_vain_leaves_its_place_when_it_is_stopped(cluster, launch, members, clock):
    cluster.controllers.hold = "node"
    launcher = launch()
    until(lambda: "no TPU" in launcher.state(members[0]).reason)
    clock.ahead = START_SECONDS
    assert comes(launcher, members[0], "failed").final
    launcher.stop(members[0])
    assert until(lambda: not cluster.controllers.pods(0))
    assert len(cluster.controllers.pods()) == 2


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_the_group_is_removed_waits_until_it_is(
    cluster, launch, members, monkeypatch, number
):
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    launcher = launch()
    for member in members:
        comes(launcher, member, "running")
    delete = launcher._api.delete

    def interrupted(kind, name):
        os.kill(os.getpid(), number)
        return delete(kind, name)

    monkeypatch.setattr(launcher._api, "delete", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            launcher.close()
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert cluster.storage.objects["jobs"] == cluster.storage.objects["jobsets"] == {}


def test_what_still_trains_is_removed_before_logs_are_waited_for(cluster, launch, members, monkeypatch):
    launcher = launch(kind="jobs")
    for member in members:
        comes(launcher, member, "running")
    left = []
    monkeypatch.setattr(launcher._logs, "close", lambda _: left.extend(cluster.storage.objects["jobs"]))
    monkeypatch.setattr(launcher._logs, "copies", lambda pod: "-r2-" in pod)
    cluster.controllers.end(cluster.controllers.pods(2)[0], 0)
    comes(launcher, members[2], "finished")
    until(lambda: not any(runs(pod) for pod in launcher._view.pods(2)))
    launcher.close()
    assert ["-r2-" in name for name in left] == [True]
    assert cluster.storage.objects["jobs"] == {}


def test_an_object_whose_creation_was_not_answered_is_removed_too(cluster, launch, members):
    cluster.installed = False
    launcher = launch(begin=False, timing=dataclasses.replace(FAST, retry_seconds=5.0))
    cluster.faults = [("create jobs", "lost"), *[("create jobs", "disconnect")] * 4]
    launcher.start(members[0])
    assert launcher.state(members[0]).kind == "waiting"
    assert len(cluster.storage.objects["jobs"]) == 1
    launcher.close()
    assert cluster.storage.objects["jobs"] == {}
