"""What the API can answer, and what the user is told then."""

from __future__ import annotations

import pytest

from components import cluster
from components.serve import api
from components.serve.rollout import roll_out
from tests.components.serve.cluster import status
from trainer.errors import TandemError

FORBIDDEN = status(403, "Forbidden", 'User "x" cannot patch resource "inferenceservices"', "flights")
BUSY = status(503, "ServiceUnavailable", "etcd is not there")


def fails(code: str, run) -> TandemError:
    with pytest.raises(TandemError) as caught:
        run()
    assert caught.value.code == code
    assert caught.value.hint
    return caught.value


def test_a_cluster_without_kserve_is_told(cluster, services, settings, target):
    cluster.crd = False
    error = fails("SERVE-021", lambda: roll_out(services, settings(), target(1)))
    assert "kubectl get crd inferenceservices.serving.kserve.io" in error.hint


def test_a_namespace_that_is_not_there_is_told(cluster, services, settings, target):
    cluster.namespaces = set()
    error = fails("SERVE-021", lambda: roll_out(services, settings(), target(1)))
    assert 'namespaces "models" not found' in error.message


@pytest.mark.parametrize("verb", ["get", "create", "patch"])
def test_a_missing_permission_names_its_verb(cluster, services, settings, target, timing, verb):
    if verb == "patch":
        roll_out(services, settings(), target(1), timing)
    cluster.faults = [(verb, FORBIDDEN)]
    error = fails("SERVE-022", lambda: roll_out(services, settings(), target(2), timing))
    assert f"the verb `{verb}`" in error.hint
    assert "cannot patch" in error.message


def test_what_the_cluster_refuses_is_told_in_its_words(cluster, services, settings, target):
    error = fails("SERVE-024", lambda: roll_out(services, settings(cpu="much"), target(1)))
    assert "much" in error.message
    assert cluster.objects == {}


@pytest.mark.parametrize("action", [BUSY, "disconnect", 2.4], ids=["busy", "disconnect", "slow"])
@pytest.mark.parametrize("verb", ["get", "create", "patch"])
def test_what_passes_is_tried_again(cluster, services, settings, target, timing, verb, action):
    roll_out(services, settings(), target(1), timing) if verb == "patch" else None
    cluster.faults = [(verb, action)] * (1 if action == 2.4 else 2)
    assert roll_out(services, settings(), target(2), timing).served
    assert cluster.faults == []
    assert cluster.uri() == "gs://bucket/2"


def test_an_api_that_does_not_answer_is_told(cluster, services, settings, target):
    cluster.close()
    error = fails("SERVE-023", lambda: roll_out(services, settings(), target(1)))
    assert "kubectl get --raw /readyz" in error.hint
    cluster._thread.join()


def test_an_api_that_stays_broken_is_told(cluster, services, settings, target):
    cluster.faults = [("get", BUSY)] * 5
    error = fails("SERVE-025", lambda: roll_out(services, settings(), target(1)))
    assert "etcd is not there" in error.message


def test_an_api_that_is_away_while_a_release_gets_ready_is_waited_for(
    cluster, services, settings, target, timing
):
    cluster.faults = [("get", lambda: None)] + [("get", BUSY)] * 9
    assert roll_out(services, settings(), target(1), timing).served
    assert cluster.faults == []


def test_a_permission_that_is_lost_while_waiting_ends_the_wait(cluster, services, settings, target, timing):
    cluster.faults = [("get", lambda: None), ("get", FORBIDDEN)]
    failed = roll_out(services, settings(), target(1), timing)
    assert failed.failure.code == "SERVE-022"


def test_without_a_cluster_the_way_to_one_is_told(monkeypatch, tmp_path):
    from kubernetes.config import kube_config

    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    fails("SERVE-020", api.connect)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    fails("SERVE-020", api.connect)


@pytest.mark.usefixtures("cluster")
def test_the_namespace_is_that_of_the_kubeconfig_when_none_is_given():
    assert api.connect().namespace == "models"
    assert api.connect("other").namespace == "other"


def test_in_a_pod_the_account_of_the_pod_is_used(monkeypatch, tmp_path):
    import certifi
    from kubernetes.config import incluster_config

    (tmp_path / "token").write_text("the-token-of-the-pod")
    (tmp_path / "namespace").write_text("models\n")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", certifi.where())
    monkeypatch.setattr(cluster, "_NAMESPACE_FILE", tmp_path / "namespace")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    made = api.connect()
    assert made.namespace == "models"
    configuration = made._api.api_client.configuration
    assert configuration.host == "https://127.0.0.1:1"
    sent = configuration.auth_settings()["BearerToken"]["value"]
    assert sent.lower() == "bearer the-token-of-the-pod"
