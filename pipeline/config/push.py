"""The section `push`: where a blessed model goes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config.base import Section
from pipeline.config.kubeflow import ObjectName, Quantity


class KServe(Section):
    """A KServe InferenceService that every pushed model goes to, from a pipeline on Kubeflow."""

    name: str | None = Field(
        default=None,
        pattern=r"^[a-z]([-a-z0-9]{0,45}[a-z0-9])?$",
        description="Name of the service; `name` when not set, as far as Kubernetes takes it.",
    )
    namespace: ObjectName | None = Field(
        default=None, description="Its namespace; that of the pipeline when not set."
    )
    mode: Literal["standard", "serverless"] = Field(
        default="standard", description="Deployment mode; only `serverless` (Knative) splits traffic."
    )
    storage: Literal["artifact", "volume"] = Field(
        default="artifact",
        description="Serve the release from the pipeline's object storage, or from the state volume.",
    )
    canary_percent: int | None = Field(
        default=None,
        ge=1,
        le=99,
        description="Traffic of a new release until it is promoted; serverless only.",
    )
    min_replicas: int = Field(default=1, ge=0, description="Least number of replicas.")
    service_account: ObjectName | None = Field(
        default=None, description="Service account that may read the storage."
    )
    ready_timeout_seconds: int = Field(
        default=600, ge=1, description="How long a release may take to be ready before it is rolled back."
    )
    keep_releases: int = Field(default=5, ge=2, description="Releases kept on the state volume.")
    cpu: Quantity | None = Field(default=None, description="CPUs of a replica.")
    memory: Quantity | None = Field(default=None, description="Memory of a replica.")


class Push(Section):
    """Where a blessed model goes."""

    directory: str | None = Field(
        default=None, description="Serving directory; `<root>/serving` when not set."
    )
    equality_tolerance: float = Field(
        default=1e-6,
        ge=0,
        description="Greatest difference allowed between served and training predictions; `1e-4` for a "
        "sequence task that does not set it.",
    )
    recorded_requests: int = Field(
        default=1000, ge=1, description="Rows of the eval split that the dry run answers."
    )
    mirror: str | None = Field(
        default=None,
        pattern=r"^(gs|s3|file)://[^/\s]*(/\S*)?$",
        description="A second serving directory that each pushed version is copied to, manifest checked: "
        "`gs://`, `s3://` or `file://`.",
    )
    kserve: KServe | None = Field(default=None, description="A KServe InferenceService to switch.")
