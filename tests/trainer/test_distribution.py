"""The choice of the strategy, and where XLA compiles."""

from __future__ import annotations

import pytest
import tensorflow as tf

from trainer.distribution import choose_strategy, compiles
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
    assert not compiles(strategy)


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


def test_xla_is_the_default_on_a_single_gpu_only_by_placement() -> None:
    assert not compiles(tf.distribute.OneDeviceStrategy("/cpu:0"))
    assert compiles(tf.distribute.OneDeviceStrategy("/cpu:0"), jit_compile=True)
    assert compiles(tf.distribute.OneDeviceStrategy("/gpu:0"))
    assert not compiles(tf.distribute.OneDeviceStrategy("/gpu:0"), jit_compile=False)


def test_mirrored_replicas_are_not_compiled() -> None:
    mirrored = tf.distribute.MirroredStrategy(["/cpu:0"])
    assert not compiles(mirrored)
    with pytest.raises(TandemError, match=r"TRAIN-004: train\.jit_compile=true") as raised:
        compiles(mirrored, jit_compile=True)
    assert raised.value.exit_status == 2
