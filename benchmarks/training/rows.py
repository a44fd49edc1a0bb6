"""Transformed rows of flights and the settings they are trained with: the same files for every trainer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.quality import FLIGHTS
from benchmarks.training.worker import BATCHES, SETTINGS
from pipeline.config import load
from pipeline.plan import train_arguments
from trainer.data import TrainingOrder, open_split, training_blocks
from trainer.loop.objective import objective_for
from trainer.spec import FeatureSpec, TrainSpec

ROWS, BLOCKS = 140_000, 3  # of flights, of which about 100,000 are trained on; blocks of batches
STEPS = 64  # in a block, as the pipeline takes them at a time
SCHEDULED_STEPS = 1_000_000  # of the decay: no rate may reach 0 while there are turns


def transformed(root: Path, rows: int | None = ROWS) -> tuple[FeatureSpec, list[Path]]:
    """Runs the pipeline, unless `root` holds a run; returns the features and the training examples."""
    limit = ["--set", f"data.limit={rows}"] if rows else []
    if not any(root.glob("runs/*/summary.json")):
        tandem = str(Path(sys.executable).with_name("tandem"))
        done = subprocess.run(
            [tandem, "run", str(FLIGHTS), "--root", str(root), *limit, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        if error := json.loads(done.stdout)["error"]:
            raise SystemExit(f"the run failed: {error}")
    (told,) = root.glob("artifacts/train/model_run/*/training.json")
    features = FeatureSpec.from_json(json.loads(told.read_text())["feature_spec"])
    return features, list(root.glob("artifacts/transform/transformed_examples/*/Split-train/*"))


def prepare(root: Path, directory: Path) -> None:
    """Writes blocks of batches and the settings to `directory`.

    Args:
        root: of a pipeline run with the config of flights; run first if there is none.
        directory: gets both files.
    """
    features, files = transformed(root)
    arguments = train_arguments(load(FLIGHTS, []))
    plan = TrainSpec.from_json(arguments["train"])
    split = open_split(files, features)
    objective, bias = objective_for(features, plan, split.statistics, 1)
    order = TrainingOrder(split.rows, plan.batch_size, plan.seed)
    held = list(training_blocks(split, order, 0, [STEPS] * BLOCKS))
    np.savez(directory / BATCHES, **{name: np.stack([block[name] for block in held]) for name in held[0]})
    settings = {
        "features": features.to_json(),
        "bias": bias,
        "mean_weight": objective.mean_weight,
        "steps": SCHEDULED_STEPS,
        **arguments,
    }
    (directory / SETTINGS).write_text(json.dumps(settings))
