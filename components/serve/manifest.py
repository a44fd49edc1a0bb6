"""Documents of an InferenceService: what to create, what to change, and how to take a change back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from components.serve.settings import Settings, Target
from trainer.errors import TandemError

GROUP, VERSION, PLURAL, KIND = "serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService"
MODE = f"{GROUP}/deploymentMode"
STORAGE_URI, DIGEST, MODEL_VERSION, RUN_ID, PREVIOUS = (
    f"tandem/{name}" for name in ("storage-uri", "model-digest", "model-version", "run-id", "previous")
)
# Names of the mode: first that of KServe 0.16 and newer, then the older one.
MODES = {"standard": ("Standard", "RawDeployment"), "serverless": ("Knative", "Serverless")}

Document = dict[str, Any]


def document(settings: Settings, namespace: str, target: Target) -> Document:
    """The whole document, for a service that is not there yet.

    A first release takes all traffic: there is nothing to share it with.
    """
    fields = _wanted(settings, target, MODES[settings.mode][0])
    fields["metadata"] |= {"name": settings.name, "namespace": namespace}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, **fields}


def change(settings: Settings, existing: Mapping[str, Any], target: Target) -> Document:
    """A merge patch that brings an existing service to a release; empty when there is nothing to do.

    Only fields that are Tandem's are named: whatever else someone set on the service stays. A field that the
    configuration does not set stays as well. Annotations that name the release, and the split of traffic,
    change with the release only: KServe hands annotations down to the pods, so a new one would start them
    anew, and a release that was promoted must stay so.

    Args:
        settings: the service.
        existing: the service as the cluster has it.
        target: what shall be served.

    Raises:
        TandemError: `SERVE-012` if it is a service that Tandem cannot take over.
    """
    wanted = _wanted(settings, target, _mode_name(settings, existing))
    moves = storage_uri(existing) != target.storage_uri
    if moves:
        wanted["spec"]["predictor"]["canaryTrafficPercent"] = settings.canary_percent
    else:
        annotations = wanted["metadata"]["annotations"]
        wanted["metadata"]["annotations"] = {MODE: annotations[MODE]}
    patch = _difference(existing, wanted)
    if moves:
        patch.setdefault("metadata", {}).setdefault("annotations", {})
        undone = inverse(existing, patch)
        undone["metadata"]["annotations"].pop(PREVIOUS, None)
        patch["metadata"]["annotations"][PREVIOUS] = json.dumps(undone, sort_keys=True)
    return patch


def inverse(existing: Mapping[str, Any], patch: Mapping[str, Any]) -> Document:
    """The merge patch that takes `patch` back: each of its fields as it was, or removed."""
    told = {**(existing.get("metadata") or {}), "annotations": annotations_of(existing)}
    return _inverse({**existing, "metadata": told}, patch)


def previous(existing: Mapping[str, Any]) -> Document | None:
    """The merge patch back to the release before, which the service itself carries; none if it has none."""
    try:
        undone = json.loads(annotations_of(existing)[PREVIOUS])
        if not isinstance(storage_uri(undone), str):
            return None
        undone["metadata"]["annotations"][PREVIOUS] = None
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return dict(undone)


def serves(existing: Mapping[str, Any], target: Target) -> bool:
    """Tells whether the service is pointed at this very model, wherever the copy of it lies.

    The annotations count only as long as they speak of the URI in use.
    """
    told, uri = annotations_of(existing), storage_uri(existing)
    if uri == target.storage_uri:
        return True
    return (
        uri is not None
        and uri.partition("://")[0] == target.storage_uri.partition("://")[0]
        and (told.get(STORAGE_URI), told.get(DIGEST), told.get(MODEL_VERSION))
        == (uri, target.digest, str(target.version))
    )


def storage_uri(service: Mapping[str, Any]) -> str | None:
    """Where the service takes its model from; none if it names nothing."""
    model = _predictor(service).get("model")
    return model.get("storageUri") if isinstance(model, Mapping) else None


def annotations_of(service: Mapping[str, Any]) -> Mapping[str, str]:
    """Annotations of a service."""
    return (service.get("metadata") or {}).get("annotations") or {}


def _wanted(settings: Settings, target: Target, mode: str) -> Document:
    model: Document = {
        "modelFormat": {"name": "tensorflow", "version": "2"},
        "protocolVersion": "v1",
        "storageUri": target.storage_uri,
    }
    resources = {name: value for name in ("cpu", "memory") if (value := getattr(settings, name))}
    if resources:
        # Both, because KServe fills in its own limits, which may be below the requests.
        model["resources"] = {"requests": dict(resources), "limits": dict(resources)}
    predictor: Document = {"minReplicas": settings.min_replicas, "model": model}
    if settings.service_account:
        predictor["serviceAccountName"] = settings.service_account
    if settings.mode == "standard":
        # The old replicas answer until the new ones are ready.
        predictor["deploymentStrategy"] = {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
        }
    told = {
        MODE: mode,
        STORAGE_URI: target.storage_uri,
        DIGEST: target.digest,
        MODEL_VERSION: str(target.version),
        RUN_ID: target.run_id,
    }
    return {"metadata": {"annotations": told}, "spec": {"predictor": predictor}}


def _mode_name(settings: Settings, existing: Mapping[str, Any]) -> str:
    """The mode as the service itself spells it: KServe refuses an annotation that differs from its status."""
    names = MODES[settings.mode]
    status = (existing.get("status") or {}).get("deploymentMode")
    mode = status or annotations_of(existing).get(MODE) or names[0]
    model = _predictor(existing).get("model")
    kind = (model.get("modelFormat") or {}).get("name") if isinstance(model, Mapping) else None
    if mode in names and kind == "tensorflow":
        return str(mode)
    raise TandemError(
        "SERVE-012",
        f"Expected an InferenceService in mode {' or '.join(names)} with predictor.model of format "
        f"tensorflow. Received: mode={mode}, format={kind}",
        "Set `push.kserve.mode` as the service has it, or another `push.kserve.name`, and compile again; "
        "KServe cannot change the mode of a service that is there.",
        exit_status=2,
    )


def _predictor(service: Mapping[str, Any]) -> Mapping[str, Any]:
    return (service.get("spec") or {}).get("predictor") or {}


def _difference(existing: Mapping[str, Any], wanted: Mapping[str, Any]) -> Document:
    patch: Document = {}
    for key, value in wanted.items():
        before = existing.get(key)
        if isinstance(value, Mapping):
            inner = _difference(before if isinstance(before, Mapping) else {}, value)
            if inner:
                patch[key] = inner
        elif before != value:
            patch[key] = value
    return patch


def _inverse(existing: Mapping[str, Any], patch: Mapping[str, Any]) -> Document:
    undone: Document = {}
    for key, value in patch.items():
        before = existing.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            undone[key] = _inverse(before, value)
        else:
            undone[key] = before
    return undone
