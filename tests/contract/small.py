"""A pipeline of a few rows with every kind of feature; run as a program it tells what came out."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip  # puts in place what TFDV imports
import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.config import load
from pipeline.execute import Result, execute
from pipeline.local.watcher import Watcher
from pipeline.root import Root

TASKS = ("binary", "multiclass", "regression")
FEATURES = ("size", "colour", "dep time")
_CLASSES = {"binary": "['no', 'yes']", "multiclass": "[low, middle, high]", "regression": "[]"}
_METRIC = {"binary": "log_loss", "multiclass": "log_loss", "regression": "rmse"}
_CONFIG = """
name: small
task: {task}
label: {{column: answer, classes: {classes}}}
data: {{path: data.csv}}
features:
  size: {{kind: numeric}}
  colour: {{kind: categorical}}
  dep time: {{kind: timestamp}}
crosses: [{{columns: [colour, dep time.hour]}}]
model: {{deep: {{hidden: [8]}}}}
train: {{epochs: 2, batch_size: 64, calibrate: {calibrate}}}
gate: {{rules: [{{metric: {metric}, better_than: prior}}]}}
"""


def frame(task: str, rows: int = 1500, seed: int = 0) -> pd.DataFrame:
    """Rows with an answer that depends on size and colour; a tenth of each feature is missing."""
    rng = np.random.default_rng(seed)
    size = rng.normal(size=rows).round(3)
    colour = rng.choice(np.array(["red", "grün", "blue"], object), rows)
    time = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 365 * 24, rows), "h")
    z = size + (colour == "red") + rng.normal(0, 0.5, rows)
    answer = {
        "binary": np.where(z > 0.5, "yes", "no"),
        "multiclass": np.array(["low", "middle", "high"])[np.digitize(z, [-0.2, 0.8])],
        "regression": (100 + 5 * z).round(2),
    }[task]
    found = pd.DataFrame(
        {"size": size, "colour": colour, "dep time": time.strftime("%Y-%m-%d %H:%M:%S"), "answer": answer}
    )
    for name in FEATURES:
        found.loc[rng.random(rows) < 0.1, name] = None
    return found


def write(directory: Path, task: str) -> Path:
    """Data and config of a task; returns the config file."""
    frame(task).to_csv(directory / "data.csv", index=False)
    path = directory / "config.yaml"
    calibrate = str(task != "regression").lower()
    path.write_text(
        _CONFIG.format(task=task, classes=_CLASSES[task], metric=_METRIC[task], calibrate=calibrate)
    )
    return path


def again(directory: Path, *overrides: str) -> Result:
    """Runs what `write` left in a directory, on the root beside it."""
    config = load(directory / "config.yaml", list(overrides))
    return execute(config, directory, Root(directory / ".tandem"), Watcher())


def run(directory: Path, task: str, *overrides: str) -> Result:
    """A run in a new directory that has pushed version 1."""
    write(directory, task)
    result = again(directory, *overrides)
    assert (result.summary["error"], result.summary["pushed_version"]) == (None, 1), result.summary
    return result


def artifact(result: Result, step: str, output: str) -> Path:
    """The one directory that a step of a first run has written."""
    root = result.run.directory.parents[1]
    (found,) = (root / "artifacts" / step / output).iterdir()
    return Path(found)


def requests(task: str, count: int = 1000, seed: int = 5) -> tuple[pd.DataFrame, list[bytes]]:
    """New rows without the answer, as a frame and as serialized examples; a missing value is absent."""
    rows = frame(task, count, seed).drop(columns="answer")
    seconds = pd.to_datetime(rows["dep time"]).map(lambda time: int(time.timestamp()), na_action="ignore")
    serialized = []
    for size, colour, time in zip(rows["size"], rows["colour"], seconds, strict=True):
        example = tf.train.Example()
        if pd.notna(size):
            example.features.feature["size"].float_list.value.append(size)
        if pd.notna(colour):
            example.features.feature["colour"].bytes_list.value.append(colour.encode())
        if pd.notna(time):
            example.features.feature["dep time"].int64_list.value.append(int(time))
        serialized.append(example.SerializeToString())
    return rows, serialized


def fingerprint(result: Result, task: str) -> dict[str, Any]:
    """What two runs on the same inputs must agree in, as digests and numbers."""
    from trainer.export import digest

    def files(step: str, output: str, pattern: str) -> dict[str, str]:
        base = artifact(result, step, output)
        return {
            str(path.relative_to(base)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(base.rglob(pattern))
            if path.is_file()
        }

    served = result.run.directory.parents[1] / "serving" / "small" / "1"
    answers = tf.saved_model.load(str(served)).signatures["serving_default"](
        examples=tf.constant(requests(task)[1])
    )
    return {
        "model": digest(served),
        "told": result.summary["model_digest"],
        "examples": files("ingest", "examples", "data_tfrecord*"),
        "statistics": files("statistics", "statistics", "FeatureStats.pb"),
        "schema": files("schema", "schema", "*.pbtxt"),
        "transform_graph": digest(artifact(result, "transform", "transform_graph") / "transform_fn"),
        "vocabularies": files("transform", "transform_graph", "assets/*"),
        "fingerprints": result.summary["fingerprints"],
        "metrics": result.summary["metrics"],
        "predictions": {name: value.numpy().astype(str).tolist() for name, value in sorted(answers.items())},
    }


if __name__ == "__main__":
    target, chosen = Path(sys.argv[1]), sys.argv[2]
    (target / "told.json").write_text(json.dumps(fingerprint(run(target, chosen), chosen)))
