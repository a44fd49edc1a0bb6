"""Between what the backend tells a container and what TFX understands.

The backend's driver leaves out the types of input artifacts or gives them its own names, adds outputs of its
own, turns whole numbers into doubles and wraps lists; TFX writes addresses and values that the launcher does
not take. Types come from the specification of the component, which is an argument of the container.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline.kubeflow.encoding import decode
from pipeline.kubeflow.pod import Pod

Json = dict[str, Any]

REMOTE = "remote_uri"
"""Property of every artifact that an executor sees: its address in the object store."""

_FOREIGN = ("display_name", "store_session_info", "_kfp_workspace", REMOTE)
_TYPES = {"NUMBER_INTEGER": int, "NUMBER_DOUBLE": float}


def executor_input(told: Json, inputs_spec: Json, outputs_spec: Json, pod: Pod) -> Json:
    """The invocation as TFX's executor wants it.

    Args:
        told: `ExecutorInput` from the launcher, as JSON.
        inputs_spec: `inputDefinitions` of the component.
        outputs_spec: `outputDefinitions` of the component.
        pod: the pod it runs in.

    Returns:
        `ExecutorInput` as JSON: only declared artifacts, with declared types, local paths and plain metadata;
        only declared parameters, texts where texts are declared.
    """
    inputs, outputs = told.get("inputs", {}), told.get("outputs", {})
    parameters = inputs.get("parameterValues", inputs.get("parameters", {}))
    declared = inputs_spec.get("parameters", {})
    result: Json = {
        "inputs": {
            "artifacts": _artifacts(inputs.get("artifacts", {}), inputs_spec.get("artifacts", {}), pod),
            "parameterValues": {
                name: _parameter(value, declared[name].get("parameterType", "STRING"), pod)
                for name, value in parameters.items()
                if name in declared and value is not None
            },
        },
        "outputs": {
            "artifacts": _artifacts(outputs.get("artifacts", {}), outputs_spec.get("artifacts", {}), pod),
            "outputFile": pod.path(outputs.get("outputFile", "")),
        },
    }
    wanted = {
        name: {"outputFile": pod.path(value.get("outputFile", ""))}
        for name, value in outputs.get("parameters", {}).items()
        if name in outputs_spec.get("parameters", {})
    }
    if wanted:
        result["outputs"]["parameters"] = wanted
    return result


def executor_output(
    written: Json, told: Json, outputs_spec: Json, pod: Pod, moved: Mapping[str, str]
) -> Json:
    """What the launcher reads, from what TFX's executor wrote.

    Args:
        written: `ExecutorOutput` of the executor, as JSON.
        told: `ExecutorInput` from the launcher, as JSON.
        outputs_spec: `outputDefinitions` of the component.
        pod: the pod it ran in.
        moved: address by output that the step put elsewhere below the run's own root.

    Returns:
        `ExecutorOutput` as JSON: the addresses and names of the backend, metadata without nulls and without
        the backend's own keys.
    """
    asked = told.get("outputs", {}).get("artifacts", {})
    artifacts: Json = {}
    for name, entry in written.get("artifacts", {}).items():
        if name not in asked or name not in outputs_spec.get("artifacts", {}):
            continue
        original = asked[name]["artifacts"][0]
        metadata = entry["artifacts"][0].get("metadata", {}) if entry.get("artifacts") else {}
        kept = {
            key: pod.outside(value)
            for key, value in metadata.items()
            if value is not None and key not in _FOREIGN
        }
        told_back = {"uri": moved.get(name, original["uri"]), "metadata": kept}
        if original.get("name"):
            told_back["name"] = original["name"]
        artifacts[name] = {"artifacts": [told_back]}
    result: Json = {"artifacts": artifacts}
    parameters = {
        name: pod.outside(value)
        for name, value in written.get("parameterValues", {}).items()
        if name in outputs_spec.get("parameters", {})
    }
    if parameters:
        result["parameterValues"] = parameters
    return result


def merge_metadata(output: Json, earlier: Json) -> Json:
    """Adds to the artifacts of `output` the metadata that an earlier program of the step wrote of them."""
    for name, entry in earlier.get("artifacts", {}).items():
        for target, source in zip(
            output["artifacts"].get(name, {}).get("artifacts", []), entry.get("artifacts", []), strict=False
        ):
            kept = {
                key: value
                for key, value in source.get("metadata", {}).items()
                if value is not None and key not in _FOREIGN
            }
            target["metadata"] = {**kept, **target.get("metadata", {})}
    return output


def _artifacts(given: Json, declared: Json, pod: Pod) -> Json:
    return {
        name: {
            "artifacts": [
                _artifact(artifact, declared[name]["artifactType"], pod)
                for artifact in entry.get("artifacts", [])
            ]
        }
        for name, entry in given.items()
        if name in declared
    }


def _artifact(artifact: Json, kind: Json, pod: Pod) -> Json:
    metadata = {
        key: _unwrapped(value)
        for key, value in artifact.get("metadata", {}).items()
        if value is not None and key not in _FOREIGN
    }
    if str(kind.get("schemaTitle", "")).startswith("system."):
        # Types of the backend, for its pages; TFX knows a file.
        kind = {"schemaTitle": "tfx.File"}
    uri = artifact["uri"]
    return {
        "name": artifact.get("name", ""),
        "uri": pod.artifact(uri),
        "type": kind,
        "metadata": {**metadata, REMOTE: uri},
    }


def _unwrapped(value: Any) -> Any:
    """Lists and structures arrive as `{"list": [...]}` and `{"struct": {...}}`."""
    if isinstance(value, dict) and len(value) == 1:
        (key, inner), *_ = value.items()
        if (key == "list" and isinstance(inner, list)) or (key == "struct" and isinstance(inner, dict)):
            return inner
    return value


def _parameter(value: Any, kind: str, pod: Pod) -> Any:
    if kind in _TYPES:
        return _TYPES[kind](value)
    if kind in ("STRING", "PARAMETER_TYPE_ENUM_UNSPECIFIED"):
        return pod.inside(decode(value) if isinstance(value, str) else json.dumps(value, sort_keys=True))
    if kind == "TASK_FINAL_STATUS" and not isinstance(value, str):
        return json.dumps(value, sort_keys=True)
    return value
