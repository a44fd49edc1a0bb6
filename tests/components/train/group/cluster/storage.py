"""What an API server keeps: objects with versions, the history that watches go on from, and admission."""

from __future__ import annotations

import copy
import datetime
import functools
import json
import re
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import jsonschema

SCHEMA = Path(__file__).resolve().parents[4] / "fixtures" / "crds" / "jobset.json"
Document = dict[str, Any]
Answer = tuple[int, Any]
KINDS = {"jobsets": "JobSet", "jobs": "Job", "pods": "Pod", "events": "Event"}
GROUPS = {"jobsets": "jobset.x-k8s.io", "jobs": "batch"}
GATE = (
    'admission webhook "vjobset.kb.io" denied the request: JobSet cannot have a failure policy rule with '
    "RestartJob or RestartJobAndIgnoreMaxRestarts action when RestartJob feature gate is disabled"
)


def status(code: int, reason: str, message: str) -> Answer:
    told = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message}
    return code, told | {"reason": reason, "code": code}


def now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Storage:
    """Objects by kind and name; every change has a version and is kept for watches."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Document]] = {kind: {} for kind in KINDS}
        self.history: list[tuple[int, str, str, Document]] = []
        self.version = 0
        self.oldest = 0
        self.gate = False
        self.changed = threading.Condition(threading.RLock())

    def put(self, kind: str, document: Document) -> Document:
        """Stores an object as it is now."""
        with self.changed:
            self.version += 1
            name = document["metadata"]["name"]
            event = "MODIFIED" if name in self.objects[kind] else "ADDED"
            kept = copy.deepcopy(document)
            told = kept["metadata"]
            told.setdefault("uid", str(uuid.uuid4()))
            told.setdefault("creationTimestamp", now())
            told["resourceVersion"] = str(self.version)
            self.objects[kind][name] = kept
            self.history.append((self.version, kind, event, copy.deepcopy(kept)))
            self.changed.notify_all()
            return kept

    def drop(self, kind: str, name: str) -> None:
        with self.changed:
            gone = self.objects[kind].pop(name, None)
            if gone is not None:
                self.version += 1
                gone["metadata"]["resourceVersion"] = str(self.version)
                self.history.append((self.version, kind, "DELETED", copy.deepcopy(gone)))
                self.changed.notify_all()

    def compact(self) -> None:
        """Forgets the past: a watch from before it has to start anew."""
        with self.changed:
            self.version += 1
            self.oldest = self.version
            self.changed.notify_all()

    def select(self, kind: str, labels: str, fields: str = "") -> list[Document]:
        with self.changed:
            return [one for one in self.objects[kind].values() if matches(one, labels, fields)]

    def events_after(
        self, version: int, kind: str, labels: str, seconds: float
    ) -> list[tuple[int, str, Document]]:
        """Events after a version; waits for the first one."""
        with self.changed:
            deadline = time.monotonic() + seconds
            while True:
                found = [
                    (v, e, d)
                    for v, k, e, d in self.history
                    if v > version and k == kind and matches(d, labels)
                ]
                left = deadline - time.monotonic()
                if found or left <= 0 or version < self.oldest:
                    return found
                self.changed.wait(min(left, 0.2))

    def admit(self, kind: str, document: Document) -> Answer | None:
        """What a server refuses of a new object; none if it takes it."""
        problems = schema_errors(kind, document)
        name = document["metadata"].get("name", "")
        if not re.fullmatch("[a-z]([-a-z0-9]{0,48}[a-z0-9])?", name):
            problems.append(f"metadata.name: {name}")
        for key, value in (document["metadata"].get("labels") or {}).items():
            if not re.fullmatch("([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", value):
                problems.append(f"metadata.labels: {key}={value}")
        specs = [document["spec"]] if kind == "jobs" else []
        if kind == "jobsets" and not problems:
            specs = [one["template"]["spec"] for one in document["spec"]["replicatedJobs"]]
            rules = document["spec"].get("failurePolicy", {}).get("rules", [])
            if not self.gate and any(rule["action"].startswith("RestartJobA") for rule in rules):
                return status(403, "Forbidden", GATE)
            for rule in rules:
                if not re.fullmatch("[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?", rule["name"]):
                    problems.append(f"failurePolicy: {rule['name']}")
        for spec in specs:
            problems += job_problems(spec)
        if problems:
            return status(422, "Invalid", f'{KINDS[kind]} "{name}" is invalid: {problems[0]}')
        return None


@functools.cache
def _schema() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


def schema_errors(kind: str, document: Document) -> list[str]:
    """By the strict schema of a JobSet, which holds that of a Job; `test_manifest.py` knows more schemas."""
    whole = document
    if kind == "jobs":
        if set(document) - {"apiVersion", "kind", "metadata", "spec"}:
            return [f"unknown field in {sorted(document)}"]
        template = {"spec": document["spec"]}
        whole = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": {}}
        whole["spec"] = {"replicatedJobs": [{"name": "one", "template": template}]}
    return [f"{error.json_path}: {error.message}" for error in _schema().iter_errors(whole)]


def job_problems(spec: Document) -> list[str]:
    """Rules of a Job that are in no schema."""
    found = []
    pod = spec["template"]["spec"]
    if pod.get("restartPolicy") not in ("Never", "OnFailure"):
        found.append("spec.template.spec.restartPolicy: Required value")
    if "podFailurePolicy" in spec and pod.get("restartPolicy") != "Never":
        found.append("spec.podFailurePolicy: only with restartPolicy Never")
    names = {container["name"] for container in pod["containers"]}
    for rule in spec.get("podFailurePolicy", {}).get("rules", []):
        codes = rule.get("onExitCodes")
        if codes and codes.get("containerName") not in names:
            found.append("spec.podFailurePolicy: unknown container")
        if codes and codes["operator"] == "In" and 0 in codes["values"]:
            found.append("spec.podFailurePolicy: 0 with In")
    mounts = {mount["name"] for container in pod["containers"] for mount in container.get("volumeMounts", [])}
    if mounts - {volume["name"] for volume in pod.get("volumes", [])}:
        found.append("volumeMounts: unknown volume")
    for container in pod["containers"]:
        resources = container.get("resources", {})
        for name in resources.get("requests", {}):
            if "/" in name and name not in resources.get("limits", {}):
                found.append(f"resources: {name} without a limit")
    if spec.get("completionMode") == "Indexed" and "completions" not in spec:
        found.append("spec.completions: Required value")
    return found


def matches(document: Document, labels: str, fields: str = "") -> bool:
    own = document["metadata"].get("labels") or {}
    wanted = dict(part.split("=") for part in labels.split(",") if part)
    if any(own.get(key) != value for key, value in wanted.items()):
        return False
    for part in filter(None, fields.split(",")):
        key, value = part.split("=")
        node: Any = document
        for step in key.split("."):
            node = node.get(step, {})
        if node != value:
            return False
    return True


def text(value: Any) -> bytes:
    return (value if isinstance(value, str) else json.dumps(value)).encode()
