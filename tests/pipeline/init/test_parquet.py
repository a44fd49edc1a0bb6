"""Types that CSV does not have."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config.model import Data
from pipeline.init import infer


def test_texts_of_parquet_are_taken_as_ingest_takes_them(tmp_path: Path) -> None:
    rng = random.Random(6)
    marked = ["?" if index % 25 == 0 else str(rng.randrange(40)) for index in range(400)]
    size = [rng.gauss(0, 1) for _ in range(400)]
    state = ["None" if x < -0.5 else "Mild" if x + rng.gauss(0, 0.3) < 0.5 else "Severe" for x in size]
    table = pa.table({"size": size, "marked": marked, "state": state})
    pq.write_table(table, tmp_path / "rows.parquet")
    found = infer(tmp_path / "rows.parquet", "state")
    assert set(found.config.label.classes) == {"None", "Mild", "Severe"}
    assert found.config.features["marked"].kind == "categorical"
    assert found.config.data.null_values == Data.model_fields["null_values"].default


def test_infinite_numbers_are_told_and_allowed_for_and_durations_left_out(tmp_path: Path) -> None:
    rng = random.Random(7)
    size = [float("inf") if index % 40 == 0 else rng.gauss(0, 1) for index in range(400)]
    late = [int(x + rng.gauss(0, 1) > 0) for x in size]
    took = pa.array([rng.randrange(10**6) for _ in range(400)], pa.duration("us"))
    pq.write_table(pa.table({"size": size, "took": took, "late": late}), tmp_path / "rows.parquet")
    found = infer(tmp_path / "rows.parquet", "late")
    assert "2.5% of the rows hold an infinite number" in " ".join(found.warnings)
    assert found.config.data.max_bad_row_fraction == pytest.approx(0.055)
    assert "duration" in found.left_out["took"]
