"""What benchmarks make of what they measured, without measuring."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import scale, start_up
from benchmarks.scale import Measured, figures


def test_growth_is_beside_the_first_size() -> None:
    runs = {
        1: {"ingest": Measured(6.0, 0.9), "statistics": Measured(4.0, 1.0)},
        10: {"ingest": Measured(60.0, 1.1), "statistics": Measured(50.0, 1.3)},
    }
    found = {figure.name: figure for figure in figures(runs)}
    assert found["seconds at 10 times"].value == 110.0
    assert found["peak memory at 10 times"].value == pytest.approx(1.3)
    assert not found["peak memory at 10 times"].kept
    assert found["seconds for each row at 10 times"].value == pytest.approx(1.1)
    assert found["seconds for each row at 10 times"].kept


def test_a_quarter_of_the_days_is_eval_at_every_size(tmp_path: Path) -> None:
    days = pd.date_range("2013-01-01T12:00", periods=364, freq="D", tz="America/New_York")
    rows = pd.DataFrame({"departure": days, "date": days.strftime("%Y-%m-%d")})
    written = 0
    for times in (1, 2, 4):
        scale.write_copies(rows, written, times, tmp_path)
        written = times
        copies = pd.concat([pd.read_parquet(file) for file in sorted(tmp_path.iterdir())])
        assert len(copies) == copies["date"].nunique() == 364 * times
        assert (copies["departure"] >= pd.Timestamp(scale.eval_from(times))).sum() == 91 * times


def test_memory_is_that_of_the_process_and_its_children() -> None:
    child = "import time; held = bytearray(b'x') * (150 << 20); time.sleep(1.5)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", code])
    memory = scale.Memory(process.pid)
    assert process.wait() == 0
    peak = memory.peak(0, float("inf"))
    assert 150 << 20 <= peak < 300 << 20


def test_imports_are_added_up_by_package() -> None:
    code = "import json.decoder, decimal"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True
    )
    found = start_up.by_package(done.stderr)
    assert {"json", "decimal"} <= found.keys()
    told = "import time: 200 | 900 | a.b\nimport time: 300 | 300 |   a\nimport time: 7 | 7 | re\nother"
    assert list(start_up.by_package(told).items()) == [("a", pytest.approx(5e-4)), ("re", 7e-6)]
