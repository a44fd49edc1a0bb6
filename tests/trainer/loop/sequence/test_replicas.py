"""Two replicas, two logical CPU devices of a child process, learn what one device learns."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import trainer
from tests.trainer.loop.sequence.conftest import Train
from tests.trainer.sequences import SMALL, features, own
from trainer.spec import ModelSpec, SequenceModelSpec

CHILD = """
import json, sys
import tensorflow as tf
device = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
import trainer.loop.sequence.training as training
from trainer.spec import ModelSpec, SequenceFeatureSpec, TrainSpec
names = [device.name for device in tf.config.list_logical_devices("CPU")]
training.choose_strategy = lambda _: tf.distribute.MirroredStrategy(names)
spec, model, plan, files, root = json.loads(sys.argv[1])
result = training.train_sequences(
    SequenceFeatureSpec.from_json(spec), ModelSpec.from_json(model), TrainSpec.from_json(plan), **files,
    checkpoint_dir=f"{root}/checkpoints", run_dir=f"{root}/run",
)
print(json.dumps([result.history, [bucket["batch"] for bucket in result.summary["sequences"]["buckets"]]]))
"""


def test_two_devices_share_a_batch_and_learn_alike(
    start: Train, files: dict[str, list[str]], tmp_path: Path
) -> None:
    plan = dataclasses.replace(own(buckets=2, clip_norm=0.5), epochs=1)
    still = ModelSpec(sequence=dataclasses.replace(SMALL.sequence or SequenceModelSpec(), dropout=0.0))
    arguments = [features().to_json(), still.to_json(), plan.to_json(), files, str(tmp_path)]
    child = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(arguments)],
        env={**os.environ, "PYTHONPATH": str(Path(trainer.__file__).parents[1])},
        capture_output=True,
        check=True,
        timeout=300,
    )
    history, batches = json.loads(child.stdout.decode().splitlines()[-1])
    assert all(batch % 2 == 0 for batch in batches)
    alone = start(plan, "alone", still)
    for name in ("loss", "validation_loss"):
        assert [entry[name] for entry in history] == pytest.approx(
            [entry[name] for entry in alone.history], rel=1e-3
        )
