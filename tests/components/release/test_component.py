"""The release as a TFX component, on artifacts as the push leaves them."""

from __future__ import annotations

import json
from pathlib import Path

from tfx import types  # isort: skip  # noqa: F401
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import channel_utils, standard_artifacts

from components.push import manifest, outcome
from components.release import record
from components.release.component import Release


def artifact(uri: Path):
    made = standard_artifacts.PushedModel()
    made.uri = str(uri)
    uri.mkdir(parents=True, exist_ok=True)
    return made


def execute(root, pushed, **settings):
    output = artifact(root / "output")
    properties = {
        "serving_root": str(root / "serving"),
        "name": "demo",
        "settings": json.dumps(settings),
    }
    executor = Release.EXECUTOR_SPEC.executor_class(BaseExecutor.Context())
    executor.Do({"pushed_model": [pushed]}, {"release": [output]}, properties)
    return output


def test_a_pushed_version_is_released(releases):
    pushed = artifact(releases.root / "pushed")
    outcome.write(releases.root / "pushed", releases.place.push(1))
    mirror = f"file://{releases.root}/mirror"
    output = execute(releases.root, pushed, storage="artifact", releases="", keep_releases=5, mirror=mirror)
    assert output.get_int_custom_property("released") == 1
    assert output.get_int_custom_property("release_version") == 1
    assert output.get_string_custom_property("mirror") == f"{mirror}/demo/1"
    told = record.read(Path(output.uri))
    assert told.digest == output.get_string_custom_property("model_digest")
    assert manifest.verify(Path(output.uri) / "1").digest == told.digest
    manifest.verify(releases.root / "mirror" / "demo" / "1")


def test_a_refused_model_is_no_release_and_no_error(releases):
    pushed = artifact(releases.root / "pushed")
    refused = releases.place.push(1, blessing={"blessed": False})
    outcome.write(releases.root / "pushed", refused)
    output = execute(releases.root, pushed, storage="volume", releases=str(releases.root / "releases"))
    assert output.get_int_custom_property("released") == 0
    assert output.get_string_custom_property("reason") == "the model is not blessed"
    assert not record.read(Path(output.uri)).released
    assert not (releases.root / "releases").exists()


def test_the_component_is_made_from_channels_and_texts():
    pushed = channel_utils.as_channel([standard_artifacts.PushedModel()])
    made = Release(pushed_model=pushed, serving_root="/tandem/serving", name="demo", settings="{}")
    assert set(made.outputs) == {"release"}
    assert made.exec_properties["settings"] == "{}"
