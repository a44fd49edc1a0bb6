"""The two backends whose input differs: with ML Metadata (old), and with its own artifacts (new)."""

from __future__ import annotations

import dataclasses
import json
import re
import uuid
from typing import Literal

import yaml
from google.protobuf import struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate.values import stored_metadata

Variant = Literal["old", "new"]
_OUTPUT_FILE = "output_metadata.json"
_SYSTEM = {
    "Dataset",
    "Model",
    "Metrics",
    "ClassificationMetrics",
    "SlicedClassificationMetrics",
    "HTML",
    "Markdown",
}


@dataclasses.dataclass(frozen=True)
class Artifact:
    """An artifact as the backend keeps it.

    Args:
        name: id in the store of the backend; what the next task sees as `name`, and the cache as its
            identity.
        uri: where it is.
        title: title of its type, for example `tfx.Model`.
        metadata: as the next task gets it.
    """

    name: str
    uri: str
    title: str
    metadata: struct_pb2.Struct


def title_of(schema: ps.ArtifactTypeSchema) -> str:
    """Title of an artifact type: `schemaTitle`, or `title` of the schema (YAML); empty if it has none."""
    if schema.WhichOneof("kind") == "schema_title":
        return schema.schema_title
    try:
        return str((yaml.safe_load(schema.instance_schema) or {}).get("title", ""))
    except (yaml.YAMLError, AttributeError):
        return ""


@dataclasses.dataclass(frozen=True)
class Backend:
    """What a version of the backend writes into the input of an executor.

    Old: `provisionOutputs` of `driver/driver.go` before URIs had a UUID, artifacts through ML Metadata
    (`metadata/client.go`): the type of an input is an empty `instanceSchema`, its metadata is wrapped, the
    output file lies in `/tmp/kfp_outputs`. New: UUID in the URIs, the output file beside the outputs,
    artifacts of the API (`driver/resolver/`): the type of an input is a `schemaTitle` of the `system`
    family, metadata plain.

    Args:
        variant: `old` or `new`.
        run_root: `<pipeline root>/<pipeline name>/<run id>`.
        store: scheme of the pipeline root.
    """

    variant: Variant
    run_root: str
    store: str

    def session(self) -> str:
        """`store_session_info`, as the driver writes it for a store with credentials in the cluster."""
        provider = {"gs": "gs", "s3": "s3"}.get(self.store, "minio")
        return json.dumps({"Provider": provider, "Params": {"fromEnv": "true"}}, separators=(",", ":"))

    def outputs(self, task: str, definitions: ps.ComponentOutputsSpec) -> ps.ExecutorInput.Outputs:
        """References of the outputs of a task, `executor-logs` among them."""
        parts = [self.run_root, task] + ([str(uuid.uuid4())] if self.variant == "new" else [])
        root = "/".join(parts)
        outputs = ps.ExecutorInput.Outputs()
        file = f"/tmp/kfp_outputs/{_OUTPUT_FILE}"
        outputs.output_file = file if self.variant == "old" else f"{local_path(root)}/{_OUTPUT_FILE}"
        types = {name: (one.artifact_type, one.metadata) for name, one in definitions.artifacts.items()}
        types["executor-logs"] = (ps.ArtifactTypeSchema(schema_title="system.Artifact"), struct_pb2.Struct())
        for name, (schema, metadata) in types.items():
            artifact = outputs.artifacts[name].artifacts.add(uri=f"{root}/{name}")
            artifact.type.CopyFrom(schema)
            if metadata.fields:
                artifact.metadata.CopyFrom(metadata)
        for name in definitions.parameters:
            outputs.parameters[name].output_file = f"/tmp/kfp/outputs/{name}"
        return outputs

    def record(self, name: str, artifact: ps.RuntimeArtifact, number: int) -> Artifact:
        """Keeps an output.

        Args:
            name: name of the output.
            artifact: the output as the launcher merged it.
            number: a number that no other artifact has.

        Raises:
            TandemError: `KFP-211` if its metadata cannot be kept.
        """
        title = title_of(artifact.type)
        if self.variant == "old":
            metadata = stored_metadata(artifact.metadata, name, self.session())
            return Artifact(str(number), artifact.uri, title, metadata)
        metadata = struct_pb2.Struct()
        metadata.CopyFrom(artifact.metadata)
        return Artifact(str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))), artifact.uri, title, metadata)

    def runtime(self, artifact: Artifact) -> ps.RuntimeArtifact:
        """An artifact as the input of a task."""
        given = ps.RuntimeArtifact(name=artifact.name, uri=artifact.uri)
        given.metadata.CopyFrom(artifact.metadata)
        if self.variant == "old":
            given.type.instance_schema = ""
        else:
            family = re.split(r"[./]", artifact.title)[-1]
            given.type.schema_title = f"system.{family}" if family in _SYSTEM else "system.Artifact"
        return given


_MOUNTS = {"gs": "/gcs", "s3": "/s3", "minio": "/minio"}


def local_path(uri: str) -> str | None:
    """Where the launcher puts an artifact in the pod (`LocalPathForURI`); `None` for a scheme it does not
    know.

    Example:
        >>> local_path("gs://bucket/a/b"), local_path("hdfs://a")
        ('/gcs/bucket/a/b', None)
    """
    scheme, separator, rest = uri.partition("://")
    return f"{_MOUNTS[scheme]}/{rest}" if separator and scheme in _MOUNTS else None
