"""Plans and recurring runs for the tests of this room."""

from __future__ import annotations

import datetime
from typing import Any

from pipeline.config import parse as parse_config
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.schedule import place
from pipeline.kubeflow.schedule.plan import Plan
from tests.pipeline.kubeflow.api.server import Server
from tests.pipeline.kubeflow.fixtures import CONFIG, PACKAGE

NOW = datetime.datetime(2026, 1, 31, 12, 0, tzinfo=datetime.UTC)


def config(**schedule: Any) -> Any:
    """The config with a schedule, every night unless said otherwise."""
    values = {"cron": "0 3 * * *"} | schedule
    sets = [f"kubeflow.schedule.{key}={'null' if value is None else value}" for key, value in values.items()]
    return parse_config(CONFIG, sets)


def uploaded(server: Server) -> None:
    """The pipeline is on the server."""
    pipeline = server.state.create_pipeline({"display_name": "tandem-flights"})
    server.state.upload_version({"pipelineid": pipeline["pipeline_id"], "name": "v1"}, PACKAGE.encode())


def planned(client: Client, **schedule: Any) -> Plan:
    """The plan of such a config on the server."""
    return place.planned(client, config(**schedule), make=True)
