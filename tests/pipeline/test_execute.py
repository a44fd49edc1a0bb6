"""Runs that fail, that are interrupted and that go on, with real steps."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.config import Config, parse
from pipeline.execute import Result, execute
from pipeline.local.metadata import connect
from pipeline.local.runner import Outcome
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


def test_after_a_refusal_the_corrected_config_is_run_as_it_was_typed(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("size,color,late\n1,red,0\n")
    typed = [str(tmp_path / "the config.yaml"), "--set", "train.epochs=2"]
    first = execute(config, tmp_path, Root(tmp_path / ".tandem"), Watcher(), typed=typed)
    assert first.summary["error"]["code"] == "INGEST-008"
    command = "tandem run 'the config.yaml' --set train.epochs=2 --root .tandem"
    assert first.summary["error"]["command"] == first.summary["next_command"] == command
    assert go(config, tmp_path, Watcher(), first.run).summary["error"]["command"] == command


def test_a_step_that_refuses_ends_the_run_with_its_status(config: Config, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("size,colour\n1,red\n")
    result = go(config, tmp_path, Watcher())
    assert result.exit_status == 2
    assert result.summary["error"]["step"] == "ingest"
    assert "late" in result.summary["error"]["message"]
    assert [(step["name"], step["state"]) for step in result.summary["steps"]] == [("ingest", "failed")]
    check_written(result)


def test_a_step_that_breaks_ends_the_run_with_status_1(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("nobody foresaw this")

    monkeypatch.setattr("components.ingest.executor.Executor.Do", broken)
    result = go(config, tmp_path, Watcher())
    assert result.exit_status == 1
    assert (result.summary["status"], result.summary["error"]["code"]) == ("failed", "INGEST-900")
    assert "nobody foresaw this" in result.summary["error"]["message"]
    check_written(result)


@pytest.fixture
def ended(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A run whose steps have all ended with the given outputs."""

    def end(**outputs: dict[str, str]) -> Result:
        def steps(*arguments: object) -> None:
            outcome = arguments[5]
            assert isinstance(outcome, Outcome)
            outcome.outputs = outputs
            outcome.steps = [Step(name, "cached", 0.1, 1, 0.0) for name in ("train", "push")]

        monkeypatch.setattr("pipeline.execute.run_graph", steps)
        return go(config, tmp_path, Watcher())

    return end


PUSH = {"pushed": True, "version": 1, "path": "1", "digest": "d", "created": True, "reason": ""}


@pytest.mark.parametrize("text", [None, "{", "[]", '{"pushed": true}', "\xff"])
def test_an_outcome_of_the_push_that_cannot_be_read_is_told_in_the_summary(
    ended: Callable[..., Result], tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "push.json").write_text(text, "latin-1")
    result = ended(push={"pushed_model": str(tmp_path)})
    assert (result.exit_status, result.summary["status"]) == (1, "failed")
    assert (result.summary["error"]["code"], result.summary["error"]["step"]) == ("PUSH-009", "push")
    assert result.summary["pushed_version"] is None
    check_written(result)


def test_only_the_checkpoints_of_the_training_that_has_ended_are_removed(
    ended: Callable[..., Result], tmp_path: Path
) -> None:
    checkpoints = Root(tmp_path / ".tandem").checkpoints / "data"
    for key in ("this", "other"):
        (checkpoints / key).mkdir(parents=True)
    (tmp_path / "push.json").write_text(json.dumps(PUSH))
    outputs = {"train": {"model_run": str(tmp_path)}, "push": {"pushed_model": str(tmp_path)}}
    assert ended(**outputs).exit_status == 0
    assert sorted(path.name for path in checkpoints.iterdir()) == ["other", "this"]
    (tmp_path / "checkpoints.txt").write_text("this")
    assert ended(**outputs).summary["pushed_version"] == 1
    assert [path.name for path in checkpoints.iterdir()] == ["other"]


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
    with connect(tmp_path / ".tandem" / "metadata.sqlite") as handle:
        states = [execution.last_known_state for execution in handle.store.get_executions()]
    # Where a library swallows the interrupt, it counts at the end of the step.
    ended = states == [mlmd.Execution.COMPLETE, mlmd.Execution.COMPLETE]
    assert ended or states == [mlmd.Execution.COMPLETE, mlmd.Execution.FAILED]
    assert len(list((artifacts / "statistics" / "statistics").iterdir())) == int(ended)

    watcher = Interrupting("transform")
    resumed = go(config, tmp_path, watcher, result.run)
    assert watcher.states == {
        "ingest": "cached", "statistics": "cached" if ended else "ran", "schema": "ran", "validator": "ran",
        "check": "ran", "transform": "failed",
    }  # fmt: skip
    assert resumed.summary["attempt"] == 2
    assert resumed.summary["rows"] == result.summary["rows"]
    assert resumed.summary["statistics_uri"].startswith("artifacts/statistics/")
    check_written(resumed)
