"""Fixtures of the folders that talk to the API; each `conftest.py` takes them from here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.transport import Policy, Transport
from tests.pipeline.kubeflow.api.server import Server, serving

QUICK = Policy(
    attempts=4, base_seconds=0.01, cap_seconds=0.02, connect_timeout_seconds=2.0, read_timeout_seconds=0.5
)
NAME = "flights"
CONFIG = """
name: flights
task: binary
label: {column: late, classes: ["no", "yes"]}
data: {path: "flights-{SPAN}.csv"}
features:
  hour: {kind: numeric}
gate: {rules: [{metric: auc, min: 0.5}]}
kubeflow:
  image: registry.local/tandem:1
  pipeline_root: s3://bucket/root
"""
PACKAGE = """
pipelineInfo: {name: tandem-flights}
schemaVersion: 2.1.0
root:
  inputDefinitions:
    parameters:
      span: {parameterType: STRING, defaultValue: ''}
  dag:
    tasks:
      train:
        cachingOptions: {enableCache: true}
components: {}
deploymentSpec: {}
---
platforms: {kubernetes: {}}
"""


@pytest.fixture
def server() -> Iterator[Server]:
    """A Kubeflow Pipelines API."""
    with serving() as backend:
        yield backend


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A client of it without a token."""
    transport = Transport(lambda: server.url, None, QUICK)
    yield Client(transport, None, "http://ui.local")
    transport.close()


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """A config beside nothing else."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def package_file(tmp_path: Path) -> Path:
    """A compiled file of that config, as small as the backend takes it."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(PACKAGE)
    return path


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine that runs the tests names a cluster."""
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_SA_TOKEN_PATH", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("KF_PIPELINES_UI_ENDPOINT", raising=False)
    monkeypatch.delenv("TANDEM_WEBHOOK_URL", raising=False)
