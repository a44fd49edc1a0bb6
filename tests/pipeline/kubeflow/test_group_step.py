"""The compiled train step of a group: told how to launch its replicas, in no parameter of any step."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip  # prepares the modules that others import
import pytest
import yaml

from components.train.group.cluster.settings import Pods
from pipeline.config import parse
from pipeline.kubeflow import entrypoint
from pipeline.kubeflow.compiler.compile import compile_config
from pipeline.kubeflow.compiler.passes import tasks
from pipeline.kubeflow.pod import Pod
from trainer.spec import LaunchSpec

BASE = """
name: small
task: binary
label: {column: answer, classes: ['no', 'yes']}
data: {path: rows/data.csv}
features: {size: {kind: numeric}}
gate: {rules: [{metric: log_loss, better_than: prior}]}
kubeflow: {image: 'registry/tandem:1', service_account: tandem-launcher}
"""
NAMES = {"TANDEM_GROUP_LAUNCH", "TANDEM_GROUP_PODS"}


def compiled(*overrides: str) -> dict[str, Any]:
    text = compile_config(parse(BASE, list(overrides)), Path(__file__).parent)
    return next(yaml.safe_load_all(text))


def variables(spec: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Variables of a group by step, for steps that have any."""
    found = {}
    for label, executor in spec["deploymentSpec"]["executors"].items():
        env = {one["name"]: one["value"] for one in executor["container"].get("env", [])}
        found[label] = {name: env[name] for name in NAMES & set(env)}
    return {label: own for label, own in found.items() if own}


def parameters(spec: dict[str, Any], step: str = "train") -> dict[str, Any]:
    """Constants that a step is given, without what says which sources it runs."""
    given = dict(tasks(spec))[step]["inputs"]["parameters"]
    return {name: value for name, value in given.items() if name != "fingerprint"}


@pytest.fixture(scope="module")
def pods() -> dict[str, Any]:
    return compiled(
        "train.codistillation={launch: {restarts: 7}}", "kubeflow.codistillation={kind: jobs, pods: {cpu: 8}}"
    )


def test_only_the_train_step_is_told(pods: dict[str, Any]) -> None:
    found = variables(pods)
    assert list(found) == ["train_executor"]
    told = {name: json.loads(text) for name, text in found["train_executor"].items()}
    assert LaunchSpec.from_json(told["TANDEM_GROUP_LAUNCH"]).restarts == 7
    settings = Pods.read(told["TANDEM_GROUP_PODS"])
    assert (settings.kind, settings.image, settings.requests) == ("jobs", "registry/tandem:1", {"cpu": "8"})


def test_where_and_how_replicas_are_launched_is_in_no_parameter_and_so_in_no_checkpoint_key(
    pods: dict[str, Any],
) -> None:
    other = compiled("train.codistillation={launch: {restarts: 1}}")
    assert set(variables(other)["train_executor"]) == {"TANDEM_GROUP_LAUNCH"}
    assert parameters(pods) == parameters(other)


def test_without_a_group_no_step_is_told_anything() -> None:
    assert variables(compiled()) == {}


def test_the_shared_directory_of_a_simulated_pod_is_found_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TANDEM_GROUP_LAUNCH", json.dumps({"directory": "/tandem/groups", "restarts": 1}))
    entrypoint._place_group(Pod({"/tandem": "/host/state"}))
    assert json.loads(os.environ["TANDEM_GROUP_LAUNCH"]) == {"directory": "/host/state/groups", "restarts": 1}
    entrypoint._place_group(Pod({}))
    assert json.loads(os.environ["TANDEM_GROUP_LAUNCH"])["directory"] == "/host/state/groups"
