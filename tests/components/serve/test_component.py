"""Release and serve as TFX components: from a pushed version to a service that answers, and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tfx import types  # isort: skip  # noqa: F401
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import channel_utils, standard_artifacts

from components.push import manifest, outcome
from components.release import volume
from components.release.component import Release
from components.serve import api, executor
from components.serve.component import Serve
from tests.components.push.place import NAME, Place
from trainer.errors import TandemError


def artifact(kind, uri: Path):
    made = kind()
    made.uri = str(uri)
    uri.mkdir(parents=True, exist_ok=True)
    return made


def execute(component, artifacts, output, **properties):
    made = component.EXECUTOR_SPEC.executor_class(BaseExecutor.Context())
    (name,) = component.SPEC_CLASS.OUTPUTS
    inputs = {key: [value] for key, value in artifacts.items()}
    made.Do(inputs, {name: [output]}, properties)
    return output


@pytest.fixture
def steps(cluster, timing, tmp_path, monkeypatch):
    """Pushes a model and runs the two steps; returns the output artifact of the second."""
    monkeypatch.setattr(executor, "TIMING", timing)
    monkeypatch.setattr(api, "TIMEOUT_SECONDS", (2, 2))
    place = Place(tmp_path / "tandem")

    def run(seed: int, storage: str = "artifact", blessed: bool = True, **kserve):
        result = place.push(seed) if blessed else place.push(seed, blessing={"blessed": False})
        root = tmp_path / "artifacts" / str(seed)
        pushed = artifact(standard_artifacts.PushedModel, root / "pushed")
        outcome.write(root / "pushed", result)
        settings = {"storage": storage, "releases": str(place.root / "releases"), "keep_releases": 2}
        release = execute(
            Release,
            {"pushed_model": pushed},
            artifact(standard_artifacts.PushedModel, root / "release"),
            serving_root=str(place.serving),
            name=NAME,
            settings=json.dumps(settings),
        )
        # As the entrypoint of a pod has it: local files, the URI in object storage beside.
        release.set_string_custom_property("remote_uri", f"minio://bucket/runs/{seed}/release")
        section = {"name": "flights", "namespace": None, "ready_timeout_seconds": 10, "storage": storage}
        volume_of = {"claim": "tandem", "path": str(place.root)} if storage == "volume" else {}
        return execute(
            Serve,
            {"release": release},
            artifact(standard_artifacts.InfraBlessing, root / "service"),
            kserve=json.dumps({**section, **volume_of, **kserve}),
        )

    run.root = tmp_path / "artifacts"
    run.releases = place.root / "releases" / NAME
    assert cluster.objects == {}
    return run


def told(service) -> dict:
    return json.loads((Path(service.uri) / executor.FILE_NAME).read_text())


def test_an_artifact_in_object_storage_is_served(steps, cluster):
    service = steps(1)
    assert service.get_int_custom_property("blessed") == 1
    assert cluster.uri() == "s3://bucket/runs/1/release"
    assert (Path(service.uri) / "INFRA_BLESSED").exists()
    second = told(steps(2))
    assert second["action"] == "changed"
    assert second["previous_storage_uri"] == "s3://bucket/runs/1/release"
    assert second["storage_uri"] == cluster.uri() == "s3://bucket/runs/2/release"
    assert second["ready_seconds"] > 0
    assert cluster.service()["metadata"]["annotations"]["tandem/model-version"] == "2"


def test_a_refused_model_changes_nothing(steps, cluster):
    service = steps(1, blessed=False)
    assert service.get_int_custom_property("blessed") == 0
    assert told(service)["reason"] == "nothing was released: the model is not blessed"
    assert (Path(service.uri) / "INFRA_NOT_BLESSED").exists()
    assert cluster.requests == []


def test_a_release_that_fails_is_recorded_and_fails_the_step(steps, cluster):
    steps(1)
    cluster.behaviours["s3://bucket/runs/2/release"] = "never"
    with pytest.raises(TandemError, match=r"SERVE-030.*the model stays pushed"):
        steps(2, ready_timeout_seconds=3)
    record = json.loads((steps.root / "2" / "service" / executor.FILE_NAME).read_text())
    assert (record["served"], record["rolled_back"], record["failure"]) == (False, True, "SERVE-030")
    assert cluster.uri() == "s3://bucket/runs/1/release"


def test_on_the_volume_what_is_served_stays(steps, cluster):
    steps(1, "volume")
    first = cluster.uri()
    assert first.startswith("pvc://tandem/releases/demo/1-")
    assert volume.read_served(steps.releases) == [first.rpartition("/")[2]]
    for seed in (2, 3, 4):
        steps(seed, "volume")
        assert cluster.uri().startswith(f"pvc://tandem/releases/demo/{seed}-")
    held = volume.read_served(steps.releases)
    assert [one[:2] for one in held] == ["4-", "3-"]
    # The second was that before while the fourth was released.
    assert {path.name[:2] for path in steps.releases.iterdir() if path.is_dir()} == {"2-", "3-", "4-"}
    for one in held:
        manifest.verify(steps.releases / one / "1")


def test_on_the_volume_the_promoted_release_outlives_its_canaries(steps, cluster):
    canary = {"mode": "serverless", "canary_percent": 10}
    for seed in range(1, 6):
        steps(seed, "volume", **canary)
    held = volume.read_served(steps.releases)
    assert [one[:2] for one in held] == ["5-", "4-", "1-"]
    assert (steps.releases / held[-1] / "1" / "saved_model.pb").is_file()
    assert cluster.service()["spec"]["predictor"]["canaryTrafficPercent"] == 10


def test_an_artifact_on_a_disk_of_the_pod_is_refused(steps, monkeypatch):
    monkeypatch.setattr(executor, "_remote_uri", lambda release: release.uri)
    with pytest.raises(TandemError, match="SERVE-011"):
        steps(1)


def test_the_component_is_made_from_a_channel_and_a_text():
    release = channel_utils.as_channel([standard_artifacts.PushedModel()])
    made = Serve(release=release, kserve="{}", fingerprint="f")
    assert set(made.outputs) == {"service"}
