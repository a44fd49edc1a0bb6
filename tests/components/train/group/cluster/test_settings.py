"""Settings of pods: read strictly from the environment, absent where replicas are processes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from components.train.group.cluster.here import launcher_here, settings_here
from components.train.group.cluster.settings import VARIABLE, Pods, Tpu
from trainer.errors import TandemError


def test_without_the_variable_there_is_no_cluster(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert settings_here() is None
    assert launcher_here("group", 3, []) is None


def test_settings_round_trip_through_the_variable(monkeypatch):
    pods = Pods("image:1", tpu=Tpu("tpu-v6e-slice", "4x4"), limits={"memory": "1Gi"}, queue="tandem")
    monkeypatch.setenv(VARIABLE, json.dumps(pods.to_json()))
    assert settings_here() == pods
    assert pods.hosts == 4


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        '{"image": ""}',
        '{"image": "a", "kind": "pods"}',
        '{"image": "a", "imge": "b"}',
        '{"image": "a", "keep_seconds": 1}',
        '{"image": "a", "start_seconds": 0}',
        '{"image": "a", "tpu": {"accelerator": "x", "topology": "2by2"}}',
        '{"image": "a", "tpu": {"accelerator": "x", "topology": "3x3", "chips": 4}}',
    ],
)
def test_what_cannot_be_used_is_told(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(TandemError) as caught:
        settings_here()
    assert (caught.value.code, caught.value.exit_status) == ("GROUP-020", 2)
    assert "kubeflow.codistillation" in caught.value.hint


def test_where_replicas_are_processes_no_client_of_a_cluster_is_loaded():
    code = (
        "import sys, components.train.group.cluster as c; assert c.launcher_here('g', 1, []) is None; "
        "print(sorted({'kubernetes', 'tensorflow', 'tfx', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
