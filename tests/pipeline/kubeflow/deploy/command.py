"""Runs a `tandem` command in a process of its own, which also says what it has imported."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[4]
_CALL = """
import atexit, os, pathlib, sys
atexit.register(lambda: pathlib.Path(os.environ["MODULES"]).write_text("\\n".join(sys.modules)))
import typer
from pipeline.cli import deploy, schedule
from pipeline.kubeflow.deploy import watch
import pipeline.cli.app as commands
app = typer.Typer(pretty_exceptions_enable=False)
app.command("deploy")(deploy.deploy)
app.add_typer(schedule.app, name="schedule")
commands.app = app
from pipeline.cli import main
main()
"""
HEAVY = ("tensorflow", "tfx", "keras", "apache_beam", "kfp", "numpy", "pandas")


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str
    modules: frozenset[str]

    def json(self) -> Any:
        """What it wrote to standard output."""
        return json.loads(self.out)


def environment(directory: Path, variables: dict[str, str]) -> dict[str, str]:
    """Of a command; nothing in it names a cluster but `variables`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KUBERNETES_")}
    return {**kept, "PYTHONPATH": str(PROJECT), "MODULES": str(directory / "modules"), **variables}


def command(*words: object) -> list[str]:
    """The words of a command, with a poll that does not wait long."""
    call = _CALL.replace(
        "main()\n", "watch.watch.__defaults__ = (0.05, *watch.watch.__defaults__[1:])\nmain()\n"
    )
    return [sys.executable, "-c", call, *map(str, words)]


def tandem(directory: Path, *words: object, **variables: str) -> Ended:
    """Runs a command in a directory."""
    done = subprocess.run(
        command(*words),
        cwd=directory,
        env=environment(directory, variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    modules = frozenset(name.partition(".")[0] for name in (directory / "modules").read_text().split())
    return Ended(done.returncode, done.stdout, done.stderr, modules)
