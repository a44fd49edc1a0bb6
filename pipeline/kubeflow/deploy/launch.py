"""Uploads a compiled pipeline and starts a run of it."""

from __future__ import annotations

import dataclasses
import datetime
import re
import secrets
from typing import Any

import kfp_server_api as kfp

from pipeline.config import Config
from pipeline.kubeflow import spans
from pipeline.kubeflow.api import pipelines, runs
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.deploy.package import Package
from pipeline.kubeflow.naming import pipeline_name
from trainer.errors import TandemError

_TOKEN = re.compile(r"\{(SPAN|YYYY)(:[0-9]+)?\}")


@dataclasses.dataclass(frozen=True)
class Uploaded:
    """A pipeline on the server.

    Args:
        pipeline_id: of the pipeline.
        version_id: of the version.
        version: name of the version.
        new: whether it was not there before.
    """

    pipeline_id: str
    version_id: str
    version: str
    new: bool


def experiment_of(config: Config) -> str:
    """Name of the experiment of a config."""
    return config.kubeflow.experiment or config.name


def pipeline_of(config: Config) -> str:
    """Name of the pipeline of a config on the server."""
    return pipeline_name(config.name)


def upload(client: Client, config: Config, package: Package) -> Uploaded:
    """Uploads a compiled pipeline as a new version, unless the very same file is there.

    Raises:
        TandemError: `KFP-322` if the file is of another pipeline; what the API answers.
    """
    name = pipeline_of(config)
    if package.name != name:
        raise TandemError(
            "KFP-322",
            f"Expected a compiled file of pipeline {name}. Received: name={package.name!r}.",
            "Name the config that it was compiled from, or leave --package out.",
            exit_status=2,
        )
    pipeline = pipelines.ensure_pipeline(client, name, f"Tandem, config {config.name}")
    version = pipelines.find_version(client, pipeline.pipeline_id, package.version)
    found = version is not None
    if version is None:
        version = pipelines.upload_version(
            client, pipeline.pipeline_id, package.version, f"Tandem, config {config.name}", package.content
        )
    return Uploaded(pipeline.pipeline_id, version.pipeline_version_id, package.version, not found)


def require_span(config: Config, span: str) -> None:
    """Refuses a span that no run could use, before anything is compiled or uploaded.

    Raises:
        TandemError: `KFP-323` if the data of the config has no spans; what `spans.require_typed` raises.
    """
    split = config.data.split
    places = [config.data.path, split.train_files, split.validation_files, split.eval_files]
    places += (config.data.lines or {}).values()
    if not any(place and _TOKEN.search(place) for place in places):
        raise TandemError(
            "KFP-323",
            f"Expected data with spans for --span. Received: data.path={config.data.path!r}.",
            "Put {SPAN}, or {YYYY}, {MM} and {DD}, into data.path, or leave --span out.",
            exit_status=2,
        )
    spans.require_typed(span)


def start(client: Client, config: Config, package: Package, uploaded: Uploaded, span: str | None) -> Any:
    """Starts a run.

    Args:
        client: the API.
        config: the config.
        package: the compiled pipeline.
        uploaded: where it is on the server.
        span: span to train on; the newest if `None`.

    Returns:
        The run.

    Raises:
        TandemError: `KFP-323` if the pipeline takes no span; what the API answers.
    """
    if span is not None and "span" not in package.parameters:
        raise TandemError(
            "KFP-323",
            f"Expected a pipeline with a parameter span for --span. Received: {sorted(package.parameters)}.",
            "Compile the config anew with `tandem compile`.",
            exit_status=2,
        )
    experiment = pipelines.ensure_experiment(client, experiment_of(config))
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    return runs.start(
        client,
        kfp.V2beta1Run(
            display_name=f"{pipeline_of(config)} {moment} {secrets.token_hex(3)}",
            description=f"Version {uploaded.version}",
            experiment_id=experiment.experiment_id,
            pipeline_version_reference=kfp.V2beta1PipelineVersionReference(
                pipeline_id=uploaded.pipeline_id, pipeline_version_id=uploaded.version_id
            ),
            runtime_config=kfp.V2beta1RuntimeConfig(
                parameters={} if span is None else {"span": span}, pipeline_root=config.kubeflow.pipeline_root
            ),
            service_account=config.kubeflow.service_account,
        ),
    )
