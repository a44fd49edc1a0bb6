"""Documents of a group: valid for a cluster, and with the promises that replicas rely on."""

from __future__ import annotations

import dataclasses
import json

import pytest

from components.train.group.cluster.manifest import (
    Replica,
    job,
    jobset,
    jobset_of_all,
    object_name,
    replica_name,
)
from components.train.group.cluster.settings import Mount, Pods, Secret, Tpu
from tests.kubernetes.schemas import validate
from trainer.errors import TandemError

GROUP = "0123456789abcdef"
MOUNT = Mount("tandem", "/tandem")
REPLICAS = [Replica(index, f"/tandem/g/replica-{index}/spec.json", 4) for index in range(3)]
CPU = Pods("tandem-trainer:0.1.0", mounts=(MOUNT,), requests={"cpu": "4"}, limits={"memory": "16Gi"})
GPU = Pods("trainer@sha256:" + "0" * 64, mounts=(MOUNT,), limits={"nvidia.com/gpu": "1"})
TPU = Pods("tandem-trainer-tpu:0.1.0", mounts=(MOUNT,), tpu=Tpu("tpu-v6e-slice", "2x2"))
SLICE = Pods("tandem-trainer-tpu:0.1.0", mounts=(MOUNT,), tpu=Tpu("tpu-v6e-slice", "4x4"))
FULL = Pods(
    "tandem-trainer:0.1.0",
    mounts=(MOUNT, Mount("rows", "/rows")),
    secrets=(Secret("gcs", {"KEY": "key"}, "/keys"), Secret("other", {"A": "a"})),
    requests={"cpu": "500m", "memory": "1Gi"},
    limits={"cpu": "2", "memory": "2Gi", "nvidia.com/gpu": "2"},
    node_selector={"pool": "a"},
    tolerations=({"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"},),
    env={"TF_ENABLE_ONEDNN_OPTS": "0", "HOME": "/elsewhere"},
    labels={"team": "ml", "tandem/group": "not-this"},
    annotations={"note": "x"},
    shared_memory="1Gi",
    queue="tandem",
    service_account="tandem-pod",
    image_pull_secrets=("registry",),
)
SETTINGS = {"cpu": CPU, "gpu": GPU, "tpu": TPU, "slice": SLICE, "full": FULL}


def documents(pods):
    made = {"job": job(pods, GROUP, REPLICAS[1], 3), "jobset": jobset(pods, GROUP, REPLICAS[1], 3)}
    return made | {"all": jobset_of_all(pods, GROUP, REPLICAS, 3)}


def jobs_of(document):
    """Specifications of the Jobs that come of a document."""
    if document["kind"] == "Job":
        return [document["spec"]]
    return [part["template"]["spec"] for part in document["spec"]["replicatedJobs"]]


def pods_of(document):
    return [spec["template"]["spec"] for spec in jobs_of(document)]


@pytest.mark.parametrize("pods", SETTINGS.values(), ids=SETTINGS)
def test_every_document_is_valid_and_whole_after_json(pods):
    for name, document in documents(pods).items():
        assert validate(document) == [], name
        assert json.loads(json.dumps(document)) == document


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"tolerations": ({"key": "gpu", "sort": "Equal"},)}, "tolerations.0.sort"),
        ({"node_selector": {"pool": 7}}, "node"),
        ({"labels": {"team": ["ml"]}}, "labels"),
    ],
)
def test_settings_that_make_no_document_are_refused_before_anything_is_created(wrong, told):
    for made in (job, jobset, lambda pods, group, one, restarts: jobset_of_all(pods, group, [one], restarts)):
        with pytest.raises(TandemError, match="GROUP-020") as refused:
            made(dataclasses.replace(CPU, **wrong), GROUP, REPLICAS[0], 3)
        assert told in str(refused.value).casefold()


@pytest.mark.parametrize("pods", SETTINGS.values(), ids=SETTINGS)
def test_a_pod_is_replaced_by_its_job_and_no_controller_ends_the_group(pods):
    made = documents(pods)
    for document in made.values():
        for spec in jobs_of(document):
            assert spec["backoffLimit"] == 3
            disrupted, refused = spec["podFailurePolicy"]["rules"]
            assert (disrupted["action"], refused["action"]) == ("Ignore", "FailJob")
            assert disrupted["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
            assert refused["onExitCodes"]["values"] == [2]
            assert spec["template"]["spec"]["restartPolicy"] == "Never"
    (rule,) = made["all"]["spec"]["failurePolicy"]["rules"]
    assert rule["action"] == "RestartJobAndIgnoreMaxRestarts"
    assert not {"targetReplicatedJobs", "onJobFailureReasons"} & set(rule)
    assert len(made["jobset"]["spec"]["replicatedJobs"]) == 1
    assert made["jobset"]["spec"]["failurePolicy"] == {"maxRestarts": 0}


def test_each_replica_runs_its_own_specification():
    specs = pods_of(jobset_of_all(CPU, GROUP, REPLICAS, 3))
    commands = [one["containers"][0]["command"] + one["containers"][0]["args"] for one in specs]
    assert commands == [["python", "-m", "trainer", one.spec_path] for one in REPLICAS]


@pytest.mark.parametrize(
    ("topology", "chips", "hosts", "limit"),
    [("2x2", 4, 1, "4"), ("4x4", 4, 4, "4"), ("1x1", 4, 1, "1"), ("2x2x2", 4, 2, "4")],
)
def test_a_slice_has_a_pod_on_each_host_with_the_chips_of_that_host(topology, chips, hosts, limit):
    pods = Pods("image:1", tpu=Tpu("tpu-v6e-slice", topology, chips))
    document = jobset(pods, GROUP, REPLICAS[0], 1)
    (spec,), (pod,) = jobs_of(document), pods_of(document)
    assert (spec["parallelism"], spec["completions"], spec["completionMode"]) == (hosts, hosts, "Indexed")
    assert pod["containers"][0]["resources"]["limits"] == {"google.com/tpu": limit}
    assert pod["nodeSelector"] == {
        "cloud.google.com/gke-tpu-accelerator": "tpu-v6e-slice",
        "cloud.google.com/gke-tpu-topology": topology,
    }
    assert pod["tolerations"] == [{"key": "google.com/tpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert document["spec"]["network"] == {"enableDNSHostnames": hosts > 1}
    (annotation,) = document["metadata"]["annotations"].values()
    assert annotation == "cloud.google.com/gke-nodepool"


def test_pods_are_locked_down():
    for pods in SETTINGS.values():
        for pod in pods_of(jobset_of_all(pods, GROUP, REPLICAS, 3)):
            (container,) = pod["containers"]
            assert pod["automountServiceAccountToken"] is False
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]


def test_everything_that_is_set_is_in_the_pod():
    (pod,) = pods_of(job(FULL, GROUP, REPLICAS[0], 0))
    (container,) = pod["containers"]
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"/tandem", "/rows", "/tmp", "/dev/shm", "/keys"}
    variables = {
        one["name"]: one.get("value") or one["valueFrom"]["secretKeyRef"] for one in container["env"]
    }
    assert variables["KEY"] == {"name": "gcs", "key": "key"}
    assert (variables["TF_ENABLE_ONEDNN_OPTS"], variables["HOME"]) == ("0", "/elsewhere")
    assert container["resources"] == {"requests": FULL.requests, "limits": FULL.limits}
    assert pod["nodeSelector"] == {"pool": "a"}
    assert pod["serviceAccountName"] == "tandem-pod"
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    metadata = job(FULL, GROUP, REPLICAS[0], 0)["spec"]["template"]["metadata"]
    assert metadata["annotations"] == {"note": "x"}
    assert (metadata["labels"]["team"], metadata["labels"]["tandem/group"]) == ("ml", object_name(GROUP))


def test_only_the_object_itself_waits_in_the_queue():
    for document in documents(FULL).values():
        assert document["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "tandem"
        for part in document["spec"].get("replicatedJobs", []):
            assert "kueue.x-k8s.io/queue-name" not in part["template"]["metadata"]["labels"]
    assert "kueue.x-k8s.io/queue-name" not in job(CPU, GROUP, REPLICAS[0], 0)["metadata"]["labels"]


def test_what_the_launcher_cannot_remove_is_removed_by_the_cluster():
    for document in documents(CPU).values():
        assert document["spec"]["ttlSecondsAfterFinished"] == 86400


def test_names_differ_by_group_replica_and_attempt_and_fit_into_the_names_of_pods():
    names = {
        replica_name(group, Replica(index, "", attempt))
        for group in ("a", "b")
        for index in (0, 15)
        for attempt in (0, 99)
    }
    assert len(names) == 8
    # A JobSet adds `-replica-15-0`, a Job `-0-abcde`; a label holds 63 characters.
    assert max(map(len, names)) + len("-replica-15-0-0-abcde") <= 63
