"""Summary and report from the record of a run, also of one that left little."""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from components.push.push import PushResult
from pipeline.config import parse
from pipeline.kubeflow.ending import conclude
from pipeline.kubeflow.record import Record
from pipeline.root import Root
from tests.pipeline.kubeflow.pods import CONFIG, RUN
from trainer.errors import TandemError

STEPS = ["begin", "ingest", "check", "train", "push", "report"]
PRINTS = {"ingest": "i", "train": "t"}
ERROR = {"code": "TRAIN-900", "message": "Expected more. Received: less", "hint": "Look."}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    made = Record.begin(Root(tmp_path), RUN, CONFIG)
    made.write_digests({"data": "d", "run": "r"})
    return made


def ended(record: Record, failure: str = "", overrides: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"outputs": {}, "uris": {}} | more
    return conclude(
        record, parse(CONFIG, list(overrides)), CONFIG, STEPS, fingerprints=PRINTS, failure=failure, **given
    )


def pushed(place: Path, **told: Any) -> dict[str, dict[str, str]]:
    """The output of a push step."""
    whole = (
        {field.name: "" for field in dataclasses.fields(PushResult)} | {"pushed": True, "version": 3} | told
    )
    (place / "push").mkdir()
    (place / "push/push.json").write_text(json.dumps(whole))
    return {"push": {"pushed_model": str(place / "push")}}


def states(summary: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in summary["steps"]}


def test_a_failed_step_is_told_with_code_and_log(record: Record) -> None:
    record.write_step("begin", {"state": "ran", "seconds": 1.0, "peak_rss_bytes": 5})
    record.write_step("train", {"state": "failed", "seconds": 2.0, "peak_rss_bytes": 6, "error": ERROR})
    summary = ended(record, failure="state FAILED")
    assert summary["status"] == "failed"
    assert summary["error"] == ERROR | {
        "step": "train",
        "log": "logs/train.log",
        "command": "tandem deploy CONFIG",
    }
    # Nobody knows what was cached: the steps between are left out.
    assert states(summary) == {"begin": "ran", "train": "failed"}
    assert summary["fingerprints"] == PRINTS | {"data": "d", "run": "r"}
    assert record.run.summary() == summary
    assert [event["event"] for event in record.run.events()][-1] == "run_finished"


def test_the_first_step_that_failed_is_the_one_that_is_told(record: Record) -> None:
    for step in ("train", "check"):
        record.write_step(step, {"state": "failed", "error": ERROR | {"message": step}})
    summary = ended(record, failure="state FAILED")
    assert (summary["error"]["step"], summary["error"]["message"]) == ("check", "check")
    assert [step["seconds"] for step in summary["steps"]] == [0.0, 0.0]


def test_without_a_failed_step_the_backend_says_why(record: Record) -> None:
    summary = ended(record, failure="state FAILED OOMKilled")
    assert (summary["error"]["code"], summary["error"]["step"], summary["error"]["log"]) == (
        "KFP-111",
        "",
        "",
    )
    assert "OOMKilled" in summary["error"]["message"]
    assert "KFP-111" in record.run.report_path.read_text()


def test_a_run_that_ended_well_had_its_other_steps_cached(record: Record, tmp_path: Path) -> None:
    record.write_step("begin", {"state": "ran", "seconds": 1.0, "peak_rss_bytes": 5})
    summary = ended(record, outputs=pushed(tmp_path))
    assert states(summary) == {"begin": "ran"} | dict.fromkeys(("ingest", "check", "train", "push"), "cached")
    assert (summary["status"], summary["pushed_version"], summary["error"]) == ("pushed", 3, None)
    assert summary["next_command"] == f"tandem predict {record.root.path}/serving/small FILE"


def test_an_attempt_at_the_report_that_failed_is_no_failed_run(record: Record, tmp_path: Path) -> None:
    record.write_step("report", {"state": "failed", "error": ERROR})
    summary = ended(record, outputs=pushed(tmp_path, pushed=False, version=None))
    assert (summary["status"], summary["error"]) == ("not_blessed", None)
    assert "report" not in states(summary)
    # But when the backend gave up, it is.
    assert ended(record, failure="state FAILED")["error"]["step"] == "report"


def test_the_next_command_knows_another_serving_directory(record: Record, tmp_path: Path) -> None:
    summary = ended(record, overrides=("push.directory=/mnt/models",), outputs=pushed(tmp_path))
    assert summary["next_command"] == "tandem predict /mnt/models/small FILE"


def test_the_lineage_names_the_addresses_in_the_object_store(record: Record, tmp_path: Path) -> None:
    uris = {"train": {"model": "s3://b/m", "another": "s3://b/a"}, "push": {"pushed_model": "s3://b/p"}}
    ended(record, outputs=pushed(tmp_path), uris=uris)
    assert (record.run.view() or {})["lineage"]["artifacts"] == [
        {"step": "train", "name": "another", "uri": "s3://b/a"},
        {"step": "train", "name": "model", "uri": "s3://b/m"},
        {"step": "push", "name": "pushed_model", "uri": "s3://b/p"},
    ]


def test_times_are_those_of_the_run(record: Record) -> None:
    events = record.run.directory / "events.jsonl"
    ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=90)
    stamp = ago.strftime("%Y-%m-%dT%H:%M:%SZ")
    events.write_text(json.dumps({"event": "run_created", "time": stamp}) + "\n")
    summary = ended(record, failure="x")
    assert summary["started"] == stamp
    assert 89 < summary["seconds"] < 120
    # A run whose events are lost has just begun.
    events.unlink()
    assert ended(record, failure="x")["seconds"] < 30


def test_a_success_without_its_push_is_refused(record: Record, tmp_path: Path) -> None:
    (tmp_path / "push").mkdir()
    with pytest.raises(TandemError, match="PUSH-009"):
        ended(record, outputs={"push": {"pushed_model": str(tmp_path / "push")}})
    assert record.run.summary()["status"] == "interrupted"
