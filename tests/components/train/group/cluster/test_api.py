"""What the API can answer, and what the user is told then."""

from __future__ import annotations

import pytest

from components.train.group.cluster.api import connect
from tests.components.train.group.cluster.conftest import comes, until
from tests.components.train.group.cluster.storage import status
from trainer.errors import TandemError

BUSY = status(503, "ServiceUnavailable", "etcd is not there")
QUOTA = status(403, "Forbidden", 'jobs.batch "x" is forbidden: exceeded quota: few, used: count/jobs.batch=2')
DENIED = status(
    403, "Forbidden", 'admission webhook "policy.example" denied the request: no images from there'
)


def fails(code, run):
    with pytest.raises(TandemError) as caught:
        run()
    assert caught.value.code == code
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("rule", "installed"),
    [
        (("list", "", "pods"), True),
        (("watch", "", "pods"), True),
        (("get", "", "pods/log"), True),
        (("list", "batch", "jobs"), True),
        (("watch", "batch", "jobs"), True),
        (("create", "batch", "jobs"), False),
        (("create", "jobset.x-k8s.io", "jobsets"), True),
        (("list", "jobset.x-k8s.io", "jobsets"), True),
    ],
    ids=lambda value: "-".join(filter(None, value)) if isinstance(value, tuple) else "",
)
def test_a_missing_right_names_its_rule(cluster, launch, members, rule, installed):
    cluster.installed = installed
    cluster.rights.discard(rule)
    verb, group, resource = rule

    def run():
        launcher = launch()
        for member in members:
            comes(launcher, member, "running")
        until(lambda: launcher.state(members[0]).kind == "failed", 0.3)

    if rule[2] == "pods/log":
        # Training goes on without logs.
        with pytest.raises(AssertionError):
            run()
        return
    error = fails("GROUP-022", run)
    assert f'{{apiGroups: ["{group}"], resources: [{resource}], verbs: [{verb}]}}' in error.hint
    assert "tandem-launcher" in error.hint
    assert f"cannot {verb}" in error.message


def test_without_rights_to_remove_the_group_the_end_is_told_and_no_error(cluster, launch, members, caplog):
    launcher = launch()
    comes(launcher, members[0], "running")
    cluster.rights = {rule for rule in cluster.rights if rule[0] != "delete"}
    launcher.close()
    assert "is left in the cluster: GROUP-022" in caplog.text


def test_jobset_that_was_asked_for_and_is_not_there_is_told(cluster, launch):
    cluster.installed = False
    error = fails("GROUP-023", lambda: launch(kind="jobset"))
    assert error.exit_status == 2
    assert "jobset.x-k8s.io/v1alpha2" in error.message


def test_plain_jobs_are_made_where_they_are_asked_for(cluster, launch, members):
    launcher = launch(kind="jobs")
    comes(launcher, members[0], "running")
    assert len(cluster.storage.objects["jobs"]) == 3
    assert cluster.storage.objects["jobsets"] == {}


def test_a_quota_is_told_as_such(cluster, launch):
    cluster.installed = False
    cluster.faults = [("create jobs", QUOTA)]
    assert "kubectl describe quota" in fails("GROUP-024", launch).hint


@pytest.mark.parametrize("answer", [DENIED, status(422, "Invalid", "spec: wrong")], ids=["policy", "invalid"])
def test_what_the_cluster_refuses_is_told_in_its_words(cluster, launch, answer):
    cluster.faults = [("create jobsets", answer)]
    error = fails("GROUP-028", launch)
    assert answer[1]["message"] in error.message
    assert cluster.storage.objects["jobsets"] == {}


def test_the_name_of_another_is_not_taken_over(cluster, launch, members):
    cluster.installed = False
    launcher = launch(begin=False)
    launcher.start(members[0])
    (name,) = cluster.storage.objects["jobs"]
    launcher.close()
    cluster.storage.put("jobs", {"metadata": {"name": name}, "spec": {"suspend": True}})
    assert name in fails("GROUP-029", launch).message


@pytest.mark.parametrize("action", [BUSY, "disconnect", 2.3], ids=["busy", "disconnect", "slow"])
@pytest.mark.parametrize(
    "request_", ["list jobs", "list pods", "list jobsets", "create jobsets", "delete jobsets"]
)
def test_what_passes_is_tried_again(cluster, launch, members, request_, action):
    if request_.startswith("delete"):
        launcher = launch()
        cluster.faults = [(request_, action)]
    else:
        cluster.faults = [(request_, action)] * (1 if action == 2.3 else 2)
        launcher = launch()
    for member in members:
        comes(launcher, member, "running")
    launcher.close()
    assert cluster.faults == []
    assert cluster.storage.objects["jobs"] == {}


@pytest.mark.parametrize("action", ["cut", "garbled"])
@pytest.mark.parametrize("request_", ["list jobs", "list pods", "list jobsets"])
def test_a_list_that_breaks_off_is_asked_for_again(cluster, launch, members, request_, action):
    cluster.faults = [(request_, action)] * 2
    launcher = launch()
    for member in members:
        comes(launcher, member, "running")
    cluster.faults = [("list jobsets", action)] * 9
    launcher.close()
    assert cluster.storage.objects["jobs"] == {}


@pytest.mark.parametrize("action", ["cut", "garbled"])
def test_lists_that_always_break_off_are_told(cluster, launch, action):
    cluster.faults = [("list pods", action)] * 9
    assert "readyz" in fails("GROUP-027", launch).hint


def test_a_server_that_stays_away_is_told(cluster, launch):
    cluster.faults = [("list pods", "disconnect")] * 9
    assert "readyz" in fails("GROUP-027", launch).hint


def test_no_cluster_is_told(cluster, monkeypatch, tmp_path):
    assert cluster.open
    from kubernetes.config import kube_config

    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    assert fails("GROUP-021", connect).exit_status == 2
