"""Two replicas in processes of their own, one of which is killed on the way."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import trainer
from trainer.spec import CodistillationSpec, DeepSpec, ModelSpec, TrainSpec

PLAN = TrainSpec(
    batch_size=32,
    epochs=4,
    evaluations_per_epoch=1,
    checkpoint_every_steps=20,
    codistillation=CodistillationSpec(burn_in=0.05, ramp=0.05, exchange_every_steps=10),
)
STEPS = 4 * (1000 // 32)

CHILD = """
import json, os, pathlib, signal, sys, time
from trainer.loop import train
from trainer.spec import FeatureSpec, ModelSpec, ReplicaSpec, TrainSpec
told = json.loads(sys.argv[1])
root = pathlib.Path(told["root"])
other = root / "exchange" / f"replica-{1 - told['index']}"
def progress(step, *_):
    if step >= told["kill_at_step"]:
        os.kill(os.getpid(), signal.SIGKILL)
    # By now both have handed on their weights after step 10: neither ends before the other has published.
    end = time.monotonic() + 120
    while step >= 20 and not any(other.glob("manifest-*.json")) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.3)
replica = ReplicaSpec(told["index"], "group", str(root / "exchange"))
(root / f"ready-{replica.index}").touch()
while len(list(root.glob("ready-*"))) < 2:
    time.sleep(0.05)
place = root / f"replica-{replica.index}"
result = train(
    FeatureSpec.from_json(told["features"]),
    ModelSpec.from_json(told["model"]),
    TrainSpec.from_json(told["plan"]),
    **told["files"], checkpoint_dir=place / "checkpoints", run_dir=place / "run", progress=progress,
    replica=replica,
)
(place / "result.json").write_text(json.dumps([result.summary, result.history]))
"""


def child(told: dict[str, Any], index: int, kill_at_step: int = 10**9) -> subprocess.Popen[str]:
    told = {**told, "index": index, "kill_at_step": kill_at_step}
    root = str(Path(trainer.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps(told)],
        env={**os.environ, "PYTHONPATH": root, "CUDA_VISIBLE_DEVICES": "-1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        _, text = process.communicate(timeout=600)
    finally:
        process.kill()
    return process.returncode, text


def test_both_end_with_a_model_and_a_killed_one_goes_on(synthetic: ModuleType, tmp_path: Path) -> None:
    features = synthetic.features()
    told = {
        "root": str(tmp_path),
        "features": features.to_json(),
        "model": ModelSpec(deep=DeepSpec(hidden=(8,))).to_json(),
        "plan": PLAN.to_json(),
        "files": synthetic.files(tmp_path, features, 1000, 400),
    }
    first, second = child(told, 0), child(told, 1, kill_at_step=50)
    assert ended(second)[0] == -signal.SIGKILL
    again = child(told, 1)
    for process in (first, again):
        status, text = ended(process)
        assert status == 0, text[-3000:]
    positive = synthetic.table(features, 400, 1)["label"].mean()
    nothing = -(positive * math.log(positive) + (1 - positive) * math.log(1 - positive))
    for index, other in ((0, "1"), (1, "0")):
        place = tmp_path / f"replica-{index}"
        summary, history = json.loads((place / "result.json").read_text())
        assert summary["steps"] == STEPS
        assert summary["best_validation_loss"] < nothing - 0.02
        seen = summary["codistillation"]
        assert 0 < seen["peers"][other]["teaching_steps"] == seen["teaching_steps"]
        assert seen["peers"][other]["refused"] == 0
        assert other in history[-1]["staleness_steps"]
        assert seen["exchange"]
    assert (tmp_path / "exchange" / "group.json").is_file()
