"""Run directories, whole and damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.root import Root
from pipeline.runs.store import Run, RunStore
from trainer.errors import TandemError


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(Root(tmp_path))


def made(tmp_path: Path, *run_ids: str) -> list[Run]:
    runs = [Run(tmp_path / "runs" / run_id) for run_id in run_ids]
    for run in runs:
        run.directory.mkdir(parents=True)
        run.config_path.write_text("name: a\n")
    return runs


def test_a_new_run_holds_its_config_and_where_its_paths_start(store: RunStore, tmp_path: Path) -> None:
    run = store.create("name: a\n", tmp_path / "project")
    assert run.config_path.read_text() == "name: a\n"
    assert run.config_directory() == tmp_path / "project"
    assert store.find(run.run_id).directory == run.directory == tmp_path / "runs" / run.run_id
    assert store.create("name: a\n", tmp_path).run_id != run.run_id


def test_runs_are_found_by_a_unique_beginning_and_the_newest_by_default(
    store: RunStore, tmp_path: Path
) -> None:
    made(tmp_path, "20260101-000000-aaaa", "20260102-000000-bbbb", "20260102-000000-bbbb-2")
    (tmp_path / "runs" / "stray").mkdir()
    assert [run.run_id[:8] for run in store.all()] == ["20260101", "20260102", "20260102"]
    assert store.find("20260101").run_id == "20260101-000000-aaaa"
    assert store.find().run_id == "20260102-000000-bbbb-2"
    assert store.find("20260102-000000-bbbb").run_id == "20260102-000000-bbbb"


def test_an_ambiguous_or_unknown_beginning_is_refused_with_what_there_is(
    store: RunStore, tmp_path: Path
) -> None:
    with pytest.raises(TandemError, match=r"RUN-001.*Received: none.*tandem run CONFIG"):
        store.find()
    made(tmp_path, "20260101-000000-aaaa", "20260102-000000-bbbb", "20260102-000000-cccc")
    with pytest.raises(TandemError, match=r"2 runs match; newest: \S+-bbbb, \S+-cccc") as ambiguous:
        store.find("20260102")
    with pytest.raises(TandemError, match="no runs match"):
        store.find("1999")
    assert ambiguous.value.exit_status == 2


@pytest.mark.parametrize("content", [b'{"status": "pus', b"[]", b"\xff\xfe"])
def test_a_damaged_summary_is_told_and_the_other_runs_stay_readable(
    store: RunStore, tmp_path: Path, content: bytes
) -> None:
    good, bad = made(tmp_path, "20260101-000000-aaaa", "20260102-000000-bbbb")
    good.write_summary({"status": "pushed", "name": "a"})
    (bad.directory / "summary.json").write_bytes(content)
    with pytest.raises(TandemError, match=r"RUN-002.*tandem resume 20260102"):
        bad.summary()
    assert [(run.run_id, summary["status"]) for run, summary in store.summaries()] == [
        (good.run_id, "pushed")
    ]


def test_a_torn_event_line_costs_that_event_only(tmp_path: Path) -> None:
    (run,) = made(tmp_path, "20260101-000000-aaaa")
    run.event("run_created", config_directory="/project")
    path = run.directory / "events.jsonl"
    with path.open("ab") as file:
        file.write(b'{"event": "step_sta\xc3')
    run.event("run_started", name="a", attempt=2)
    assert [event["event"] for event in run.events()] == ["run_created", "run_started"]
    assert run.config_directory() == Path("/project")
    assert path.read_bytes().endswith(b"}\n")


def test_a_run_without_its_first_event_says_so(tmp_path: Path) -> None:
    (run,) = made(tmp_path, "20260101-000000-aaaa")
    with pytest.raises(TandemError, match=r"RUN-005.*tandem run"):
        run.config_directory()


def test_a_killed_run_is_interrupted_also_when_an_earlier_attempt_ended(tmp_path: Path) -> None:
    (run,) = made(tmp_path, "20260101-000000-aaaa")
    run.event("run_started", name="flights", attempt=1)
    summary = run.summary()
    assert (summary["status"], summary["name"]) == ("interrupted", "flights")
    run.write_summary({"status": "failed", "name": "flights", "attempt": 1})
    assert run.summary()["status"] == "failed"
    run.event("run_started", name="flights", attempt=2)
    assert run.summary()["status"] == "interrupted"
    run.write_summary({"status": "pushed", "name": "flights", "attempt": 2})
    assert run.summary()["status"] == "pushed"


def test_a_summary_is_replaced_whole_and_has_only_json_numbers(tmp_path: Path) -> None:
    (run,) = made(tmp_path, "20260101-000000-aaaa")
    run.write_summary({"status": "failed"})
    with pytest.raises(ValueError, match="Out of range"):
        run.write_summary({"status": "pushed", "loss": float("nan")})
    assert json.loads((run.directory / "summary.json").read_text()) == {"status": "failed"}
    assert sorted(path.name for path in run.directory.iterdir()) == ["config.yaml", "summary.json"]
