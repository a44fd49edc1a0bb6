"""Which statistics the next run compares with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.root import Root
from pipeline.runs.history import previous_statistics
from pipeline.runs.store import Run


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


def add(root: Root, number: int, data: str, name: str = "flights", check: str = "ran", **more: Any) -> Run:
    run = Run(root.runs / f"2026010{number}-000000-aaaa")
    run.directory.mkdir(parents=True)
    run.config_path.write_text("")
    uri = f"artifacts/statistics/statistics/{number}"
    (root.path / uri).mkdir(parents=True)
    summary = {
        "name": name,
        "steps": [{"name": "statistics", "state": "ran"}, {"name": "check", "state": check}],
        "fingerprints": {"data": data},
        "statistics_uri": uri,
    }
    run.write_summary(summary | more)
    return run


def test_the_newest_run_on_other_data_counts(root: Root) -> None:
    assert previous_statistics(root, "flights", "d3") == ""
    add(root, 1, "d1")
    add(root, 2, "d2", check="cached")
    add(root, 3, "d3")
    assert previous_statistics(root, "flights", "d3").endswith("statistics/2")
    assert previous_statistics(root, "flights", "d4").endswith("statistics/3")


def test_other_pipelines_and_refused_data_do_not_count(root: Root) -> None:
    add(root, 1, "d1")
    add(root, 2, "d2", name="other")
    add(root, 3, "d3", check="failed")
    add(root, 4, "d4", steps=[{"name": "ingest", "state": "failed"}])
    assert previous_statistics(root, "flights", "d9").endswith("statistics/1")


def test_statistics_that_are_gone_and_damaged_runs_are_passed_over(root: Root) -> None:
    add(root, 1, "d1")
    gone, damaged = add(root, 2, "d2"), add(root, 3, "d3")
    (root.path / str(gone.summary()["statistics_uri"])).rmdir()
    (damaged.directory / "summary.json").write_text("{")
    add(root, 4, "d4", statistics_uri="")
    assert previous_statistics(root, "flights", "d9").endswith("statistics/1")
