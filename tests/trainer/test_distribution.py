"""The choice of the strategy, and training on two replicas."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from trainer.distribution import choose_strategy, jit_by_default
from trainer.errors import TandemError

on_cpu = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="needs a machine without a GPU"
)


@on_cpu
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_cpu_gets_one_replica_and_no_xla(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TPU_NAME", "TPU_WORKER_HOSTNAMES"):
        monkeypatch.delenv(name, raising=False)
    strategy = choose_strategy(device)
    assert strategy.num_replicas_in_sync == 1
    assert not jit_by_default(strategy)


@on_cpu
@pytest.mark.parametrize("device", ["gpu", "tpu"])
def test_an_absent_device_is_an_error_before_training(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TPU_NAME", "TPU_WORKER_HOSTNAMES"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(TandemError, match=f"TRAIN-003: train.device={device}") as raised:
        choose_strategy(device)
    assert raised.value.exit_status == 2


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(TandemError, match="device='fpga'"):
        choose_strategy("fpga")


def test_xla_is_the_default_on_gpus_only_by_placement() -> None:
    assert not jit_by_default(tf.distribute.OneDeviceStrategy("/cpu:0"))
    assert jit_by_default(tf.distribute.OneDeviceStrategy("/gpu:0"))


REPLICAS = """
import json, sys
import numpy as np, tensorflow as tf
from trainer.models import build_wide_deep
from trainer.optimizers import build_optimizer
from trainer.spec import Column, DeepSpec, FeatureSpec, ModelSpec

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
columns = (Column("a", 9), Column("b", 5))
features = FeatureSpec("binary", 1, wide=columns, deep=columns)
spec = ModelSpec(deep=DeepSpec(hidden=(4,), dropout=0.0))
rng = np.random.default_rng(0)
ids = np.stack([rng.integers(0, 9, (3, 8)), rng.integers(0, 5, (3, 8))], axis=-1)
labels = rng.integers(0, 2, (3, 8, 1)).astype(np.float32)
results = []
for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    with strategy.scope():
        model = build_wide_deep(features, spec, seed=1)
        optimizer = build_optimizer(model, spec.wide, spec.deep)

    def replica(x, y):
        with tf.GradientTape() as tape:
            logits = model({"wide_ids": x, "deep_ids": x}, training=True)
            loss = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(y, logits)) / 8.0
        values = [v.value for v in model.trainable_variables]
        optimizer.apply(tape.gradient(loss, values), model.trainable_variables)

    @tf.function
    def step(x, y):
        strategy.run(replica, args=(x, y))

    n = strategy.num_replicas_in_sync
    for x, y in zip(ids, labels):
        share = lambda a: strategy.experimental_distribute_values_from_function(
            lambda c: tf.constant(np.split(a, n)[c.replica_id_in_sync_group]))
        step(share(x), share(y))
    results.append([v.numpy() for v in [*model.trainable_variables, *optimizer.variables]])
json.dump([len(results[0]), max(float(np.abs(a - b).max()) for a, b in zip(*results))], sys.stdout)
"""


def test_two_replicas_make_the_same_steps_as_one() -> None:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, "-c", REPLICAS],
        cwd=Path(__file__).parents[2], env=environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    count, difference = json.loads(done.stdout)
    assert count > 10
    assert difference < 1e-5
