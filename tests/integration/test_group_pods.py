"""A group of real trainings in the pods of a cluster: from artifacts of a step to the chosen model."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from components.train.group.cluster.settings import VARIABLE, Mount, Pods
from components.train.group.run import run_group
from tests.components.train.group.cluster.conftest import cluster as cluster
from tests.components.train.group.cluster.kubelet import Kubelet
from tests.trainer.conftest import make as make
from tests.trainer.conftest import place as place
from trainer.loop import RunSpec
from trainer.spec import CodistillationSpec, LaunchSpec, TrainSpec

KEY = "0123456789abcdef"


@pytest.fixture
def spec(place, make, tmp_path, monkeypatch):
    """A training whose files are artifacts in the step's pod, with its checkpoints on the state volume."""
    volume = tmp_path / "tandem"
    pods = Pods(
        "tandem-trainer:0.1.0",
        mounts=(Mount("tandem", str(volume)),),
        env={"TF_CPP_MIN_LOG_LEVEL": "2", "OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"},
    )
    monkeypatch.setenv(VARIABLE, json.dumps(pods.to_json()))
    plan = CodistillationSpec(
        replicas=2,
        burn_in=0.0,
        ramp=0.0,
        exchange_every_steps=2,
        launch=LaunchSpec(restarts=2, patience=20.0),
    )
    return RunSpec(
        features=make.features(),
        model=make.MODEL,
        train=TrainSpec(batch_size=32, epochs=2, checkpoint_every_steps=2, codistillation=plan),
        train_files=(str(place.transformed),),
        validation_files=(str(place.transformed),),
        eval_raw_files=(str(place.raw),),
        recorded_requests=5,
        transform_graph_dir=str(place.graph),
        checkpoint_dir=str(volume / "checkpoints" / KEY),
        output_dir=str(tmp_path / "artifacts" / "model"),
        run_dir=str(tmp_path / "artifacts" / "model_run"),
    )


def test_a_killed_replica_goes_on_in_its_next_pod_and_the_step_gets_its_model(cluster, spec, tmp_path):
    killed = []

    def kill_first(replica, process):
        if replica == 1 and not killed:
            killed.append(process.pid)
            threading.Timer(0.2, os.kill, (process.pid, signal.SIGKILL)).start()

    kubelet = Kubelet(cluster, kill_first)
    kubelet.start()
    try:
        summary = run_group(spec, lambda _: None)
    finally:
        kubelet.close()
    assert killed
    assert summary["steps"] == 18
    assert Path(spec.output_dir, "Format-Serving", "saved_model.pb").is_file()
    told = json.loads(Path(spec.run_dir, "group.json").read_text())
    assert [one["end"] for one in told["replicas"]] == ["finished", "finished"]
    assert [one["restarts"] for one in told["replicas"]] == [0, 1]
    log = (tmp_path / "tandem" / "checkpoints" / KEY / "replica-1" / "replica.log").read_text()
    assert log.count("== pod ") == 2
    assert cluster.storage.objects["jobs"] == cluster.storage.objects["jobsets"] == {}
    assert not Path(spec.checkpoint_dir, "inputs").exists()
