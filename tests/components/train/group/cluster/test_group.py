"""A whole group on a cluster: the rules decide by what is told of pods that crash, vanish or hang."""

from __future__ import annotations

import dataclasses
import json
import re
import threading
import time

import pytest

from components.train.group.watch import Watch
from trainer.spec import LaunchSpec

STEPS = 6


class Trainers(threading.Thread):
    """Stands for what runs in the pods: writes progress and result as a training does, or goes wrong.

    `plans` holds for each replica what its pods do, one after another: `whole`, `unseen` (whose result comes
    late), `hang`, `preempt`, or the exit status that they end with.
    """

    def __init__(self, cluster, members, plans):
        super().__init__(daemon=True)
        self.cluster, self.controllers = cluster, cluster.controllers
        self.members, self.plans = members, plans
        self.steps = {}
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.03):
            for member in self.members:
                # No pod goes while it has its turn.
                with self.cluster.storage.changed:
                    for pod in self.controllers.pods(member.index):
                        self.tick(member, pod)

    def tick(self, member, pod):
        if pod not in self.steps:
            plans = self.plans[member.index]
            self.steps[pod] = [0, plans.pop(0) if len(plans) > 1 else plans[0]]
        step, plan = self.steps[pod]
        if plan == "hang" and step == 2:
            return
        self.steps[pod][0] += 1
        member_dir = member.run_dir
        # What a pod says is lost with it, unless somebody follows its log.
        if step <= STEPS or (isinstance(plan, int) and pod not in self.cluster.followed):
            (member_dir / "progress.json").write_text(json.dumps({"step": step, "steps": STEPS, "pod": pod}))
            return
        if plan == "preempt":
            self.controllers.preempt(pod)
        elif plan == "whole":
            (member_dir / "training.json").write_text(json.dumps({"seconds": 0.5}))
            self.controllers.end(pod, 0)
        elif plan == "unseen":
            threading.Timer(
                1.5, (member_dir / "training.json").write_text, (json.dumps({"seconds": 0.5}),)
            ).start()
            self.controllers.end(pod, 0)
        elif isinstance(plan, int):
            self.controllers.say(pod, f"TRAIN-{100 + plan}: it went wrong")
            self.controllers.end(pod, plan)


@pytest.fixture(params=["one_jobset", "jobset_each", "jobs"])
def end(request, cluster, launch, members, tmp_path):
    """Runs a group with the plans of its replicas; the endings."""
    cluster.storage.gate = request.param == "one_jobset"
    cluster.installed = request.param != "jobs"

    def run(*plans, restarts=2, **limits):
        made = [dataclasses.replace(member, run_dir=tmp_path / f"run-{member.index}") for member in members]
        for member in made:
            member.run_dir.mkdir()
        trainers = Trainers(cluster, made, [list(plan) for plan in plans])
        trainers.start()
        launcher = launch(restarts=restarts, begin=False)
        limits = {"stall_seconds": 60.0, "patience": 60.0} | limits
        watch = Watch(
            launcher, made, LaunchSpec(restarts=restarts, **limits), lambda _: None, poll_seconds=0.05
        )
        try:
            endings = watch.run()
        finally:
            trainers.over.set()
        assert cluster.storage.objects["jobs"] == cluster.storage.objects["jobsets"] == {}
        return endings

    return run


def test_crashes_preemptions_and_hangs_of_some_are_survived_by_all(end):
    endings = end([1, "whole"], ["preempt", "preempt", "whole"], ["hang", "whole"], stall_seconds=2.0)
    assert [one.standing.kind for one in endings] == ["finished"] * 3
    assert [one.standing.restarts for one in endings] == [1, 0, 1]
    assert "no progress" in endings[2].causes[0]


def test_one_that_crashes_for_ever_is_given_up_and_one_that_is_refused_is_not_tried_again(end):
    endings = end(["whole"], [1], [2], restarts=1)
    assert [one.standing.kind for one in endings] == ["finished", "lost", "refused"]
    assert endings[1].standing.restarts == 1
    assert endings[2].standing.restarts == 0
    assert "TRAIN-101: it went wrong" in endings[1].causes[-1]
    # The pod may be gone before it is looked at, the Job's own words stay.
    assert re.search("exit status 2|PodFailurePolicy", endings[2].causes[-1])
    assert "TRAIN-102: it went wrong" in endings[2].causes[-1]


def test_what_one_said_last_is_its_cause_even_where_its_log_comes_later_than_its_end(cluster, end):
    cluster.log_late_seconds = 1.0
    endings = end(["whole"], [2], [2])
    assert [one.standing.kind for one in endings] == ["finished", "refused", "refused"]
    assert all("TRAIN-102: it went wrong" in one.causes[-1] for one in endings[1:])


def test_a_result_that_the_volume_shows_late_is_waited_for(end):
    endings = end(["unseen"], ["unseen"], ["unseen"])
    assert [(one.standing.kind, one.standing.restarts, one.causes) for one in endings] == [
        ("finished", 0, [])
    ] * 3


def test_one_that_is_late_is_stopped_when_patience_has_run_out(end):
    began = time.monotonic()
    endings = end(["whole"], ["whole"], ["hang"], stall_seconds=100.0, patience=4.0)
    assert [one.standing.kind for one in endings] == ["finished", "finished", "late"]
    assert time.monotonic() - began < 60
