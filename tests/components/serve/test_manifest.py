"""Documents against the schema of the CRD, and settings that cannot be used."""

from __future__ import annotations

import dataclasses
import json

import pytest

from components.release.record import Release
from components.serve import manifest
from components.serve.settings import Settings, target
from tests.components.serve.cluster import merge
from tests.kubernetes.schemas import validate
from trainer.errors import TandemError

RELEASE = Release(
    True, "flights", 7, "digest", "run", "7-0123456789ab", "/tandem/releases/flights/7-0123456789ab"
)


@pytest.mark.parametrize("mode", ["standard", "serverless"])
@pytest.mark.parametrize("more", [{}, {"cpu": "500m", "memory": "2Gi", "service_account": "reader"}])
def test_a_document_agrees_with_the_schema(mode, more, target) -> None:
    settings = Settings(name="flights", mode=mode, **more)
    made = manifest.document(settings, "models", target(1))
    assert validate(made) == []
    assert made["spec"]["predictor"]["model"]["modelFormat"] == {"name": "tensorflow", "version": "2"}
    assert "canaryTrafficPercent" not in made["spec"]["predictor"]
    assert ("deploymentStrategy" in made["spec"]["predictor"]) == (mode == "standard")
    spoilt = merge(made, {"spec": {"predictor": {"model": {"storageURI": "gs://b/k"}}}})
    assert validate(spoilt) != []


def test_a_patch_and_its_inverse_lead_back(target) -> None:
    settings = Settings(name="flights", mode="serverless", canary_percent=5, cpu="1")
    other = {"metadata": {"annotations": {"team": "ml"}}, "spec": {"predictor": {"maxReplicas": 3}}}
    before = merge(manifest.document(Settings(name="flights", mode="serverless"), "models", target(1)), other)
    patch = manifest.change(settings, before, target(2))
    after = merge(before, patch)
    assert after["spec"]["predictor"]["canaryTrafficPercent"] == 5
    assert merge(after, manifest.inverse(before, patch)) == before
    assert manifest.change(settings, after, target(2)) == {}
    assert merge(after, manifest.previous(after)) == before
    bare = {"metadata": {}, "spec": {"predictor": {"model": {"modelFormat": {"name": "tensorflow"}}}}}
    patch = manifest.change(settings, bare, target(2))
    assert merge(merge(bare, patch), manifest.inverse(bare, patch)) == merge(
        bare, {"metadata": {"annotations": {}}}
    )


@pytest.mark.parametrize("told", ["", "{", "[]", '{"spec": 1}', json.dumps({"spec": {"predictor": {}}})])
def test_a_record_of_the_release_before_that_cannot_be_read_is_none(told) -> None:
    assert manifest.previous({"metadata": {"annotations": {manifest.PREVIOUS: told}}}) is None


def test_a_service_of_another_kind_is_not_taken_over(target) -> None:
    sklearn = {"metadata": {}, "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}}}}}
    older = {"metadata": {}, "spec": {"predictor": {"tensorflow": {"storageUri": "gs://bucket/1"}}}}
    for existing in (sklearn, older):
        with pytest.raises(TandemError, match="SERVE-012"):
            manifest.change(Settings(name="flights"), existing, target(1))


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("gs://bucket/run/release", "gs://bucket/run/release"),
        ("s3://bucket/run/release/", "s3://bucket/run/release"),
        ("minio://bucket/run/release", "s3://bucket/run/release"),
    ],
)
def test_an_artifact_is_served_from_object_storage(remote, expected) -> None:
    assert target(RELEASE, remote, Settings(name="flights")).storage_uri == expected


def test_a_release_on_the_volume_is_served_from_its_claim() -> None:
    settings = Settings(name="flights", storage="volume", claim="tandem", path="/tandem")
    assert target(RELEASE, "", settings).storage_uri == "pvc://tandem/releases/flights/7-0123456789ab"
    for path in ("", "/tandem", "/elsewhere/releases/7", "/tandem/../etc"):
        with pytest.raises(TandemError, match="SERVE-011"):
            target(dataclasses.replace(RELEASE, path=path), "", settings)


@pytest.mark.parametrize(
    "remote", ["", "/tmp/release", "https://host/release", "gs://bucket", "gs://bucket/"]
)
def test_an_artifact_that_no_pod_can_read_is_refused(remote) -> None:
    with pytest.raises(TandemError, match="SERVE-011"):
        target(RELEASE, remote, Settings(name="flights"))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Flights"},
        {"name": "7flights"},
        {"name": "flights.daily"},
        {"name": "a" * 54},
        {"mode": "serverless", "name": "a" * 48},
        {"mode": "raw"},
        {"canary_percent": 10},
        {"storage": "disk"},
        {"storage": "volume"},
        {"unknown": 1},
    ],
)
def test_settings_that_cannot_be_used_are_refused(changes) -> None:
    with pytest.raises(TandemError, match="SERVE-010") as caught:
        Settings.from_json(json.dumps({"name": "flights", **changes}))
    assert caught.value.exit_status == 2
