"""The Jobs and pods of a group as they are now, by replica."""

from __future__ import annotations

import threading
import time

from components.train.group.cluster.api import Api, Document
from components.train.group.cluster.manifest import ATTEMPT_LABEL, REPLICA_LABEL, selector
from components.train.group.cluster.mirror import Mirror
from components.train.group.cluster.observe import Seen, conditions_of, is_disrupted, seen

_UID = ("batch.kubernetes.io/controller-uid", "controller-uid")
_INDEX = ("batch.kubernetes.io/job-completion-index", "job-completion-index")


class View:
    """What the cluster shows of a group.

    Args:
        api: the cluster.
        group: name of the group.
        watch_seconds: see `Mirror`. Defaults to `60`.
        forgive_seconds: see `Mirror`. Defaults to `300.0`.
        late_seconds: how long a Job may be seen to have ended before its pods are. Defaults to `10.0`.

    Raises:
        TandemError: if the first lists fail.
    """

    def __init__(
        self,
        api: Api,
        group: str,
        watch_seconds: int = 60,
        forgive_seconds: float = 300.0,
        late_seconds: float = 10.0,
    ) -> None:
        self._late_seconds = late_seconds
        self._waited: set[str] = set()
        self._lock = threading.Lock()
        self._ends: dict[str, Document] = {}
        self._failed: dict[str, dict[str, Document]] = {}
        limits = (watch_seconds, forgive_seconds)
        self._pods = Mirror(api, "pods", selector(group), *limits, self._note_pod)
        self._jobs = Mirror(api, "jobs", selector(group), *limits, self._note_job)

    def jobs(self, index: int) -> list[Document]:
        """Jobs of a replica, the newest last; those that are being removed are left out.

        Raises:
            TandemError: if the cluster no longer lets itself be watched.
        """
        found = [job for job in self._jobs.objects() if index_of(job) == index and not is_going(job)]
        return sorted(found, key=lambda job: (attempt_of(job), str(job["metadata"].get("creationTimestamp"))))

    def attempts(self, index: int) -> int:
        """How many attempts of a replica the cluster knows of, those that are being removed among them."""
        found = [attempt_of(one) for one in self._jobs.objects() if index_of(one) == index]
        return max(found, default=-1) + 1

    def pods(self, index: int | None = None) -> list[Document]:
        """Pods of a replica, or of all."""
        return [pod for pod in self._pods.objects() if index is None or index_of(pod) == index]

    def seen(self, job: Document | None) -> Seen:
        """How the replica of a Job is; of one that ended once the pods that it counts were seen to have."""
        if job is None:
            return seen(None, ())
        if conditions_of(job).keys() & {"Complete", "Failed"}:
            self._wait_for_pods(job)
        return seen(job, self._of(job))

    def end(self, uid: str) -> Seen:
        """How a Job ended that has been removed since."""
        with self._lock:
            job = self._ends.get(uid)
        return self.seen(job) if job is not None else Seen("failed", reason="its Job is gone")

    def close(self) -> None:
        """Ends the watches."""
        self._jobs.close()
        self._pods.close()

    def _wait_for_pods(self, job: Document) -> None:
        """Jobs and pods are watched apart, and the end of a Job says little without those of its pods."""
        uid, status = str(job["metadata"]["uid"]), job.get("status") or {}
        deadline = time.monotonic() + self._late_seconds
        while uid not in self._waited and time.monotonic() < deadline:
            pods = [pod for pod in self._of(job) if not is_disrupted(pod)]
            phases = [(pod.get("status") or {}).get("phase") for pod in pods]
            if all(
                phases.count(phase) >= (status.get(phase.lower()) or 0) for phase in ("Succeeded", "Failed")
            ):
                break
            time.sleep(0.02)
        self._waited.add(uid)

    def _of(self, job: Document) -> list[Document]:
        """Pods of a Job, with those that failed and have been removed since."""
        uid = str(job["metadata"]["uid"])
        found = {pod["metadata"]["name"]: pod for pod in self._pods.objects() if _owner(pod) == uid}
        with self._lock:
            found |= self._failed.get(uid, {})
        return list(found.values())

    def _note_job(self, job: Document) -> None:
        if "Failed" in conditions_of(job):
            with self._lock:
                self._ends[str(job["metadata"]["uid"])] = job

    def _note_pod(self, pod: Document) -> None:
        if (pod.get("status") or {}).get("phase") == "Failed":
            with self._lock:
                # As it was when it failed: those of a Job that is removed are told to go long after.
                self._failed.setdefault(_owner(pod), {}).setdefault(pod["metadata"]["name"], pod)


def index_of(document: Document) -> int:
    """Index of the replica that an object is of; -1 for none."""
    text = _labels(document).get(REPLICA_LABEL, "")
    return int(text) if text.isdigit() else -1


def attempt_of(document: Document) -> int:
    """Attempt of the replica that an object is of."""
    text = _labels(document).get(ATTEMPT_LABEL, "")
    return int(text) if text.isdigit() else 0


def host_of(pod: Document) -> int:
    """Number of a pod among those of a slice."""
    texts = (_labels(pod).get(name, "") for name in _INDEX)
    return next((int(text) for text in texts if text.isdigit()), 0)


def is_going(document: Document) -> bool:
    """Whether an object is being removed."""
    return "deletionTimestamp" in document["metadata"]


def runs(pod: Document) -> bool:
    """Whether a pod may still run something."""
    return (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def has_started(pod: Document) -> bool:
    """Whether a pod has something to say."""
    found = (pod.get("status") or {}).get("containerStatuses") or []
    return any(
        "running" in (one.get("state") or {}) or "terminated" in (one.get("state") or {}) for one in found
    )


def _owner(pod: Document) -> str:
    """UID of the Job that a pod is of."""
    labels = _labels(pod)
    return next((labels[name] for name in _UID if name in labels), "")


def _labels(document: Document) -> dict[str, str]:
    return dict(document["metadata"].get("labels") or {})
