"""A run whose process is killed goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from ml_metadata.proto import metadata_store_pb2 as mlmd

TANDEM = Path(sys.executable).with_name("tandem")
ACTIVE = {mlmd.Execution.NEW, mlmd.Execution.RUNNING}


def test_a_run_killed_in_its_training_goes_on_to_the_push(project) -> None:
    rng = np.random.default_rng(0)
    size, colour = rng.normal(size=1000), rng.choice(["red", "green"], 1000)
    late = (size + (colour == "red") + rng.normal(0, 0.3, 1000) > 0.5).astype(int)
    project.init(project.data(pd.DataFrame({"size": size.round(3), "colour": colour, "late": late})), "late")
    # A checkpoint after each of many steps, so that the training is met in its middle.
    settings = ["train.checkpoint_every_steps=1", "train.batch_size=32", "train.epochs=10"]
    command = [TANDEM, "run", project.config_path, *(part for text in settings for part in ("--set", text))]
    checkpoints = project.root.checkpoints / "data"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(checkpoints.glob("*/checkpoint-*")):
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    (own,) = checkpoints.iterdir()
    shutil.copytree(own, project.directory / "kept")
    (checkpoints / "of another run").mkdir()

    result = project.run(resume=True)
    assert result.summary["attempt"] == 2
    assert (result.summary["status"], result.summary["pushed_version"]) == ("pushed", 1)
    names = [step["name"] for step in result.summary["steps"]]
    begun = names.index("train")
    assert [step["state"] for step in result.summary["steps"]] == ["cached"] * begun + ["ran"] * (12 - begun)
    assert "Continues after step" in result.run.log_path("train").read_text()
    closed = [event for event in result.run.events() if event["event"] == "interrupted_execution_closed"]
    assert [event["execution"].rpartition(".")[2] for event in closed] == ["Train"]
    assert executions(project) & ACTIVE == set()
    assert [path.name for path in checkpoints.iterdir()] == ["of another run"]
    manifest = json.loads((project.root.serving / "data" / "1" / "MANIFEST.json").read_text())
    assert manifest["run_id"] == result.run.run_id

    # As a process leaves it that is killed after its training.
    shutil.copytree(project.directory / "kept", own)
    again = project.run(resume=True)
    assert {step["state"] for step in again.summary["steps"]} == {"cached"}
    assert [path.name for path in checkpoints.iterdir()] == ["of another run"]


def executions(project) -> set[int]:
    from pipeline.local.metadata import connect

    with connect(project.root.metadata) as handle:
        return {execution.last_known_state for execution in handle.store.get_executions()}
