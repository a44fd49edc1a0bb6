"""`python -m trainer SPEC.json`: one training from plain files, the paths being in the file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from absl import app, logging

from trainer.errors import TandemError
from trainer.loop import RunSpec, run


def main(arguments: Sequence[str]) -> int:
    """Runs the training that the file describes; returns the exit status."""
    if len(arguments) != 2:
        logging.error("Expected SPEC.json. Received: %s", list(arguments[1:]))
        return 2
    try:
        try:
            content = json.loads(Path(arguments[1]).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise TandemError(
                "TRAIN-402",
                f"The specification must be a readable JSON file. Received: {arguments[1]} ({error})",
                exit_status=2,
            ) from error
        run(RunSpec.from_json(content))
    except TandemError as error:
        logging.error("%s", error)
        return error.exit_status
    return 0


if __name__ == "__main__":
    app.run(main)
