"""A launcher that breaks off at any of its changes: the next one takes the group over."""

from __future__ import annotations

import pytest

from tests.components.train.group.cluster.conftest import comes, until
from trainer import faults
from trainer.faults import InjectedError

POINTS = {
    "group.create": "jobs",
    "group.delete": "jobs",
    "group.create_all": "one_jobset",
    "group.park": "one_jobset",
    "group.resume": "one_jobset",
}


@pytest.fixture
def arm(monkeypatch):
    def set_to(fault):
        monkeypatch.setenv("TANDEM_FAULT", fault)
        faults.rearm()

    yield set_to
    monkeypatch.delenv("TANDEM_FAULT", raising=False)
    faults.rearm()


@pytest.mark.parametrize("place", POINTS)
def test_the_next_launcher_goes_on_where_one_broke_off(cluster, launch, members, arm, place):
    cluster.storage.gate = POINTS[place] == "one_jobset"
    cluster.installed = POINTS[place] != "jobs"

    def run(launcher):
        for member in members:
            launcher.start(member)
        for member in members:
            comes(launcher, member, "running")
        launcher.stop(members[1])
        launcher.start(members[1])
        comes(launcher, members[1], "running")

    arm(f"raise {place} *")
    with pytest.raises(InjectedError, match=place):
        run(launch(begin=False))
    second = launch(begin=False)
    run(second)
    until(lambda: len(cluster.controllers.pods()) == 3)
    second.close()
    assert cluster.storage.objects["jobs"] == cluster.storage.objects["jobsets"] == {}


def test_what_cannot_be_removed_at_the_end_is_told_and_left_to_the_cluster(
    cluster, launch, members, arm, caplog
):
    launcher = launch()
    for member in members:
        comes(launcher, member, "running")
    arm("EIO group.delete_all *-r1-*")
    launcher.close()
    assert "is left in the cluster" in caplog.text
    (left,) = cluster.storage.objects["jobsets"].values()
    assert left["spec"]["ttlSecondsAfterFinished"] == 86400
