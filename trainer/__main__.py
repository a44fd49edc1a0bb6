"""`python -m trainer SPEC.json`: one training from plain files, the paths being in the file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import app, logging

from trainer.errors import TandemError
from trainer.loop import RunSpec, run


def _content(path: Path) -> Any:
    try:
        text = path.read_bytes()
    except OSError as error:
        # Maybe a volume that is not there yet: another start may read it.
        raise TandemError(
            "TRAIN-403",
            f"The specification must be readable. Received: {path} ({error.strerror or error})",
            "Look at the path and at the volume it lies on, then run again.",
        ) from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TandemError(
            "TRAIN-402",
            f"The specification must be JSON. Received: {path} ({error})",
            exit_status=2,
        ) from error


def main(arguments: Sequence[str]) -> int:
    """Runs the training that the file describes; returns the exit status."""
    if len(arguments) != 2:
        logging.error("Expected SPEC.json. Received: %s", list(arguments[1:]))
        return 2
    try:
        run(RunSpec.from_json(_content(Path(arguments[1]))))
    except TandemError as error:
        logging.error("%s", error)
        return error.exit_status
    return 0


if __name__ == "__main__":
    app.run(main)
