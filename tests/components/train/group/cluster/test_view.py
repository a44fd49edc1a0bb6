"""Jobs and pods are watched apart; what is told of a replica does not depend on which is seen first."""

from __future__ import annotations

import time

import pytest

from components.train.group.cluster.api import Api
from tests.components.train.group.cluster.conftest import comes


@pytest.fixture
def late_pods(monkeypatch):
    """The end of a pod is seen half a second after that of its Job."""
    watch = Api.watch

    def later(self, kind, *given):
        for event in watch(self, kind, *given):
            if kind == "pods" and event["object"].get("status", {}).get("phase") == "Failed":
                time.sleep(0.5)
            yield event

    monkeypatch.setattr(Api, "watch", later)


@pytest.mark.usefixtures("late_pods")
@pytest.mark.parametrize("layout", ["one_jobset", "jobset_each", "jobs"])
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
