"""Documents of a group: one JobSet for all replicas, or a JobSet or a Job for each. Pure.

Each is read by the typed model of its kind before it is given away, so that what no cluster would take never
leaves the launcher.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

from components.cluster import short
from components.train.group.cluster.errors import BATCH_GROUP, JOBSET_GROUP, JOBSET_VERSION, unusable
from components.train.group.cluster.settings import TPU, Pods
from components.train.group.rules import REFUSED as REFUSED

Document = dict[str, Any]

CONTAINER = "trainer"
GROUP_LABEL, REPLICA_LABEL, ATTEMPT_LABEL = "tandem/group", "tandem/replica", "tandem/attempt"
NAME_LABEL = "app.kubernetes.io/name"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
RESTART_ONE = "RestartJobAndIgnoreMaxRestarts"
_EXCLUSIVE = "alpha.jobset.sigs.k8s.io/exclusive-topology"
_GROUP = "tandem-group"
_USER = 10001
# A training has nothing to tidy up, and as the first process of a container it does not hear SIGTERM.
_GRACE_SECONDS = 5
_DISRUPTED = {"type": "DisruptionTarget", "status": "True"}


@dataclasses.dataclass(frozen=True)
class Replica:
    """A replica as its documents need it.

    Args:
        index: int, from 0.
        spec_path: file of its specification, as its pods see it.
        attempt: int, from 0. How often the launcher has started it before. Defaults to `0`.
    """

    index: int
    spec_path: str
    attempt: int = 0


def object_name(group: str) -> str:
    """Name of a group's objects, and value of the label that finds them, from any text.

    Example:
        >>> object_name("0123456789abcdef")
        'tandem-9f9f5111f7b2'
    """
    return f"tandem-{hashlib.sha256(group.encode()).hexdigest()[:12]}"


def selector(group: str) -> str:
    """Label selector of everything that belongs to a group."""
    return f"{GROUP_LABEL}={object_name(group)}"


def replica_name(group: str, replica: Replica) -> str:
    """Name of the object of one replica, a new one for each attempt.

    A Job of the name of one that was removed a moment ago can stay without pods: its controller still waits
    for those of the other.
    """
    return f"{object_name(group)}-r{replica.index}-{replica.attempt}"


def job(pods: Pods, group: str, replica: Replica, restarts: int) -> Document:
    """The plain Job of one replica.

    Args:
        pods: what its pods get.
        group: name of the group.
        replica: the replica.
        restarts: int, at least 0. How often a pod that failed is made anew.

    Raises:
        TandemError: `GROUP-020` if the settings of the pods make no document.
    """
    made = {
        "apiVersion": f"{BATCH_GROUP}/v1",
        "kind": "Job",
        "metadata": {"name": replica_name(group, replica), "labels": _labels(pods, group, replica)},
        "spec": _job_spec(pods, group, replica, restarts) | {"ttlSecondsAfterFinished": pods.keep_seconds},
    }
    return _typed(made)


def jobset(pods: Pods, group: str, replica: Replica, restarts: int) -> Document:
    """A JobSet of one replica: when its Job gives up, no other is touched. As for `job`."""
    made = _jobset(pods, replica_name(group, replica), _labels(pods, group, replica)) | {
        "spec": _jobset_spec(pods)
        | {
            "failurePolicy": {"maxRestarts": 0},
            "replicatedJobs": [_replicated(pods, group, replica, restarts)],
        }
    }
    return _typed(made)


def all_name(group: str, attempt: int) -> str:
    """Name of the JobSet of all replicas."""
    return f"{object_name(group)}-all-{attempt}"


def is_of_all(document: Document) -> bool:
    """Whether an object of a group holds all of its replicas."""
    return document["metadata"]["labels"].get(NAME_LABEL) == _GROUP


def jobset_of_all(pods: Pods, group: str, replicas: Sequence[Replica], restarts: int) -> Document:
    """One JobSet of all replicas, of which only a Job that gave up is made anew, without touching others.

    It needs a JobSet with the feature gate `RestartJob`. A queue admits all replicas or none.

    Args:
        pods: what their pods get.
        group: name of the group.
        replicas: all replicas, of one attempt.
        restarts: as for `job`.

    Raises:
        TandemError: as `job`.
    """
    attempt = replicas[0].attempt
    labels = _labels(pods, group) | {ATTEMPT_LABEL: str(attempt)}
    rule = {"name": "restart_the_one_that_failed", "action": RESTART_ONE}
    made = _jobset(pods, all_name(group, attempt), labels) | {
        "spec": _jobset_spec(pods)
        | {
            # The rule takes every failure; without it one replica would take the others with it.
            "failurePolicy": {"maxRestarts": 0, "rules": [rule]},
            "replicatedJobs": [_replicated(pods, group, one, restarts) for one in replicas],
        }
    }
    return _typed(made)


def _typed(document: Document) -> Document:
    # A launcher of local processes never loads the models.
    from kubeflow_trainer_api import models

    model = models.IoK8sApiBatchV1Job if document["kind"] == "Job" else models.JobsetV1alpha2JobSet
    try:
        read = model.from_dict(document)
    except ValueError as error:
        raise unusable(f"what makes no {document['kind']}: {short(error)}") from error
    made: Document = read.to_dict() if read is not None else {}
    if made != document:
        # Models leave out what they do not know.
        raise unusable(f"fields that a {document['kind']} does not have, at {_first_unlike(document, made)}")
    return made


def _first_unlike(one: Any, other: Any) -> str:
    """Path of the first field in which a document differs from another.

    Example:
        >>> _first_unlike({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]})
        'a.0.c'
    """
    if type(one) is not type(other) or not isinstance(one, dict | list):
        return ""
    pairs = one.items() if isinstance(one, dict) else enumerate(one)
    held = other if isinstance(other, dict) else dict(enumerate(other))
    unlike = [(name, value) for name, value in pairs if value != held.get(name)]
    if not unlike:
        return ""
    name, value = unlike[0]
    return f"{name}.{_first_unlike(value, held.get(name))}".rstrip(".")


def _jobset(pods: Pods, name: str, labels: dict[str, str]) -> Document:
    # A slice for itself: GKE has one pool of nodes for each.
    exclusive = {"annotations": {_EXCLUSIVE: "cloud.google.com/gke-nodepool"}} if pods.tpu else {}
    return {
        "apiVersion": f"{JOBSET_GROUP}/{JOBSET_VERSION}",
        "kind": "JobSet",
        "metadata": {"name": name, "labels": labels, **exclusive},
    }


def _jobset_spec(pods: Pods) -> Document:
    return {
        # Replicas never speak to each other; the hosts of a slice do.
        "network": {"enableDNSHostnames": pods.hosts > 1},
        "startupPolicy": {"startupPolicyOrder": "AnyOrder"},
        "successPolicy": {"operator": "All"},
        "ttlSecondsAfterFinished": pods.keep_seconds,
    }


def _replicated(pods: Pods, group: str, replica: Replica, restarts: int) -> Document:
    labels = _labels(pods, group, replica)
    labels.pop(QUEUE_LABEL, None)
    return {
        "name": f"replica-{replica.index}",
        "replicas": 1,
        "template": {
            "metadata": {"labels": labels},
            "spec": _job_spec(pods, group, replica, restarts),
        },
    }


def _labels(pods: Pods, group: str, replica: Replica | None = None) -> dict[str, str]:
    labels = {
        NAME_LABEL: "tandem-replica" if replica else _GROUP,
        GROUP_LABEL: object_name(group),
        "tandem/part-of": "tandem",
    }
    if replica:
        labels |= {REPLICA_LABEL: str(replica.index), ATTEMPT_LABEL: str(replica.attempt)}
    if pods.queue:
        labels[QUEUE_LABEL] = pods.queue
    return labels


def _job_spec(pods: Pods, group: str, replica: Replica, restarts: int) -> Document:
    return {
        "parallelism": pods.hosts,
        "completions": pods.hosts,
        "completionMode": "Indexed",
        "backoffLimit": restarts,
        "podFailurePolicy": {
            "rules": [
                # Preempted, evicted or drained: that is no failure of the training.
                {"action": "Ignore", "onPodConditions": [_DISRUPTED]},
                # A wrong specification stays wrong.
                {
                    "action": "FailJob",
                    "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": [REFUSED]},
                },
            ]
        },
        "template": _pod(pods, group, replica),
    }


def _pod(pods: Pods, group: str, replica: Replica) -> Document:
    labels = _labels(pods, group, replica)
    labels.pop(QUEUE_LABEL, None)
    metadata: Document = {"labels": {**pods.labels, **labels, "sidecar.istio.io/inject": "false"}}
    if pods.annotations:
        metadata["annotations"] = dict(pods.annotations)
    spec: Document = {
        "automountServiceAccountToken": False,
        "containers": [_container(pods, replica)],
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "volumes": _volumes(pods),
    }
    nodes, taints = dict(pods.node_selector), [dict(taint) for taint in pods.tolerations]
    if pods.tpu:
        nodes["cloud.google.com/gke-tpu-accelerator"] = pods.tpu.accelerator
        nodes["cloud.google.com/gke-tpu-topology"] = pods.tpu.topology
        taint = {"key": TPU, "operator": "Exists", "effect": "NoSchedule"}
        taints += [] if taint in taints else [taint]
    if nodes:
        spec["nodeSelector"] = nodes
    if taints:
        spec["tolerations"] = taints
    if pods.service_account:
        spec["serviceAccountName"] = pods.service_account
    if pods.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in pods.image_pull_secrets]
    return {"metadata": metadata, "spec": spec}


def _container(pods: Pods, replica: Replica) -> Document:
    limits = dict(pods.limits)
    if pods.tpu:
        limits[TPU] = str(pods.tpu.chips_of_pod)
    container: Document = {
        "name": CONTAINER,
        "image": pods.image,
        "imagePullPolicy": pods.image_pull_policy,
        "command": ["python", "-m", "trainer"],
        "args": [replica.spec_path],
        "env": _variables(pods),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            *({"name": f"volume-{i}", "mountPath": mount.path} for i, mount in enumerate(pods.mounts)),
            {"name": "tmp", "mountPath": "/tmp"},
            *([{"name": "shared-memory", "mountPath": "/dev/shm"}] if pods.shared_memory else []),
            *(
                {"name": f"secret-{i}", "mountPath": secret.path, "readOnly": True}
                for i, secret in enumerate(pods.secrets)
                if secret.path
            ),
        ],
    }
    resources = {
        name: given for name, given in (("requests", dict(pods.requests)), ("limits", limits)) if given
    }
    if resources:
        container["resources"] = resources
    return container


def _variables(pods: Pods) -> list[Document]:
    # The root file system is read-only.
    plain = {"HOME": "/tmp", "TMPDIR": "/tmp", **pods.env}
    found: list[Document] = [{"name": name, "value": value} for name, value in sorted(plain.items())]
    for secret in pods.secrets:
        for name, key in sorted(secret.env.items()):
            source = {"secretKeyRef": {"name": secret.name, "key": key}}
            found.append({"name": name, "valueFrom": source})
    return found


def _volumes(pods: Pods) -> list[Document]:
    volumes: list[Document] = [
        {"name": f"volume-{i}", "persistentVolumeClaim": {"claimName": mount.claim}}
        for i, mount in enumerate(pods.mounts)
    ]
    volumes.append({"name": "tmp", "emptyDir": {}})
    if pods.shared_memory:
        memory = {"medium": "Memory", "sizeLimit": pods.shared_memory}
        volumes.append({"name": "shared-memory", "emptyDir": memory})
    volumes += [
        {"name": f"secret-{i}", "secret": {"secretName": secret.name}}
        for i, secret in enumerate(pods.secrets)
        if secret.path
    ]
    return volumes
