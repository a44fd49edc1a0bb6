"""What can go wrong between the launcher and the cluster, each with what to do."""

from __future__ import annotations

from typing import Any

from components.cluster import short, status
from trainer.errors import TandemError

JOBSET_GROUP, JOBSET_VERSION, BATCH_GROUP = "jobset.x-k8s.io", "v1alpha2", "batch"
_CONFIG = "Correct `kubeflow.codistillation` in the configuration and compile again with `tandem compile`."


def unusable(received: str) -> TandemError:
    """`GROUP-020`: settings of pods that cannot be used."""
    return TandemError(
        "GROUP-020", f"Expected settings of a group's pods. Received: {received}", _CONFIG, exit_status=2
    )


def no_cluster(received: str) -> TandemError:
    """`GROUP-021`: nothing to launch on."""
    return TandemError(
        "GROUP-021",
        f"Expected to run in a cluster, or a kubeconfig. Received: {received}",
        "Run the step in the cluster, or leave out `kubeflow.codistillation` to train the replicas on one "
        "machine.",
        exit_status=2,
    )


def no_jobset() -> TandemError:
    """`GROUP-023`: JobSet was asked for and is not there."""
    return TandemError(
        "GROUP-023",
        f"Expected the cluster to serve {JOBSET_GROUP}/{JOBSET_VERSION}. Received: no such group version",
        "Install JobSet, or set `kubeflow.codistillation.kind` to `jobs` or `auto`.",
        exit_status=2,
    )


def unreachable(error: Exception) -> TandemError:
    """`GROUP-027`: no answer, again and again."""
    return TandemError(
        "GROUP-027",
        f"Expected the Kubernetes API to answer. Received: {short(error)}",
        "Check the network policy of the step and `kubectl get --raw /readyz`, then run the step again.",
    )


def taken(kind: str, name: str) -> TandemError:
    """`GROUP-029`: an object of the name that is not this group's."""
    return TandemError(
        "GROUP-029",
        f"Expected the name {name} to be free or of this group. Received: {kind} of another",
        f"Look at it with `kubectl get {kind} {name} -o yaml`, and delete it if it is of no use.",
    )


def not_seen(path: str, mounts: tuple[str, ...]) -> TandemError:
    """`GROUP-031`: a directory that only the launcher's pod has."""
    return TandemError(
        "GROUP-031",
        f"Expected a directory on a volume that every replica mounts, {list(mounts)}. Received: {path}",
        "Leave `train.codistillation.launch.directory` out, which is then on the state volume, or name a "
        "directory below one of `kubeflow.volumes`.",
        exit_status=2,
    )


def refused(verb: str, kind: str, namespace: str, error: Any) -> TandemError:
    """The error for an answer of the API server.

    `GROUP-022` no rights, `GROUP-024` quota, `GROUP-028` what was sent cannot be used, `GROUP-030` all else.

    Args:
        verb: what was tried, as a rule of a role names it.
        kind: plural name of the resource, `jobs`, `pods/log` or the like.
        namespace: the namespace.
        error: the client's `ApiException`.
    """
    message = str(status(error).get("message") or short(error))
    expected = f"Expected to {verb} {kind} in namespace {namespace}. Received: {message}"
    if error.status == 403 and "exceeded quota" in message:
        return TandemError(
            "GROUP-024",
            expected,
            f"Look at `kubectl describe quota -n {namespace}`; raise it, or lower "
            "`train.codistillation.replicas` or what `kubeflow.codistillation.pods` requests.",
        )
    denied = "admission webhook" in message or "denied the request" in message
    if error.status in (401, 403) and not denied:
        group = {"jobsets": JOBSET_GROUP, "jobs": BATCH_GROUP}.get(kind, "")
        rule = f'{{apiGroups: ["{group}"], resources: [{kind}], verbs: [{verb}]}}'
        full = f"{kind}.{group}" if group else kind
        return TandemError(
            "GROUP-022",
            expected,
            f"Add the rule {rule} to the role of the step's service account (`tandem-launch` in "
            "kubernetes/base/roles.yaml has it: set `kubeflow.service_account: tandem-launcher`); check "
            f"with `kubectl auth can-i {verb} {full} -n {namespace} "
            "--as=system:serviceaccount:NAMESPACE:ACCOUNT`.",
        )
    if error.status in (400, 403, 422):
        return TandemError("GROUP-028", expected, _CONFIG, exit_status=2)
    return TandemError(
        "GROUP-030",
        expected,
        f"Check `kubectl get namespace {namespace}` and the log of the API server, then run the step again.",
    )


def blocked(what: str, index: int, seconds: float, reason: str) -> TandemError:
    """A replica that waited in vain: `GROUP-025`, `GROUP-026` or `GROUP-032` to `GROUP-034`.

    Args:
        what: `image`, `node`, `container`, `quota`, or `going` or `api` for the cluster itself; empty where
            a pod has its node and is not made ready.
        index: of the replica.
        seconds: how long it waited.
        reason: in the words of the cluster.
    """
    expected = f"Expected the pods of replica {index} to start within {seconds:g} s. Received: {reason}"
    if what == "image":
        return TandemError(
            "GROUP-025",
            expected,
            "Check `kubeflow.codistillation.pods.image` and `kubeflow.image_pull_secrets`; try it with "
            "`kubectl run pull --rm -it --restart=Never --image=IMAGE -- true`.",
        )
    if what == "node":
        return TandemError(
            "GROUP-026",
            expected,
            "Compare what `kubeflow.codistillation` asks for (resources, node selector, topology, volume) "
            "with `kubectl get nodes -L cloud.google.com/gke-tpu-topology`, or raise `start_seconds`.",
        )
    if what in ("container", ""):
        return TandemError(
            "GROUP-032",
            expected,
            "Look at `kubectl describe pod`; what its secrets, volumes and settings name must be there.",
        )
    if what == "quota":
        return TandemError(
            "GROUP-033",
            expected,
            "Look at `kubectl describe quota` and `kubectl describe limitrange`; raise the quota, or lower "
            "`train.codistillation.replicas` or what `kubeflow.codistillation.pods` requests.",
        )
    return TandemError(
        "GROUP-034", expected, "The cluster did not do what was asked of it; see the cause, then run again."
    )
