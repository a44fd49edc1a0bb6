"""Jobs and pods are watched apart; what is told of a replica does not depend on which is seen first."""

from __future__ import annotations

import time

import pytest

from components.train.group.cluster.api import Api
from components.train.group.cluster.view import runs
from tests.components.train.group.cluster.conftest import comes

ENDED = ("Failed", "Succeeded")
LAYOUTS = ["one_jobset", "jobset_each", "jobs"]


@pytest.fixture
def late_pods(monkeypatch):
    """The end of a pod is seen half a second after that of its Job."""
    watch = Api.watch

    def later(self, kind, *given):
        for event in watch(self, kind, *given):
            if kind == "pods" and event["object"].get("status", {}).get("phase") in ENDED:
                time.sleep(0.5)
            yield event

    monkeypatch.setattr(Api, "watch", later)


@pytest.mark.usefixtures("late_pods")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_job_that_failed_is_told_with_the_end_of_its_pod(cluster, launch, members, layout):
    cluster.storage.gate = layout == "one_jobset"
    cluster.installed = layout != "jobs"
    launcher = launch(restarts=0)
    comes(launcher, members[0], "running")
    (pod,) = cluster.controllers.pods(0)
    cluster.controllers.end(pod, 1, "TRAIN-100: no space")
    state = comes(launcher, members[0], "failed")
    assert state.status == 1
    assert "TRAIN-100: no space" in state.reason


@pytest.mark.usefixtures("late_pods")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_job_is_complete_once_its_pod_is_seen_to_have_ended(cluster, launch, members, layout):
    cluster.storage.gate = layout == "one_jobset"
    cluster.installed = layout != "jobs"
    launcher = launch()
    comes(launcher, members[0], "running")
    cluster.controllers.end(cluster.controllers.pods(0)[0], 0)
    comes(launcher, members[0], "finished")
    assert not any(runs(pod) for pod in launcher._view.pods(0))
