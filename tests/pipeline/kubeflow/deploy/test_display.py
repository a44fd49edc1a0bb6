"""Progress on a terminal and where there is none."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pipeline.kubeflow.deploy import display
from pipeline.kubeflow.deploy.tasks import Task


def shown(terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=80, highlight=False, soft_wrap=True)
    with display.display_for(console) as told:
        told.state("PENDING", [])
        told.step(Task("ingest", "RUNNING", None))
        told.state("RUNNING", ["ingest", "[red]"])
        told.step(Task("ingest", "SUCCEEDED", 61.25))
        told.step(Task("train", "PENDING", None))
        told.step(Task("train", "FAILED", None))
        told.note("no answer (KFP-306), trying again")
    return out.getvalue()


def test_without_a_terminal_there_are_plain_lines() -> None:
    assert shown(False).splitlines() == [
        "· ingest      running",
        "✓ ingest        61.2 s",
        "✗ train       failed",
        "no answer (KFP-306), trying again",
    ]


def test_on_a_terminal_what_runs_is_live_and_what_ended_stays() -> None:
    text = shown(True)
    assert "running: ingest, [red]" in text
    assert "·" not in text
    assert "ingest        61.2 s" in text
    # The live line is taken away at the end.
    assert text.rstrip().endswith("\x1b[2K") or "\x1b[?25h" in text


def test_a_long_step_is_told_of_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(display, "_HEARTBEAT_SECONDS", 0.0)
    with display.display_for(Console(file=out, force_terminal=False)) as told:
        told.state("RUNNING", ["train"])
    assert out.getvalue() == "running: train\n"
