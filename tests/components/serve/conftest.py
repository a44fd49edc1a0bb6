"""A cluster, and a client of it that is the real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.serve import api
from components.serve.rollout import Timing
from components.serve.settings import Settings, Target
from tests.components.serve.cluster import Cluster, running

FAST = Timing(poll_seconds=0.02, settle_seconds=0.12, quiet_seconds=0.4)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    for made in running():
        (tmp_path / "kubeconfig").write_text(made.kubeconfig())
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        # The client reads the location of the file when it is imported.
        from kubernetes.config import kube_config

        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
        yield made


@pytest.fixture
def services(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> api.Services:
    monkeypatch.setattr(api, "TIMEOUT_SECONDS", (2, 2))
    assert cluster.objects == {}
    made = api.connect("models")
    made._pause = lambda _: None
    return made


@pytest.fixture
def timing() -> Timing:
    return FAST


@pytest.fixture
def settings() -> Any:
    def make(**changes: Any) -> Settings:
        return Settings(**{"name": "flights", "namespace": "models", "ready_timeout_seconds": 10, **changes})

    return make


def target_of(version: int) -> Target:
    return Target(f"gs://bucket/{version}", version, f"digest-{version}", f"run-{version}")


@pytest.fixture
def target() -> Any:
    return target_of
