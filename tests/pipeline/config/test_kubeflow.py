"""The section `kubeflow`: what ties its fields together, and how mistakes in it are told."""

from __future__ import annotations

import pytest

from pipeline.config import parse
from trainer.errors import TandemError

BASE = """
name: small
task: binary
label: {column: answer, classes: ['no', 'yes']}
data: {path: data.csv}
features: {size: {kind: numeric}}
gate: {rules: [{metric: log_loss, better_than: prior}]}
"""


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("kubeflow.steps.trian={cpu: 1}", "kubeflow.steps.trian"),
        ("kubeflow.steps.train={cpu: 4, cpu_limit: 2}", "kubeflow.steps.train.cpu "),
        ("kubeflow.defaults={memory: 4Gi, memory_limit: 512Mi}", "kubeflow.defaults.memory "),
        ("kubeflow.defaults.memory='0'", "kubeflow.defaults.memory "),
        ("kubeflow.defaults.memory=4gb", "kubeflow.defaults.memory "),
        ("kubeflow.image=name-without-tag", "kubeflow.image "),
        ('kubeflow.defaults.env={"B C": x}', 'kubeflow.defaults.env."B C" '),
        ('kubeflow.defaults.labels={"bad key!": x}', 'kubeflow.defaults.labels."bad key!" '),
        ("kubeflow.secrets=[{name: s, env: {HOME: k}}]", "kubeflow.secrets.0.env.HOME "),
        ("kubeflow.secrets=[{name: s}]", "kubeflow.secrets.0 "),
        ("kubeflow.secrets=[{name: s, path: /s}, {name: s, env: {A: a}}]", "kubeflow.secrets.1.name "),
        ("kubeflow.secrets=[{name: tandem, path: /s}]", "kubeflow.secrets.0.name "),
        ("kubeflow.volumes=[{claim: tandem, path: /rows}]", "kubeflow.volumes.0.claim "),
        ("kubeflow.volumes=[{claim: rows, path: /tandem/rows}]", "kubeflow.volumes.0.path "),
        ("kubeflow.volumes=[{claim: rows, path: /minio}]", "kubeflow.volumes.0.path "),
        ("kubeflow.volumes=[{claim: rows, path: /a/../b}]", "kubeflow.volumes.0.path "),
        ("kubeflow.defaults.tolerations=[{key: a, value: b}]", "kubeflow.defaults.tolerations.0.value "),
        ("kubeflow.defaults.tolerations=[{operator: Equal}]", "kubeflow.defaults.tolerations.0.key "),
        ("kubeflow.defaults.tolerations=[{key: a}, {key: a}]", "kubeflow.defaults.tolerations.1 "),
        ("kubeflow.image_pull_secrets=[a, a]", "kubeflow.image_pull_secrets.1 "),
        ("kubeflow.schedule={}", "kubeflow.schedule "),
        ("push.kserve={canary_percent: 5}", "push.kserve.canary_percent "),
        ("push.kserve={name: 1abc}", "push.kserve.name "),
    ],
)
def test_a_mistake_is_told_once_at_its_place(override: str, told: str) -> None:
    with pytest.raises(TandemError) as caught:
        parse(BASE, [override])
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("CONFIG-004: 1 problem in")
    assert lines[1].strip().startswith(told), lines[1]


def test_numbers_are_quantities_too() -> None:
    config = parse(BASE, ["kubeflow.defaults={cpu: 4, cpu_limit: 4.5, memory: 2Gi}"])
    assert (config.kubeflow.defaults.cpu, config.kubeflow.defaults.cpu_limit) == ("4", "4.5")


def test_a_request_is_held_against_the_limit_of_all_steps() -> None:
    given = ["kubeflow.defaults.cpu_limit=2", "kubeflow.steps.train={cpu: 3}"]
    with pytest.raises(TandemError, match=r"kubeflow\.steps\.train\.cpu "):
        parse(BASE, given)
