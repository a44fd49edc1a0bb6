"""Makes small transformed examples; as a program, a training that kills itself."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.spec import Column, FeatureSpec, ModelSpec, TrainSpec

CLASSES = {"binary": ("no", "yes"), "multiclass": ("red", "green", "blue"), "regression": ()}


def features(task: str = "binary", weight: bool = False) -> FeatureSpec:
    """Three wide columns, two deep ones, two dense ones."""
    return FeatureSpec(
        task=task,
        num_classes=3 if task == "multiclass" else 1,
        classes=CLASSES[task],
        wide=(Column("carrier", 7), Column("hour", 24), Column("cross", 50)),
        deep=(Column("carrier", 7, 4, "carrier"), Column("hour", 24, 4)),
        dense=("distance", "distance.missing"),
        weight=weight,
        raw={"carrier": "string", "distance": "float"},
        vocabulary_files={"carrier": "carrier"},
    )


def table(spec: FeatureSpec, rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Columns in which carrier and distance tell about the label."""
    rng = np.random.default_rng(seed)
    wide = np.stack([rng.integers(0, column.size, rows) for column in spec.wide], 1)
    deep = np.stack([wide[:, 0], wide[:, 1]], 1)
    dense = np.stack([rng.normal(size=rows), rng.random(rows) < 0.1], 1).astype(np.float32)
    signal_ = dense[:, 0] + 0.8 * (wide[:, 0] % 3 - 1)
    noise = rng.logistic(size=rows)
    if spec.task == "binary":
        label = (signal_ + noise > 0.4).astype(np.float32)
    elif spec.task == "multiclass":
        label = np.digitize(signal_ + 0.5 * noise, [-0.7, 0.7]).astype(np.int64)
    else:
        label = (1000.0 + 50.0 * (signal_ + 0.3 * noise)).astype(np.float32)
    columns = {"wide_ids": wide, "deep_ids": deep, "dense": dense, "label": label}
    if spec.weight:
        columns["weight"] = rng.uniform(0.5, 2.0, rows).astype(np.float32)
    return columns


def write(path: Path, columns: dict[str, np.ndarray], gzip: bool = True) -> Path:
    """Writes the columns as examples."""
    options = tf.io.TFRecordOptions(compression_type="GZIP" if gzip else "")
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for row in range(len(columns["label"])):
            example = tf.train.Example()
            for name, values in columns.items():
                feature = example.features.feature[name]
                part = np.atleast_1d(values[row])
                (feature.float_list if part.dtype == np.float32 else feature.int64_list).value.extend(part)
            writer.write(example.SerializeToString())
    return path


def files(
    directory: Path, spec: FeatureSpec, train_rows: int = 2000, validation_rows: int = 500
) -> dict[str, Any]:
    """Writes both splits, the training one in two files; returns the arguments of `train` for them."""
    columns = table(spec, train_rows)
    half = train_rows // 2
    train = [
        write(directory / "train-0.gz", {name: values[:half] for name, values in columns.items()}),
        write(directory / "train-1.gz", {name: values[half:] for name, values in columns.items()}),
    ]
    validation = []
    if validation_rows:
        validation = [write(directory / "validation-0", table(spec, validation_rows, 1), gzip=False)]
    return {
        "train_files": [str(path) for path in train],
        "validation_files": [str(path) for path in validation],
    }


def killed_training(arguments: dict[str, Any]) -> None:
    """Trains until a step or a number of synchronised files is reached, then sends SIGKILL to itself."""
    from trainer.loop import train

    def progress(step: int, **_: Any) -> None:
        if step >= arguments["kill_at_step"]:
            os.kill(os.getpid(), signal.SIGKILL)

    synchronise, calls = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls >= arguments["kill_at_fsync"]:
            os.kill(os.getpid(), signal.SIGKILL)
        synchronise(descriptor)

    os.fsync = fsync
    train(
        FeatureSpec.from_json(arguments["features"]),
        ModelSpec.from_json(arguments["model"]),
        TrainSpec.from_json(arguments["plan"]),
        arguments["train_files"],
        arguments["validation_files"],
        arguments["checkpoint_dir"],
        arguments["run_dir"],
        progress=lambda step, *_: progress(step),
    )


if __name__ == "__main__":
    killed_training(json.loads(Path(sys.argv[1]).read_text()))
