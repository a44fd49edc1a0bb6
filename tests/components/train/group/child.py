"""A replica that only counts: writes what a training writes, and does what the specification asks for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def main(spec_path: str) -> int:
    """Counts up to `steps`; at the step `at` of its first attempt it does what `then` says."""
    spec: dict[str, Any] = json.loads(Path(spec_path).read_text())
    run_dir = Path(spec["run_dir"])
    run_dir.mkdir(parents=True, exist_ok=True)
    counter = run_dir / "attempts"
    attempts = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(attempts))
    for step in range(spec["steps"] + 1):
        if step == spec.get("at") and attempts == 1:
            _act(spec["then"], run_dir)
        told = {"step": step, "steps": spec["steps"], "loss": 0.5, "examples_per_second": 20.0}
        _write(run_dir / "progress.json", told)
        time.sleep(0.05)
    variables = {
        name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "COLOUR")
    }
    _write(run_dir / "training.json", {"steps": spec["steps"], "seconds": 1.0, "variables": variables})
    return 0


def _act(then: str, run_dir: Path) -> None:
    if then == "refuse":
        sys.stderr.write("NAME-002: Expected 1. Received: 2\n")
        sys.exit(2)
    if then == "grandchild":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (run_dir / "grandchild").write_text(str(child.pid))
        return
    os.kill(os.getpid(), {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}[then])


def _write(path: Path, value: dict[str, Any]) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(value))
    unfinished.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
