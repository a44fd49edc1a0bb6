"""The one place that chooses where training runs."""

from __future__ import annotations

import os
from typing import Literal

import tensorflow as tf
from absl import logging

from trainer.errors import TandemError


def _tpu_address() -> str | None:
    """Address of a TPU that the environment promises: `TPU_NAME`, or `local` on a TPU virtual machine."""
    if os.environ.get("TPU_NAME"):
        return os.environ["TPU_NAME"]
    if os.environ.get("TPU_WORKER_HOSTNAMES") or tf.config.list_physical_devices("TPU"):
        return "local"
    return None


def _absent(device: str, reason: str) -> TandemError:
    return TandemError(
        "TRAIN-003",
        f"train.device={device} needs a {device.upper()} that TensorFlow can use. Received: {reason}",
        "Run where the device is, or set train.device to auto or cpu.",
        exit_status=2,
    )


def _tpu(address: str) -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=address)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        raise _absent("tpu", f"address {address!r}, {type(error).__name__}: {error}") from error
    return tf.distribute.TPUStrategy(resolver)


def choose_strategy(device: Literal["auto", "cpu", "gpu", "tpu"] = "auto") -> tf.distribute.Strategy:
    """The strategy for a kind of device.

    Several GPUs get a `MirroredStrategy`; one GPU, or a machine with a CPU only, TensorFlow's default
    strategy, which adds nothing to a step; the CPU of a machine with GPUs, a `OneDeviceStrategy`.

    Args:
        device: `auto` takes a TPU, then GPUs, then the CPU. A TPU is looked for only where `TPU_NAME` or
            `TPU_WORKER_HOSTNAMES` is set or TensorFlow lists one. Defaults to `"auto"`.

    Raises:
        TandemError: `TRAIN-003` if the device is absent or does not answer.
    """
    if device not in ("auto", "cpu", "gpu", "tpu"):
        raise TandemError(
            "TRAIN-003",
            f"train.device must be auto, cpu, gpu or tpu. Received: device={device!r}",
            exit_status=2,
        )
    gpus = tf.config.list_logical_devices("GPU") if device != "tpu" else []
    address = _tpu_address() if device in ("auto", "tpu") else None
    if device == "tpu" and address is None:
        raise _absent("tpu", "no TPU_NAME, no TPU_WORKER_HOSTNAMES, no TPU listed")
    if device == "gpu" and not gpus:
        raise _absent("gpu", "no GPU listed")
    if address is not None:
        strategy = _tpu(address)
    elif device == "cpu" and gpus:
        strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    elif len(gpus) > 1:
        strategy = tf.distribute.MirroredStrategy([gpu.name for gpu in gpus])
    else:
        strategy = tf.distribute.get_strategy()
    logging.info(
        "train.device=%s: %s with %d replicas", device, type(strategy).__name__, strategy.num_replicas_in_sync
    )
    return strategy


def compiles(strategy: tf.distribute.Strategy, jit_compile: bool | None = None) -> bool:
    """Whether the train step is compiled with XLA.

    Where the configuration leaves it open: on a TPU and on a single GPU. On a CPU compiling takes longer than
    it saves, and adding duplicate rows needs a sort under XLA. Never on several GPUs: they add their
    gradients in the middle of the step, and XLA has no kernel that gathers rows from all of them.

    Args:
        strategy: where the step runs.
        jit_compile: the configuration; None leaves it open. Defaults to `None`.

    Raises:
        TandemError: `TRAIN-004` if several GPUs are told to compile.
    """
    if isinstance(strategy, tf.distribute.MirroredStrategy):
        if jit_compile:
            raise TandemError(
                "TRAIN-004",
                "train.jit_compile=true needs one device: the step of several GPUs cannot be compiled. "
                f"Received: devices={strategy.num_replicas_in_sync}",
                "Leave train.jit_compile out, or make a single GPU visible.",
                exit_status=2,
            )
        return False
    if jit_compile is not None:
        return jit_compile
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return True
    if isinstance(strategy, tf.distribute.OneDeviceStrategy):
        return "CPU" not in strategy.extended.worker_devices[0].upper()
    return bool(tf.config.list_logical_devices("GPU"))
