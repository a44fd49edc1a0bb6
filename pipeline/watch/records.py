"""What jobs beside a training found, kept in the directory of its run."""

from __future__ import annotations

import json
import os
from typing import Any

from pipeline.runs.store import Run, now
from trainer.faults import point

EVALUATIONS = "evaluations.jsonl"


def append(run: Run, entry: dict[str, Any]) -> dict[str, Any]:
    """Adds a line with the time to `evaluations.jsonl`, below a line that a killed process did not end.

    Args:
        run: the run.
        entry: plain values.

    Returns:
        The entry with its time.
    """
    timed = {"time": now(), **entry}
    line = json.dumps(timed, sort_keys=True).encode()
    place = run.directory / EVALUATIONS
    point("watch.append", place)
    with place.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line + b"\n")
    point("watch.appended", place, place)
    return timed


def read(run: Run) -> list[dict[str, Any]]:
    """Entries in order; a torn line is left out."""
    found = []
    place = run.directory / EVALUATIONS
    for line in place.read_text(errors="replace").splitlines() if place.exists() else []:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found
