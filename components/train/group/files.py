"""What the replicas of a group leave, read with care: a file may be absent, torn or of another version."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OUTCOME = "group.json"
"""In the model run of a group, how each replica went and which one was chosen."""

POD_HEADER = "== pod "
"""Before what a pod says, in the log of its replica."""

INPUTS = "inputs"
"""Folder of copied inputs, in the directory of a group whose replicas cannot see the originals."""

PROGRESS = "progress.json"
TRAINING = "training.json"
HISTORY = "history.json"

_TAIL_BYTES = 16384
_CODE = re.compile(r"\b[A-Z]+-\d{3}: .*")
_TOLD = re.compile(r"(?:\S+Z )?[IW]\d{4} \d\d:")
"""How a line of information or a warning begins, in a pod's log after the time."""
_LONGEST = 500


def read_json(path: Path) -> tuple[bytes, Any]:
    """Bytes and content of a JSON file; no bytes and None where it cannot be read."""
    try:
        content = path.read_bytes()
        return content, json.loads(content)
    except (OSError, ValueError, RecursionError):
        return b"", None


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none that can be read."""
    value = read_json(path)[1]
    return value if isinstance(value, dict) else {}


def number(values: Mapping[str, Any], name: str) -> float | None:
    """A finite number of an object, or None."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def whole(values: Mapping[str, Any], name: str) -> int | None:
    """A number of an object as a whole one, or None."""
    value = number(values, name)
    return None if value is None else int(value)


def stalest(values: Mapping[str, Any]) -> int | None:
    """Of the `staleness_steps` by peer, the greatest; None while no peer has published.

    Example:
        >>> stalest({"staleness_steps": {"1": 250, "2": None, "3": 500}}), stalest({})
        (500, None)
    """
    peers = values.get("staleness_steps")
    if not isinstance(peers, dict):
        return None
    found = [value for name in peers if (value := number(peers, name)) is not None]
    return int(max(found)) if found else None


def last_loss(run_dir: Path) -> float | None:
    """Training loss of the last entry of the history that has one."""
    losses = [loss for entry in _history(run_dir) if (loss := number(entry, "loss")) is not None]
    return losses[-1] if losses else None


def validation_loss(run_dir: Path) -> float | None:
    """Validation loss of the weights that a training exported; None without a validation split.

    Without early stopping these are the last ones, whatever loss earlier ones had.
    """
    summary = read_object(run_dir / TRAINING)
    exported = number(summary, "exported_step")
    for entry in reversed(_history(run_dir)):
        loss = number(entry, "validation_loss")
        if exported is not None and loss is not None and number(entry, "step") == exported:
            return loss
    return number(summary, "best_validation_loss")


def _history(run_dir: Path) -> list[dict[str, Any]]:
    history = read_json(run_dir / HISTORY)[1]
    return [entry for entry in history if isinstance(entry, dict)] if isinstance(history, list) else []


def last_words(log: Path, since_byte: int = 0) -> str:
    """The last error with a code that a log tells of, else its last line; empty where there is none.

    Args:
        log: the log file.
        since_byte: int. Where the part begins that is looked at. Defaults to `0`.
    """
    try:
        with log.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(since_byte, end - _TAIL_BYTES))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except OSError:
        return ""
    # What a warning tells of, such as damaged weights of a peer, has ended nobody.
    found = [match[0] for line in lines if not _TOLD.match(line) and (match := _CODE.search(line))]
    words = found or [line for line in lines if line and not line.startswith(POD_HEADER)]
    return words[-1][:_LONGEST] if words else ""
