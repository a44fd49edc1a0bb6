"""How a replica is, from what the cluster shows: one case for each thing that can be shown."""

from __future__ import annotations

import pytest

from components.train.group.cluster.observe import Seen, seen

DISRUPTED = {"type": "DisruptionTarget", "status": "True"}
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no TPU"}


def job(condition="", reason="", suspend=False, **status):
    told = [{"type": condition, "status": "True", "reason": reason, "message": "m"}] if condition else []
    return {
        "metadata": {"name": "j", "uid": "u"},
        "spec": {"suspend": suspend},
        "status": {"conditions": told, **status},
    }


def pod(phase, state=None, conditions=(), at="1", going=False, name="p"):
    told = {"name": f"{name}{at}", "creationTimestamp": f"2026-11-26T09:00:0{at}Z"}
    told |= {"deletionTimestamp": "2026-11-26T09:01:00Z"} if going else {}
    containers = [{"name": "sidecar", "state": {"running": {}}}, {"name": "trainer", "state": state or {}}]
    return {
        "metadata": told,
        "status": {"phase": phase, "conditions": list(conditions), "containerStatuses": containers},
    }


def ended(code, at="1", conditions=(), message="", reason="Error"):
    return pod(
        "Failed", {"terminated": {"exitCode": code, "reason": reason, "message": message}}, conditions, at
    )


RUNNING = pod("Running", {"running": {}}, at="9")
CASES = {
    "nothing yet": (None, [], Seen("waiting", blocked="api", reason="no Job yet")),
    "no pod": (job(), [], Seen("waiting", reason="no pod yet")),
    "queued": (job(suspend=True), [], Seen("waiting", blocked="queue", reason="it waits in the queue")),
    "starting": (job(), [pod("Pending")], Seen("waiting", reason="its pods are made ready")),
    "pulling for a moment": (
        job(),
        [pod("Pending", {"waiting": {"reason": "ContainerCreating"}})],
        Seen("waiting", reason="its pods are made ready"),
    ),
    "no node": (
        job(),
        [pod("Pending", conditions=[UNSCHEDULABLE])],
        Seen("waiting", blocked="node", reason="no TPU"),
    ),
    "no image": (
        job(),
        [pod("Pending", {"waiting": {"reason": "ImagePullBackOff", "message": "gone"}})],
        Seen("waiting", blocked="image", reason="ImagePullBackOff: gone"),
    ),
    "no secret": (
        job(),
        [pod("Pending", {"waiting": {"reason": "CreateContainerConfigError"}})],
        Seen("waiting", blocked="container", reason="CreateContainerConfigError"),
    ),
    "running": (job(), [RUNNING], Seen("running")),
    "one host of two": (
        job(),
        [RUNNING, pod("Pending", at="8")],
        Seen("waiting", reason="its pods are made ready"),
    ),
    "running again": (job(), [ended(1), RUNNING], Seen("running", restarts=1)),
    "running after a preemption": (
        job(),
        [ended(137, conditions=[DISRUPTED]), RUNNING],
        Seen("running", disrupted=1),
    ),
    "told to go": (
        job(),
        [pod("Failed", {"terminated": {"exitCode": 143}}, going=True), RUNNING],
        Seen("running", disrupted=1),
    ),
    "going": (
        job(),
        [pod("Running", {"running": {}}, going=True)],
        Seen("waiting", blocked="going", reason="pod p1 has not gone yet"),
    ),
    "finished": (job("Complete"), [pod("Succeeded")], Seen("finished")),
    "finished after a crash": (
        job("Complete"),
        [ended(1), pod("Succeeded", at="2")],
        Seen("finished", restarts=1),
    ),
    "gave up": (
        job("Failed", "BackoffLimitExceeded"),
        [ended(1), ended(7, at="2", message="log\nTRAIN-001: wrong\n")],
        Seen(
            "failed", 7, restarts=1,
            reason="BackoffLimitExceeded: m; pod p2, Error, exit status 7: TRAIN-001: wrong",
        ),
    ),
    "gave up, pods removed": (
        job("Failed", "BackoffLimitExceeded", failed=3),
        [],
        Seen("failed", restarts=2, reason="BackoffLimitExceeded: m"),
    ),
    "out of memory": (
        job("Failed", "BackoffLimitExceeded"),
        [ended(137, reason="OOMKilled")],
        Seen("failed", 137, reason="BackoffLimitExceeded: m; pod p1, OOMKilled, exit status 137"),
    ),
    "refused, pod not seen yet": (
        job("Failed", "PodFailurePolicy"), [RUNNING], Seen("failed", 2, reason="PodFailurePolicy: m"),
    ),
    "preempted last": (
        job("Failed", "DeadlineExceeded"),
        [ended(1), ended(137, at="2", conditions=[DISRUPTED])],
        Seen("failed", 1, disrupted=1, reason="DeadlineExceeded: m; pod p1, Error, exit status 1"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("document", "pods", "expected"), CASES.values(), ids=CASES)
def test_a_replica_is_told_as_it_is(document, pods, expected):
    assert seen(document, pods) == expected
    assert seen(document, reversed(pods)) == expected
