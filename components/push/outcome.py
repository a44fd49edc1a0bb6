"""What a push came to, as a file of its output."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from components.push.push import PushResult
from trainer import storage
from trainer.errors import TandemError

FILE_NAME = "push.json"


def write(directory: Path, result: PushResult) -> dict[str, Any]:
    """Writes the fields of a result, the path as text, and returns them."""
    told = dataclasses.asdict(result) | {"path": str(result.path or "")}
    storage.write_json(directory / FILE_NAME, told)
    return told


def read(directory: Path) -> dict[str, Any]:
    """Reads what `write` wrote.

    Raises:
        TandemError: `PUSH-009` if it cannot be read.
    """
    try:
        told = json.loads((directory / FILE_NAME).read_bytes())
        return {field.name: told[field.name] for field in dataclasses.fields(PushResult)}
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise TandemError(
            "PUSH-009",
            f"Expected the outcome of the push in {directory}. Received: {error!r}",
            "Remove that directory and resume the run: the push step writes it again.",
        ) from error
