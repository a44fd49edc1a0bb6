"""A long training in a process of its own, started again where it stopped, with its time added up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks import record
from trainer.storage import write_json

FILE, SPEC, LOG = "attempts.json", "spec.json", "trainer.log"
EVERY_SECONDS = 5.0
"""Time between notes of what was used: an attempt that ends with the machine loses no more."""

Attempt = dict[str, Any]


def read(directory: Path) -> list[Attempt]:
    """The attempts so far, each with `started`, `seconds`, `cpu_seconds` and `status`, None while it runs."""
    path = directory / FILE
    found: list[Attempt] = json.loads(path.read_text()) if path.exists() else []
    return found


def finished(attempts: list[Attempt]) -> bool:
    """Whether the last attempt reached the end of the training."""
    return bool(attempts) and attempts[-1]["status"] == 0


def totals(attempts: list[Attempt]) -> tuple[float, float]:
    """Active wall seconds and CPU seconds of all attempts; time between attempts does not count.

    Example:
        >>> totals([{"seconds": 60.0, "cpu_seconds": 90.0}, {"seconds": 30.0, "cpu_seconds": 50.0}])
        (90.0, 140.0)
    """
    return sum(a["seconds"] for a in attempts), sum(a["cpu_seconds"] for a in attempts)


def run(directory: Path, spec: dict[str, Any], resume: bool) -> list[Attempt]:
    """Trains, or goes on with a training that was interrupted; returns every attempt.

    Args:
        directory: of this training alone: specification, log, attempts, checkpoints and model.
        spec: what `python -m trainer` is given; a resumed training keeps the one it began with.
        resume: go on with what lies in the directory. A finished training is not repeated.

    Raises:
        SystemExit: if there is an earlier attempt and `resume` is off, or if the training fails.
    """
    before = read(directory)
    if before and not resume:
        raise SystemExit(
            f"expected no training in {directory}. Go on with --resume, or choose another --root."
        )
    if finished(before):
        return before
    if not before:
        directory.mkdir(parents=True, exist_ok=True)
        write_json(directory / SPEC, spec)
    attempts = [*before, attempt(directory, before, [sys.executable, "-m", "trainer", str(directory / SPEC)])]
    if not finished(attempts):
        raise SystemExit(f"the training ended with status {attempts[-1]['status']}: see {directory / LOG}")
    return attempts


def attempt(directory: Path, before: list[Attempt], command: list[str]) -> Attempt:
    """One attempt, noted in `attempts.json` while it runs."""
    this: Attempt = {"started": record.begin().started, "seconds": 0.0, "cpu_seconds": 0.0, "status": None}
    begun, used = time.monotonic(), _children_seconds()
    with (directory / LOG).open("a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            watched = psutil.Process(process.pid)
            while True:
                try:
                    this["status"] = process.wait(EVERY_SECONDS)
                    this["cpu_seconds"] = _children_seconds() - used
                except subprocess.TimeoutExpired:
                    this["cpu_seconds"] = _cpu_seconds(watched, this["cpu_seconds"])
                this["seconds"] = time.monotonic() - begun
                write_json(directory / FILE, [*before, this])
                if this["status"] is not None:
                    return this
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()


def _children_seconds() -> float:
    used = os.times()
    return used.children_user + used.children_system


def _cpu_seconds(process: psutil.Process, before: float) -> float:
    try:
        used = process.cpu_times()
    except psutil.Error:
        return before
    return float(used.user + used.system)
