"""The dry run: the exported model answers recorded requests in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trainer

MODULE = "trainer.export.dry_run"


def dry_run(
    model_dir: Path, requests_dir: Path, timeout_seconds: float = 900.0, command: Sequence[str] = ()
) -> tuple[dict[str, Any] | None, str]:
    """Runs the model as a server would, away from the process that trained it.

    Args:
        model_dir: directory of the SavedModel.
        requests_dir: directory with the recorded requests and the outputs of training.
        timeout_seconds: longest run. Defaults to `900.0`.
        command: program and arguments in place of `python -m trainer.export.dry_run`; it is given the model
            directory, the requests directory and the file to write. Defaults to `()`.

    Returns:
        `(result, "")`, or `(None, reason)` when it ended badly, took too long or wrote nothing readable.
    """
    start = list(command) or [sys.executable, "-m", MODULE]
    # The package may be imported from a source tree that only this process has on its path.
    source = str(Path(next(iter(trainer.__path__))).parent)
    path = os.pathsep.join(part for part in (source, os.environ.get("PYTHONPATH", "")) if part)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "dry_run.json"
        try:
            done = subprocess.run(
                [*start, str(model_dir), str(requests_dir), str(output)],
                env={**os.environ, "PYTHONPATH": path},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, f"the dry run took longer than {timeout_seconds:g} seconds"
        except OSError as error:
            return None, f"the dry run could not start: {error}"
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no message"]
            return None, f"the dry run ended with status {done.returncode}: {lines[-1]}"
        try:
            result = json.loads(output.read_bytes())
        except (OSError, ValueError) as error:
            return None, f"the dry run left no readable result: {error}"
    if not isinstance(result, dict):
        return None, "the dry run left no readable result: not a mapping"
    return result, ""
