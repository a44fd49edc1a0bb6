"""What a run says while it goes on, on a terminal and elsewhere."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.cli import progress
from pipeline.cli.failures import report_failure
from pipeline.cli.progress import ConsoleWatcher, watcher_for
from pipeline.local import logs
from pipeline.local.watcher import Step
from trainer.errors import TandemError


def console(terminal: bool = False) -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    return Console(file=output, force_terminal=terminal, width=100, highlight=False), output


def tell(watcher: ConsoleWatcher) -> None:
    watcher.note("[bold]flights[/]: loading libraries")
    watcher.run_started("20260101-000000-aaaa")
    for index, (name, state) in enumerate([("ingest", "cached"), ("train", "ran"), ("gate", "failed")]):
        watcher.step_started(name, index, 3)
        watcher.training(50, 100, 12345.6, 125, 0.25)
        watcher.step_finished(Step(name, state, 1.25, 3 * 2**29, 0.0))  # type: ignore[arg-type]


def test_elsewhere_than_on_a_terminal_it_writes_plain_lines() -> None:
    target, output = console()
    with watcher_for(target) as watcher:
        tell(watcher)
    assert output.getvalue().splitlines() == [
        "flights: loading libraries",
        "run  20260101-000000-aaaa",
        "= ingest      cached",
        "✓ train          1.2 s  1.5 GiB",
        "✗ gate           1.2 s  1.5 GiB",
    ]


def test_training_says_something_now_and_then_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = iter([100.0, 200.0, 201.0, 216.0, 216.0, 217.0, 232.0, 232.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(moments))
    target, output = console()
    watcher = ConsoleWatcher(target, None)
    watcher.step_started("train", 6, 12)
    for _ in range(4):
        watcher.training(50, 100, 12345.6, 125, 0.25)
    assert (
        output.getvalue().splitlines()
        == ["train 50/100 steps, loss 0.2500, 12,346 examples/s, 2:05 to go"] * 2
    )


def test_a_terminal_shows_the_step_that_goes_on_and_keeps_finished_ones() -> None:
    target, output = console(terminal=True)
    with watcher_for(target) as watcher:
        tell(watcher)
    text = output.getvalue()
    assert "3/3 train 50/100 steps" in text
    assert "train          1.2 s  1.5 GiB\n" in text
    assert text.endswith("\x1b[2K")


def test_stderr_of_a_step_stays_in_its_log_file_while_a_terminal_shows_progress(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import sys

    target, output = console(terminal=True)
    with watcher_for(target), logs.to_file(tmp_path / "train.log"):
        # What a library holds that looked at stderr when it was loaded.
        sys.__stderr__.write("Assets written\n")
        sys.__stderr__.flush()
    assert "Assets written" not in output.getvalue()
    assert capfd.readouterr().err == ""


def test_a_failure_is_told_with_code_cause_log_and_next_command(capfd: pytest.CaptureFixture[str]) -> None:
    error = TandemError("GATE-003", "Expected [bold]. Received: x=[1]\n", "Do this.", exit_status=2)
    assert report_failure(error, "/runs/a/logs/gate.log", "tandem resume a") == 2
    assert capfd.readouterr() == (
        "",
        "GATE-003 Expected [bold]. Received: x=[1]\n"
        "  Do this.\n"
        "  log   /runs/a/logs/gate.log\n"
        "  next  tandem resume a\n",
    )
