"""Faults at every point of a simulation: told with a code, and the same command works afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.kubeflow.simulate.conftest import python

POINTS = (
    "simulate.clear",
    "simulate.claim",
    "simulate.log",
    "simulate.create_pod",
    "simulate.prepare_outputs",
    "simulate.place",
    "simulate.remove_pod",
    "simulate.log_directory",
    "simulate.warm_log",
)
# The main of the command, but for the module that is forked.
PROGRAM = """
import sys
from pipeline.kubeflow import simulate as room
made = room.Options
room.Options = lambda **given: made(**given, modules=("warm_step",))
from pipeline.cli import main
sys.exit(main())
"""


def ended(file: Path, fault: str) -> subprocess.CompletedProcess[str]:
    """Runs the command with a fault."""
    environment = {**os.environ, "PYTHONPATH": str(file.parent), "TANDEM_FAULT": fault}
    typed = [sys.executable, "-c", PROGRAM, "simulate", str(file)]
    return subprocess.run(typed, capture_output=True, text=True, check=False, env=environment, timeout=60)


LONG = [pytest.param(action, marks=pytest.mark.soak) for action in ("raise", "kill")]


@pytest.mark.parametrize("action", ["ENOSPC", *LONG])
@pytest.mark.parametrize("point", POINTS)
def test_a_fault_is_told_and_the_next_simulation_is_whole(pipeline, tmp_path, point, action) -> None:
    (tmp_path / "warm_step.py").write_text("def main(arguments):\n    return 0\n")
    make = "write(local(given['outputs']['artifacts']['data']['artifacts'][0]['uri']), 'x')"
    claim = {"pvcMount": [{"mountPath": "/state", "constant": "state"}]}
    pipeline.task("make", python(make), makes=("data",), kubernetes=claim)
    pipeline.task(
        "use", {"image": "i", "command": ["python", "-m", "warm_step"]}, takes={"data": "make.data"}
    )
    file = pipeline.write(tmp_path / "pipeline.yaml")
    broken = ended(file, f"{action} {point}*")
    if action == "kill":
        assert broken.returncode == -signal.SIGKILL, broken
    else:
        assert broken.returncode == 1, broken
        assert re.match(r"[A-Z]+-\d{3} ", broken.stderr), broken
        assert "Traceback" not in broken.stderr
    assert ended(file, "").returncode == 0
