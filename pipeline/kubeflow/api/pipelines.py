"""Pipelines, their versions, and experiments: found or made, never twice."""

from __future__ import annotations

from typing import Any

import kfp_server_api as kfp

from pipeline.kubeflow.api import errors
from pipeline.kubeflow.api.client import Client, only, where


def find_pipeline(client: Client, name: str) -> Any | None:
    """The pipeline of that name in the namespace of the user, or `None`."""
    listed = client.pages(
        client.pipelines.pipeline_service_list_pipelines,
        "pipelines",
        **only(namespace=client.namespace, filter=where("display_name", name)),
    )
    return next((item for item in listed if name in (item.name, item.display_name)), None)


def ensure_pipeline(client: Client, name: str, description: str) -> Any:
    """The pipeline of that name, made if there is none; a new one has no version."""
    wanted = kfp.V2beta1Pipeline(display_name=name, description=description, namespace=client.namespace)
    return find_pipeline(client, name) or client.create(
        lambda: client.call(client.pipelines.pipeline_service_create_pipeline, wanted),
        lambda: find_pipeline(client, name),
    )


def find_version(client: Client, pipeline_id: str, name: str) -> Any | None:
    """The version of that name, or `None`."""
    listed = client.pages(
        client.pipelines.pipeline_service_list_pipeline_versions,
        "pipeline_versions",
        pipeline_id=pipeline_id,
        filter=where("display_name", name),
    )
    return next((item for item in listed if name in (item.name, item.display_name)), None)


def upload_version(client: Client, pipeline_id: str, name: str, description: str, package: bytes) -> Any:
    """A new version.

    Args:
        client: the API.
        pipeline_id: of the pipeline.
        name: of the version.
        description: of the version.
        package: content of the compiled file.

    Raises:
        ApiError: if the server refuses it.
    """

    def upload() -> Any:
        # Not through the generated method, which sends files of the disk only.
        version = client.call(
            client.raw_api.call_api,
            "/apis/v2beta1/pipelines/upload_version",
            "POST",
            query_params=[("name", name), ("pipelineid", pipeline_id), ("description", description)],
            header_params={"Accept": "application/json", "Content-Type": "multipart/form-data"},
            post_params=[("uploadfile", ("pipeline.yaml", package, "application/octet-stream"))],
            response_type="V2beta1PipelineVersion",
            auth_settings=[],
            _return_http_data_only=True,
        )
        if not version.pipeline_version_id:
            raise errors.foreign("upload_version", "no id of the version", perhaps_done=True)
        return version

    return client.create(upload, lambda: find_version(client, pipeline_id, name))


def find_experiment(client: Client, name: str) -> Any | None:
    """The experiment of that name in the namespace of the user, or `None`."""
    listed = client.pages(
        client.experiments.experiment_service_list_experiments,
        "experiments",
        **only(namespace=client.namespace, filter=where("display_name", name)),
    )
    return next((item for item in listed if item.display_name == name), None)


def ensure_experiment(client: Client, name: str) -> Any:
    """The experiment of that name, made if there is none."""
    wanted = kfp.V2beta1Experiment(display_name=name, namespace=client.namespace)
    return find_experiment(client, name) or client.create(
        lambda: client.call(client.experiments.experiment_service_create_experiment, wanted),
        lambda: find_experiment(client, name),
    )
