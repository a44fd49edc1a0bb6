"""How a replica is, from the Job and the pods that the cluster shows. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from components.train.group.cluster.manifest import CONTAINER, REFUSED

Document = Mapping[str, Any]

# What a kubelet says of a container that waits for more than its image to arrive.
_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CONTAINER = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


NO_POD = "no pod yet"


@dataclasses.dataclass(frozen=True)
class Seen:
    """What is seen of a replica.

    Args:
        kind: `waiting`, `running`, `finished` or `failed`.
        status: exit status of the container that failed last; None if it is not known. Defaults to `None`.
        restarts: pods that failed by themselves and were replaced. Defaults to `0`.
        disrupted: pods that the cluster took away and replaced. Defaults to `0`.
        blocked: why it waits, where that is no matter of moments: `node`, `image` or `container`; `queue`
            where it waits to be admitted, `going` where a pod of its Job has not gone, `before` where pods of
            the attempt before have not, `api` for the cluster itself. Defaults to `""`.
        reason: in the words of the cluster. Defaults to `""`.
        final: whether starting it again is of no use. Defaults to `False`.
    """

    kind: Literal["waiting", "running", "finished", "failed"]
    status: int | None = None
    restarts: int = 0
    disrupted: int = 0
    blocked: Literal["", "node", "image", "container", "queue", "going", "before", "api"] = ""
    reason: str = ""
    final: bool = False


def seen(job: Document | None, pods: Iterable[Document]) -> Seen:
    """How a replica is.

    Args:
        job: its Job; None while there is none.
        pods: pods of that Job.
    """
    if job is None:
        return Seen("waiting", blocked="api", reason="no Job yet")
    ordered = sorted(pods, key=lambda pod: (str(pod["metadata"].get("creationTimestamp")), _name(pod)))
    failed = [pod for pod in ordered if _phase(pod) == "Failed"]
    disrupted = sum(is_disrupted(pod) for pod in failed)
    counts: dict[str, Any] = {"restarts": len(failed) - disrupted, "disrupted": disrupted}
    conditions = conditions_of(job)
    if "Complete" in conditions:
        return Seen("finished", **counts)
    if "Failed" in conditions:
        own = [pod for pod in failed if not is_disrupted(pod)]
        told = conditions["Failed"]
        words = [f"{told.get('reason', 'Failed')}: {told.get('message', '')}"]
        words += [_ending(pod) for pod in own[-1:]]
        # The last one was not replaced; pods that were removed meanwhile are still counted by their Job.
        known = (job.get("status") or {}).get("failed") or 0
        counts["restarts"] = max(0, max(counts["restarts"], known) - 1)
        status = exit_status(own[-1]) if own else None
        if told.get("reason") == "PodFailurePolicy":
            # The one rule that fails a Job, see `manifest`; its pod may not be seen yet.
            status = REFUSED
        return Seen("failed", status, reason="; ".join(words), **counts)
    alive = [pod for pod in ordered if _phase(pod) in ("Pending", "Running") and not _is_going(pod)]
    blocked = [found for pod in alive if (found := _blocked(pod))[0]]
    if blocked:
        return Seen("waiting", blocked=blocked[0][0], reason=blocked[0][1], **counts)
    if alive and all(_phase(pod) == "Running" for pod in alive):
        return Seen("running", **counts)
    if (job.get("spec") or {}).get("suspend"):
        return Seen("waiting", blocked="queue", reason="it waits in the queue", **counts)
    if alive:
        return Seen("waiting", reason="its pods are made ready", **counts)
    going = [pod for pod in ordered if _phase(pod) in ("Pending", "Running")]
    if going:
        return Seen("waiting", blocked="going", reason=f"pod {_name(going[-1])} has not gone yet", **counts)
    return Seen("waiting", reason=NO_POD, **counts)


def conditions_of(document: Document) -> dict[str, Document]:
    """Conditions that are true, by their type."""
    found = (document.get("status") or {}).get("conditions") or []
    return {str(one.get("type")): one for one in found if one.get("status") == "True"}


def exit_status(pod: Document) -> int | None:
    """Exit status of a pod's container that has ended; None if it is not known."""
    ended = _container_state(pod).get("terminated") or {}
    code = ended.get("exitCode")
    return code if isinstance(code, int) else None


def _ending(pod: Document) -> str:
    ended = _container_state(pod).get("terminated") or {}
    lines = str(ended.get("message") or "").strip().splitlines()
    parts = [f"pod {_name(pod)}", str(ended.get("reason") or (pod.get("status") or {}).get("reason") or "")]
    parts += [f"exit status {ended['exitCode']}"] if "exitCode" in ended else []
    return ", ".join(part for part in parts if part) + (f": {lines[-1][:300]}" if lines else "")


def _blocked(pod: Document) -> tuple[Literal["", "node", "image", "container"], str]:
    scheduled: Document = next(
        (one for one in (pod.get("status") or {}).get("conditions") or [] if one["type"] == "PodScheduled"),
        {},
    )
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        return "node", str(scheduled.get("message") or "Unschedulable")
    waiting = _container_state(pod).get("waiting") or {}
    reason = waiting.get("reason")
    words = f"{reason}: {waiting.get('message') or ''}".rstrip(": ")
    if reason in _IMAGE:
        return "image", words
    return ("container", words) if reason in _CONTAINER else ("", "")


def _container_state(pod: Document) -> Document:
    found = (pod.get("status") or {}).get("containerStatuses") or []
    return next((one.get("state") or {} for one in found if one.get("name") == CONTAINER), {})


def is_disrupted(pod: Document) -> bool:
    """Whether it did not fail by itself: its node was needed or went away, or it was told to go."""
    return _is_going(pod) or "DisruptionTarget" in conditions_of(pod)


def _is_going(pod: Document) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _phase(pod: Document) -> str:
    return str((pod.get("status") or {}).get("phase") or "Pending")


def _name(pod: Document) -> str:
    return str(pod["metadata"]["name"])
