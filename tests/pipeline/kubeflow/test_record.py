"""The record of a run on the state volume: whole or absent, whoever is retried or killed."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from pipeline.kubeflow.record import DIGESTS, KEPT, Record
from pipeline.root import Root
from pipeline.runs.store import RunStore
from tests.pipeline.kubeflow.pods import CONFIG, NEXT, RUN
from trainer.errors import TandemError
from trainer.faults import InjectedError


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "volume")


@pytest.fixture
def record(root: Root) -> Record:
    return Record.begin(root, RUN, CONFIG)


def output(place: Path, **files: str) -> str:
    place.mkdir(parents=True)
    for name, content in files.items():
        (place / name).write_text(content)
    return str(place)


def test_a_run_begins_as_one_of_the_root(root: Root, record: Record) -> None:
    (run,) = RunStore(root).all()
    stamp, _, uuid = run.run_id.partition(f"-{RUN}")
    moment = datetime.datetime.strptime(stamp, "%Y%m%d-%H%M%S").replace(tzinfo=datetime.UTC)
    assert abs((datetime.datetime.now(datetime.UTC) - moment).total_seconds()) < 60
    assert (uuid, run.config_path.read_text()) == ("", CONFIG)
    assert [event["event"] for event in run.events()] == ["run_created", "run_started"]
    assert run.config_directory() == root.path
    summary = run.summary()
    assert (summary["name"], summary["status"]) == ("small", "interrupted")
    assert record.run.directory == run.directory


def test_a_retried_first_step_goes_on_with_the_same_run(root: Root, record: Record) -> None:
    record.write_digests({"data": "a", "run": "b"})
    left = record.run.directory / ".digests.json.x.unfinished"
    left.write_text("{")
    again = Record.begin(root, RUN, "name: other")
    assert again.run.directory == record.run.directory
    assert again.run.config_path.read_text() == CONFIG
    assert (again.digests(), left.exists()) == ({"data": "a", "run": "b"}, False)
    assert len(again.run.events()) == 2
    assert Record.begin(root, NEXT, CONFIG).run.directory != record.run.directory


def test_a_first_step_that_was_cut_off_leaves_nothing_behind_the_next_try(root: Root, fault) -> None:
    fault("raise storage.replace config.yaml")
    with pytest.raises(InjectedError):
        Record.begin(root, RUN, CONFIG)
    (torn,) = root.runs.iterdir()
    assert RunStore(root).all() == []
    with pytest.raises(TandemError, match="KFP-104"):
        Record.find(root, RUN)
    torn = torn.rename(torn.with_name(f"20260101-000000-{RUN}"))
    record = Record.begin(root, RUN, CONFIG)
    assert list(root.runs.iterdir()) == [record.run.directory]
    assert len(record.run.events()) == 2


@pytest.mark.parametrize("there", [True, False], ids=["an empty volume", "no volume"])
def test_a_run_that_is_not_there_is_told_with_its_place(root: Root, there: bool) -> None:
    if there:
        root.runs.mkdir(parents=True)
    with pytest.raises(TandemError, match=rf"KFP-104.*{RUN}.*{root.path}") as refused:
        Record.find(root, RUN)
    assert "kubeflow.state.claim" in refused.value.hint


def test_runs_of_others_are_not_found(root: Root, record: Record) -> None:
    assert Record.find(root, RUN).run.directory == record.run.directory
    with pytest.raises(TandemError, match="KFP-104"):
        Record.find(root, NEXT)
    # The last part of an id is no id.
    with pytest.raises(TandemError, match="KFP-104"):
        Record.find(root, RUN[1:])


def test_only_what_the_report_shows_is_kept(record: Record, tmp_path: Path) -> None:
    places = {
        "model": output(tmp_path / "model", large="x"),
        "model_run": output(tmp_path / "model_run", epochs="1"),
    }
    record.keep("train", places)
    record.keep("schema", {"schema": output(tmp_path / "schema", text="x")})
    record.keep("gate", {"blessing": str(tmp_path / "absent")})
    record.keep("push", {})
    assert [
        path.relative_to(record.kept).as_posix() for path in record.kept.rglob("*") if path.is_file()
    ] == ["train/model_run/epochs"]
    kept = record.kept_outputs()
    assert kept["train"] == {"model_run": str(record.kept / "train/model_run")}
    assert {step: len(found) for step, found in kept.items() if found} == {"train": 1}
    assert kept.keys() == KEPT.keys()


def test_what_is_kept_again_replaces_what_was(record: Record, tmp_path: Path) -> None:
    record.keep("train", {"model_run": output(tmp_path / "first", a="1", b="1")})
    record.keep("train", {"model_run": output(tmp_path / "second", b="2", c="2")})
    kept = record.kept / "train/model_run"
    assert {path.name: path.read_text() for path in kept.iterdir()} == {"b": "2", "c": "2"}
    assert [path.name for path in kept.parent.iterdir()] == ["model_run"]


@pytest.mark.parametrize("action", ["raise", "EIO"])
def test_a_fault_while_keeping_leaves_what_was_kept_before(
    record: Record, tmp_path: Path, fault, action: str
) -> None:
    record.keep("train", {"model_run": output(tmp_path / "first", a="1")})
    second = output(tmp_path / "second", a="2")
    # Of a copy that was cut off.
    output(record.kept / "train/.model_run.part", torn="x")
    fault(f"{action} record.keep train")
    with pytest.raises((InjectedError, OSError)):
        record.keep("train", {"model_run": second})
    assert (record.kept / "train/model_run/a").read_text() == "1"
    assert list(record.kept_outputs()["train"]) == ["model_run"]
    record.keep("train", {"model_run": second})
    assert (record.kept / "train/model_run/a").read_text() == "2"
    assert [path.name for path in (record.kept / "train").rglob("*")] == ["model_run", "a"]


def test_a_step_is_recorded_with_its_last_end(record: Record) -> None:
    assert record.steps() == {}
    record.write_step("train", {"state": "failed", "seconds": 1.5})
    record.write_step("gate", {"state": "ran"})
    record.write_step("train", {"state": "ran", "seconds": 2.0})
    assert record.steps() == {
        "gate": {"name": "gate", "state": "ran"},
        "train": {"name": "train", "state": "ran", "seconds": 2.0},
    }


TORN = ["", "{", '{"name": "tra', "\x00", "[" * 100_000]


@pytest.mark.parametrize("text", TORN, ids=range(len(TORN)))
def test_torn_files_are_passed_over(record: Record, text: str) -> None:
    record.write_step("gate", {"state": "ran"})
    (record.run.directory / "steps/train.json").write_text(text)
    (record.run.directory / "steps/.push.json.x.unfinished").write_text("{")
    assert list(record.steps()) == ["gate"]
    (record.run.directory / DIGESTS).write_text(text)
    assert record.digests() == {}


@pytest.mark.parametrize("value", [None, 3, "text", [1, 2], []])
def test_json_that_is_no_record_is_passed_over(record: Record, value: object) -> None:
    record.write_step("gate", {"state": "ran"})
    (record.run.directory / "steps/train.json").write_text(json.dumps(value))
    (record.run.directory / DIGESTS).write_text(json.dumps(value))
    assert list(record.steps()) == ["gate"]
    assert record.digests() == {}


def test_digests_are_those_that_were_written(record: Record) -> None:
    assert record.digests() == {}
    record.write_digests({"data": "a", "run": "b"})
    assert Record.find(record.root, RUN).digests() == {"data": "a", "run": "b"}
