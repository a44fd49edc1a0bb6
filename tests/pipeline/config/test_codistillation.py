"""The section `train.codistillation`: its defaults, what ties its fields together, and mistakes in it."""

from __future__ import annotations

import pytest

from pipeline import plan
from pipeline.config import Config, dump, parse
from trainer.errors import TandemError
from trainer.spec import CodistillationSpec, LaunchSpec, TrainSpec

BASE = """
name: small
task: binary
label: {column: answer, classes: ['no', 'yes']}
data: {path: data.csv}
features: {size: {kind: numeric}}
gate: {rules: [{metric: log_loss, better_than: prior}]}
"""
HERE = "train.codistillation"


def group(*overrides: str) -> Config:
    return parse(BASE, [f"{HERE}={{}}", *(f"{HERE}.{text}" for text in overrides)])


def test_without_the_section_there_is_one_training() -> None:
    config = parse(BASE, [])
    assert config.train.codistillation is None
    assert plan.train_arguments(config)["train"]["codistillation"] is None
    assert plan.launch(config) is None


def test_its_defaults_are_those_of_the_trainer() -> None:
    config = group()
    spec = TrainSpec.from_json(plan.train_arguments(config)["train"])
    assert spec.codistillation == CodistillationSpec()
    told = plan.launch(config)
    assert told is not None
    assert LaunchSpec.from_json(told) == LaunchSpec()


def test_every_field_reaches_the_trainer() -> None:
    given = {
        "replicas": 3,
        "weight": 0.5,
        "burn_in": 0.25,
        "ramp": 0.0,
        "exchange_every_steps": 7,
        "max_staleness_steps": 70,
        "shared_data": 0.5,
        "transfer": "bfloat16",
    }
    spec = TrainSpec.from_json(
        plan.train_arguments(group(*(f"{name}={value}" for name, value in given.items())))["train"]
    )
    assert spec.codistillation is not None
    assert {name: getattr(spec.codistillation, name) for name in given} == given


def test_how_it_is_launched_is_no_part_of_the_training() -> None:
    changed = group("launch={directory: gs://bucket/groups, restarts: 0, stall_seconds: 5, patience: 2}")
    assert plan.train_arguments(changed) == plan.train_arguments(group())
    assert plan.launch(changed) == {
        "directory": "gs://bucket/groups",
        "restarts": 0,
        "stall_seconds": 5.0,
        "patience": 2.0,
    }
    assert plan.train_arguments(group("replicas=3")) != plan.train_arguments(group())


def test_it_round_trips_through_text() -> None:
    config = group("shared_data=0", "launch.directory=/shared/groups")
    assert parse(dump(config), []) == config


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("replicas=1", "replicas "),
        ("replicas=17", "replicas "),
        ("weight=0", "weight "),
        ("burn_in=1", "burn_in "),
        ("shared_data=1.1", "shared_data "),
        ("transfer=int8", "transfer "),
        ("ramp=0.9", "ramp "),
        ("burn_in=0.95", "ramp"),
        ("exchange_every_steps=5001", "max_staleness_steps"),
        ("exchange_every_steps=x", "exchange_every_steps "),
        ("launch.directory=s3://bucket/groups", "launch.directory "),
        ("launch.directory=minio://bucket/groups", "launch.directory "),
        ("launch.directory=groups", "launch.directory "),
        ("launch.directory=gs://", "launch.directory "),
        ("launch.restarts=-1", "launch.restarts "),
        ("launch.stall_seconds=0", "launch.stall_seconds "),
        ("launch.patience=-0.5", "launch.patience "),
        ("launch.patients=1", "launch.patients "),
    ],
)
def test_a_mistake_is_told_once_at_its_place(override: str, told: str) -> None:
    with pytest.raises(TandemError) as caught:
        group(override)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("CONFIG-004: 1 problem in")
    assert lines[1].strip().startswith(f"{HERE}.{told}"), lines[1]


@pytest.mark.parametrize("directory", ["/shared/groups", "gs://bucket", "gs://bucket/groups"])
def test_directories_that_every_replica_can_see(directory: str) -> None:
    told = plan.launch(group(f"launch.directory={directory}"))
    assert told is not None
    assert told["directory"] == directory
