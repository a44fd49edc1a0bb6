"""Where things are in the pods of a pipeline."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline.config import parse
from pipeline.kubeflow.places import Places
from pipeline.kubeflow.pod import Pod
from tests.pipeline.kubeflow.pods import CONFIG

SOURCE = "def rows(directory): ..."
PREPARED = ("data.path=null", "data.prepare='steps.py:rows'")


def places(*overrides: str, source: str = "") -> Places:
    return Places(parse(CONFIG, list(overrides)), source)


def test_without_a_prepare_step_relative_paths_start_at_the_state_volume() -> None:
    found = places()
    assert (found.state, found.base, found.prepare_file) == (Path("/tandem"), Path("/tandem"), None)
    assert found.serving == Path("/tandem/serving")
    assert found.root(Pod({})).path == Path("/tandem")
    assert found.root(Pod({"/tandem": "/claims/a"})).path == Path("/claims/a")


def test_the_volume_lies_where_the_config_says() -> None:
    found = places("kubeflow.state.path=/mnt/state")
    assert (found.base, found.serving) == (Path("/mnt/state"), Path("/mnt/state/serving"))


def test_the_place_of_a_prepare_file_follows_from_its_text() -> None:
    found = places(*PREPARED, source=SOURCE)
    assert found.prepare_file == "steps.py"
    assert found.base == Path("/tandem/prepare") / hashlib.sha256(SOURCE.encode()).hexdigest()[:16]
    assert found.base == places(*PREPARED, source=SOURCE).base
    # Two versions of it do not overwrite each other's.
    assert found.base != places(*PREPARED, source=f"{SOURCE}\n").base


@pytest.mark.parametrize(
    ("directory", "serving"), [("models", "/tandem/models"), ("/mnt/models", "/mnt/models")]
)
def test_models_are_served_from_below_the_volume_or_an_absolute_place(directory: str, serving: str) -> None:
    assert places(f"push.directory={directory}").serving == Path(serving)
