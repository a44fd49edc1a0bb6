"""Data sets that nothing in the code knows, by `init` and `run` alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.config import load

TANDEM = Path(sys.executable).with_name("tandem")


def tiny() -> tuple[pd.DataFrame, str, str]:
    rng = np.random.default_rng(0)
    size = rng.normal(size=80)
    colour = rng.choice(["red", "green"], 80)
    late = (size + (colour == "red") + rng.normal(0, 0.3, 80) > 0.5).astype(int)
    return pd.DataFrame({"size": size.round(3), "colour": colour, "late": late}), "late", "binary"


def wide() -> tuple[pd.DataFrame, str, str]:
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(1500, 200)).round(4)
    codes = rng.integers(0, 12, (1500, 100))
    columns = {f"n{i}": numbers[:, i] for i in range(200)} | {f"c{i}": codes[:, i] for i in range(100)}
    price = 100 + 20 * numbers[:, 0] + 5 * codes[:, 0] + rng.normal(0, 3, 1500)
    return pd.DataFrame(columns | {"price": price.round(2)}), "price", "regression"


def messy() -> tuple[pd.DataFrame, str, str]:
    rng = np.random.default_rng(2)
    rows = 1200
    # "None" is a class here, although it can mean a missing value.
    kind = rng.choice(["gold", "silver", "None"], rows)
    frame = pd.DataFrame(
        {
            "joined on": pd.to_datetime("2021-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D"),
            "active?": np.where(rng.random(rows) < 0.5, "true", "false"),
            "größe": rng.normal(50 + 10 * (kind == "gold"), 5).round(1),
            "city": np.where(
                kind == "silver", rng.choice(["Oslo", "Bergen"], rows), rng.choice(["Rome", "Bari"], rows)
            ),
            "<b>note</b>": rng.choice(["a,b", 'say "hi"', "x"], rows),
            "kind": kind,
        }
    )
    frame["joined on"] = frame["joined on"].dt.strftime("%Y-%m-%d")
    for column in frame.columns.drop("kind"):
        frame.loc[rng.random(rows) < 0.2, column] = None
    return frame, "kind", "multiclass"


def tandem(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [TANDEM, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("shape", "suffix"), [(tiny, ".csv"), (wide, ".csv"), (messy, ".csv"), (messy, ".parquet")]
)
def test_a_data_set_unknown_to_the_authors_ends_in_a_gated_model(tmp_path, shape, suffix) -> None:
    """By the two commands that a user types."""
    frame, label, task = shape()
    data, config, root = tmp_path / f"rows{suffix}", tmp_path / "rows.yaml", tmp_path / "root"
    frame.to_csv(data, index=False) if suffix == ".csv" else frame.to_parquet(data, index=False)
    made = tandem("init", data, "--label", label, "-o", config)
    assert made.returncode == 0, made.stderr
    assert load(config).task == task
    ran = tandem("run", config, "--root", root, "--json")
    summary = json.loads(ran.stdout)
    assert summary["error"] is None
    assert sum(summary["rows"].values()) == len(frame)
    candidate, prior = summary["metrics"]["candidate"], summary["metrics"]["prior"]
    measure = "rmse" if task == "regression" else "log_loss"
    assert candidate[measure] < prior[measure]
    equality = [rule for rule in summary["gate"] if "equals" in rule["rule"]]
    assert [rule["verdict"] for rule in equality] == ["pass"]
    # Eighty rows may be too few to tell what was learned from chance, which is for the gate to say.
    outcomes = {0: "pushed", 3: "not_blessed"} if shape is tiny else {0: "pushed"}
    assert outcomes.get(ran.returncode) == summary["status"]
    page = (root / "runs" / summary["run_id"] / "report.html").read_text()
    assert "<b>note</b>" not in page
    assert f">{label}<" in page
