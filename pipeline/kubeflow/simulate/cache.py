"""Reuse of outputs, as the backend decides it (`cacheutils/cache.go`, `driver/cache.go`).

The key holds the inputs, the types of the outputs, image, command, environment and names of claims, and
nothing of what lies behind a path. URIs are left out; the identity of an input artifact is its id in the
store.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate.backend import Artifact
from pipeline.kubeflow.simulate.values import plain, to_value
from trainer.storage import write_json


def fingerprint(
    given: ps.ExecutorInput,
    component: ps.ComponentSpec,
    container: ps.PipelineDeploymentConfig.PipelineContainerSpec,
    claims: Iterable[str],
) -> str:
    """The key of a task, hex SHA-256.

    Args:
        given: its input, with outputs.
        component: its component.
        container: image, command, arguments and environment, placeholders not replaced.
        claims: names of its persistent volume claims.
    """
    types = component.output_definitions.parameters
    key = {
        "inputArtifactNames": {
            name: [artifact.name for artifact in several.artifacts]
            for name, several in given.inputs.artifacts.items()
        },
        "inputParameterValues": {name: plain(one) for name, one in given.inputs.parameter_values.items()},
        "outputArtifactsSpec": {
            name: {key: value for key, value in plain(several.artifacts[0]).items() if key != "uri"}
            for name, several in given.outputs.artifacts.items()
        },
        "outputParametersSpec": {
            name: ps.ParameterType.ParameterTypeEnum.Name(types[name].parameter_type)
            for name in given.outputs.parameters
        },
        "containerSpec": {
            "image": container.image,
            "cmdArgs": [*container.command, *container.args],
            "pvcNames": sorted(set(claims)),
            "env": [plain(one) for one in container.env],
        },
    }
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


class Cache:
    """Outputs by fingerprint, one file each.

    Args:
        directory: where; need not exist.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def find(
        self, fingerprint: str, outputs: Sequence[str]
    ) -> tuple[dict[str, struct_pb2.Value], dict[str, Artifact]] | None:
        """Parameters and artifacts of the newest task with this fingerprint; `None` if there is none.

        Args:
            fingerprint: key of the task.
            outputs: names of artifacts that it must have.
        """
        try:
            entry = json.loads((self._directory / f"{fingerprint}.json").read_text())
        except (OSError, ValueError):
            return None
        if not set(outputs) <= set(entry["artifacts"]):
            return None
        artifacts = {name: _artifact(one) for name, one in entry["artifacts"].items()}
        return {name: to_value(one) for name, one in entry["parameters"].items()}, artifacts

    def keep(
        self,
        fingerprint: str,
        parameters: Mapping[str, struct_pb2.Value],
        artifacts: Mapping[str, Artifact],
    ) -> None:
        """Keeps the outputs of a task that succeeded."""
        entry: dict[str, Any] = {
            "parameters": {name: plain(value) for name, value in parameters.items()},
            "artifacts": {
                name: {"name": one.name, "uri": one.uri, "title": one.title, "metadata": plain(one.metadata)}
                for name, one in artifacts.items()
            },
        }
        write_json(self._directory / f"{fingerprint}.json", entry)


def _artifact(entry: Mapping[str, Any]) -> Artifact:
    metadata = struct_pb2.Struct()
    metadata.update(entry["metadata"])
    return Artifact(entry["name"], entry["uri"], entry["title"], metadata)
