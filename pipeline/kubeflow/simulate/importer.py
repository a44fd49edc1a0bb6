"""Importer tasks: an artifact that exists already (`backend/src/v2/component/importer_launcher.go`)."""

from __future__ import annotations

from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate.backend import Artifact, Backend, local_path
from pipeline.kubeflow.simulate.resolve import Inputs
from pipeline.kubeflow.simulate.values import to_text
from trainer.errors import TandemError


def imported(
    importer: ps.PipelineDeploymentConfig.ImporterSpec, inputs: Inputs, backend: Backend, number: int
) -> Artifact:
    """The artifact of an importer; nothing is copied, and always a new one is recorded.

    Args:
        importer: the executor.
        inputs: inputs of its task.
        backend: the version of the backend.
        number: a number that no other artifact has.

    Raises:
        TandemError: `KFP-219` if its URI is missing or of a scheme that the backend does not know.
    """
    source = importer.artifact_uri
    uri = to_text(source.constant)
    if source.WhichOneof("value") == "runtime_parameter":
        uri = to_text(inputs.parameters.get(source.runtime_parameter, source.constant))
    if local_path(uri) is None:
        raise TandemError(
            "KFP-219", f"Expected an importer of gs://, s3:// or minio://. Received: uri={uri!r}"
        )
    artifact = ps.RuntimeArtifact(uri=uri)
    artifact.type.CopyFrom(importer.type_schema)
    artifact.metadata.CopyFrom(importer.metadata)
    return backend.record(uri.rpartition("/")[2], artifact, number)
