"""Commands in processes of their own, with a fault in each."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.faults.points.place import Place, distinct

PROJECT = Path(__file__).resolve().parents[3]


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended; `status` is negative for a signal."""

    status: int
    out: str
    err: str

    def next_command(self) -> list[str]:
        """The words of the command that the failure names."""
        (line,) = [line for line in self.err.splitlines() if line.strip().startswith("next ")]
        words = shlex.split(line.strip().removeprefix("next"))
        assert words[0] == "tandem"
        return words[1:]


class Tandem:
    """Runs commands in a directory, each in a fork of one warm process."""

    def __init__(self, process: subprocess.Popen[str], output: Path) -> None:
        self._process, self._output = process, output
        self._ask()

    def __call__(
        self,
        directory: Path,
        *arguments: str,
        fault: str = "",
        program: str = "tandem",
        environment: Mapping[str, str] | None = None,
    ) -> Ended:
        request = {
            "program": program,
            "environment": dict(environment or {}),
            "arguments": arguments,
            "fault": fault,
            "directory": str(directory),
            "output": str(self._output),
        }
        status = self._ask(request)["status"]
        return Ended(status, *((self._output / name).read_text(errors="replace") for name in ("out", "err")))

    def _ask(self, request: dict[str, object] | None = None):
        assert self._process.stdin
        assert self._process.stdout
        if request is not None:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@pytest.fixture(scope="session")
def tandem(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tandem]:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "COLUMNS": "200"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, str(Path(__file__).with_name("warm.py"))]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    with process:
        yield Tandem(process, tmp_path_factory.mktemp("output"))
        process.kill()


@pytest.fixture(scope="session")
def unbroken(tandem: Tandem, tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, list[str]]:
    place = Place(tmp_path_factory.mktemp("unbroken"))
    trace = place.directory / "trace"
    assert tandem(place.directory, "run", "config.yaml", fault=f"trace {trace}").status == 0
    place.assert_finished()
    return place, distinct(trace)
