"""The same inputs, seed and machine give the same model, wherever, whenever and in whichever process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def told_by_child(directory: Path, task: str, **environment: str) -> dict[str, Any]:
    """What a run in a process of its own came to, with its own root, working directory and environment."""
    target = directory / "project"
    target.mkdir(parents=True)
    path = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(PROJECT / "tests" / "contract" / "small.py"), str(target), task],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((target / "told.json").read_text())


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Part by part, so that a difference is told by its name."""
    assert {name for name in expected if found.get(name) != expected[name]} == set()
    assert found.keys() == expected.keys()


def test_another_process_root_hash_seed_and_time_zone_give_the_same_model(
    small: ModuleType, small_run: Callable[[str], Any], tmp_path: Path
) -> None:
    here = json.loads(json.dumps(small.fingerprint(small_run("binary"), "binary")))
    assert here["model"] == here["told"]
    assert all(here[part] for part in ("examples", "statistics", "schema", "vocabularies", "predictions"))
    assert len(here["predictions"]["probabilities"]) == 1000
    there = told_by_child(tmp_path, "binary", PYTHONHASHSEED="123", TZ="Asia/Tokyo", LC_ALL="C")
    assert_same(there, here)


@pytest.mark.soak
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_two_processes_give_the_same_model(task: str, tmp_path: Path) -> None:
    one = told_by_child(tmp_path / "one", task, PYTHONHASHSEED="1", TZ="America/New_York")
    other = told_by_child(tmp_path / "another place", task, PYTHONHASHSEED="2", TZ="Pacific/Auckland")
    assert_same(one, other)


@pytest.mark.soak
def test_another_seed_and_another_row_would_be_noticed(
    small: ModuleType, small_run: Callable[[str], Any], tmp_path: Path
) -> None:
    here = small.fingerprint(small_run("binary"), "binary")
    seeded = small.fingerprint(small.run(tmp_path, "binary", "train.seed=2"), "binary")
    assert seeded["examples"] == here["examples"]
    assert seeded["transform_graph"] == here["transform_graph"]
    assert seeded["model"] != here["model"]
    assert seeded["predictions"] != here["predictions"]
