"""A pipeline whose training is a group of replicas."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.report import page

ROWS = 900
SETTINGS = (
    "train.codistillation={replicas: 2, exchange_every_steps: 2, burn_in: 0}",
    "train.batch_size=32",
    "train.epochs=20",
    "train.early_stopping.enabled=false",
)


def rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    number, colour = rng.normal(size=ROWS), rng.choice(["red", "green"], ROWS)
    answer = np.where(rng.random(ROWS) < 1 / (1 + np.exp(-2 * number)), "yes", "no")
    return pd.DataFrame({"number": number.round(4), "colour": colour, "answer": answer})


def test_a_group_ends_with_one_gated_model_and_how_it_is_launched_leaves_it_cached(project) -> None:
    project.init(project.data(rows()), "answer")
    shared = project.directory / "shared"
    launch = f"train.codistillation.launch.directory={shared}", "train.codistillation.launch.patience=20"
    result = project.run(*SETTINGS, *launch)
    assert result.summary["status"] == "pushed"
    group = result.view["group"]
    assert [one["end"] for one in group["replicas"]] == ["finished"] * 2
    assert [one["steps"] for one in group["replicas"]] == [result.view["training"]["steps"]] * 2
    losses = [one["validation_loss"] for one in group["replicas"]]
    assert min(losses) == losses[group["chosen"]] == result.view["training"]["history"][-1]["validation_loss"]
    assert result.view["training"]["codistillation"]["replica"] == group["chosen"]
    assert '<section id="codistillation"' in page.render(result.view)
    logs = result.run.log_path("train").parent
    assert {file.name for file in logs.glob("train-*")} == {"train-replica-0.log", "train-replica-1.log"}
    # What the group left is removed, its model being safe.
    assert list(shared.iterdir()) == []
    assert list((project.root.checkpoints / "data").iterdir()) == []
    again = project.run(*SETTINGS, "train.codistillation.launch={patience: 9, restarts: 0}")
    assert {step["state"] for step in again.summary["steps"]} == {"cached"}
    assert again.view["group"] == group
    content = json.loads(Path(again.run.directory / "view.json").read_text())
    assert content["group"] == group
