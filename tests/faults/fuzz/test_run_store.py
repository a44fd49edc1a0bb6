"""Run directories with wrong contents: every command that reads them answers, or says what is damaged."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.cli.runs import list_runs
from pipeline.report import page, terminal
from pipeline.root import Root
from pipeline.runs import lock
from pipeline.runs.history import previous_statistics
from pipeline.runs.store import Run, RunStore
from tests.faults.fuzz.mutation import attempt, mutations, wrong_values
from tests.pipeline.report import views

FILES = ("summary.json", "view.json", "events.jsonl")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root with one run that pushed."""
    place = Root(tmp_path_factory.mktemp("root"))
    view = views.pushed()
    run = RunStore(place).create("name: flights\n", place.path)
    run.event("run_started", name="flights", attempt=1)
    run.write_summary(view["summary"] | {"attempt": 1, "statistics_uri": "statistics"})
    run.write_view(view)
    run.event("run_finished", status="pushed")
    return place


def shown(run: Run) -> str:
    """What `runs show` and `report` make of a run."""
    view = {**(run.view() or {}), "summary": run.summary()}
    terminal_output = io.StringIO()
    Console(file=terminal_output, width=100).print(terminal.summary_lines(view))
    return page.render(view) + terminal_output.getvalue()


def readers(root: Root) -> dict[str, Callable[[], Any]]:
    (run,) = RunStore(root).all()
    return {
        "show": lambda: shown(run),
        "list": lambda: list_runs(root.path),
        "list --json": lambda: list_runs(root.path, as_json=True),
        "events": run.events,
        "config_directory": run.config_directory,
        "history": lambda: previous_statistics(root, "flights", "other data"),
        "find": lambda: RunStore(root).find(),
    }


def changed(content: bytes, count: int) -> Iterator[bytes]:
    """Wrong values in one line of JSON, and changed bytes."""
    lines = content.splitlines() if content.count(b"\n") < 6 else [content]
    for number, line in enumerate(lines):
        for wrong in wrong_values(json.loads(line), count, seed=number):
            yield b"\n".join([*lines[:number], wrong, *lines[number + 1 :]])
    yield from mutations(content, count // 2)


@pytest.mark.parametrize("count", [16, pytest.param(4000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_run_with_wrong_contents_is_shown_or_told(root: Root, name: str, count: int) -> None:
    (run,) = RunStore(root).all()
    path = run.directory / name
    pristine, answered = path.read_bytes(), 0
    try:
        for content in changed(pristine, count):
            path.write_bytes(content)
            for what, read in readers(root).items():
                with contextlib.redirect_stdout(io.StringIO()):
                    _, error = attempt(read)
                assert error is None or error.code in {"RUN-002", "RUN-005"}, (what, content)
                answered += error is None
    finally:
        path.write_bytes(pristine)
    assert answered


def test_a_lock_file_with_wrong_contents_names_the_holder_as_far_as_it_can(tmp_path: Path) -> None:
    owner = {"pid": 1, "host": "here", "since": "2024-01-01T00:00:00Z", "what": "run", "run": "r"}
    for number, content in enumerate([*wrong_values(owner), *mutations(json.dumps(owner).encode(), 100)]):
        path = tmp_path / f"{number}.lock"
        path.write_bytes(content)
        assert lock.running(path) is None
        lock.ensure_free(path)
        with lock.exclusive(path, "test"):
            assert json.loads(path.read_bytes())["pid"] == os.getpid()
            path.write_bytes(content)
            _, error = attempt(lock.ensure_free, path)
            assert error is not None
            assert error.code == "RUN-004"
