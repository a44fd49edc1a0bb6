"""Two replicas, two logical CPU devices of a child process, with the defaults of several GPUs."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import trainer
from tests.trainer.codistillation.mail import Post
from trainer.codistillation import membership
from trainer.loop import train
from trainer.spec import (
    CodistillationSpec,
    DeepSpec,
    FeatureSpec,
    LinearSpec,
    ModelSpec,
    ReplicaSpec,
    TrainSpec,
)

PLAN = TrainSpec(
    batch_size=64,
    epochs=1,
    weight_averaging=0.9,
    calibrate=True,
    class_weights="balanced",
    checkpoint_every_steps=5,
)
MODEL = ModelSpec(
    deep=DeepSpec(hidden=(16,), dropout=0.0, l2=1e-3, embedding_l2=1e-3), linear=LinearSpec(weight=0.4)
)

CHILD = """
import json, sys
import tensorflow as tf
device = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
import numpy as np
import trainer.loop.training as training
from tests.trainer.codistillation.mail import Message, Post
from trainer.codistillation import membership
from trainer.spec import FeatureSpec, ModelSpec, ReplicaSpec, TrainSpec
names = [device.name for device in tf.config.list_logical_devices("CPU")]
training.choose_strategy = lambda _: tf.distribute.MirroredStrategy(names)
steppers = []
class Stepper(training.Stepper):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        steppers.append(self)
training.Stepper = Stepper
def run(name, stop):
    def progress(step, *_):
        if step >= stop:
            raise InterruptedError
    return training.train(
        FeatureSpec.from_json(spec), ModelSpec.from_json(model), TrainSpec.from_json(plan), **files,
        checkpoint_dir=f"{root}/{name}", run_dir=f"{root}/run", progress=progress, replica=replica,
    )
spec, model, plan, files, root, stop, peer = json.loads(sys.argv[1])
replica = None
if peer:
    replica, post = ReplicaSpec(1, "group", "nowhere"), Post()
    with np.load(peer) as arrays:
        post.sent.append(Message(0, 5, dict(arrays)))
    membership.Exchange = lambda *told: post.box(told[2])
results = [run("whole", 10**9)]
if stop:
    try:
        run("broken", stop)
        raise AssertionError("it did not stop")
    except InterruptedError:
        results.append(run("broken", 10**9))
with open(root + "/results.json", "w") as file:
    traces = [stepper._train.experimental_get_tracing_count() for stepper in steppers]
    json.dump([traces, [[[w.tolist() for w in r.weights], r.history, r.summary] for r in results]], file)
"""


@pytest.fixture(scope="module")
def splits(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[FeatureSpec, Any]:
    """Weighted examples, most of which share their ids, so that both replicas change the same rows."""
    spec = synthetic.features(weight=True)
    directory = tmp_path_factory.mktemp("splits")
    files = {}
    for seed, (split, rows) in enumerate((("train", 1001), ("validation", 301))):
        columns = synthetic.table(spec, rows, seed)
        columns["wide_ids"] //= 5
        columns["deep_ids"] //= 5
        files[f"{split}_files"] = [str(synthetic.write(directory / split, columns))]
    return spec, files


def two_replicas(
    root: Path,
    splits: tuple[FeatureSpec, Any],
    model: ModelSpec,
    plan: TrainSpec,
    stop: int = 0,
    peer: str = "",
) -> tuple[list[int], list[Any]]:
    """Traces of each train step; weights, history and summary of a training and of one stopped after `stop`
    steps. `peer` holds weights of one that teaches both.
    """
    told = [splits[0].to_json(), model.to_json(), plan.to_json(), splits[1], str(root), stop, peer]
    child = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(told)],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(trainer.__file__).parents[1]),
            "CUDA_VISIBLE_DEVICES": "-1",
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-3000:]
    traces, results = json.loads((root / "results.json").read_text())
    return traces, results


def test_two_replicas_learn_what_one_learns(splits: tuple[FeatureSpec, Any], tmp_path: Path) -> None:
    one = train(splits[0], MODEL, PLAN, **splits[1], checkpoint_dir=tmp_path / "one", run_dir=tmp_path)
    traces, [(weights, history, _)] = two_replicas(tmp_path, splits, MODEL, PLAN)
    assert len({tuple(weight.shape) for weight in one.weights}) > 4
    for a, b in zip(one.weights, weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    for name in ("loss", "validation_loss"):
        assert [e[name] for e in history] == pytest.approx([e[name] for e in one.history], rel=1e-4)
    # One trace for blocks of 5, 3, 2 and 5 steps: a checkpoint each 5, an evaluation after 8.
    assert traces == [1]


def test_two_devices_are_taught_what_one_is(
    splits: tuple[FeatureSpec, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = CodistillationSpec(burn_in=0.0, ramp=0.2, exchange_every_steps=4, weight=2.0)
    plan, post, one = dataclasses.replace(PLAN, codistillation=group), Post(), {}
    monkeypatch.setattr(membership, "Exchange", lambda *told: post.box(told[2]))
    for name, index in (("peer", 0), ("one", 1), ("alone", 1)):
        one[name] = train(
            splits[0],
            MODEL,
            plan,
            **splits[1],
            checkpoint_dir=tmp_path / name,
            run_dir=tmp_path / name / "run",
            replica=ReplicaSpec(index, "group", "nowhere"),
        )
        if name == "peer":
            peer = dataclasses.replace(post.sent[-1], step=5)
            np.savez(tmp_path / "peer.npz", **peer.arrays)
        post.sent[:] = [peer] if name == "peer" else []
    traces, [(weights, history, summary)] = two_replicas(
        tmp_path, splits, MODEL, plan, peer=str(tmp_path / "peer.npz")
    )
    assert summary["codistillation"]["teaching_steps"] == summary["steps"] - 1
    assert summary["codistillation"]["peers"] == one["one"].summary["codistillation"]["peers"]
    taught = [np.abs(a - b).max() for a, b in zip(one["one"].weights, one["alone"].weights, strict=True)]
    assert max(taught) > 0.01
    for a, b in zip(one["one"].weights, weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    assert [e["loss"] for e in history] == pytest.approx([e["loss"] for e in one["one"].history], rel=1e-4)
    assert traces == [1]


def test_two_replicas_with_dropout_stopped_in_between_end_with_the_same_bits(
    splits: tuple[FeatureSpec, Any], tmp_path: Path
) -> None:
    deep = dataclasses.replace(MODEL.deep, dropout=0.2, embedding_dropout=0.2)
    model = dataclasses.replace(MODEL, deep=deep)
    _, (whole, resumed) = two_replicas(tmp_path, splits, model, PLAN, stop=8)
    assert whole[0] == resumed[0]
    for name in ("step", "loss", "validation_loss"):
        assert [entry[name] for entry in whole[1]] == [entry[name] for entry in resumed[1]]
