"""Runs that fail, that are interrupted and that go on, with real steps."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.config import Config, parse
from pipeline.execute import Result, execute
from pipeline.local.metadata import connect
from pipeline.local.watcher import Step, Watcher
from pipeline.root import Root
from pipeline.runs.store import Run

CONFIG = """
name: data
task: binary
label: {column: late, classes: ['0', '1']}
data: {path: data.csv}
features: {size: {kind: numeric}, colour: {kind: categorical}}
gate: {rules: [{metric: log_loss, better_than: prior}]}
"""


class Interrupting(Watcher):
    """Sends an interrupt to this process a moment after a step has begun, as Ctrl-C does."""

    def __init__(self, step: str) -> None:
        self.step = step
        self.run_id = ""
        self.states: dict[str, str] = {}

    def run_started(self, run_id: str) -> None:
        self.run_id = run_id

    def step_started(self, name: str, index: int, count: int) -> None:  # noqa: ARG002
        if name == self.step:
            threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()

    def step_finished(self, step: Step) -> None:
        self.states[step.name] = step.state


@pytest.fixture
def config(tmp_path: Path) -> Config:
    rows = "\n".join(f"{i / 7:.2f},{'red' if i % 3 else 'blue'},{i % 2}" for i in range(300))
    (tmp_path / "data.csv").write_text(f"size,colour,late\n{rows}\n")
    return parse(CONFIG)


def go(config: Config, directory: Path, watcher: Watcher, run: Run | None = None) -> Result:
    return execute(config, directory, Root(directory / ".tandem"), watcher, run)


def check_written(result: Result) -> None:
    """Summary, report and the last event of a run that has ended somehow."""
    summary = json.loads((result.run.directory / "summary.json").read_text())
    assert summary == result.summary == result.run.summary()
    assert result.run.events()[-1]["event"] == "run_finished"
    assert result.run.events()[-1]["status"] == summary["status"]
    assert summary["error"]["command"].startswith(f"tandem resume {result.run.run_id}")
    assert summary["error"]["command"] in result.run.report_path.read_text()


def test_a_run_that_cannot_begin_leaves_summary_report_and_events(config: Config, tmp_path: Path) -> None:
    (tmp_path / "data.csv").unlink()
    result = go(config, tmp_path, Watcher())
    assert result.exit_status == 2
    assert result.summary["status"] == "failed"
    assert (result.summary["error"]["code"], result.summary["error"]["step"]) == ("INGEST-002", "prepare")
    assert result.summary["steps"] == []
    assert "data.csv" in (result.run.directory / result.summary["error"]["log"]).read_text()
    check_written(result)


def test_a_step_that_refuses_ends_the_run_with_its_status(config: Config, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("size,colour\n1,red\n")
    result = go(config, tmp_path, Watcher())
    assert result.exit_status == 2
    assert result.summary["error"]["step"] == "ingest"
    assert "late" in result.summary["error"]["message"]
    assert [(step["name"], step["state"]) for step in result.summary["steps"]] == [("ingest", "failed")]
    check_written(result)


def test_an_interrupted_run_leaves_nothing_half_written_and_goes_on(config: Config, tmp_path: Path) -> None:
    watcher = Interrupting("statistics")
    result = go(config, tmp_path, watcher)
    assert result.exit_status == 130
    assert (result.summary["status"], result.summary["error"]["code"]) == ("failed", "RUN-006")
    assert watcher.states == {"ingest": "ran", "statistics": "failed"}
    assert watcher.run_id == result.run.run_id
    check_written(result)
    artifacts = tmp_path / ".tandem" / "artifacts"
    assert len(list((artifacts / "ingest" / "examples").iterdir())) == 1
    assert list((artifacts / "statistics" / "statistics").iterdir()) == []
    with connect(tmp_path / ".tandem" / "metadata.sqlite") as handle:
        states = [execution.last_known_state for execution in handle.store.get_executions()]
    assert states == [mlmd.Execution.COMPLETE, mlmd.Execution.FAILED]

    watcher = Interrupting("transform")
    resumed = go(config, tmp_path, watcher, result.run)
    assert watcher.states == {
        "ingest": "cached", "statistics": "ran", "schema": "ran", "validator": "ran", "check": "ran",
        "transform": "failed",
    }  # fmt: skip
    assert resumed.summary["attempt"] == 2
    assert resumed.summary["rows"] == result.summary["rows"]
    assert resumed.summary["statistics_uri"].startswith("artifacts/statistics/")
    check_written(resumed)
