"""A training in attempts: time that ran is added up, and an unfinished one is not overwritten."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.pronunciation import attempts


def test_active_time_leaves_out_the_time_between_attempts(tmp_path: Path) -> None:
    code = "import sys, time\nwhile time.process_time() < 0.4: pass\nsys.exit(3)"
    first = attempts.attempt(tmp_path, [], [sys.executable, "-c", code])
    assert first["status"] == 3
    assert attempts.read(tmp_path) == [first]
    assert not attempts.finished([first])
    second = attempts.attempt(tmp_path, [first], [sys.executable, "-c", "pass"])
    assert attempts.finished(attempts.read(tmp_path))
    seconds, cpu_seconds = attempts.totals([first, second])
    assert seconds == first["seconds"] + second["seconds"]
    assert 0.3 <= first["cpu_seconds"] <= cpu_seconds


def test_an_attempt_is_noted_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "EVERY_SECONDS", 0.05)
    look = (
        "import json, pathlib, sys, time; path = pathlib.Path(sys.argv[1]); time.sleep(0.5)\n"
        "noted = json.loads(path.read_text())[-1]\n"
        "sys.exit(0 if noted['status'] is None and noted['seconds'] > 0 else 1)"
    )
    command = [sys.executable, "-c", look, str(tmp_path / attempts.FILE)]
    assert attempts.attempt(tmp_path, [], command)["status"] == 0


def test_an_interrupted_training_needs_to_be_resumed(tmp_path: Path) -> None:
    attempts.attempt(tmp_path, [], [sys.executable, "-c", "raise SystemExit(1)"])
    with pytest.raises(SystemExit, match="--resume"):
        attempts.run(tmp_path, {}, resume=False)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    done = attempts.attempt(tmp_path, [], [sys.executable, "-c", "pass"])
    assert attempts.run(tmp_path, {}, resume=True) == [done]


def test_a_training_that_fails_names_its_log(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"trainer\.log"):
        attempts.run(tmp_path / "new", {"unknown": 1}, resume=False)
    (only,) = attempts.read(tmp_path / "new")
    assert only["status"] == 2
    assert "Received" in (tmp_path / "new" / attempts.LOG).read_text()
