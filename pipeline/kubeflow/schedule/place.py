"""Where the schedule of a config is on the server."""

from __future__ import annotations

from pipeline.config import Config
from pipeline.kubeflow.api import pipelines
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.deploy.launch import experiment_of, pipeline_of
from pipeline.kubeflow.schedule.plan import Plan, plan
from trainer.errors import TandemError


def name_of(config: Config) -> str:
    """Name of the recurring run."""
    return pipeline_of(config)


def planned(
    client: Client, config: Config, make: bool, upload: str = "tandem deploy CONFIG --no-run"
) -> Plan:
    """The plan of a config with the ids of its pipeline and experiment.

    Args:
        client: the API.
        config: the config.
        make: whether a missing experiment is made; otherwise the plan has `""` for its id.
        upload: the command that uploads the pipeline. Defaults to its general form.

    Raises:
        TandemError: `KFP-405` if the pipeline is not uploaded; what `plan` raises.
    """
    name = pipeline_of(config)
    pipeline = pipelines.find_pipeline(client, name)
    if pipeline is None:
        raise TandemError(
            "KFP-405",
            f"Expected pipeline {name} on the server. Received: none of this name.",
            f"Upload it first: {upload}",
            exit_status=2,
        )
    title = experiment_of(config)
    found = pipelines.ensure_experiment(client, title) if make else pipelines.find_experiment(client, title)
    return plan(config, name_of(config), pipeline.pipeline_id, found.experiment_id if found else "")
