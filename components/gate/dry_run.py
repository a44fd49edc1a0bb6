"""The dry run: the exported model answers recorded requests in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trainer
from trainer.errors import TandemError
from trainer.faults import point

MODULE = "trainer.export.dry_run"
# Ends that tell of the machine and not of the model: files that cannot be written, somebody's kill.
_NOT_THE_MODEL = (os.EX_IOERR, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT)


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

    Raises:
        TandemError: `GATE-001` if it could not start, could not write, or was ended by somebody: that says
            nothing about the model, so it is no decision.
    """
    start = list(command) or [sys.executable, "-m", MODULE]
    # The package may be imported from a source tree that only this process has on its path.
    source = str(Path(next(iter(trainer.__path__))).parent)
    path = os.pathsep.join(part for part in (source, os.environ.get("PYTHONPATH", "")) if part)
    point("gate.dry_run")
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
            raise _undecided(str(error)) from error
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no message"]
            if done.returncode in _NOT_THE_MODEL:
                raise _undecided(f"status {done.returncode}: {lines[-1]}")
            return None, f"the dry run ended with status {done.returncode}: {lines[-1]}"
        try:
            result = json.loads(output.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            return None, f"the dry run left no readable result: {error}"
    if not isinstance(result, dict):
        return None, "the dry run left no readable result: not a mapping"
    return result, ""


def _undecided(cause: str) -> TandemError:
    return TandemError(
        "GATE-001",
        f"Expected the dry run of the model to come to its end. Received: {cause}",
        "See that there is memory and disk space, then go on with the run.",
    )
