"""What the controllers of a cluster do with Jobs, JobSets and pods, as far as a launcher can see it."""

from __future__ import annotations

import copy
import threading
from typing import Any

from tests.components.train.group.cluster.storage import Document, Storage, now

DISRUPTED = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}


class Controllers:
    """Reconciles after every change.

    `hold` says what pods meet: nothing, or `node`, `image`, `container`, `volume`, `quota`. With `linger` a
    pod that is removed is there until `gone` is called. With `late` nobody looks after JobSets.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.hold = ""
        self.linger = False
        self.late = False
        self.logs: dict[str, list[tuple[str, str]]] = {}
        self._number = 0
        self._lock = threading.RLock()

    # What a test lets happen.

    def end(self, pod: str, code: int, message: str = "") -> None:
        """The container of a pod ends."""
        with self.storage.changed:
            found = copy.deepcopy(self.storage.objects["pods"][pod])
            ended = {"exitCode": code, "reason": "Error" if code else "Completed", "message": message}
            found["status"] = {"phase": "Failed" if code else "Succeeded"} | container({"terminated": ended})
            self.storage.put("pods", found)
            self.reconcile()

    def preempt(self, pod: str) -> None:
        """The cluster takes a pod away: its node is needed for another, or goes away."""
        with self.storage.changed:
            found = copy.deepcopy(self.storage.objects["pods"][pod])
            ended = {"exitCode": 137, "reason": "Error"}
            found["status"] = {"phase": "Failed", "conditions": [DISRUPTED]} | container(
                {"terminated": ended}
            )
            self.storage.put("pods", found)
            self.reconcile()

    def release(self) -> None:
        """Whatever held pods up is over."""
        with self.storage.changed:
            self.hold = ""
            for found in list(self.storage.objects["pods"].values()):
                if found["status"]["phase"] == "Pending":
                    self.storage.put("pods", {**found, "status": self._status()})
            self.reconcile()

    def gone(self, pod: str) -> None:
        """A pod that was told to go has gone."""
        self.storage.drop("pods", pod)
        self.reconcile()

    def say(self, pod: str, words: str, stamp: str = "") -> None:
        with self.storage.changed:
            self.logs.setdefault(pod, []).append((stamp or now(), words))
            self.storage.changed.notify_all()

    def pods(self, replica: int | None = None) -> list[str]:
        """Names of pods that run, of a replica or of all."""
        with self.storage.changed:
            return [
                one["metadata"]["name"]
                for one in self.storage.objects["pods"].values()
                if one["status"]["phase"] in ("Pending", "Running")
                and "deletionTimestamp" not in one["metadata"]
                and replica in (None, int(one["metadata"]["labels"]["tandem/replica"]))
            ]

    # What controllers do by themselves.

    def remove(self, kind: str, name: str) -> None:
        """Deletes in the background: the object now, what it made a moment later."""
        with self.storage.changed:
            uid = self.storage.objects[kind][name]["metadata"]["uid"]
            self.storage.drop(kind, name)
            for below in ("jobs", "pods"):
                for one in list(self.storage.objects[below].values()):
                    if any(owner["uid"] == uid for owner in one["metadata"].get("ownerReferences", [])):
                        self._go(one) if below == "pods" else self.remove("jobs", one["metadata"]["name"])

    def reconcile(self) -> None:
        with self.storage.changed:
            for job in list(self.storage.objects["jobs"].values()):
                self._job(job)
            for one in [] if self.late else list(self.storage.objects["jobsets"].values()):
                self._jobset(one)

    def _jobset(self, document: Document) -> None:
        told = document["metadata"]
        if conditions(document):
            return
        owner = {
            "apiVersion": document["apiVersion"],
            "kind": "JobSet",
            "name": told["name"],
            "uid": told["uid"],
        }
        jobs = {}
        for part in document["spec"]["replicatedJobs"]:
            name = f"{told['name']}-{part['name']}-0"
            job = self.storage.objects["jobs"].get(name)
            if job is None:
                labels = {
                    **part["template"]["metadata"]["labels"],
                    "jobset.sigs.k8s.io/jobset-name": told["name"],
                }
                made = {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "spec": copy.deepcopy(part["template"]["spec"]),
                }
                made["spec"]["template"]["metadata"]["labels"]["jobset.sigs.k8s.io/jobset-name"] = told[
                    "name"
                ]
                job = self.storage.put(
                    "jobs", made | {"metadata": {"name": name, "labels": labels, "ownerReferences": [owner]}}
                )
                self._job(job)
                job = self.storage.objects["jobs"][name]
            jobs[name] = job
        failed = [name for name, job in jobs.items() if "Failed" in conditions(job)]
        rules = document["spec"]["failurePolicy"].get("rules", [])
        if failed and rules:
            for name in failed:
                self.remove("jobs", name)
            self._jobset(document)
        elif failed:
            self._conclude("jobsets", document, "Failed", "FailedJobs", f"jobset failed, {failed[0]}")
            for name in set(jobs) - set(failed):
                self.remove("jobs", name)
        elif all("Complete" in conditions(job) for job in jobs.values()):
            self._conclude("jobsets", document, "Completed", "AllJobsCompleted", "jobset completed")

    def _job(self, job: Document) -> None:
        spec, uid = job["spec"], job["metadata"]["uid"]
        if conditions(job) or spec.get("suspend"):
            return
        own = [
            pod
            for pod in self.storage.objects["pods"].values()
            if pod["metadata"]["labels"]["batch.kubernetes.io/controller-uid"] == uid
        ]
        failed = [pod for pod in own if pod["status"]["phase"] == "Failed"]
        counted = [pod for pod in failed if "DisruptionTarget" not in conditions(pod)]
        refused = [
            pod
            for pod in counted
            if pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]
            in spec["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"]
        ]
        done = {index(pod) for pod in own if pod["status"]["phase"] == "Succeeded"}
        if len(done) == spec["completions"]:
            self._conclude("jobs", job, "Complete", "CompletionsReached", "", succeeded=len(done))
        elif refused or len(counted) > spec["backoffLimit"]:
            reason = "PodFailurePolicy" if refused else "BackoffLimitExceeded"
            self._conclude("jobs", job, "Failed", reason, "Job has failed", failed=len(counted))
            for pod in own:
                if pod["status"]["phase"] in ("Pending", "Running"):
                    self._go(pod)
        else:
            # A replacement comes when the pod before has ended (podReplacementPolicy Failed).
            alive = [pod for pod in own if pod["status"]["phase"] in ("Pending", "Running")]
            for pod in alive[spec["parallelism"] :]:
                self._go(pod)
            missing = set(range(spec["completions"])) - done - {index(pod) for pod in alive}
            for number in sorted(missing)[: max(0, spec["parallelism"] - len(alive))]:
                self._make(job, number)

    def _make(self, job: Document, number: int) -> None:
        name = job["metadata"]["name"]
        if self.hold == "quota":
            message = (
                'pods "x" is forbidden: exceeded quota: small, requested: cpu=4, used: cpu=4, limited: cpu=6'
            )
            event = {"metadata": {"name": f"{name}.1"}, "reason": "FailedCreate", "message": message}
            self.storage.put("events", event | {"involvedObject": {"name": name, "kind": "Job"}})
            return
        self._number += 1
        template = copy.deepcopy(job["spec"]["template"])
        labels = template["metadata"]["labels"] | {
            "batch.kubernetes.io/controller-uid": job["metadata"]["uid"],
            "batch.kubernetes.io/job-name": name,
            "batch.kubernetes.io/job-completion-index": str(number),
        }
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
        metadata = {
            "name": f"{name}-{number}-{self._number:05d}",
            "labels": labels,
            "ownerReferences": [owner],
        }
        self.storage.put("pods", {"metadata": metadata, "spec": template["spec"], "status": self._status()})

    def _status(self) -> Document:
        if self.hold == "node":
            told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            return {
                "phase": "Pending",
                "conditions": [told | {"message": "0/3 nodes are available: 3 no TPU."}],
            }
        if self.hold in ("image", "container"):
            reason = "ImagePullBackOff" if self.hold == "image" else "CreateContainerConfigError"
            return {"phase": "Pending"} | container({"waiting": {"reason": reason, "message": "not there"}})
        if self.hold == "volume":
            return {"phase": "Pending"} | container({"waiting": {"reason": "ContainerCreating"}})
        return {"phase": "Running"} | container({"running": {}})

    def _go(self, pod: Document) -> None:
        if not self.linger:
            self.storage.drop("pods", pod["metadata"]["name"])
        elif "deletionTimestamp" not in pod["metadata"]:
            told = {**pod["metadata"], "deletionTimestamp": now()}
            self.storage.put("pods", {**pod, "metadata": told})

    def _conclude(
        self, kind: str, document: Document, condition: str, reason: str, message: str, **counts: int
    ) -> None:
        told = {"type": condition, "status": "True", "reason": reason, "message": message}
        self.storage.put(kind, {**document, "status": {"conditions": [told], **counts}})


def conditions(document: Document) -> set[str]:
    return {
        one["type"] for one in document.get("status", {}).get("conditions", []) if one["status"] == "True"
    }


def container(state: dict[str, Any]) -> Document:
    return {"containerStatuses": [{"name": "trainer", "state": state}]}


def index(pod: Document) -> int:
    return int(pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"])
