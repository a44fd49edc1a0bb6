"""What pods say comes into the logs of the run: all of it, in order, once."""

from __future__ import annotations

import dataclasses

import pytest

from components.train.group.cluster.view import runs
from tests.components.train.group.cluster.conftest import FAST, comes, until
from trainer import faults


def words(member):
    """Lines of a log without the times in front."""
    if not member.log.exists():
        return []
    return [
        line.split(" ", 1)[1] if line[0].isdigit() else line for line in member.log.read_text().splitlines()
    ]


@pytest.fixture
def running(cluster, launch, members):
    launcher = launch(timing=dataclasses.replace(FAST, close_seconds=20.0))
    for member in members:
        comes(launcher, member, "running")
    return launcher, cluster.controllers


def test_lines_come_while_the_pod_runs_each_to_its_replica(running, members):
    launcher, controllers = running
    for index in range(3):
        controllers.say(controllers.pods(index)[0], f"step 1 of {index}")
    until(lambda: launcher.state(members[0]) and words(members[2])[1:] == ["step 1 of 2"])
    until(lambda: words(members[0])[1:] == ["step 1 of 0"])
    controllers.say(controllers.pods(0)[0], "step 2 of 0")
    until(lambda: words(members[0])[1:] == ["step 1 of 0", "step 2 of 0"])


def test_a_broken_connection_loses_and_doubles_nothing(cluster, running, members):
    launcher, controllers = running
    (pod,) = controllers.pods(0)
    controllers.say(pod, "one")
    launcher.state(members[0])
    until(lambda: words(members[0])[1:] == ["one"])
    cluster.cut_after = 2
    expected = ["one"]
    for number in range(5):
        controllers.say(pod, f"line {number}")
        expected.append(f"line {number}")
        until(lambda: words(members[0])[1:] == expected)
    assert cluster.cut_after is None
    assert any("sinceSeconds" in options for options in cluster.asked("get pods/log"))


def test_a_pod_that_takes_the_place_of_another_is_added(running, members):
    launcher, controllers = running
    (first,) = controllers.pods(0)
    controllers.say(first, "one")
    controllers.end(first, 1)
    until(lambda: launcher.state(members[0]).kind == "running" and controllers.pods(0))
    (second,) = controllers.pods(0)
    # The clock of its node is behind.
    controllers.say(second, "two", "2026-01-01T00:00:00Z")
    until(lambda: launcher.state(members[0]) and len(words(members[0])) == 4)
    assert words(members[0]) == [f"== pod {first}", "one", f"== pod {second}", "two"]


def test_a_launcher_that_is_started_anew_goes_on_in_the_log(cluster, running, launch, members):
    launcher, controllers = running
    (pod,) = controllers.pods(0)
    controllers.say(pod, "one", "2026-11-26T09:00:00.1Z")
    launcher.state(members[0])
    until(lambda: words(members[0])[1:] == ["one"])
    # As if it had died: its own connection copies nothing more.
    launcher._logs.close(0)
    cluster.cut_after = 1
    until(lambda: not launcher._logs.copies(pod))
    controllers.say(pod, "two", "2026-11-26T09:00:00.25Z")
    second = launch()
    second.state(members[0])
    until(lambda: words(members[0]) == [f"== pod {pod}", "one", "two"])
    assert len(cluster.asked("get pods/log")) >= 2


def test_the_end_waits_for_the_logs_of_pods_that_have_ended(cluster, running, members):
    launcher, controllers = running
    pods = [controllers.pods(index)[0] for index in range(3)]
    for pod in pods:
        controllers.say(pod, "the last word")
        controllers.end(pod, 0)
    until(lambda: all(launcher.state(member).kind == "finished" for member in members))
    until(lambda: not any(runs(pod) for pod in launcher._view.pods()))
    launcher.close()
    assert [words(member)[-1] for member in members] == ["the last word"] * 3
    assert cluster.storage.objects["pods"] == {}


@pytest.mark.parametrize("place", ["group.log_pod", "group.log"])
def test_a_full_disk_stops_the_log_and_no_training(cluster, launch, members, monkeypatch, caplog, place):
    monkeypatch.setenv("TANDEM_FAULT", f"ENOSPC* {place} *")
    faults.rearm()
    try:
        launcher = launch()
        comes(launcher, members[0], "running")
        cluster.controllers.say(cluster.controllers.pods(0)[0], "one")
        until(lambda: launcher.state(members[0]) and "copied no further" in caplog.text)
        assert launcher.state(members[0]).kind == "running"
    finally:
        monkeypatch.delenv("TANDEM_FAULT")
        faults.rearm()
