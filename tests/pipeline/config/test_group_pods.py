"""The section `kubeflow.codistillation`: what the launcher is told by it, and mistakes in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.train.group.cluster.manifest import Replica, jobset_of_all
from components.train.group.cluster.settings import Mount, Pods, Secret, Tpu
from pipeline.config import Config, parse
from pipeline.kubeflow.compiler import group
from pipeline.kubeflow.compiler.settings import settings_of_replicas
from tests.components.train.group.cluster.storage import schema_errors
from trainer.errors import TandemError
from trainer.spec import LaunchSpec

BASE = """
name: small
task: binary
label: {column: answer, classes: ['no', 'yes']}
data: {path: data.csv}
features: {size: {kind: numeric}}
gate: {rules: [{metric: log_loss, better_than: prior}]}
kubeflow: {image: 'registry/tandem:1'}
"""
GROUP, PODS = "train.codistillation={replicas: 3}", "kubeflow.codistillation={}"
HERE = "kubeflow.codistillation"


def told(*overrides: str) -> dict[str, Any]:
    config: Config = parse(BASE, list(overrides))
    found = group.variables(config, {"HOME": "/tmp"}, settings_of_replicas(config))
    return {name: json.loads(text) for name, text in found.items()}


def pods(*overrides: str) -> Pods:
    return Pods.read(told(GROUP, PODS, *overrides)["TANDEM_GROUP_PODS"])


def test_without_a_group_nothing_is_told() -> None:
    assert told() == {}
    assert told(PODS) == {}


def test_a_group_in_the_pod_of_the_step_is_told_its_limits_only() -> None:
    found = told(GROUP, "train.codistillation.launch.restarts=5")
    assert list(found) == ["TANDEM_GROUP_LAUNCH"]
    assert LaunchSpec.from_json(found["TANDEM_GROUP_LAUNCH"]) == LaunchSpec(restarts=5)


def test_defaults_of_the_section_are_those_of_the_launcher() -> None:
    found, plain = pods(), Pods("registry/tandem:1")
    assert found.mounts == (Mount("tandem", "/tandem"),)
    assert found.service_account == "tandem-pod"
    same = set(Pods.__dataclass_fields__) - {"mounts", "env", "service_account"}
    assert {name: getattr(found, name) for name in same} == {name: getattr(plain, name) for name in same}


def test_everything_that_is_set_reaches_the_pods() -> None:
    found = pods(
        "kubeflow.defaults={cpu: 1, env: {A: a}, labels: {team: ml}, node_selector: {zone: z}}",
        "kubeflow.state={claim: state, path: /state}",
        "kubeflow.volumes=[{claim: rows, path: /rows}]",
        "kubeflow.secrets=[{name: gcs, env: {KEY: key}, path: /keys}]",
        "kubeflow.image_pull_secrets=[registry]",
        "kubeflow.image_pull_policy=Always",
        f"{HERE}={{kind: jobs, queue: tandem, service_account: other, start_seconds: 5, keep_seconds: 60,"
        " tpu: {accelerator: tpu-v6e-slice, topology: 2x4, chips: 8},"
        " pods: {image: 'registry/trainer:2', cpu: 8, memory: 1Gi, memory_limit: 2Gi, env: {B: $(A)},"
        " node_selector: {pool: p}, tolerations: [{key: k, effect: NoSchedule}], annotations: {n: x},"
        " shared_memory: 1Gi}}",
    )
    assert found == Pods(
        "registry/trainer:2",
        kind="jobs",
        mounts=(Mount("state", "/state"), Mount("rows", "/rows")),
        secrets=(Secret("gcs", {"KEY": "key"}, "/keys"),),
        requests={"cpu": "8", "memory": "1Gi"},
        limits={"memory": "2Gi"},
        tpu=Tpu("tpu-v6e-slice", "2x4", 8),
        node_selector={"zone": "z", "pool": "p"},
        tolerations=({"key": "k", "operator": "Exists", "effect": "NoSchedule"},),
        env={"HOME": "/tmp", "TF_ENABLE_ONEDNN_OPTS": "0", "A": "a", "B": "$(A)"},
        labels={"team": "ml"},
        annotations={"n": "x"},
        shared_memory="1Gi",
        queue="tandem",
        service_account="other",
        image_pull_secrets=("registry",),
        image_pull_policy="Always",
        start_seconds=5.0,
        keep_seconds=60,
    )
    document = jobset_of_all(found, "group", [Replica(0, "/state/spec.json")], 3)
    assert schema_errors("jobsets", document) == []


def test_an_accelerator_is_a_limit() -> None:
    found = pods(f"{HERE}.pods.accelerator={{type: nvidia.com/gpu, count: 2}}")
    assert found.limits == {"nvidia.com/gpu": "2"}


def test_no_value_is_read_as_a_reference_by_the_cluster() -> None:
    config = parse(BASE, [GROUP, PODS, f"{HERE}.pods.env={{A: $(HOME)}}"])
    found = group.variables(config, {}, settings_of_replicas(config))
    assert not [text for text in found.values() if "$" in text or "{{" in text]


@pytest.mark.parametrize(
    ("overrides", "where"),
    [
        ([GROUP, PODS, f"{HERE}.kind=pods"], f"{HERE}.kind "),
        ([GROUP, PODS, f"{HERE}.pods.timeout_seconds=5"], f"{HERE}.pods.timeout_seconds "),
        ([GROUP, PODS, f"{HERE}.pods.retries=2"], f"{HERE}.pods.retries "),
        ([GROUP, PODS, f"{HERE}.pods={{cpu: 4, cpu_limit: 2}}"], f"{HERE}.pods.cpu "),
        ([GROUP, PODS, f"{HERE}.pods.tolerations=[{{operator: Equal}}]"], f"{HERE}.pods.tolerations.0.key "),
        ([GROUP, PODS, f"{HERE}.tpu={{accelerator: a, topology: 2by2}}"], f"{HERE}.tpu.topology "),
        ([GROUP, PODS, f"{HERE}.tpu={{accelerator: a, topology: 2x4}}"], f"{HERE}.tpu.topology "),
        (
            [
                GROUP,
                f"{HERE}={{tpu: {{accelerator: a, topology: 2x2}}, pods: {{accelerator: {{type: a/b}}}}}}",
            ],
            f"{HERE}.pods.accelerator ",
        ),
        (
            [GROUP, PODS, "train.codistillation.launch.directory=/gcs/x"],
            "train.codistillation.launch.directory ",
        ),
        (
            [GROUP, PODS, "train.codistillation.launch.directory=/tandem/../gcs"],
            "train.codistillation.launch.directory ",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(overrides: list[str], where: str) -> None:
    with pytest.raises(TandemError) as caught:
        parse(BASE, overrides)
    assert where.strip() in caught.value.message


@pytest.mark.parametrize("directory", ["/tandem/groups", "/rows", "gs://bucket/groups"])
def test_a_directory_that_every_replica_sees_is_taken(directory: str) -> None:
    config = parse(
        BASE,
        [
            GROUP,
            PODS,
            "kubeflow.volumes=[{claim: rows, path: /rows}]",
            f"train.codistillation.launch.directory='{directory}'",
        ],
    )
    assert config.kubeflow.codistillation is not None
