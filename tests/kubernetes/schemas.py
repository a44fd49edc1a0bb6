"""Strict validation of any manifest: what a cluster would drop in silence or refuse is an error here.

from tests.kubernetes.schemas import validate
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
from kubernetes_validate.utils import InvalidSchemaError, SchemaNotFoundError, VersionNotSupportedError

CRDS = Path(__file__).resolve().parents[1] / "fixtures" / "crds"
CUSTOM = {
    ("jobset.x-k8s.io/v1alpha2", "JobSet"): "jobset.json",
    ("serving.kserve.io/v1beta1", "InferenceService"): "inferenceservice.json",
    ("kueue.x-k8s.io/v1beta2", "ResourceFlavor"): "kueue.json",
    ("kueue.x-k8s.io/v1beta2", "ClusterQueue"): "kueue.json",
    ("kueue.x-k8s.io/v1beta2", "LocalQueue"): "kueue.json",
}
RELEASES = ("1.32", "1.37")


@functools.cache
def _custom(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((CRDS / name).read_text()))


def validate(document: dict[str, Any]) -> list[str]:
    """What is wrong with a manifest.

    Args:
        document: one object as it would be applied.

    Returns:
        One text for each error, `path: message`; empty for a valid manifest. A kind without a schema is an
        error.
    """
    missing = [name for name in ("apiVersion", "kind", "metadata") if name not in document]
    if missing:
        return [f"(root): {name!r} is a required property" for name in missing]
    key = (str(document["apiVersion"]), str(document["kind"]))
    found = []
    if key in CUSTOM:
        found = [_text(error) for error in _custom(CUSTOM[key]).iter_errors(document)]
        # The schema of a definition leaves metadata to Kubernetes.
        plain = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": document["metadata"]}
        return sorted(found + validate(plain) + (_jobs(document) if key[1] == "JobSet" and not found else []))
    if not {"name", "generateName"} & set(document["metadata"] or {}):
        found.append("metadata: 'name' is a required property")
    for release in RELEASES:
        try:
            kubernetes_validate.validate(document, release, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(f"{'.'.join(str(part) for part in error.path) or '(root)'}: {error.message}")
        except (SchemaNotFoundError, InvalidSchemaError, VersionNotSupportedError) as error:
            found.append(f"(root): {key[0]} {key[1]} is unknown to Kubernetes {release}: {error}")
    return sorted(set(found))


def _text(error: jsonschema.ValidationError) -> str:
    return f"{'.'.join(str(part) for part in error.absolute_path) or '(root)'}: {error.message}"


def _jobs(document: dict[str, Any]) -> list[str]:
    """The Jobs of a JobSet by Kubernetes' schema, and the whole by the typed models of the trainer's API."""
    from kubeflow_trainer_api.models import JobsetV1alpha2JobSetSpec

    found = []
    for number, job in enumerate(document["spec"]["replicatedJobs"]):
        metadata = {"name": "job", **job["template"].get("metadata", {})}
        errors = validate({"apiVersion": "batch/v1", "kind": "Job", **job["template"], "metadata": metadata})
        found += [f"spec.replicatedJobs.{number}.template.{error}" for error in errors]
    try:
        model = JobsetV1alpha2JobSetSpec.from_dict(document["spec"])
    except ValueError as error:
        return [*found, f"spec: {error}"]
    kept = model.to_dict() if model else {}
    return found + [
        f"spec: {name} is unknown to the typed model" for name in sorted(set(document["spec"]) - set(kept))
    ]
