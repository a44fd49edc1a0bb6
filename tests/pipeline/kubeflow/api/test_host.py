"""Which address is meant, and whether a token may go there."""

from __future__ import annotations

import pytest

from pipeline.kubeflow.api import host
from trainer.errors import TandemError


@pytest.mark.parametrize(
    ("given", "environment", "address"),
    [
        ("https://kf.example.com/", {}, "https://kf.example.com"),
        ("https://kf.example.com/pipeline/", {}, "https://kf.example.com/pipeline"),
        ("https://kf.example.com/pipeline/#/runs", {}, "https://kf.example.com/pipeline"),
        ("localhost:8080", {}, "http://localhost:8080"),
        (None, {"KF_PIPELINES_ENDPOINT": "http://a:1"}, "http://a:1"),
        (None, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "http://ml-pipeline.kf.svc.cluster.local:8888"),
    ],
)
def test_an_address_is_found(given: str | None, environment: dict[str, str], address: str) -> None:
    assert host.find(given, "kf", environment) == address


@pytest.mark.parametrize(
    "given", [None, "ftp://a", "http://", "http://a:port", "http://[::1", "https://user:pass@a"]
)
def test_what_is_no_address_is_refused(given: str | None) -> None:
    with pytest.raises(TandemError, match=r"KFP-310.*--host URL") as refused:
        host.find(given, "kf", {})
    assert "pass" not in refused.value.message.partition("Received")[2].replace("password", "")


@pytest.mark.parametrize(
    "address",
    [
        "https://kf.example.com",
        "http://localhost:8080",
        "http://127.0.0.1:3000",
        "http://[::1]:3000",
        "http://ml-pipeline.kubeflow.svc.cluster.local:8888",
        "http://ml-pipeline-ui.kubeflow.svc",
        "http://ml-pipeline-ui",
    ],
)
def test_a_token_may_stay_here_or_in_the_cluster(address: str) -> None:
    host.require_private(address)


@pytest.mark.parametrize(
    "address",
    ["http://kf.example.com", "http://10.1.2.3:80", "http://a.svc.example.com", "http://[2001:db8::1]"],
)
def test_a_token_does_not_leave_unencrypted(address: str) -> None:
    with pytest.raises(TandemError, match=r"KFP-313.*https://.*--port-forward"):
        host.require_private(address)
