"""Data so small that a split may turn out without rows."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd


def test_an_empty_validation_split_trains_as_without_one(project) -> None:
    rng = np.random.default_rng(0)
    size = rng.normal(size=60).round(3)
    late = (size + rng.normal(0, 0.3, 60) > 0).astype(int)
    config = project.init(project.data(pd.DataFrame({"size": size, "late": late})), "late")
    assert config.train.early_stopping.enabled
    result = project.run("data.split.validation_fraction=0.0001", "data.compression=gzip")
    assert result.summary["error"] is None
    (report,) = project.root.artifacts.glob("ingest/examples/*/ingest.json")
    assert json.loads(report.read_text())["rows"]["validation"] == 0
    assert "No validation split: no early stopping" in result.run.log_path("train").read_text()
